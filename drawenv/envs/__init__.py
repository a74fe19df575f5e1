"""The environments and their registered ids."""

import gymnasium as gym

from drawenv.envs.single import CanvasEnv
from drawenv.envs.vector import CanvasVectorEnv

__all__ = ["ENV_IDS", "CanvasEnv", "CanvasVectorEnv"]

_CLASSES = {
    "BezierCanvas-v0": "drawenv.envs.bezier:BezierCanvas",
    "BezierThickCanvas-v0": "drawenv.envs.bezier:BezierThickCanvas",
    "BezierColorCanvas-v0": "drawenv.envs.bezier:BezierColorCanvas",
    "RectangleCanvas-v0": "drawenv.envs.rectangle:RectangleCanvas",
    "HollowRectangleCanvas-v0": "drawenv.envs.rectangle:HollowRectangleCanvas",
    "PrismCanvas-v0": "drawenv.envs.prism:PrismCanvas",
}
ENV_IDS = tuple(_CLASSES)

for _id, _name in _CLASSES.items():
    if _id not in gym.registry:
        gym.register(_id, f"{_name}Env", vector_entry_point=f"{_name}VectorEnv")
