"""Cubic Bézier curves along paths of pixels, by least squares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from drawenv.compiled import compiled

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

    def direction(way: np.ndarray) -> np.ndarray:
        return way / max(float(np.hypot(*way)), 1e-9)

    near = min(len(path) - 1, 4)
    u = direction(path[near] - path[0] if start is None else start)
    v = direction(path[-1 - near] - path[-1] if end is None else end)
    curve, error, k = _fitted(np.ascontiguousarray(path, np.float64), u, v, tolerance)
    if error <= tolerance:
        return [curve]
    k = int(np.clip(k, 2, len(path) - 3)) if len(path) > 5 else len(path) // 2
    way = path[min(k + 3, len(path) - 1)] - path[max(k - 3, 0)]
    return _fit(path[: k + 1], tolerance, u, -way) + _fit(path[k:], tolerance, way, v)


@compiled
def _fitted(path, u, v, tolerance):
    """The curve from end to end of a path [n, 2] that leaves them in directions u and v and is nearest to it:
    its points [4, 2], how far from it the path is, and where it is so far.
    """
    n = len(path)
    t = np.zeros(n)  # where on the curve each point is: as far along as the path is long, at first
    for i in range(1, n):
        t[i] = t[i - 1] + np.hypot(path[i, 0] - path[i - 1, 0], path[i, 1] - path[i - 1, 1])
    length = t[-1]
    t /= max(length, 1e-9)
    chord = max(np.hypot(path[-1, 0] - path[0, 0], path[-1, 1] - path[0, 1]), length / 3)
    both, away = u[0] * v[0] + u[1] * v[1], np.empty((n, 2))
    curve, far, farthest = np.empty((4, 2)), 0.0, 0
    for _ in range(4):
        uu, uv, vv, up, vp = 1e-9, 0.0, 1e-9, 0.0, 0.0  # sums of the least squares
        for i in range(n):
            r = 1 - t[i]
            one, two = 3 * t[i] * r**2, 3 * t[i] ** 2 * r
            start, end = r**3 + one, two + t[i] ** 3
            x = path[i, 0] - start * path[0, 0] - end * path[-1, 0]
            y = path[i, 1] - start * path[0, 1] - end * path[-1, 1]
            uu, uv, vv = uu + one * one, uv + one * two * both, vv + two * two
            up, vp = up + one * (u[0] * x + u[1] * y), vp + two * (v[0] * x + v[1] * y)
        under = uu * vv - uv * uv
        a = b = chord / 3
        if under > 0:
            a, b = (vv * up - uv * vp) / under, (uu * vp - uv * up) / under
        if not (1e-3 < a < 4 * chord and 1e-3 < b < 4 * chord):
            a = b = chord / 3
        curve[0], curve[1], curve[2], curve[3] = path[0], path[0] + a * u, path[-1] + b * v, path[-1]
        far = 0.0
        for i in range(n):
            r = 1 - t[i]
            for d in range(2):
                on = r**3 * curve[0, d] + 3 * t[i] * r**2 * curve[1, d]
                away[i, d] = on + 3 * t[i] ** 2 * r * curve[2, d] + t[i] ** 3 * curve[3, d] - path[i, d]
            apart = np.hypot(away[i, 0], away[i, 1])
            if apart > far:
                far, farthest = apart, i
        if far <= tolerance:
            break
        # One step of Newton's method for each point's place along the curve; they stay in order.
        for i in range(n):
            r, slope, move = 1 - t[i], 0.0, 0.0
            for d in range(2):
                p, q, s = curve[1, d] - curve[0, d], curve[2, d] - curve[1, d], curve[3, d] - curve[2, d]
                first = 3 * (r**2 * p + 2 * t[i] * r * q + t[i] ** 2 * s)
                second = 6 * (r * (q - p) + t[i] * (s - q))
                slope, move = slope + first**2 + away[i, d] * second, move + away[i, d] * first
            if abs(slope) > 1e-9:
                t[i] -= move / slope
            t[i] = min(max(t[i], t[i - 1] if i else 0.0), 1.0)
    return curve, far, farthest


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
