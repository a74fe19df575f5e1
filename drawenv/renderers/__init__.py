"""Renderers: programs that turn a canvas and an action into the next canvas."""

from drawenv.renderers.bezier import BezierRenderer
from drawenv.renderers.protocol import Compose, PageRenderer, Renderer

__all__ = ["RENDERERS", "BezierRenderer", "Compose", "PageRenderer", "Renderer", "renderer_name"]

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
