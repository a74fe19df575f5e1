"""Renderers: programs that turn a canvas and an action into the next canvas."""

from drawenv.renderers.bezier import BezierColorRenderer, BezierRenderer
from drawenv.renderers.prism import PrismRenderer
from drawenv.renderers.protocol import Compose, PageRenderer, Renderer, shown
from drawenv.renderers.rectangle import HollowRectangleRenderer, RectangleRenderer

__all__ = [
    "RENDERERS",
    "BezierColorRenderer",
    "BezierRenderer",
    "Compose",
    "HollowRectangleRenderer",
    "PageRenderer",
    "PrismRenderer",
    "RectangleRenderer",
    "Renderer",
    "renderer_name",
    "shown",
]

RENDERERS: dict[str, type] = {
    "bezier": BezierRenderer,
    "bezier-color": BezierColorRenderer,
    "rectangle": RectangleRenderer,
    "hollow-rectangle": HollowRectangleRenderer,
    "prism": PrismRenderer,
}


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
