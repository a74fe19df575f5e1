"""How the error of a page of curves changes with each of them: the exact gradient of ``BezierRenderer``."""

from __future__ import annotations

import numpy as np

from drawenv.compiled import compiled

CHORDS = 6  # of a curve; those of pens are short


@compiled
def _draw_owned(curves, pens, chords, best, owner, place, other):
    """Draw curves by max, and note whose ink a pixel shows.

    Args:
        curves: float32 [n, 7], x0 y0 x1 y1 x2 y2 thickness in pixels.
        pens: int [n], whose each curve is; those of one pen together.
        chords: of each curve.
        best: float32 [H, W], the ink; zero before.
        owner: int32 [H, W], the curve it is of; -1 before.
        place: float32 [H, W], where on that curve, from 0 to 1.
        other: float32 [H, W], the most ink of any other pen; zero before.
    """
    height, width = best.shape
    half, one, zero = np.float32(0.5), np.float32(1), np.float32(0)
    for i in range(curves.shape[0]):
        x0, y0, x1, y1, x2, y2, thickness = curves[i]
        radius = thickness * half
        far2 = (radius + half) * (radius + half)  # from here on there is no ink
        ax, ay = x0, y0
        for k in range(chords):
            t = np.float32((k + 1) / chords)
            s = one - t
            bx = s * s * x0 + 2 * s * t * x1 + t * t * x2
            by = s * s * y0 + 2 * s * t * y1 + t * t * y2
            cx, cy = bx - ax, by - ay
            scale = one / (cx * cx + cy * cy + np.float32(1e-9))
            left = max(int(min(ax, bx) - radius - 1), 0)
            right = min(int(max(ax, bx) + radius + 2), width)
            top = max(int(min(ay, by) - radius - 1), 0)
            bottom = min(int(max(ay, by) + radius + 2), height)
            for y in range(top, bottom):
                py = np.float32(y) + half - ay
                for x in range(left, right):
                    px = np.float32(x) + half - ax
                    u = min(max((px * cx + py * cy) * scale, zero), one)
                    dx, dy = px - u * cx, py - u * cy
                    d2 = dx * dx + dy * dy
                    if d2 >= far2:
                        continue
                    d = np.sqrt(d2)
                    ink = min(min(radius, d + half) - max(-radius, d - half), one)
                    if ink > best[y, x]:
                        if owner[y, x] >= 0 and pens[owner[y, x]] != pens[i]:
                            other[y, x] = best[y, x]
                        best[y, x], owner[y, x] = ink, i
                        place[y, x] = (np.float32(k) + u) / np.float32(chords)
                    elif ink > other[y, x] and pens[owner[y, x]] != pens[i]:
                        other[y, x] = ink
            ax, ay = bx, by


@compiled
def _gather(curves, pens, target, best, owner, place, other, gradient, saved):
    """Sum over pixels: gradients of the squared error, what each pen saves of it; returns the error."""
    half, one = np.float32(0.5), np.float32(1)
    total = 0.0
    for y in range(best.shape[0]):
        for x in range(best.shape[1]):
            away = best[y, x] - target[y, x]
            total += away * away
            i = owner[y, x]
            if i < 0:
                continue
            without = other[y, x] - target[y, x]
            saved[pens[i]] += without * without - away * away
            x0, y0, x1, y1, x2, y2, thickness = curves[i]
            radius, t = thickness * half, place[y, x]
            s = one - t
            a, b, c = s * s, 2 * s * t, t * t
            dx = np.float32(x) + half - (a * x0 + b * x1 + c * x2)
            dy = np.float32(y) + half - (a * y0 + b * y1 + c * y2)
            d = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
            by_d, by_radius = np.float32(0), np.float32(0)
            if d + half < radius:
                pass
            elif d - half > -radius:
                by_d, by_radius = -one, one
            else:
                by_radius = np.float32(2)
            if best[y, x] >= one:
                by_d = by_radius = np.float32(0)
            pull = 2 * away * by_d / d
            gx, gy = -pull * dx, -pull * dy
            gradient[i, 0] += a * gx
            gradient[i, 1] += a * gy
            gradient[i, 2] += b * gx
            gradient[i, 3] += b * gy
            gradient[i, 4] += c * gx
            gradient[i, 5] += c * gy
            gradient[i, 6] += away * by_radius
    return total


def _owned(curves, pens, shape, chords, before=None):
    """What ``_draw_owned`` notes of curves on a page, or on ink that is there."""
    best, place, other = (np.zeros(shape, np.float32) for _ in range(3))
    if before is not None:
        best[:], other[:] = before, before
    owner = np.full(shape, -1, np.int32)
    _draw_owned(curves, pens, chords, best, owner, place, other)
    return best, owner, place, other


def page_ink(curves: np.ndarray, shape: tuple[int, ...], chords: int = CHORDS) -> np.ndarray:
    """The ink of curves as ``page_gradient`` sees it: float32 ``[H, W]`` in [0, 1]."""
    return _owned(curves, np.zeros(len(curves), int), shape, chords)[0]


def page_gradient(
    curves: np.ndarray,
    pens: np.ndarray,
    target: np.ndarray,
    before: np.ndarray | None = None,
    chords: int = CHORDS,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The squared error of a page of ink, and what each curve and each pen has to do with it.

    Args:
        curves: float32 ``[n, 7]``, x0 y0 x1 y1 x2 y2 thickness in px.
        pens: int ``[n]``, whose each curve is, from 0 on, in order.
        target: float32 ``[H, W]`` in [0, 1].
        before: the ink that is there already, likewise; none if None.
        chords: with which each curve is drawn: more for longer ones.

    Returns:
        The error, values in [0, 1]; its gradient, float32 ``[n, 7]``; how much larger it would be without
        each pen, float64 ``[pens]``.
    """
    best, owner, place, other = _owned(curves, pens, target.shape, chords, before)
    gradient, saved = np.zeros_like(curves), np.zeros(int(pens.max(initial=-1)) + 1)
    return _gather(curves, pens, target, best, owner, place, other, gradient, saved), gradient, saved
