"""Renderers: programs that turn a canvas and an action into the next canvas."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from drawenv.actions import ActionSpec

Compose = Literal["max", "over"] | None


class Renderer(Protocol):
    """What a program must offer to be drawn with (R in the paper, section 3.1).

    Attributes:
        action_spec: the action's parameters.
        channels: channels of its canvas.
        compose: how a mark joins the canvas: ``"max"`` keeps the brighter value, ``"over"``
            paints it on top, None says nothing (a canvas network then learns the general
            C(x, y)).
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

    def to_svg(self, action: np.ndarray) -> str:
        """One action ``[len(action_spec)]`` as an SVG element on a 64x64 view box."""
        ...

    def config(self) -> dict:
        """JSON-able keyword arguments that make this renderer again."""
        ...


# Below the protocol, which the renderers' own files never import.
from drawenv.renderers.bezier import BezierRenderer  # noqa: E402

RENDERERS: dict[str, type] = {"bezier": BezierRenderer}


def renderer_name(renderer: Renderer) -> str:
    """The name under which a renderer's class is kept in ``RENDERERS``.

    Raises:
        ValueError: it is not there: add it, ``drawenv.renderers.RENDERERS["mine"] = Mine``.
    """
    for name, kind in RENDERERS.items():
        if type(renderer) is kind:
            return name
    raise ValueError(
        f"{type(renderer).__name__} has no name: add it with "
        f'drawenv.renderers.RENDERERS["..."] = {type(renderer).__name__}'
    )
