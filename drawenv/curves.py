"""Cubic Bézier curves along paths of pixels, by least squares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

CORNER = np.deg2rad(45)  # where a path turns by more within its pen's width, a curve ends


def smoothed(path: np.ndarray, closed: bool, sigma: float = 2.0) -> np.ndarray:
    """A path of pixels, evenly spaced and without their steps; its ends stay."""
    if closed and (path[0] != path[-1]).any():
        path = np.concatenate([path, path[:1]])
    path = path[np.concatenate([[True], (np.diff(path, axis=0) != 0).any(1)])]
    if len(path) < 3:
        return path
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, along[-1], max(int(along[-1]), 3))
    even = np.stack([np.interp(at, along, x) for x in path.T], 1)
    if closed:
        smooth = gaussian_filter1d(even[:-1], sigma, axis=0, mode="wrap")
        return np.concatenate([smooth, smooth[:1]])
    # Reflected through its ends a path stays where it is there.
    pad = min(int(4 * sigma), len(even) - 1)
    before, after = 2 * even[0] - even[pad:0:-1], 2 * even[-1] - even[-2 : -pad - 2 : -1]
    return gaussian_filter1d(np.concatenate([before, even, after]), sigma, axis=0)[pad : pad + len(even)]


def bernstein(t: np.ndarray) -> np.ndarray:
    """Weights of a cubic's four points at ``t`` ``[n]``: ``[n, 4]``."""
    u = 1 - t
    return np.stack([u**3, 3 * t * u**2, 3 * t**2 * u, t**3], 1)


def fit_curves(
    path: np.ndarray, tolerance: float, closed: bool = False, corner_reach: float = 4.0
) -> np.ndarray:
    """Cubic Bézier curves along a path, by least squares, as few as stay within a tolerance.

    Args:
        path: points about 1 px apart, ``[n, 2]``.
        tolerance: largest distance of a point from its curve.
        closed: whether the path is a ring: then it is smooth where it begins, too, unless that is a corner.
        corner_reach: a corner is where the path turns by more than ``CORNER`` within so many px.

    Returns:
        ``[k, 4, 2]``.
    """
    if len(path) < 3:
        ends = path[[0, -1]]
        return _line(ends[0], ends[1] + (0 if len(path) > 1 else 1e-3))[None]
    reach = int(np.clip(corner_reach, 2, max(len(path) // 4, 2)))
    turns = np.zeros(len(path))
    ahead = path[2 * reach :] - path[reach:-reach]
    behind = path[reach:-reach] - path[: -2 * reach]
    if len(ahead):
        cross = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
        turns[reach:-reach] = np.abs(np.arctan2(cross, (ahead * behind).sum(1)))
    corners = [0]
    for k in np.argsort(-turns):
        if turns[k] < CORNER:
            break
        if all(abs(k - c) > reach for c in (*corners, len(path) - 1)):
            corners.append(int(k))
    corners = sorted({*corners, len(path) - 1})
    way = None
    if closed and len(corners) == 2:
        way = path[1] - path[-2]
    curves: list[np.ndarray] = []
    for a, b in pairwise(corners):
        part = path[a : b + 1]
        curves += _fit(part, tolerance, way, None if way is None else -way)
    return np.stack(curves)


def _line(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a, a + (b - a) / 3, b + (a - b) / 3, b])


def _fit(path: np.ndarray, tolerance: float, start=None, end=None) -> list[np.ndarray]:
    """Curves along a path without corners; ``start`` and ``end`` are directions into it, if given."""
    if len(path) < 3:
        return [_line(path[0], path[-1])]

    def direction(points: np.ndarray) -> np.ndarray:
        way = points[min(len(points) - 1, 4)] - points[0]
        return way / max(float(np.hypot(*way)), 1e-9)

    u = direction(path) if start is None else start / max(float(np.hypot(*start)), 1e-9)
    v = direction(path[::-1]) if end is None else end / max(float(np.hypot(*end)), 1e-9)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    t = along / max(along[-1], 1e-9)
    curve, error = _line(path[0], path[-1]), np.inf
    for _ in range(4):
        weights = bernstein(t)
        base = (weights[:, :2].sum(1)[:, None] * path[0]) + (weights[:, 2:].sum(1)[:, None] * path[-1])
        a, b = weights[:, 1:2] * u, weights[:, 2:3] * v
        system = np.array([[(a * a).sum(), (a * b).sum()], [(a * b).sum(), (b * b).sum()]])
        right = np.array([(a * (path - base)).sum(), (b * (path - base)).sum()])
        chord = max(float(np.hypot(*(path[-1] - path[0]))), along[-1] / 3)
        try:
            alpha, beta = np.linalg.solve(system + 1e-9 * np.eye(2), right)
        except np.linalg.LinAlgError:
            alpha = beta = chord / 3
        if not (1e-3 < alpha < 4 * chord and 1e-3 < beta < 4 * chord):
            alpha = beta = chord / 3
        curve = np.stack([path[0], path[0] + alpha * u, path[-1] + beta * v, path[-1]])
        away = weights @ curve - path
        error = float(np.hypot(*away.T).max())
        if error <= tolerance:
            return [curve]
        # One step of Newton's method for each point's place along the curve.
        first = 3 * bernstein_2(t) @ np.diff(curve, axis=0)
        second = 6 * np.stack([1 - t, t], 1) @ np.diff(curve, 2, axis=0)
        slope = (first * first).sum(1) + (away * second).sum(1)
        t = t - np.where(np.abs(slope) > 1e-9, (away * first).sum(1) / np.where(slope == 0, 1, slope), 0)
        t = np.maximum.accumulate(t.clip(0, 1))
    k = int(np.clip(np.hypot(*away.T).argmax(), 2, len(path) - 3)) if len(path) > 5 else len(path) // 2
    way = path[min(k + 3, len(path) - 1)] - path[max(k - 3, 0)]
    return _fit(path[: k + 1], tolerance, u, -way) + _fit(path[k:], tolerance, way, v)


def bernstein_2(t: np.ndarray) -> np.ndarray:
    """Weights of a quadratic's three points at ``t`` ``[n]``: ``[n, 3]``."""
    return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], 1)


def blossom(points: np.ndarray, *values) -> np.ndarray:
    """The blossom of a Bézier curve, at as many values as it has degrees: a quadratic one's point at t
    is that at ``(t, t)``, its part from t to u has the points ``(t, t)``, ``(t, u)``, ``(u, u)``.

    Args:
        points: of the curve, ``[degree + 1, ..., 2]``.
        values: numbers, or arrays that broadcast with a point.
    """
    for t in values:
        points = (1 - t) * points[:-1] + t * points[1:]
    return points[0]
