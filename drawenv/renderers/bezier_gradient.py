"""How the error of a page of curves changes with each of them: the exact gradient of ``BezierRenderer``."""

from __future__ import annotations

import numpy as np

from drawenv.compiled import compiled
from drawenv.renderers.bezier import segments

STEEP = np.float32(1e-3)  # px: chords less wide, or high, are taken for straight up, or level
BEND = np.float32(np.deg2rad(30))  # chords that bend by less are almost one line
SLACK = np.float32(np.tan(BEND / 2))
BEYOND = np.float32(1e9)


@compiled
def _goes_on(x, y, ex, ey):
    """Whether a chord (x, y) and the next one, which is by (ex, ey) larger, bend little."""
    nx, ny = x + ex, y + ey
    return x * nx + y * ny > np.cos(BEND) * np.sqrt((x * x + y * y) * (nx * nx + ny * ny))


@compiled(fastmath=True)
def _gradient(curves, pens, target, before, best, gradient, saved):
    """What ``page_gradient`` gives: draws curves by max, notes whose ink a pixel shows, sums over pixels.

    Args:
        curves: float32 [n, 7], x0 y0 x1 y1 x2 y2 thickness in pixels.
        pens: int [n], whose each curve is; those of one pen together.
        target: float32 [H, W].
        before: float32 [H, W], the ink that is there.
        best: float32 [H, W], the ink then.
        gradient: float32 [n, 7], to which is added.
        saved: float64 [pens], likewise.

    Returns:
        The error.
    """
    height, width = target.shape
    half, one, zero, error = np.float32(0.5), np.float32(1), np.float32(0), 0.0
    best[:] = before
    other = before.copy()  # the most ink of any other pen
    owner = np.full((height, width), -1, np.int32)  # the curve that a pixel shows
    place = np.empty((height, width), np.float32)  # where on it, from 0 to 1
    inked, count = np.empty((height * width, 2), np.int32), 0  # pixels that show any: y and x
    for i in range(curves.shape[0]):
        x0, y0, x1, y1, x2, y2, thickness = curves[i]
        radius, chords = thickness * half, segments(x0, y0, x1, y1, x2, y2)
        each = one / np.float32(chords)
        far = radius + half  # from here on there is no ink
        # Each chord is by so much larger than the one before.
        ex, ey = 2 * each**2 * (x0 - x1 - x1 + x2), 2 * each**2 * (y0 - y1 - y1 + y2)
        ax, ay = x0, y0
        for k in range(chords):
            t = np.float32(k + 1) * each
            s = one - t
            bx = s * s * x0 + 2 * s * t * x1 + t * t * x2
            by = s * s * y0 + 2 * s * t * y1 + t * t * y2
            cx, cy = bx - ax, by - ay
            length2 = cx * cx + cy * cy + np.float32(1e-9)
            scale, length = one / length2, np.sqrt(length2)
            # What lies before a chord, or beyond it, is another chord's where they are almost one line.
            low = -SLACK * far * length if k > 0 and _goes_on(cx, cy, -ex, -ey) else -BEYOND
            high = length2 + SLACK * far * length if k < chords - 1 and _goes_on(cx, cy, ex, ey) else BEYOND
            left = max(int(min(ax, bx) - radius - 1), 0)
            right = min(int(max(ax, bx) + radius + 2), width)
            top = max(int(min(ay, by) - radius - 1), 0)
            bottom = min(int(max(ay, by) + radius + 2), height)
            # Of a row only what is near the chord's line, and neither before the chord nor beyond.
            steep, wide = abs(cy) > STEEP, abs(cx) > STEEP
            slope, across = (cx / cy, far * length / abs(cy)) if steep else (zero, BEYOND)
            tilt = cy / cx if wide else zero
            one_end, other_end = (low / cx, high / cx) if wide else (-BEYOND, BEYOND)
            nearest, furthest = min(one_end, other_end), max(one_end, other_end)
            for y in range(top, bottom):
                py, origin = np.float32(y) + half - ay, ax - half
                middle = py * slope
                first, last = (
                    max(middle - across, nearest - py * tilt),
                    min(middle + across, furthest - py * tilt),
                )
                begin, end = max(left, int(origin + first)), min(right, int(origin + last) + 1)
                for x in range(begin, end):
                    px = np.float32(x) + half - ax
                    u = min(max((px * cx + py * cy) * scale, zero), one)
                    dx, dy = px - u * cx, py - u * cy
                    d2 = dx * dx + dy * dy
                    if d2 >= far * far:
                        continue
                    d = np.sqrt(d2)
                    ink = min(min(radius, d + half) - max(-radius, d - half), one)
                    if ink > best[y, x]:
                        if owner[y, x] < 0:
                            inked[count, 0], inked[count, 1] = y, x
                            count += 1
                        elif pens[owner[y, x]] != pens[i]:
                            other[y, x] = best[y, x]
                        best[y, x], owner[y, x] = ink, i
                        place[y, x] = (np.float32(k) + u) * each
                    elif ink > other[y, x] and pens[owner[y, x]] != pens[i]:
                        other[y, x] = ink
            ax, ay = bx, by

    for y in range(height):
        for x in range(width):
            error += (before[y, x] - target[y, x]) ** 2
    for n in range(count):
        y, x = inked[n]
        i, away, old = owner[y, x], best[y, x] - target[y, x], before[y, x] - target[y, x]
        error += away * away - old * old
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
        pull = 2 * away * by_d / d
        gx, gy = -pull * dx, -pull * dy
        gradient[i, 0] += a * gx
        gradient[i, 1] += a * gy
        gradient[i, 2] += b * gx
        gradient[i, 3] += b * gy
        gradient[i, 4] += c * gx
        gradient[i, 5] += c * gy
        gradient[i, 6] += away * by_radius
    return error


def page_gradient(
    curves: np.ndarray, pens: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The squared error of a page of ink, and what each curve and each pen has to do with it.

    Args:
        curves: float32 ``[n, 7]``, x0 y0 x1 y1 x2 y2 thickness in px.
        pens: int ``[n]``, whose each curve is, from 0 on, in order.
        target: float32 ``[H, W]`` in [0, 1].

    Returns:
        The error, values in [0, 1]; its gradient, float32 ``[n, 7]``; how much larger it would be without
        each pen, float64 ``[pens]``.
    """
    gradient, saved = np.zeros_like(curves), np.zeros(int(pens.max(initial=-1)) + 1)
    blank, ink = np.zeros(target.shape, np.float32), np.empty_like(target)
    error = _gradient(curves, pens, target, blank, ink, gradient, saved)
    return error, gradient, saved


@compiled
def _on_crops(curves, begins, of, page, corners, sides, starts, befores, inks, errors, gradient):
    """``Crops``: drawing n, ``curves[begins[n] : begins[n + 1]]``, on crop ``of[n]``, whose ink before and
    afterwards lies from starts[of[n]] on.
    """
    for n in range(len(of)):
        (left, top), (width, height), first = corners[of[n]], sides[of[n]], starts[of[n]]
        here, some = slice(first, first + height * width), slice(begins[n], begins[n + 1])
        before, ink = befores[here].reshape(height, width), inks[here].reshape(height, width)
        target = page[top : top + height, left : left + width]
        own, pens = curves[some].copy(), np.arange(begins[n + 1] - begins[n])
        own[:, 0:6:2] -= np.float32(left)
        own[:, 1:6:2] -= np.float32(top)
        errors[n] = _gradient(own, pens, target, before, ink, gradient[some], np.zeros(len(pens)))


class Crops:
    """Parts of a page on each of which curves are tried.

    Args:
        page: the target, float32 ``[H, W]`` in [0, 1].
        corners: first columns and rows of the parts, int ``[k, 2]``.
        ends: behind their last ones, likewise; what is outside the page is no part of them.
    """

    def __init__(self, page: np.ndarray, corners: np.ndarray, ends: np.ndarray):
        self.page, self.corners = page, np.clip(corners, 0, None)
        self.sides = np.maximum(np.minimum(ends, page.shape[::-1]) - self.corners, 0)
        sizes = self.sides.prod(1)
        self.starts = sizes.cumsum() - sizes
        self.ink = np.zeros(sizes.sum(), np.float32)
        self._spare = np.empty_like(self.ink)

    def draw(self, curves: np.ndarray, of: np.ndarray) -> None:
        """Draw curves of the page, float32 ``[n, 7]``, on crops int ``[n]`` in order: they are there then."""
        crops, begins = np.unique(of, return_index=True)
        self._each(curves, np.append(begins, len(of)), crops, self.ink.copy(), self.ink)

    def gradients(self, curves: np.ndarray, of: np.ndarray, each: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """``page_gradient`` of drawings of so many curves, each on a crop.

        Args:
            curves: of the page, float32 ``[n * each, 7]``.
            of: int ``[n]``, which crop.
            each: how many curves make a drawing.

        Returns:
            The drawings' errors, ``[n]``, and these errors' gradients, float32 ``[n * each, 7]``.
        """
        return self._each(curves, np.arange(len(of) + 1) * each, of, self.ink, self._spare)

    def _each(self, curves, begins, of, befores, inks) -> tuple[np.ndarray, np.ndarray]:
        errors, gradient = np.empty(len(of)), np.zeros_like(curves)
        crops = self.page, self.corners, self.sides, self.starts
        _on_crops(curves, begins, of, *crops, befores, inks, errors, gradient)
        return errors, gradient
