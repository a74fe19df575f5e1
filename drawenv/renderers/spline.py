"""One long stroke per action: a spline of six points."""

from __future__ import annotations

import numpy as np

from drawenv.renderers.bezier import BezierRenderer, _draw_curves
from drawenv.renderers.color import hexadecimal

_PIECES = 4  # quadratic curves of a spline; between them it passes midway between two points
_JOINTS = np.zeros((_PIECES + 1, 6), np.float32)
_JOINTS[0, 0] = _JOINTS[-1, -1] = 1
for _k in range(1, _PIECES):
    _JOINTS[_k, _k : _k + 2] = 0.5
# From a spline's points to those of its curves, [4, 3, 6].
_TO_CURVES = np.stack([_JOINTS[:-1], np.eye(6, dtype=np.float32)[1:-1], _JOINTS[1:]], 1)


def _from_curve() -> np.ndarray:
    """From a quadratic curve's points to those of the spline that is the same: its blossoms, [6, 3]."""
    knots = np.array([0, 0, 0.25, 0.5, 0.75, 1, 1])
    s, t = knots[:-1], knots[1:]
    return np.stack([(1 - s) * (1 - t), s * (1 - t) + t * (1 - s), s * t], 1).astype(np.float32)


_FROM_CURVE = _from_curve()


class SplineRenderer(BezierRenderer):
    """White ink on black, one pen stroke per action: a quadratic spline of six points.

    It starts in the first, ends in the last, and bends towards the others, smoothly: a clamped uniform
    B-spline. Ink, page and units are those of ``BezierRenderer``.

    Args:
        thickness: as in ``BezierRenderer``; by default the action's last parameter.
        page: likewise.
    """

    name = "spline"
    POINTS = 6

    def __init__(self, thickness: float | None = None, page: tuple[int, int] | None = None):
        super().__init__(thickness, page)

    def from_curves(self, curves: np.ndarray) -> np.ndarray:
        points = np.einsum("pc,ncd->npd", _FROM_CURVE, curves[:, :6].reshape(-1, 3, 2))
        return np.concatenate([points.reshape(-1, 12), curves[:, 6:]], 1)[:, : len(self.action_spec)]

    def curves(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[n, 12 or 13]`` as curves, four of each in order: ``[4 * n, 7]``."""
        physical = self.action_spec.to_physical(actions)
        points = np.einsum("scp,npd->nscd", _TO_CURVES, physical[:, :12].reshape(-1, 6, 2))
        curves = np.empty((_PIECES * len(actions), 7), np.float32)
        curves[:, :6] = points.reshape(-1, 6)
        curves[:, 6] = self.widths(actions).repeat(_PIECES)
        return curves

    def draw(self, canvas: np.ndarray, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        rows = np.arange(len(canvas)) if rows is None else rows
        scale = np.float32(max(canvas.shape[2:]) / max(self.sides))
        curves, colors = (self.curves(actions) * scale).reshape(-1, _PIECES, 7), self.colors(actions)
        for k in range(_PIECES):
            _draw_curves(canvas, rows, np.ascontiguousarray(curves[:, k]), colors, False)

    def widths(self, actions: np.ndarray) -> np.ndarray:
        if self.thickness is not None:
            return np.full(len(actions), self.thickness, np.float32)
        return self.action_spec.to_physical(actions)[:, 12]

    def polylines(self, actions: np.ndarray, points: int = 9) -> list[np.ndarray]:
        """The pen's path of each action ``[n, ...]``, so many points of each curve: float32 ``[k, 2]``."""
        t = np.linspace(0, 1, points, dtype=np.float32)[:, None]
        weights = np.concatenate([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)
        parts = weights @ self.curves(actions)[:, :6].reshape(-1, _PIECES, 3, 2)
        return [np.concatenate([line[0, :1], line[:, 1:].reshape(-1, 2)]) for line in parts]

    def to_svg(self, actions: np.ndarray) -> str:
        each = zip(self.curves(actions).reshape(-1, _PIECES, 7), self.colors(actions), strict=True)
        return "\n".join(
            f'<path d="M{pieces[0, 0]:.2f} {pieces[0, 1]:.2f}'
            + "".join("Q" + " ".join(f"{v:.2f}" for v in piece[2:6]) for piece in pieces)
            + f'" fill="none" stroke="{hexadecimal(color)}" stroke-width="{pieces[0, 6]:.2f}" '
            'stroke-linecap="round" stroke-linejoin="round"/>'
            for pieces, color in each
        )
