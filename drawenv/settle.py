"""Pens settled on a picture: moved, widened and left out until their ink shows it as well as it can.

A pen is one thing here: its curves share their points, a smooth joint stays smooth, it has one width, and it
is kept or left out as a whole. The gradient is the real renderer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from drawenv.pens import QUARTERS, Pen, in_quarters, joined
from drawenv.renderers import BezierRenderer, Renderer
from drawenv.renderers.bezier_gradient import page_gradient

STEPS = 100  # down the gradient
STEP = 0.3  # px: of each, at first
SMOOTH = np.cos(np.deg2rad(20))  # joints that turn by less stay straight
LEAST = 2.0  # px of ink: what a pen must save of the squared error, at any width
DOT = 0.6  # of its squared width, what a dot must: it has little more
FINE = 1 / 3  # of the usual width: what is finer must save as much as a usual pen, or it is dirt


class Splines:
    """Pens as the variables that they are made of.

    Args:
        pens: at least one.
        widths: whether these are variables.

    Attributes:
        values: ``[m]``, the variables: x and y of knots and of handles as seen from their knots, then widths.
        owner: whose each curve is, int ``[k]``.
    """

    def __init__(self, pens: Sequence[Pen], widths: bool):
        points: list[np.ndarray] = []
        rows, factors = [], []  # of each curve: its knots and handles, and by how much handles are multiplied

        def new(point: np.ndarray) -> int:
            points.append(point)
            return len(points) - 1

        for pen in pens:
            first = at = new(pen.curves[0, 0])
            begun, before = len(rows), np.zeros(2)
            for k, curve in enumerate(pen.curves):
                out, into = curve[1] - curve[0], curve[2] - curve[3]
                closing = pen.closed and k == len(pen.curves) - 1
                end = first if closing else new(curve[3])
                factor = [1.0, 1.0]
                if _straight(before, out):  # one handle, twice
                    leaving, factor[0] = rows[-1][3], -factors[-1][1] * _ratio(out, before)
                else:
                    leaving = new(out)
                start = pen.curves[0, 1] - pen.curves[0, 0]
                if closing and k and _straight(start, into):
                    arriving, factor[1] = rows[begun][2], -_ratio(into, start)
                else:
                    arriving = new(into)
                rows.append((at, end, leaving, arriving))
                factors.append(factor)
                at, before = end, into
        self.pens, self.index, self.factors = pens, np.array(rows).T, np.array(factors).T[..., None]
        self.owner = np.repeat(np.arange(len(pens)), [len(pen.curves) for pen in pens])
        self.count, self.fixed = len(points), None if widths else np.array([pen.width for pen in pens])
        ends = [[pen.width for pen in pens]] if widths else []
        self.values = np.concatenate([np.ravel(points), *ends]).astype(np.float64)

    @property
    def widths(self) -> np.ndarray:
        """Of the pens, in px."""
        return self.values[2 * self.count :] if self.fixed is None else self.fixed

    def curves(self) -> np.ndarray:
        """The cubic curves of all pens, float32 ``[k, 4, 2]``."""
        start, end, out, into = self.values[: 2 * self.count].reshape(-1, 2)[self.index]
        away, back = self.factors
        return np.stack([start, start + away * out, end + back * into, end], 1).astype(np.float32)

    def strokes(self) -> np.ndarray:
        """The curves in quadratic quarters with their widths, float32 ``[4 * k, 7]``."""
        quarters = in_quarters(self.curves())
        widths = self.widths[self.owner].repeat(4)
        return np.concatenate([quarters, widths[:, None]], 1).astype(np.float32)

    def gradient(self, by_stroke: np.ndarray) -> np.ndarray:
        """A gradient by ``strokes`` as one by ``values``."""
        by_point = by_stroke[:, :6].reshape(-1, 12, 2).transpose(0, 2, 1) @ QUARTERS.reshape(12, 4)
        start, out, into, end = by_point.transpose(2, 0, 1)
        away, back = self.factors
        points = np.zeros((self.count, 2))
        for index, part in zip(self.index, (start + out, end + into, away * out, back * into), strict=True):
            np.add.at(points, index, part)
        if self.fixed is not None:
            return points.ravel()
        by_pen = np.bincount(self.owner, by_stroke[:, 6].reshape(-1, 4).sum(1), len(self.pens))
        return np.concatenate([points.ravel(), by_pen])

    def made(self) -> list[Pen]:
        """The pens as they are now."""
        parts = np.split(self.curves(), np.flatnonzero(np.diff(self.owner)) + 1)
        each = zip(self.pens, parts, self.widths.tolist(), strict=True)
        return [replace(pen, curves=curves, width=width) for pen, curves, width in each]


def _straight(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether handles on both sides of a knot are nearly one line."""
    size = np.hypot(*before) * np.hypot(*after)
    return bool(size > 1e-6 and -(before @ after) > SMOOTH * size)


def _ratio(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.hypot(*a) / np.hypot(*b))


def settled(pens: Sequence[Pen], ink: np.ndarray, renderer: Renderer, steps: int = STEPS) -> list[Pen]:
    """The pens, better placed; those that save too little of the error are left out.

    Of other renderers than ``BezierRenderer``, whose gradient is known, they stay as they are.

    Args:
        pens: in px of the renderer's page.
        ink: uint8 ``[H, W]``, light on black, as large as that page.
        renderer: if it has a width of its own, the pens get it.
        steps: down the gradient.

    Raises:
        ValueError: the picture is not as large as the page.
    """
    if not isinstance(renderer, BezierRenderer) or renderer.compose != "max":
        return list(pens)
    if ink.shape != renderer.sides:
        raise ValueError(f"the picture must be as large as the drawing's page, {renderer.sides}: {ink.shape}")
    target, own = ink.astype(np.float32) / 255, renderer.thickness
    if own is not None:
        pens = [replace(pen, width=own) for pen in pens]
    # What is of no use is left out early: the others then take its place, and ends that meet become one line.
    pens = joined(_worth(_moved(pens, target, own is None, steps // 4), target))
    return list(_worth(_moved(pens, target, own is None, steps - steps // 4), target))


def _moved(pens: Sequence[Pen], target: np.ndarray, widths: bool, steps: int) -> Sequence[Pen]:
    if not pens:
        return pens
    splines = Splines(pens, widths)
    owner, low = splines.owner.repeat(4), np.full_like(splines.values, -np.inf)
    if widths:
        low[2 * splines.count :] = 0.5

    def judge(values: np.ndarray) -> tuple[float, np.ndarray]:
        splines.values = values
        error, by_stroke, _ = page_gradient(splines.strokes(), owner, target)
        return error, splines.gradient(by_stroke)

    splines.values, _ = descended(splines.values, low, np.where(low > 0, 64, np.inf), judge, steps)
    return splines.made()


def moved_curves(
    curves: np.ndarray, low: np.ndarray, high: np.ndarray, target: np.ndarray, steps: int,
) -> np.ndarray:  # fmt: skip
    """Curves of ink, each for itself but all at once, moved so that they show a picture better.

    Args:
        curves: x0 y0 x1 y1 x2 y2 thickness in px, float32 ``[n, 7]``.
        low: limits of their values, likewise; where ``low`` is ``high`` nothing moves.
        high: likewise.
        target: the picture, float32 ``[H, W]`` in [0, 1].
        steps: down the gradient.

    Returns:
        The best curves met, likewise; never worse than ``curves``.
    """
    each = np.arange(len(curves))

    def judge(values: np.ndarray) -> tuple[float, np.ndarray]:
        error, gradient, _ = page_gradient(values.astype(np.float32), each, target)
        return error, gradient

    return descended(curves.astype(np.float64), low, high, judge, steps)[0].astype(np.float32)


def descended(
    values: np.ndarray, low: np.ndarray, high: np.ndarray,
    judge: Callable[[np.ndarray], tuple[float | np.ndarray, np.ndarray]], steps: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Adam between limits, with steps that shrink to nothing.

    Args:
        values: where to start.
        low: limits, as large.
        high: likewise.
        judge: gives the error of values, or of each row of them alone, and the gradient.
        steps: how many.

    Returns:
        The best values that it met, of each row if each has its error; and that error.
    """
    best, best_error = values, np.asarray(np.inf)
    mean, square = np.zeros_like(values), np.zeros_like(values)
    for step in range(steps + 1):
        error, gradient = judge(values)
        better = np.less(error, best_error)
        best = np.where(better[..., None], values, best)
        best_error = np.where(better, error, best_error)
        mean += 0.2 * (gradient - mean)
        square += 0.05 * (gradient**2 - square)
        usual = np.sqrt(square / (1 - 0.95 ** (step + 1))) + 1e-8
        values = values - STEP * (1 - step / (steps + 1)) * mean / (1 - 0.8 ** (step + 1)) / usual
        values = np.clip(values, low, high)
    return best, best_error


def _least(pens: Sequence[Pen]) -> np.ndarray:
    """What each pen must save of the squared error, px of ink: what juts out of another line by less than its
    width is no pen.
    """
    widths, lengths = np.array([(pen.width, pen.length) for pen in pens]).T
    order = widths.argsort()
    so_far = lengths[order].cumsum()
    usual = widths[order][so_far.searchsorted(so_far[-1] / 2)]  # of half of all that is drawn
    squares = np.where(widths < FINE * usual, usual, widths) ** 2
    return np.maximum(LEAST, np.where(2 * lengths < widths, DOT, 1.0) * squares)


def poorest(gains: np.ndarray) -> np.ndarray:
    """Which of so many gain least and nothing, a tenth of all at most: where two show the same, neither gains
    anything while the other is there.
    """
    poor = gains.argsort()[: max(len(gains) // 10, 1)]
    return poor[gains[poor] <= 0]


def _worth(pens: Sequence[Pen], target: np.ndarray) -> Sequence[Pen]:
    """Pens without those that save too little."""
    while pens:
        splines = Splines(pens, False)
        _, _, saved = page_gradient(splines.strokes(), splines.owner.repeat(4), target)
        poor = set(poorest(saved - _least(pens)).tolist())
        if not poor:
            break
        pens = [pen for k, pen in enumerate(pens) if k not in poor]
    return pens
