"""What a program must offer to be drawn with."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from drawenv.actions import ActionSpec

UNIT = 64  # a "px" of an action is 1/64 of the canvas' side
Compose = Literal["max", "over"] | None


class Renderer:
    """A program that turns a canvas and an action into the next canvas (R in the paper, 3.1).

    A renderer of your own sets ``action_spec`` and overrides ``draw`` and ``to_svg``; the rest has defaults.

    Attributes:
        name: under which saved drawings know it; the class' own if it sets none.
        action_spec: the action's parameters.
        channels: channels of its canvas.
        compose: how a mark joins the canvas: ``"max"`` keeps the brighter value, ``"over"``
            paints it on top, None says nothing (a canvas network then learns the general
            C(x, y)).
        views: the pictures side by side that a canvas shows: of each the axes that run across and down it,
            of those that the action's parameters name.
        sides: height and width of a drawing in px.
        has_paths: its marks are strokes of a pen, see ``polylines``.
    """

    name: ClassVar[str]
    action_spec: ActionSpec
    channels: int = 1
    compose: Compose = None
    views: tuple[tuple[str, str], ...] = (("x", "y"),)
    sides: tuple[int, int] = (UNIT, UNIT)
    has_paths: bool = False

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    @property
    def shown(self) -> int:
        """How many of the first channels make up the picture; the rest is the renderer's own business."""
        return self.channels

    def config(self) -> dict[str, Any]:
        """JSON-able keyword arguments that make this renderer again."""
        return {}

    def blank(self, n: int, size: int) -> np.ndarray:
        """Empty canvases, uint8 ``[n, channels, size, size]``; of a page ``size`` is its longer side."""
        longer = max(self.sides)
        height, width = (max(round(size * side / longer), 1) for side in self.sides)
        return np.zeros((n, self.channels, height, width), np.uint8)

    def paper(self) -> list[int]:
        """The colour of the empty canvas, each channel's that is shown."""
        return self.blank(1, 1)[0, : self.shown, 0, 0].tolist()

    def draw(self, canvas: np.ndarray, actions: np.ndarray) -> None:
        """Draw one action on each canvas, in place.

        Args:
            canvas: uint8 ``[n, channels, H, W]``, C-contiguous.
            actions: float32 ``[n, len(action_spec)]`` in [-1, 1].
        """
        raise NotImplementedError

    def to_svg(self, actions: np.ndarray) -> str:
        """A drawing's actions ``[n, len(action_spec)]`` as SVG elements on a view box of ``sides``."""
        raise NotImplementedError

    def to_obj(self, actions: np.ndarray) -> str:
        """A drawing's actions as a Wavefront OBJ file.

        Raises:
            ValueError: what it draws is flat.
        """
        raise ValueError(f"only boxes in space can be saved as .obj, {self.name} is flat")

    def polylines(self, actions: np.ndarray) -> list[np.ndarray]:
        """The pen's path of each action ``[n, ...]``, float32 ``[points, 2]`` in px; with ``has_paths``."""
        raise NotImplementedError

    def from_curves(self, curves: np.ndarray) -> np.ndarray:
        """The physical values of actions that draw quadratic curves: float32 ``[n, 7]``, x0 y0 x1 y1 x2 y2
        thickness in px, to ``[n, len(action_spec)]``; with ``has_paths``, if pens are to be drawn by it.
        """
        raise NotImplementedError

    def widths(self, actions: np.ndarray) -> np.ndarray:
        """How wide the pen of each action is, ``[n]`` in px; 1 if nothing else is said."""
        return np.ones(len(actions), np.float32)

    def colors(self, actions: np.ndarray) -> np.ndarray:
        """The colour of each action, ``[n, 1 or 3]`` in [0, 255]; white if nothing else is said."""
        return np.full((len(actions), 1), 255, np.float32)

    def on_page(self, page: tuple[int, int], scale: float = 1.0) -> Renderer:
        """The same pen, ``scale`` times as large, on a page (height, width) in px.

        Its actions have the same parameters in the same order, in px of the page.

        Raises:
            ValueError: it draws on square canvases alone.
        """
        raise ValueError(f"{self.name} draws on square canvases alone, not on pages")


def side_by_side(channels: np.ndarray, views: int = 1) -> np.ndarray:
    """Channels uint8 ``[C, H, W]`` of one or more views as a picture, a copy.

    Returns:
        ``[H, W]`` if each view has one channel, else ``[H, views * W, 3]``.
    """
    if len(channels) == 1:
        return channels[0].copy()
    return np.concatenate(np.split(channels, views), 2).transpose(1, 2, 0).copy()
