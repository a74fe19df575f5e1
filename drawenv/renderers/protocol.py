"""What a program must offer to be drawn with."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from drawenv.actions import ActionSpec

Compose = Literal["max", "over"] | None


class Renderer(Protocol):
    """A program that turns a canvas and an action into the next canvas (R in the paper, 3.1).

    Attributes:
        action_spec: the action's parameters.
        channels: channels of its canvas.
        compose: how a mark joins the canvas: ``"max"`` keeps the brighter value, ``"over"``
            paints it on top, None says nothing (a canvas network then learns the general
            C(x, y)).

    Two more attributes where they apply: ``shown``, how many of the first channels make up the
    picture (the rest, such as depth, is the renderer's own business), and ``views``, how many pictures
    side by side those are.
    """

    action_spec: ActionSpec
    channels: int
    compose: Compose

    def blank(self, n: int, size: int) -> np.ndarray:
        """Empty canvases, uint8 ``[n, channels, size, size]``."""
        ...

    def draw(self, canvas: np.ndarray, actions: np.ndarray) -> None:
        """Draw one action on each canvas, in place.

        Args:
            canvas: uint8 ``[n, channels, H, W]``, C-contiguous.
            actions: float32 ``[n, len(action_spec)]`` in [-1, 1].
        """
        ...

    def to_svg(self, actions: np.ndarray) -> str:
        """A drawing's actions ``[n, len(action_spec)]`` as SVG elements on a 64x64 view box."""
        ...

    def config(self) -> dict:
        """JSON-able keyword arguments that make this renderer again."""
        ...


def shown(renderer: Renderer) -> int:
    """How many channels of its canvas make up the picture."""
    return getattr(renderer, "shown", renderer.channels)


class PageRenderer(Renderer, Protocol):
    """A renderer whose strokes can be put together on a page of any size and shape.

    Attributes:
        sides: height and width of its canvas in px, 64x64 or the page's.
    """

    sides: tuple[int, int]

    def on_page(self, page: tuple[int, int], scale: float = 1.0) -> PageRenderer:
        """The same pen, ``scale`` times as large, on a page (height, width) in px.

        Its actions have the same parameters in the same order, in px of the page.
        """
        ...

    def polylines(self, actions: np.ndarray) -> list[np.ndarray]:
        """The pen's path of each action ``[n, ...]``, float32 ``[points, 2]`` in px."""
        ...
