"""The environments and their registered ids, each in its first version."""

from drawenv.envs.single import CanvasEnv
from drawenv.envs.table import ENVIRONMENTS, register
from drawenv.envs.vector import CanvasVectorEnv
from drawenv.renderers import (
    BezierColorRenderer,
    BezierRenderer,
    HollowRectangleRenderer,
    PrismRenderer,
    RectangleRenderer,
    SplineRenderer,
)  # fmt: skip

__all__ = ["ENVIRONMENTS", "ENV_IDS", "CanvasEnv", "CanvasVectorEnv", "register"]

register("BezierCanvas-v0", BezierRenderer, thickness=5.0)
register("BezierThickCanvas-v0", BezierRenderer, thickness=None)
register("BezierColorCanvas-v0", BezierColorRenderer)
register("SplineCanvas-v0", SplineRenderer)
register("RectangleCanvas-v0", RectangleRenderer, "rectangles")
register("HollowRectangleCanvas-v0", HollowRectangleRenderer, "frames")
register("PrismCanvas-v0", PrismRenderer, targets="prisms")

ENV_IDS = tuple(ENVIRONMENTS)
