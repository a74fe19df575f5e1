"""Renderers: programs that turn a canvas and an action into the next canvas."""

from drawenv.renderers.base import UNIT, Compose, Renderer
from drawenv.renderers.bezier import BezierColorRenderer, BezierRenderer
from drawenv.renderers.prism import PrismRenderer
from drawenv.renderers.rectangle import HollowRectangleRenderer, RectangleRenderer
from drawenv.renderers.spline import SplineRenderer

__all__ = [
    "RENDERERS",
    "UNIT",
    "BezierColorRenderer",
    "BezierRenderer",
    "Compose",
    "HollowRectangleRenderer",
    "PrismRenderer",
    "RectangleRenderer",
    "Renderer",
    "SplineRenderer",
]

# By name, as saved drawings and registered environments know them; ``drawenv.register`` adds others.
RENDERERS: dict[str, type[Renderer]] = {
    kind.name: kind
    for kind in (
        BezierRenderer, BezierColorRenderer, RectangleRenderer, HollowRectangleRenderer, PrismRenderer,
        SplineRenderer,
    )
}  # fmt: skip
