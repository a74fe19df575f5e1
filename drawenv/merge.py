"""Strokes of a page merged: two that continue one another become one where that costs less than a stroke."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import KDTree

from drawenv.curves import bernstein_2
from drawenv.middle_lines import BEND
from drawenv.renderers.bezier_gradient import page_gradient, page_ink
from drawenv.settle import descended, moved_curves, poorest

REACH = 3.0  # of their mean width: no further apart are the ends of two strokes that may be one
CHORDS = 16  # of each: strokes get long
TRIED = 16  # steps down the gradient before one stroke is compared with two
HOPELESS = 8  # prices: what is worse by so much before these steps is not tried
MOVED = 25  # steps of all strokes at once, after each round
ROUNDS = 3
CHUNK = 1_000  # pairs tried at a time, which bounds the memory
NEAR = 3  # px: so far around strokes is seen
ON = bernstein_2(np.linspace(0, 1, 17))  # [17, 3]: points along a curve


def merged(curves: np.ndarray, target: np.ndarray, price: float, width: float | None = None) -> np.ndarray:
    """Curves of ink, fewer and longer: a stroke that saves less than its price is left out, and two whose
    ends lie near each other become one, if that is worse by less than the price.

    Args:
        curves: x0 y0 x1 y1 x2 y2 thickness in px, float32 ``[n, 7]``.
        target: the picture, float32 ``[H, W]`` in [0, 1].
        price: of a stroke, squared error in px of ink.
        width: of all of them, if it must stay.

    Returns:
        float32 ``[k, 7]``; its error and the price of its strokes together are no more than before.
    """
    low, high = np.full(7, -np.inf), np.full(7, np.inf)
    low[6], high[6] = (0.5, 64) if width is None else (width, width)

    def cost(curves: np.ndarray) -> float:
        return page_gradient(curves, np.arange(len(curves)), target, None, CHORDS)[0] + price * len(curves)

    best, least = curves, cost(curves)
    for turn in range(ROUNDS):
        curves = _worth(curves, target, price)
        before = len(curves)
        curves = _merged_once(curves, target, price, low, high)
        curves = moved_curves(curves, low, high, target, MOVED, CHORDS)
        now = cost(curves)
        if now < least:
            best, least = curves, now
        if turn and len(curves) == before:  # what was not well placed may do once it is
            break
    return best


def _worth(curves: np.ndarray, target: np.ndarray, price: float) -> np.ndarray:
    """Curves without those that save less than their price."""
    while len(curves):
        _, _, saved = page_gradient(curves, np.arange(len(curves)), target, None, CHORDS)
        poor = poorest(saved - price)
        if not len(poor):
            break
        curves = np.delete(curves, poor, 0)
    return curves


def _merged_once(curves, target, price, low, high) -> np.ndarray:
    """Curves with pairs of them as one each, the best pairs first; a curve is in one of them at most."""
    points, wide = curves[:, :6].reshape(-1, 3, 2), curves[:, 6:]
    tops, bottoms = points.min(1) - wide, points.max(1) + wide  # [n, 2]: of each, x and y
    middles, halves = KDTree((tops + bottoms) / 2), np.hypot(*(bottoms - tops).T) / 2

    def tried(pairs: np.ndarray, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs that are not far worse as one, ``[k, 2]``, that one, ``[k, 7]``, and how much worse."""
        firsts = np.maximum(np.floor(tops[pairs].min(1) - NEAR), 0).astype(int)
        lasts = np.maximum(np.ceil(bottoms[pairs].max(1) + NEAR), 0).astype(int)
        around = np.hypot(*(lasts - firsts).T) / 2 + halves.max()
        near = middles.query_ball_point((firsts + lasts) / 2, around, return_sorted=True)
        shifts, crops, apart = np.zeros((len(pairs), 7), np.float32), [], np.empty(len(pairs))
        shifts[:, :6] = np.tile(firsts, 3)
        for n, (pair, first, last, shift) in enumerate(zip(pairs, firsts, lasts, shifts, strict=True)):
            rest = np.array(near[n])
            rest = rest[((tops[rest] < last) & (bottoms[rest] > first)).all(1) & ~np.isin(rest, pair)]
            crop = np.ascontiguousarray(target[first[1] : last[1], first[0] : last[0]])
            crops.append((crop, page_ink(curves[rest] - shift, crop.shape, CHORDS)))
            apart[n] = page_gradient(curves[pair] - shift, np.arange(2), *crops[n], CHORDS)[0]

        def judge(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            here, owner = (values - shifts[of]).astype(np.float32)[:, None], np.zeros(1, int)
            each = [page_gradient(one, owner, *crops[n], CHORDS) for n, one in zip(of, here, strict=True)]
            return np.array([error for error, _, _ in each]), np.concatenate([slope for _, slope, _ in each])

        of, ones = np.arange(len(pairs)).repeat(2), ones.reshape(-1, 7)
        some = judge(ones)[0] - apart[of] < HOPELESS * price
        of, ones = of[some], ones[some].astype(np.float64)
        errors = np.empty(0)
        if len(of):
            ones, errors = descended(ones, low, high, judge, TRIED)
        return pairs[of], ones, errors - apart[of]

    pairs, ones = _pairs(curves)
    parts = [tried(pairs[k : k + CHUNK], ones[k : k + CHUNK]) for k in range(0, len(pairs), CHUNK)]
    if not parts:
        return curves
    pairs, ones, worse = map(np.concatenate, zip(*parts, strict=True))
    taken: set[int] = set()
    kept = []
    for k in worse.argsort(kind="stable"):
        pair = set(pairs[k].tolist())
        if worse[k] < price and not taken & pair:
            taken |= pair
            kept.append(k)
    return np.concatenate([np.delete(curves, list(taken), 0), ones[kept].astype(np.float32)])


def _pairs(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of curves that may be one, int ``[m, 2]``, and two that it could be, float32 ``[m, 2, 7]``."""
    paths, wide = ON @ curves[:, :6].reshape(-1, 3, 2), curves[:, 6]  # [n, 17, 2], [n]
    ends, lengths = paths[:, [0, -1]].reshape(-1, 2), np.hypot(*np.diff(paths, axis=1).T).sum(0) + 1e-6
    near = KDTree(ends).query_pairs(REACH * wide.max(initial=0), output_type="ndarray")
    a, b = near.T // 2
    near = near[
        (a != b) & (np.hypot(*(ends[near[:, 0]] - ends[near[:, 1]]).T) <= REACH * (wide[a] + wide[b]) / 2)
    ]
    pairs, ones = [], []
    for i, j in near.tolist():
        a, b = i // 2, j // 2
        one, other = paths[a][:: 1 if i % 2 else -1], paths[b][:: -1 if j % 2 else 1]  # on from one to other
        out, on = one[-1] - one[-4], other[3] - other[0]
        if out @ on < np.cos(BEND) * np.hypot(*out) * np.hypot(*on):
            continue
        if (other[0] - one[-1]) @ out < 0:  # they overlap
            one = one[: max(int(np.hypot(*(one - other[0]).T).argmin()), 2) + 1]
        path = np.concatenate([one, other])
        width = (lengths[a] * wide[a] + lengths[b] * wide[b]) / (lengths[a] + lengths[b])
        pairs.append((a, b))
        ones.append([[*_through(path, t).ravel(), width] for t in _places(one, other)])
    return np.array(pairs, int).reshape(-1, 2), np.array(ones, np.float32).reshape(-1, 2, 7)


def _places(one: np.ndarray, other: np.ndarray) -> Iterator[np.ndarray]:
    """Where on a curve two paths ``[n, 2]`` may be that are its parts, from 0 to 1: as far along as they are
    long; and, since parts of one curve go on as fast as they came, as their speeds say where they meet.
    """
    steps = np.hypot(*np.diff(np.concatenate([one[:1], one, other]), axis=0).T)
    along = steps.cumsum()
    yield along / max(along[-1], 1e-9)
    before, after = len(one) * steps[len(one) - 1], len(other) * steps[len(one) + 1]
    share = before / max(before + after, 1e-9)
    yield np.concatenate([np.linspace(0, share, len(one)), np.linspace(share, 1, len(other))])


def _through(path: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The quadratic curve from end to end of a path ``[n, 2]`` whose points lie nearest its own at ``t``."""
    start, middle, end = bernstein_2(t).T[..., None]
    rest = path - start * path[0] - end * path[-1]
    return np.stack([path[0], (middle * rest).sum(0) / max(np.square(middle).sum(), 1e-9), path[-1]])
