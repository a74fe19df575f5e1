"""One quadratic Bézier curve per action, antialiased, with round ends."""

from __future__ import annotations

import numpy as np
from numba import njit

from drawenv.actions import ActionSpec, Parameter

UNIT = 64  # a "px" of an action is 1/64 of the canvas' side

_FLATNESS = np.float32(0.08)  # px between the curve and its chords; 0.02 changes no pixel by 1 %
_MAX_SEGMENTS = 64
_FAR = np.float32(1e9)


@njit(cache=True, fastmath=True, nogil=True)
def _draw_curves(canvas, curves, scratch):
    """Draw curves[i] on canvas[i] by max.

    Args:
        canvas: uint8 [n, H, W].
        curves: float32 [n, 7], x0 y0 x1 y1 x2 y2 thickness in canvas pixels.
        scratch: float32 [H, W], any content.
    """
    height, width = canvas.shape[1], canvas.shape[2]
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    for i in range(canvas.shape[0]):
        x0, y0, x1, y1, x2, y2, thickness = curves[i]
        radius = thickness * half
        reach = radius + one
        # A chord of a quadratic with n segments is at most |p0 - 2 p1 + p2| / (4 n^2) away.
        bx, by = x0 - x1 - x1 + x2, y0 - y1 - y1 + y2
        wanted = np.sqrt(np.sqrt(bx * bx + by * by) / (4 * _FLATNESS))
        segments = min(max(int(np.ceil(wanted)), 1), _MAX_SEGMENTS)

        # The curve's own box: only there is the scratch cleared and read.
        left, top, right, bottom = width, height, 0, 0
        ax, ay = x0, y0
        for k in range(1, segments + 1):
            t = np.float32(k) / np.float32(segments)
            s = one - t
            cx = s * s * x0 + 2 * s * t * x1 + t * t * x2
            cy = s * s * y0 + 2 * s * t * y1 + t * t * y2
            left = min(left, int(np.floor(min(ax, cx) - reach)))
            right = max(right, int(np.ceil(max(ax, cx) + reach)))
            top = min(top, int(np.floor(min(ay, cy) - reach)))
            bottom = max(bottom, int(np.ceil(max(ay, cy) + reach)))
            ax, ay = cx, cy
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, width), min(bottom, height)
        if left >= right or top >= bottom:
            continue
        for y in range(top, bottom):
            for x in range(left, right):
                scratch[y, x] = _FAR

        # Squared distance to the nearest chord, each looked at only inside its own box.
        ax, ay = x0, y0
        for k in range(1, segments + 1):
            t = np.float32(k) / np.float32(segments)
            s = one - t
            cx = s * s * x0 + 2 * s * t * x1 + t * t * x2
            cy = s * s * y0 + 2 * s * t * y1 + t * t * y2
            dx, dy = cx - ax, cy - ay
            length2 = dx * dx + dy * dy
            inverse = one / length2 if length2 > np.float32(1e-12) else zero
            x_from = max(int(np.floor(min(ax, cx) - reach)), left)
            x_to = min(int(np.ceil(max(ax, cx) + reach)), right)
            y_from = max(int(np.floor(min(ay, cy) - reach)), top)
            y_to = min(int(np.ceil(max(ay, cy) + reach)), bottom)
            for y in range(y_from, y_to):
                py = np.float32(y) + half - ay
                along = py * dy * inverse
                for x in range(x_from, x_to):
                    px = np.float32(x) + half - ax
                    u = min(max(px * dx * inverse + along, zero), one)
                    ex, ey = px - u * dx, py - u * dy
                    scratch[y, x] = min(scratch[y, x], ex * ex + ey * ey)
            ax, ay = cx, cy

        # Ink is the share of a pixel-wide window across the stroke that the pen covers.
        for y in range(top, bottom):
            for x in range(left, right):
                d = np.sqrt(scratch[y, x])
                ink = min(radius, d + half) - max(-radius, d - half)
                value = np.uint8(min(max(ink, zero), one) * np.float32(255) + half)
                canvas[i, y, x] = max(canvas[i, y, x], value)


_END = {"low": -4.0, "high": 68.0}  # strokes may start just past the edge
_CONTROL = {"low": -16.0, "high": 80.0}  # a control point lies outside the curve it bends
_CURVE = (
    Parameter("x0", **_END, axis="x"),
    Parameter("y0", **_END, axis="y"),
    Parameter("x1", **_CONTROL, axis="x", anchor=("x0", "x2")),
    Parameter("y1", **_CONTROL, axis="y", anchor=("y0", "y2")),
    Parameter("x2", **_END, axis="x"),
    Parameter("y2", **_END, axis="y"),
)


class BezierRenderer:
    """White ink on black, one quadratic Bézier curve per action.

    Args:
        thickness: pen width in px of a 64-px canvas; None makes it the action's seventh
            parameter, from 0.5 to 8 px.

    Raises:
        ValueError: ``thickness`` is not a positive number of at most 64.
    """

    compose = "max"
    channels = 1

    def __init__(self, thickness: float | None = 5.0):
        if thickness is not None and not 0 < thickness <= UNIT:
            raise ValueError(f"thickness must be over 0 and at most {UNIT} px, got {thickness}")
        self.thickness = thickness
        variable = () if thickness is not None else (Parameter("thickness", 0.5, 8.0),)
        self.action_spec = ActionSpec(*_CURVE, *variable)
        self._scratch = np.empty((0, 0), np.float32)

    def config(self) -> dict:
        return {"thickness": self.thickness}

    def blank(self, n: int, size: int) -> np.ndarray:
        return np.zeros((n, 1, size, size), np.uint8)

    def curves(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[n, 6 or 7]`` as x0 y0 x1 y1 x2 y2 thickness ``[n, 7]`` in px of 64."""
        curves = np.empty((len(actions), 7), np.float32)
        curves[:, : len(self.action_spec)] = self.action_spec.to_physical(actions)
        if self.thickness is not None:
            curves[:, 6] = self.thickness
        return curves

    def draw(self, canvas: np.ndarray, actions: np.ndarray) -> None:
        n, _, height, width = canvas.shape
        if self._scratch.shape != (height, width):
            self._scratch = np.empty((height, width), np.float32)
        curves = self.curves(actions)
        if width != UNIT:
            curves *= np.float32(width / UNIT)
        _draw_curves(canvas.reshape(n, height, width), curves, self._scratch)

    def polylines(self, actions: np.ndarray, points: int = 17) -> list[np.ndarray]:
        """The pen's path of each action ``[n, ...]``: float32 ``[points, 2]`` in px of 64."""
        t = np.linspace(0, 1, points, dtype=np.float32)[:, None]
        p = self.curves(actions)[:, :6].reshape(-1, 3, 1, 2)
        lines = (1 - t) ** 2 * p[:, 0] + 2 * t * (1 - t) * p[:, 1] + t**2 * p[:, 2]
        return list(lines)

    def to_svg(self, action: np.ndarray) -> str:
        x0, y0, x1, y1, x2, y2, width = self.curves(np.asarray(action)[None])[0]
        return (
            f'<path d="M{x0:.2f} {y0:.2f}Q{x1:.2f} {y1:.2f} {x2:.2f} {y2:.2f}" fill="none" '
            f'stroke="white" stroke-width="{width:.2f}" stroke-linecap="round" '
            f'stroke-linejoin="round"/>'
        )
