"""PrismCanvas-v0."""

from __future__ import annotations

from drawenv.envs.single import CanvasEnv
from drawenv.envs.vector import CanvasVectorEnv
from drawenv.renderers.prism import PrismRenderer


class PrismCanvasEnv(CanvasEnv):
    """Put coloured boxes into a scene that is seen from three sides.

    ## Action
    ``Box(-1, 1, (9,), float32)``, coordinates in px of a 64-px cube, whatever ``size`` is:

    | index | name | -1 | +1 |
    |---|---|---|---|
    | 0, 1, 2 | x0, y0, z0: a corner | 0 px | 64 px |
    | 3, 4, 5 | x1, y1, z1: the opposite corner | 0 px | 64 px |
    | 6 | L: lightness | 0 | 100 |
    | 7 | a: green to red | -90 | 100 |
    | 8 | b: blue to yellow | -110 | 100 |

    x runs to the right, y down, z away from who looks at the front. Any two opposite corners name
    the same box; one without volume draws nothing. Colours are CIELAB under D65; one outside
    sRGB's gamut is clipped, channel by channel.

    ## Canvas
    Twelve channels. RGB of the front view (x to the right, y down), of the side view from where x
    is 0 (z to the right, y down) and of the top view from where y is 0 (x to the right, z down); then
    for each view how near the surface is, 255 at the cube's face, 0 where there is none. Sides
    along the view are one colour, edges are antialiased. In each view a box shows where it is nearer
    than what is there, whatever the order of drawing.

    ## Observation, reward
    The target has the nine channels of colour alone, and they alone are rewarded. The rest
    (start, end) is as for every ``CanvasEnv``.

    ## Arguments
    `gym.make("PrismCanvas-v0", size=64, max_strokes=4, targets="prisms")`

    ## Versions
    v0: the first.
    """

    def __init__(self, targets="prisms", **options):
        super().__init__(PrismRenderer(), targets=targets, **options)


class PrismCanvasVectorEnv(CanvasVectorEnv):
    """The native batch of ``PrismCanvas-v0``."""

    def __init__(self, targets="prisms", **options):
        super().__init__(PrismRenderer(), targets=targets, **options)
