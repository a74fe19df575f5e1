"""One rectangle per action, filled or hollow, of any colour, with exact coverage at its edges."""

from __future__ import annotations

import numpy as np

from drawenv.actions import ActionSpec, Parameter
from drawenv.compiled import compiled
from drawenv.renderers.base import UNIT, Compose, Renderer
from drawenv.renderers.color import LAB, hexadecimal, lab_to_rgb


@compiled
def cover(low, high, first, out):
    """out[i] = the share of pixel first + i that lies between low and high."""
    for i in range(len(out)):
        at = np.float32(first + i)
        out[i] = max(min(high, at + np.float32(1)) - max(low, at), np.float32(0))


@compiled
def _draw_boxes(canvas, boxes, colors, hollow):
    """Paint boxes[i] over canvas[i].

    Args:
        canvas: uint8 [n, 3, H, W].
        boxes: float32 [n, 5], left top right bottom thickness in canvas pixels.
        colors: float32 [n, 3] in [0, 255].
        hollow: only the frame, ``thickness`` wide inwards.
    """
    height, width = canvas.shape[2], canvas.shape[3]
    zero, half = np.float32(0), np.float32(0.5)
    across, down = np.empty(width, np.float32), np.empty(height, np.float32)
    across_in, down_in = np.zeros(width, np.float32), np.zeros(height, np.float32)
    for i in range(canvas.shape[0]):
        left, top, right, bottom, thickness = boxes[i]
        x0, x1 = max(int(np.floor(left)), 0), min(int(np.ceil(right)), width)
        y0, y1 = max(int(np.floor(top)), 0), min(int(np.ceil(bottom)), height)
        if x0 >= x1 or y0 >= y1:
            continue
        cover(left, right, x0, across[: x1 - x0])
        cover(top, bottom, y0, down[: y1 - y0])
        if hollow:
            cover(left + thickness, right - thickness, x0, across_in[: x1 - x0])
            cover(top + thickness, bottom - thickness, y0, down_in[: y1 - y0])
        for c in range(canvas.shape[1]):
            color = colors[i, c]
            for y in range(y0, y1):
                outer, inner = down[y - y0], down_in[y - y0]
                row = canvas[i, c, y, x0:x1]
                for x in range(x1 - x0):
                    share = max(outer * across[x] - inner * across_in[x], zero)
                    old = np.float32(row[x])
                    row[x] = np.uint8(np.int32(old + (color - old) * share + half))


def paint_boxes(canvas: np.ndarray, boxes: np.ndarray, colors: np.ndarray) -> None:
    """Paint filled boxes over one canvas uint8 ``[3, H, W]``, in place, in order.

    Args:
        canvas: what to paint on.
        boxes: float32 ``[k, 4]``, left top right bottom in px of the canvas.
        colors: float32 ``[k, 3]`` in [0, 255].
    """
    filled = np.pad(boxes, ((0, 0), (0, 1)))  # no thickness
    for k in range(len(filled)):
        _draw_boxes(canvas[None], filled[k : k + 1], colors[k : k + 1], False)


def _coordinate(name: str) -> Parameter:
    return Parameter(name, 0.0, float(UNIT), axis=name[0])


class RectangleRenderer(Renderer):
    """Filled rectangles of any colour on black, each painted over what is there.

    The canvas is RGB: a pixel takes a rectangle's colour by the share that it covers. Any two opposite
    corners name the same rectangle. Colours are CIELAB under D65; one outside sRGB's gamut is clipped,
    channel by channel.
    """

    name = "rectangle"
    compose: Compose = "over"
    channels = 3
    FRAME: tuple[Parameter, ...] = ()

    def __init__(self):
        corners = (_coordinate(name) for name in ("x0", "y0", "x1", "y1"))
        self.action_spec = ActionSpec(*corners, *self.FRAME, *LAB)

    def boxes(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[n, ...]`` as left, top, right, bottom, thickness ``[n, 5]`` in px of 64."""
        physical = self.action_spec.to_physical(actions)
        boxes = np.zeros((len(actions), 5), np.float32)
        np.minimum(physical[:, 0:2], physical[:, 2:4], out=boxes[:, 0:2])
        np.maximum(physical[:, 0:2], physical[:, 2:4], out=boxes[:, 2:4])
        if self.FRAME:
            boxes[:, 4] = physical[:, 4]
        return boxes

    def colors(self, actions: np.ndarray) -> np.ndarray:
        """The colour of each action, sRGB float32 ``[n, 3]`` in [0, 255]."""
        return lab_to_rgb(self.action_spec.to_physical(actions)[:, -3:])

    def draw(self, canvas: np.ndarray, actions: np.ndarray) -> None:
        boxes = self.boxes(actions) * np.float32(canvas.shape[-1] / UNIT)
        _draw_boxes(canvas, boxes, self.colors(actions), bool(self.FRAME))

    def to_svg(self, actions: np.ndarray) -> str:
        return "\n".join(map(self._path, self.boxes(actions), self.colors(actions)))

    def _path(self, box: np.ndarray, color: np.ndarray) -> str:
        left, top, right, bottom, thickness = box
        width, height = right - left, bottom - top
        path = f"M{left:.3f} {top:.3f}h{width:.3f}v{height:.3f}h{-width:.3f}z"
        if self.FRAME and min(width, height) > 2 * thickness:  # the hole, the other way round
            across, down = width - 2 * thickness, height - 2 * thickness
            path += f"M{left + thickness:.3f} {top + thickness:.3f}v{down:.3f}h{across:.3f}v{-down:.3f}z"
        return f'<path d="{path}" fill="{hexadecimal(color)}"/>'


class HollowRectangleRenderer(RectangleRenderer):
    """Frames of rectangles, ``thickness`` wide inwards, as ``RectangleRenderer`` paints them.

    A rectangle narrower than two thicknesses is filled.
    """

    name = "hollow-rectangle"
    FRAME = (Parameter("thickness", 0.5, 8.0),)
