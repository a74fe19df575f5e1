"""Drawing: an ordered list of actions and what draws it, saved as svg, png, gif, json or obj."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from drawenv.renderers import RENDERERS, Renderer
from drawenv.renderers.base import side_by_side
from drawenv.renderers.color import hexadecimal


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes in the order they were drawn.

    Attributes:
        actions: float32 ``[n, action_dim]`` in [-1, 1].
        renderer: the renderer that draws them.

    Raises:
        TypeError: the actions are no real numbers.
        ValueError: they have another shape, hold a NaN or a value outside [-1, 1].
    """

    actions: np.ndarray
    renderer: Renderer

    def __post_init__(self):
        checked = self.renderer.action_spec.check(self.actions, batch=len(self.actions))
        object.__setattr__(self, "actions", checked)

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px: 64x64, or the page's."""
        return self.renderer.sides

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
            every: strokes from one frame to the next; the last shows them all.

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
        return side_by_side(canvas[0, : self.renderer.shown], len(self.renderer.views))

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
        width *= len(self.renderer.views)
        strokes = self.renderer.to_svg(self.actions) if len(self) else ""
        paper = hexadecimal(np.array(self.renderer.paper()[:3]))
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
                "renderer": self.renderer.name,
                "options": self.renderer.config(),
                "names": spec.names,
                "actions": np.asarray(self.actions, float).round(8).tolist(),
                "physical": spec.to_physical(self.actions).astype(float).round(3).tolist(),
            },
            indent=1,
        )

    def save(self, path, size: int | None = None) -> None:
        """Write the drawing; the ending chooses the format, see ``FORMATS``.

        Args:
            path: ``.svg``, ``.png``, ``.gif`` (stroke by stroke; of many strokes, a hundred
                frames), ``.json``, or, of boxes in space, ``.obj``.
            size: longer side in pixels of a png or gif; if None, of a png 512 or as large as the drawing
                is, of a gif 512.

        Raises:
            ValueError: another ending, or ``.obj`` of what is flat.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"cannot save as {path.suffix!r}; use one of {' '.join(FORMATS)}")
        FORMATS[path.suffix.lower()](self, path, size)

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
        return cls(actions, renderer)


_COLORS = ((0,), (1, 2), (0, 1), (2,), (1,), (0, 2))  # red, cyan, yellow, blue, green, magenta


def _save_png(drawing: Drawing, path: Path, size: int | None) -> None:
    Image.fromarray(drawing.render(size or max(512, *drawing.sides))).save(path)


def _save_gif(drawing: Drawing, path: Path, size: int | None) -> None:
    every = -(-len(drawing) // 100) or 1
    first, *rest = [Image.fromarray(frame) for frame in drawing.frames(size or 512, every)]
    times = [300 if len(rest) < 30 else 60] * len(rest) + [1500]  # ms; the finished picture stays
    first.save(path, save_all=True, append_images=rest, duration=times, loop=0)


# How a drawing is saved, by the file's ending.
FORMATS: dict[str, Callable[[Drawing, Path, int | None], object]] = {
    ".svg": lambda drawing, path, size: path.write_text(drawing.to_svg()),
    ".png": _save_png,
    ".gif": _save_gif,
    ".json": lambda drawing, path, size: path.write_text(drawing.to_json()),
    ".obj": lambda drawing, path, size: path.write_text(drawing.renderer.to_obj(drawing.actions)),
}


def draw_kept(renderer: Renderer, actions: np.ndarray, keep: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Canvases uint8 ``[B, C, size, size]`` with the strokes that are kept.

    Args:
        renderer: draws them.
        actions: float32 ``[B, strokes, n]``.
        keep: bool ``[B, strokes]``.
        before: the canvases to draw on, uint8 ``[B, C, size, size]``; left as they are.
    """
    canvas = before.copy()
    for k in range(actions.shape[1]):
        rows = keep[:, k]
        part = canvas[rows]
        renderer.draw(part, actions[rows, k])
        canvas[rows] = part
    return canvas


def joined(paths: list[np.ndarray], reach: float = 2.0) -> list[np.ndarray]:
    """Paths whose ends meet, as one path each: what a pen draws without being lifted.

    Args:
        paths: polylines ``[k, 2]``, in px of a 64-px canvas.
        reach: distance in px within which the ends of two paths meet. Where several
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
