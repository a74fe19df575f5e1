"""RectangleCanvas-v0 and HollowRectangleCanvas-v0."""

from __future__ import annotations

from drawenv.envs.single import CanvasEnv
from drawenv.envs.vector import CanvasVectorEnv
from drawenv.renderers.rectangle import HollowRectangleRenderer, RectangleRenderer


class RectangleCanvasEnv(CanvasEnv):
    """Paint with filled rectangles of any colour.

    ## Action
    ``Box(-1, 1, (7,), float32)``, coordinates in px of a 64-px canvas, whatever ``size`` is:

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 0, 1 | x0, y0: a corner | 0 px | 64 px |
    | 2, 3 | x1, y1: the opposite corner | 0 px | 64 px |
    | 4 | L: lightness | 0 | 100 |
    | 5 | a: green to red | -90 | 100 |
    | 6 | b: blue to yellow | -110 | 100 |

    Any two opposite corners name the same rectangle. Colours are CIELAB under D65; one outside
    sRGB's gamut is clipped, channel by channel.

    ## Canvas
    RGB, black at first. A pixel takes a rectangle's colour by the share that it covers, over what
    is there.

    The rest (observation, reward, start, end) is as for every ``CanvasEnv``.

    ## Arguments
    `gym.make("RectangleCanvas-v0", size=64, max_strokes=4, targets="symbols")`

    ## Versions
    v0: the first.
    """

    def __init__(self, **options):
        super().__init__(RectangleRenderer(), **options)


class RectangleCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``RectangleCanvas-v0``."""

    def __init__(self, **options):
        super().__init__(RectangleRenderer(), **options)


class HollowRectangleCanvasEnv(CanvasEnv):
    """Paint with the frames of rectangles.

    ## Action
    ``Box(-1, 1, (8,), float32)``: the corners of ``RectangleCanvas-v0``, then

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 4 | thickness, inwards | 0.5 px | 8 px |
    | 5, 6, 7 | L, a, b: as in ``RectangleCanvas-v0`` | | |

    A rectangle narrower than two thicknesses is filled. Canvas, observation, reward, start and
    end are as in ``RectangleCanvas-v0``.

    ## Arguments
    `gym.make("HollowRectangleCanvas-v0", size=64, max_strokes=4, targets="symbols")`

    ## Versions
    v0: the first.
    """

    def __init__(self, **options):
        super().__init__(HollowRectangleRenderer(), **options)


class HollowRectangleCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``HollowRectangleCanvas-v0``."""

    def __init__(self, **options):
        super().__init__(HollowRectangleRenderer(), **options)
