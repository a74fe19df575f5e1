"""BezierCanvas-v0, BezierThickCanvas-v0 and BezierColorCanvas-v0."""

from __future__ import annotations

from drawenv.envs.single import CanvasEnv
from drawenv.envs.vector import CanvasVectorEnv
from drawenv.renderers.bezier import BezierColorRenderer, BezierRenderer


class BezierCanvasEnv(CanvasEnv):
    """Draw with quadratic Bézier curves of one pen width.

    ## Action
    ``Box(-1, 1, (6,), float32)``, in px of a 64-px canvas, whatever ``size`` is:

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 0, 1 | x0, y0: start | -4 px | 68 px |
    | 2, 3 | x1, y1: control point | -16 px | 80 px |
    | 4, 5 | x2, y2: end | -4 px | 68 px |

    x grows to the right, y downwards; (0, 0) is the canvas' top left corner.

    ## Canvas
    One channel, white ink on black. A curve is antialiased, has round ends, and joins the
    canvas by max: drawing over ink changes nothing.

    The rest (observation, reward, start, end) is as for every ``CanvasEnv``.

    ## Arguments
    `gym.make("BezierCanvas-v0", thickness=5.0, size=64, max_strokes=4, targets="symbols")`

    ## Versions
    v0: the first.
    """

    def __init__(self, thickness: float = 5.0, **options):
        super().__init__(BezierRenderer(thickness), **options)


class BezierCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``BezierCanvas-v0``."""

    def __init__(self, thickness: float = 5.0, **options):
        super().__init__(BezierRenderer(thickness), **options)


class BezierThickCanvasEnv(CanvasEnv):
    """Draw with quadratic Bézier curves, each with a width of its own.

    ## Action
    ``Box(-1, 1, (7,), float32)``: the six numbers of ``BezierCanvas-v0``, then

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 6 | thickness | 0.5 px | 8 px |

    Canvas, observation, reward, start and end are as in ``BezierCanvas-v0``.

    ## Arguments
    `gym.make("BezierThickCanvas-v0", size=64, max_strokes=4, targets="symbols")`

    ## Versions
    v0: the first.
    """

    def __init__(self, **options):
        super().__init__(BezierRenderer(None), **options)


class BezierThickCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``BezierThickCanvas-v0``."""

    def __init__(self, **options):
        super().__init__(BezierRenderer(None), **options)


class BezierColorCanvasEnv(CanvasEnv):
    """Paint with quadratic Bézier curves, each with a width and a colour of its own.

    ## Action
    ``Box(-1, 1, (10,), float32)``: the seven numbers of ``BezierThickCanvas-v0``, then

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 7 | L: lightness | 0 | 100 |
    | 8 | a: green to red | -90 | 100 |
    | 9 | b: blue to yellow | -110 | 100 |

    in CIELAB under D65; a colour outside sRGB's gamut is clipped, channel by channel.

    ## Canvas
    RGB, black at first. A curve is antialiased, has round ends, and is painted over what is there.

    Observation, reward, start and end are as in ``BezierCanvas-v0``.

    ## Arguments
    `gym.make("BezierColorCanvas-v0", size=64, max_strokes=4, targets="symbols")`

    ## Versions
    v0: the first.
    """

    def __init__(self, **options):
        super().__init__(BezierColorRenderer(), **options)


class BezierColorCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``BezierColorCanvas-v0``."""

    def __init__(self, **options):
        super().__init__(BezierColorRenderer(), **options)
