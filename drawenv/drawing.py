"""Drawing: an ordered list of actions and what draws it, saved as svg, png, gif or json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from drawenv.renderers import RENDERERS, Renderer, renderer_name


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

    def render(self, size: int = 64) -> np.ndarray:
        """The finished canvas by the real renderer: uint8 ``[size, size]`` or ``[.., 3]``."""
        return self.frames(size)[-1]

    def frames(self, size: int = 64) -> list[np.ndarray]:
        """The canvas before the first stroke and after each one, like ``render``.

        Raises:
            ValueError: ``size`` is not a positive number.
        """
        if size < 1:
            raise ValueError(f"size must be at least 1 pixel, got {size}")
        canvas = self.renderer.blank(1, size)
        frames = [_picture(canvas)]
        for action in self.actions:
            self.renderer.draw(canvas, action[None])
            frames.append(_picture(canvas))
        return frames

    def to_svg(self) -> str:
        """The strokes as an SVG document on a 64x64 view box."""
        strokes = "\n".join(self.renderer.to_svg(action) for action in self.actions)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="512" height="512">\n'
            f'<rect width="64" height="64" fill="black"/>\n{strokes}\n</svg>\n'
        )

    def to_json(self) -> str:
        """Actions, their names and the renderer: what ``Drawing.load`` reads."""
        spec = self.renderer.action_spec
        return json.dumps(
            {
                "renderer": renderer_name(self.renderer),
                "options": self.renderer.config(),
                "names": spec.names,
                "actions": np.asarray(self.actions, float).round(6).tolist(),
                "physical": spec.to_physical(self.actions).astype(float).round(3).tolist(),
            },
            indent=1,
        )

    def save(self, path, size: int = 512) -> None:
        """Write the drawing; the ending chooses the format.

        Args:
            path: ``.svg``, ``.png``, ``.gif`` (stroke by stroke) or ``.json``.
            size: side in pixels of a png or gif.

        Raises:
            ValueError: another ending.
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
                first, *rest = [Image.fromarray(frame) for frame in self.frames(size)]
                times = [300] * len(rest) + [1500]  # ms; the finished picture stays
                first.save(path, save_all=True, append_images=rest, duration=times, loop=0)
            case other:
                raise ValueError(f"cannot save as {other!r}; use .svg, .png, .gif or .json")

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


def _picture(canvas: np.ndarray) -> np.ndarray:
    """``[1, C, H, W]`` to ``[H, W]`` or ``[H, W, C]``, a copy."""
    return canvas[0, 0].copy() if canvas.shape[1] == 1 else canvas[0].transpose(1, 2, 0).copy()
