"""Drawing: an ordered list of actions and what draws it, saved as svg, png, gif or json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from drawenv.renderers import RENDERERS, Renderer, renderer_name, shown
from drawenv.renderers.color import hexadecimal


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes in the order they were drawn.

    Attributes:
        actions: float32 ``[n, action_dim]`` in [-1, 1].
        renderer: the renderer that draws them.
    """

    actions: np.ndarray
    renderer: Renderer

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px: 64x64, or the page's."""
        return getattr(self.renderer, "sides", (64, 64))

    def render(self, size: int | None = None) -> np.ndarray:
        """The finished canvas by the real renderer: uint8 ``[H, W]`` or ``[H, W, 3]``.

        Of several views, they are side by side.

        Args:
            size: the longer side in pixels (of one view); the drawing's own (``sides``) if None.
        """
        return self.frames(size, every=max(len(self), 1))[-1]

    def frames(self, size: int | None = None, every: int = 1) -> list[np.ndarray]:
        """The canvas before the first stroke and after each one, like ``render``.

        Args:
            size: the longer side in pixels.
            every: so many strokes from one frame to the next; the last shows them all.

        Raises:
            ValueError: ``size`` is not a positive number.
        """
        size = max(self.sides) if size is None else size
        if size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {size}")
        canvas = self.renderer.blank(1, size)
        frames = [self._picture(canvas)]
        for done, action in enumerate(self.actions, 1):
            self.renderer.draw(canvas, action[None])
            if done % every == 0 or done == len(self):
                frames.append(self._picture(canvas))
        return frames

    def _picture(self, canvas: np.ndarray) -> np.ndarray:
        """``[1, C, H, W]`` to ``[H, W]`` or ``[H, W, C]``, a copy."""
        return side_by_side(canvas[0, : shown(self.renderer)], getattr(self.renderer, "views", 1))

    def render_strokes(self, size: int | None = None) -> np.ndarray:
        """Drawings of ink alone with neighbouring strokes in different colours: uint8 ``[H, W, 3]``.

        Args:
            size: as for ``render``.
        """
        size = max(self.sides) if size is None else size
        channels = [self.renderer.blank(1, size) for _ in range(3)]
        for k, action in enumerate(self.actions):
            for i in _COLORS[k % len(_COLORS)]:
                self.renderer.draw(channels[i], action[None])
        return np.stack([channel[0, 0] for channel in channels], -1)

    def to_svg(self) -> str:
        """The strokes as an SVG document on a view box of ``sides``, 512 px or as large as they are."""
        height, width = self.sides
        zoom = max(512 / max(height, width), 1)
        width *= getattr(self.renderer, "views", 1)
        strokes = self.renderer.to_svg(self.actions) if len(self) else ""
        blank = self.renderer.blank(1, max(self.sides))[0, : shown(self.renderer), 0, 0]
        paper = hexadecimal(blank[:3])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width * zoom:g}" height="{height * zoom:g}">\n'
            f'<rect width="{width}" height="{height}" fill="{paper}"/>\n{strokes}\n</svg>\n'
        )

    def to_json(self) -> str:
        """Actions, their names and the renderer: what ``Drawing.load`` reads."""
        spec = self.renderer.action_spec
        return json.dumps(
            {
                "renderer": renderer_name(self.renderer),
                "options": self.renderer.config(),
                "names": spec.names,
                "actions": np.asarray(self.actions, float).round(8).tolist(),
                "physical": spec.to_physical(self.actions).astype(float).round(3).tolist(),
            },
            indent=1,
        )

    def save(self, path, size: int = 512) -> None:
        """Write the drawing; the ending chooses the format.

        Args:
            path: ``.svg``, ``.png``, ``.gif`` (stroke by stroke; of many strokes, a hundred
                frames), ``.json``, or, of boxes in space, ``.obj``.
            size: longer side in pixels of a png or gif.

        Raises:
            ValueError: another ending, or ``.obj`` of what is flat.
        """
        path = Path(path)
        match path.suffix.lower():
            case ".svg":
                path.write_text(self.to_svg())
            case ".json":
                path.write_text(self.to_json())
            case ".png":
                Image.fromarray(self.render(size)).save(path)
            case ".gif":
                every = -(-len(self) // 100) or 1
                first, *rest = [Image.fromarray(frame) for frame in self.frames(size, every)]
                times = [300 if len(rest) < 30 else 60] * len(rest) + [1500]  # ms; the finished picture stays
                first.save(path, save_all=True, append_images=rest, duration=times, loop=0)
            case ".obj" if hasattr(self.renderer, "to_obj"):
                path.write_text(cast(Any, self.renderer).to_obj(self.actions))
            case other:
                raise ValueError(f"cannot save as {other!r}; use .svg, .png, .gif or .json (boxes also .obj)")

    @classmethod
    def load(cls, path) -> Drawing:
        """Read a drawing saved as json.

        Raises:
            ValueError: the file is no drawing, or its renderer or actions are wrong.
        """
        try:
            data = json.loads(Path(path).read_text())
            renderer = RENDERERS[data["renderer"]](**data["options"])
            actions = np.array(data["actions"], np.float32).reshape(-1, len(renderer.action_spec))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a drawing saved by drawenv: {error!r}") from None
        return cls(renderer.action_spec.check(actions, batch=len(actions)), renderer)


_COLORS = ((0,), (1, 2), (0, 1), (2,), (1,), (0, 2))  # red, cyan, yellow, blue, green, magenta


def side_by_side(channels: np.ndarray, views: int = 1) -> np.ndarray:
    """Channels uint8 ``[C, H, W]`` of one or more views as a picture, a copy.

    Returns:
        ``[H, W]`` if each view has one channel, else ``[H, views * W, 3]``.
    """
    if len(channels) == 1:
        return channels[0].copy()
    return np.concatenate(np.split(channels, views), 2).transpose(1, 2, 0).copy()


def joined(paths: list[np.ndarray], reach: float = 5.0) -> list[np.ndarray]:
    """Paths whose ends meet, as one path each: what a pen draws without being lifted.

    Args:
        paths: polylines ``[k, 2]``, in px of a 64-px canvas.
        reach: the ends of two paths meet if they are at most so many px apart. Where several
            meet, those are joined that lie closest and go on straightest.

    Returns:
        Fewer or as many polylines; a path may be turned round, and may close on itself.
    """
    ends = [(i, side) for i in range(len(paths)) for side in (0, -1)]

    def heading(i: int, side: int) -> np.ndarray:
        """Out of the path at one of its ends, a unit vector."""
        path = paths[i] if side == -1 else paths[i][::-1]
        out = path[-1] - path[max(len(path) - 5, 0)]
        return out / max(float(np.hypot(*out)), 1e-6)

    meetings = []
    for n, (i, a) in enumerate(ends):
        for j, b in ends[n + 1 :]:
            gap = float(np.hypot(*(paths[i][a] - paths[j][b])))
            if i != j and gap <= reach:
                bend = 1 + float(heading(i, a) @ heading(j, b))  # 0 straight on, 2 back again
                if bend < 1.5:
                    meetings.append((gap / reach + bend, i, a, j, b))
    chain = list(range(len(paths)))  # which chain each path is of
    lines = {i: [(i, False)] for i in chain}  # chain: its paths in order, turned round or not
    free = set(ends)
    for _, i, a, j, b in sorted(meetings):
        if (i, a) not in free or (j, b) not in free or chain[i] == chain[j]:
            continue
        free -= {(i, a), (j, b)}
        first, second = lines.pop(chain[i]), lines.pop(chain[j])
        if first[-1] != (i, a == 0):  # the meeting end must be the chain's last
            first = [(p, not turned) for p, turned in reversed(first)]
        if second[0] != (j, b == -1):
            second = [(p, not turned) for p, turned in reversed(second)]
        for p, _ in second:
            chain[p] = chain[i]
        lines[chain[i]] = first + second
    return [
        np.concatenate([paths[p][::-1] if turned else paths[p] for p, turned in line])
        for line in lines.values()
    ]
