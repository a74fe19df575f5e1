"""Drawing programs as Gymnasium environments; importing registers them."""

from drawenv.actions import ActionSpec, Parameter
from drawenv.drawing import Drawing
from drawenv.envs import ENV_IDS, ENVIRONMENTS, CanvasEnv, CanvasVectorEnv, register
from drawenv.pens import Pen
from drawenv.protocol import TASKS, evaluate
from drawenv.renderers import RENDERERS, Renderer
from drawenv.renderers.bezier import BezierRenderer
from drawenv.renderers.check import check_renderer
from drawenv.targets import ArrayTargets, Symbols, Targets, load_pictures, load_targets

__version__ = "0.1.0"
__all__ = [
    "ENVIRONMENTS",
    "ENV_IDS",
    "RENDERERS",
    "TASKS",
    "ActionSpec",
    "ArrayTargets",
    "BezierRenderer",
    "CanvasEnv",
    "CanvasVectorEnv",
    "Drawing",
    "Parameter",
    "Pen",
    "Renderer",
    "Symbols",
    "Targets",
    "check_renderer",
    "evaluate",
    "load_pictures",
    "load_targets",
    "register",
]
