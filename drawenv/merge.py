"""Strokes of a page merged: two that continue one another become one where that costs less than a stroke."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from drawenv.curves import bernstein_2
from drawenv.pens import SHARP
from drawenv.renderers.bezier_gradient import Crops, page_gradient
from drawenv.settle import descended, moved_curves, poorest

REACH = 3.0  # of their mean width: no further apart are the ends of two strokes that may be one
TRIED = 16  # steps down the gradient before one stroke is compared with two
HOPELESS = 8  # prices: what is worse by so much before these steps is not tried
MOVED = 25  # steps of all strokes at once, after each round
ROUNDS = 3
CHUNK = 1_000  # pairs tried at a time, which bounds the memory
NEAR = 3  # px: so far around strokes is seen
ON = bernstein_2(np.linspace(0, 1, 17))  # [17, 3]: points along a curve


def merged(
    curves: np.ndarray, target: np.ndarray, price: float, width: float | None = None,
    report: Callable[[float], object] = lambda share: None,
) -> np.ndarray:  # fmt: skip
    """Curves of ink, fewer and longer: a stroke that saves less than its price is left out, and two whose
    ends lie near each other become one, if that is worse by less than the price.

    Args:
        curves: x0 y0 x1 y1 x2 y2 thickness in px, float32 ``[n, 7]``.
        target: the picture, float32 ``[H, W]`` in [0, 1].
        price: of a stroke, squared error in px of ink.
        width: of all of them, if it must stay.
        report: called with the share that is done.

    Returns:
        float32 ``[k, 7]``; its error and the price of its strokes together are no more than before.
    """
    low, high = np.full(7, -np.inf), np.full(7, np.inf)
    low[6], high[6] = (0.5, 64) if width is None else (width, width)

    def cost(curves: np.ndarray) -> float:
        return page_gradient(curves, np.arange(len(curves)), target)[0] + price * len(curves)

    best, least = curves, cost(curves)
    for turn in range(ROUNDS):
        curves = _worth(curves, target, price)
        before = len(curves)
        curves = _merged_once(
            curves, target, price, low, high, lambda share, turn=turn: report((turn + share) / ROUNDS)
        )
        curves = moved_curves(curves, low, high, target, MOVED)
        now = cost(curves)
        if now < least:
            best, least = curves, now
        if turn and len(curves) == before:  # what was not well placed may do once it is
            break
    report(1.0)
    return best


def _worth(curves: np.ndarray, target: np.ndarray, price: float) -> np.ndarray:
    """Curves without those that save less than their price."""
    while len(curves):
        _, _, saved = page_gradient(curves, np.arange(len(curves)), target)
        poor = poorest(saved - price)
        if not len(poor):
            break
        curves = np.delete(curves, poor, 0)
    return curves


def _merged_once(curves, target, price, low, high, report) -> np.ndarray:
    """Curves with pairs of them as one each, the best pairs first; a curve is in one of them at most."""
    points, wide = curves[:, :6].reshape(-1, 3, 2), curves[:, 6:]
    tops, bottoms = points.min(1) - wide, points.max(1) + wide  # [n, 2]: of each, x and y
    middles, halves = KDTree((tops + bottoms) / 2), np.hypot(*(bottoms - tops).T) / 2

    def tried(pairs: np.ndarray, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs that are not far worse as one, ``[k, 2]``, that one, ``[k, 7]``, and how much worse."""
        firsts = np.floor(tops[pairs].min(1) - NEAR).astype(int)
        lasts = np.ceil(bottoms[pairs].max(1) + NEAR).astype(int)
        crops = Crops(target, firsts, lasts)
        around = np.hypot(*(lasts - firsts).T) / 2 + halves.max()
        near = middles.query_ball_point((firsts + lasts) / 2, around, return_sorted=True)
        of = np.arange(len(pairs)).repeat([len(some) for some in near])
        rest = np.concatenate(near).astype(int)
        shows = ((tops[rest] < lasts[of]) & (bottoms[rest] > firsts[of])).all(1)
        shows &= (rest[:, None] != pairs[of]).all(1)
        crops.draw(curves[rest[shows]], of[shows])
        apart, _ = crops.gradients(curves[pairs.ravel()], np.arange(len(pairs)), 2)

        def judge(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return crops.gradients(values.astype(np.float32), of)

        of, ones = np.arange(len(pairs)).repeat(2), ones.reshape(-1, 7)
        some = judge(ones)[0] - apart[of] < HOPELESS * price
        of, ones = of[some], ones[some].astype(np.float64)
        errors = np.empty(0)
        if len(of):
            ones, errors = descended(ones, low, high, judge, TRIED)
        return pairs[of], ones, errors - apart[of]

    pairs, ones = _pairs(curves)
    parts = []
    for k in range(0, len(pairs), CHUNK):
        parts.append(tried(pairs[k : k + CHUNK], ones[k : k + CHUNK]))
        report((k + len(pairs[k : k + CHUNK])) / len(pairs))
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
    i, j = near.T
    one = np.where((i % 2)[:, None, None], paths[i // 2], paths[i // 2, ::-1])  # on from one to other
    other = np.where((j % 2)[:, None, None], paths[j // 2, ::-1], paths[j // 2])
    out, on = one[:, -1] - one[:, -4], other[:, 3] - other[:, 0]
    on_straight = (out * on).sum(1) >= np.cos(SHARP) * np.hypot(*out.T) * np.hypot(*on.T)
    near, one, other, out = near[on_straight], one[on_straight], other[on_straight], out[on_straight]
    a, b = near.T // 2
    width = (lengths[a] * wide[a] + lengths[b] * wide[b]) / (lengths[a] + lengths[b])
    pairs, ones = near // 2, _as_one(one, other, ((other[:, 0] - one[:, -1]) * out).sum(1) < 0, width)
    a, b, aside = _beside(paths, wide)
    apart, wider = np.hypot(*aside.T), curves[a]
    near_side, far_side = np.minimum(-wide[a], 2 * apart - wide[b]), np.maximum(wide[a], 2 * apart + wide[b])
    middle = (near_side + far_side) / 4 / np.maximum(apart, 1e-6)  # of both together, as a share of the way
    wider[:, :6] += np.tile(middle[:, None] * aside, 3)
    wider[:, 6] = (far_side - near_side) / 2
    ones = np.concatenate([ones, np.stack([curves[a], wider], 1)])
    return np.concatenate([pairs, np.stack([a, b], 1)]), ones.astype(np.float32)


def _beside(paths: np.ndarray, wide: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of paths ``[n, 17, 2]`` the first of which the second runs along all its way, and touches it; and
    how far beside it that is, x and y.
    """
    gaps = np.hypot(*np.diff(paths, axis=1).T).max(0, initial=0)  # [n]: between its points
    reach = (wide.max(initial=0) * 2 + gaps.max(initial=0)) / 2
    points, found = KDTree(paths.reshape(-1, 2)), []
    for start in range(0, len(paths), CHUNK):
        near = points.query_ball_point(paths[start : start + CHUNK, 8], reach)
        some = [(k // 17, start + b) for b, close in enumerate(near) for k in close]
        a, b = np.unique(np.array(some, int), axis=0).T  # each is near itself
        a, b = a[a != b], b[a != b]
        away = paths[b, ::4, None] - paths[a, None]  # [pairs, 5, 17, 2]
        apart = np.hypot(*away.transpose(3, 0, 1, 2))
        along = apart.min(2).max(1) < (wide[a] + wide[b] + gaps[a]) / 2
        nearest = np.take_along_axis(away, apart.argmin(2)[..., None, None], 2)[:, :, 0]
        found.append((a[along], b[along], nearest[along].mean(1)))
    if not found:
        return np.empty(0, int), np.empty(0, int), np.empty((0, 2))
    a, b, aside = map(np.concatenate, zip(*found, strict=True))
    order = np.lexsort((b, a))
    return a[order], b[order], aside[order]


def _as_one(one: np.ndarray, other: np.ndarray, overlap: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Two curves for each pair of paths ``[m, 17, 2]``, float ``[m, 2, 7]``. They have the pair's outer ends
    and lie nearest to the paths, whose places on them, from 0 to 1, are as far along as the paths are long;
    or, since parts of one curve go on as fast as they came, as their speeds say where they meet.

    Args:
        one: paths to where the others begin.
        other: these.
        overlap: bool ``[m]``, of which the first one ends where it is nearest to the other's beginning.
        width: ``[m]``.
    """
    each, all_ = np.arange(17), np.arange(len(one))
    nearest = np.hypot(*(one - other[:, :1]).T).T.argmin(1)
    last = np.where(overlap, np.maximum(nearest, 2), 16)
    count = np.minimum(each, last[:, None])  # [m, 17]
    path = np.concatenate([one[all_[:, None], count], other], 1)  # [m, 34, 2]: one's last point repeats
    weight = np.concatenate([each <= last[:, None], np.ones_like(count)], 1)[..., None]
    steps = np.hypot(*np.diff(path, axis=1).transpose(2, 0, 1))
    along = np.concatenate([np.zeros((len(one), 1)), steps.cumsum(1)], 1)
    before, after = (last + 1) * steps[all_, last - 1], 17 * steps[:, 17]
    share = (before / np.maximum(before + after, 1e-9))[:, None]
    speeds = np.concatenate([count / last[:, None] * share, share + (1 - share) * each / 16], 1)
    ones = []
    for t in (along / np.maximum(along[:, -1:], 1e-9), speeds):
        start, middle, end = bernstein_2(t).transpose(1, 0, 2)[..., None]
        rest = path - start * path[:, :1] - end * path[:, -1:]
        square = (weight * middle**2).sum(1)
        control = (weight * middle * rest).sum(1) / np.maximum(square, 1e-9)
        ones.append(np.concatenate([path[:, 0], control, path[:, -1], width[:, None]], 1))
    return np.stack(ones, 1)
