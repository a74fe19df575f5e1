"""Pens as a graph: points where lines end, touch or cross, edges between them, pens as chains of edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from drawenv.curves import blossom
from drawenv.pens import Pen

EACH = 16  # chords of a curve


def graph(pens: Sequence[Pen]) -> dict[str, Any]:
    """Points, edges and pens, in plain lists as JSON has them.

    Lines touch where one ends within their widths of another. A ring that nothing touches has one point.

    Returns:
        ``points``, x and y of each in the pens' unit; ``edges``, each with two ``ends`` (which points), its
        cubic Bézier ``curves`` ``[k, 4, 2]`` and its ``pen``; ``pens``, each with ``edges`` in the order of
        drawing, ``width``, ``color`` (sRGB) and ``closed``.
    """
    touches, links = _touches(pens)
    if not touches:
        return {"points": [], "edges": [], "pens": []}
    for k, pen in enumerate(pens):  # those on one pen, nearer than it is wide, are one point
        own = sorted((u, i) for i, (other, u) in enumerate(touches) if other == k)
        links += [(i, j) for (u, i), (v, j) in pairwise(own) if _length(pen, u, v) <= pen.width]
    places = np.array([_at(pens[k], u) for k, u in touches])
    i, j = np.array(links, int).reshape(-1, 2).T
    joined = coo_array((np.ones(len(i)), (i, j)), shape=(len(touches),) * 2)
    count, owner = connected_components(joined, directed=False)
    points = np.array([places[owner == i].mean(0) for i in range(count)])
    edges, made = [], []
    for k, pen in enumerate(pens):
        here = sorted((u, int(i)) for (other, u), i in zip(touches, owner, strict=True) if other == k)
        stops = [here[0]]
        for u, i in here[1:]:
            if i != stops[-1][1] or _length(pen, stops[-1][0], u) > pen.width:
                stops.append((u, i))
        if pen.closed:
            stops.append((stops[0][0] + len(pen.curves), stops[0][1]))
        elif len(stops) > 1:
            stops[-1] = (float(len(pen.curves)), stops[-1][1])
        else:  # no longer than wide
            stops.append(here[-1])
        own = []
        for (u, i), (v, j) in pairwise(stops):
            own.append(len(edges))
            edges.append({"ends": [i, j], "curves": _part(pen, u, v).round(2).tolist(), "pen": k})
        made.append(
            {"edges": own, "width": round(pen.width, 2), "color": list(pen.color), "closed": pen.closed}
        )
    return {"points": points.round(2).tolist(), "edges": edges, "pens": made}


def _touches(pens: Sequence[Pen]) -> tuple[list[tuple[int, float]], list[tuple[int, int]]]:
    """Where pens end, cross or touch: which pen, and where along it, in curves; which pairs are one."""
    touches, links = [], []

    def add(k: int, u: float) -> int:
        touches.append((int(k), float(u)))
        return len(touches) - 1

    lines = [pen.points(EACH + 1).astype(float) for pen in pens]
    if not lines:
        return touches, links
    owner = np.repeat(np.arange(len(pens)), [len(line) - 1 for line in lines])
    number = np.concatenate([np.arange(len(line) - 1) for line in lines])  # of each chord along its pen
    a, b = np.concatenate([line[:-1] for line in lines]), np.concatenate([line[1:] for line in lines])
    middles, half = KDTree((a + b) / 2), np.hypot(*(b - a).T) / 2
    pairs = middles.query_pairs(2 * half.max() + 1e-9, output_type="ndarray")
    i, j = pairs.T
    apart = (owner[i] != owner[j]) | (np.abs(number[i] - number[j]) > 1)
    i, j = i[apart], j[apart]
    across, along, to = b[i] - a[i], b[j] - a[j], a[j] - a[i]
    both = _cross(across, along)
    with np.errstate(divide="ignore", invalid="ignore"):
        s, t = _cross(to, along) / both, _cross(to, across) / both
    for n in np.flatnonzero((s >= 0) & (s < 1) & (t >= 0) & (t < 1)):
        here = add(owner[i[n]], (number[i[n]] + s[n]) / EACH)
        links.append((here, add(owner[j[n]], (number[j[n]] + t[n]) / EACH)))
    widths = np.array([pen.width for pen in pens])
    for k, (pen, line) in enumerate(zip(pens, lines, strict=True)):
        for u in () if pen.closed else (0, len(pen.curves)):
            end, own = line[u * EACH], add(k, u)
            near = np.array(middles.query_ball_point(end, (widths[k] + widths.max()) / 2 + half.max()), int)
            for other in np.unique(owner[near[owner[near] != k]]):
                some = near[owner[near] == other]
                away = np.hypot(*(middles.data[some] - end).T)
                if away.min() < (widths[k] + widths[other]) / 2:
                    links.append((own, add(other, (number[some[away.argmin()]] + 0.5) / EACH)))
    for k in {k for k, pen in enumerate(pens) if pen.closed} - {k for k, _ in touches}:
        add(k, 0)
    return touches, links


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _at(pen: Pen, u: float) -> np.ndarray:
    return _part(pen, u, u)[0, 0]


def _length(pen: Pen, u: float, v: float) -> float:
    return float(sum(np.hypot(*np.diff(curve, axis=0).T).sum() for curve in _part(pen, u, v)))


def _part(pen: Pen, u: float, v: float) -> np.ndarray:
    """The curves of a pen from one place to another, ``[k, 4, 2]``; of a ring also beyond its end."""
    first = min(int(u), len(pen.curves) - 1) if not pen.closed else int(u)
    parts = []
    for k in range(first, max(int(np.ceil(v)), first + 1)):
        curve = pen.curves[k % len(pen.curves)].astype(float)
        begin, end = max(u - k, 0.0), min(v - k, 1.0)
        # Blossoms: b(r, s, t) of the curve's polynomial give the points of any part of it.
        arguments = [(begin,) * 3, (begin, begin, end), (begin, end, end), (end,) * 3]
        parts.append([blossom(curve, *values) for values in arguments])
    return np.array(parts)
