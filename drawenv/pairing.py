"""Chains of branches that one pen drew: which of them go on as which others where middle lines meet."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.spatial import KDTree

from drawenv.compiled import compiled
from drawenv.middle_lines import cleaned, graph_of, outside, turn

BEND = np.deg2rad(95)  # by no more than this does a pen turn where lines meet
VOTE = 0.1  # radians: by so much straighter counts a turn that a piece of the drawing makes, or two
REACH = 25, 6.0  # of the radius of where they meet, and px: so far is seen how lines bend
ODD = 1.0  # radians: if they bend differently by more than this it is as if by this


def chains(mask: np.ndarray, pieces: list[np.ndarray]) -> list[tuple[np.ndarray, bool]]:
    """The paths along which pens may have drawn some ink.

    Args:
        mask: bool ``[H, W]``, no ink at its border.
        pieces: paths known to be drawn in one go, polylines ``[k, 2]``: they say which branches belong
            together where lines meet.

    Returns:
        Paths ``[n, 2]``, x and y in px, their points about 1 px apart, and whether they are closed.
    """
    edges, nodes = cleaned(*graph_of(mask))
    return _chained(edges, nodes, votes_of(edges, nodes, pieces))


def votes_of(edges, nodes, pieces) -> dict[tuple[int, int, int, int], int]:
    """How many pieces run along two branches of a node: by (edge, end, edge, end)."""
    votes: dict[tuple[int, int, int, int], int] = defaultdict(int)
    places = []  # edge, end, node, and where a piece must pass to run along it
    for k, edge in enumerate(edges):
        for end, node in enumerate(edge.ends):
            if node >= 0:
                radius = nodes[node][1]
                path = edge.outward(end)
                along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
                spot = path[np.searchsorted(along, min(2.2 * radius + 2, 0.6 * along[-1]))]
                places.append((k, end, node, spot, max(0.7 * radius, 1.5)))
    if not places or not len(pieces):
        return votes
    tree = KDTree([place[3] for place in places])
    for piece in pieces:
        close = tree.query_ball_point(piece, [max(place[4] for place in places)])
        passed: dict[int, set[int]] = defaultdict(set)
        for point, some in zip(piece, close, strict=True):
            for n in some:
                if np.hypot(*(places[n][3] - point)) <= places[n][4]:
                    passed[places[n][2]].add(n)
        for some in passed.values():
            if len(some) == 2:
                a, b = sorted(some)
                votes[(*places[a][:2], *places[b][:2])] += 1
    return votes


@compiled
def _bending(path, first, way, reach):
    """By how much a path [n, 2] turns within so many px from its point ``first`` on, where it goes along
    ``way``: radians, of the parabola nearest to it; 0 of paths too short to tell.
    """
    sums, moments, along = np.zeros(5), np.zeros(3), 0.0
    for i in range(first, len(path)):
        if i > first:
            along += np.hypot(path[i, 0] - path[i - 1, 0], path[i, 1] - path[i - 1, 1])
        if along > reach:
            break
        right, down = (path[i, 0] - path[first, 0]) / reach, (path[i, 1] - path[first, 1]) / reach
        x, y = right * way[0] + down * way[1], down * way[0] - right * way[1]
        for k in range(5):
            sums[k] += x**k
        for k in range(3):
            moments[k] += y * x**k
    if sums[0] < 6:
        return 0.0
    a, b, c, d, e = sums
    p, q, r = moments
    under = a * (c * e - d * d) - b * (b * e - c * d) + c * (b * d - c * c)
    if abs(under) < 1e-12:
        return 0.0
    slope = (a * (q * e - d * r) - p * (b * e - c * d) + c * (b * r - q * c)) / under
    bent = (a * (c * r - q * d) - b * (b * r - q * c) + p * (b * d - c * c)) / under
    return 2 * bent / (1 + slope**2) ** 1.5


def _pairs(ends: list[tuple[int, int]], ways, votes) -> list[tuple]:
    """Which branches of one node are one pen's: pairs of (edge, end), each branch in one at most; ``ways`` is
    what ``outside`` says of each, and ``_bending``.

    As many are paired as turn little enough, of those the ones that turn least and go on bending: a wheel
    does not become the road that it touches.
    """
    costs = []
    for a in range(len(ends)):
        for b in range(a + 1, len(ends)):
            (_, p, u, bend), (_, q, v, other) = ways[ends[a]], ways[ends[b]]
            run = votes.get((*ends[a], *ends[b]), 0) + votes.get((*ends[b], *ends[a]), 0)
            turns = turn(p, u, q, v) - VOTE * min(run, 2)
            if turns < BEND:
                costs.append((turns + min(abs(bend + other), ODD) - BEND - ODD, a, b))
    best: tuple[float, list] = (0.0, [])

    def search(k: int, free: set[int], cost: float, chosen: list) -> None:
        nonlocal best
        if cost < best[0]:
            best = cost, list(chosen)
        for n in range(k, len(costs)):
            more, a, b = costs[n]
            if a in free and b in free:
                search(n + 1, free - {a, b}, cost + more, [*chosen, (ends[a], ends[b])])

    if len(ends) <= 8:
        search(0, set(range(len(ends))), 0.0, [])
    return best[1]


def _chained(edges, nodes, votes) -> list[tuple[np.ndarray, bool]]:
    """Branches as pens: paths ``[n, 2]``, and whether they are closed."""
    at: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for k, edge in enumerate(edges):
        for end, node in enumerate(edge.ends):
            if node >= 0:
                at[node].append((k, end))
    ways = {}
    for node, ends in at.items():
        for k, end in ends:
            radius = nodes[node][1]
            first, place, way = outside(edges[k], end, radius)
            bends = _bending(edges[k].outward(end), first, way, REACH[0] * radius + REACH[1])
            ways[k, end] = first, place, way, bends
    partner: dict[tuple[int, int], tuple[int, int]] = {}
    through: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for node, ends in at.items():
        for one, two in _pairs(ends, ways, votes):
            partner[one], partner[two] = two, one
            through[node].append((ways[one][1], ways[two][1]))

    def body(k: int, end: int) -> np.ndarray:
        """A branch from one end on, without what lies in the blobs of its nodes."""
        path = edges[k].outward(end)
        first, last = (ways[k, side][0] if (k, side) in ways else 0 for side in (end, 1 - end))
        return path[first : max(len(path) - last, first + 1)]

    def tip(k: int, end: int) -> np.ndarray:
        """Where a pen that ends at a node ends: on the line that goes through, or in the node's middle."""
        node = edges[k].ends[end]
        if node < 0:
            return np.empty((0, 2))
        centre, radius = nodes[node]
        _, p, u, _ = ways[k, end]
        hits = []
        for a, b in through[node]:
            matrix = np.stack([-u, a - b], 1)  # p - t u = a + s (b - a)
            if abs(np.linalg.det(matrix)) > 0.2 * max(np.hypot(*(a - b)), 1e-6):
                t, s = np.linalg.solve(matrix, a - p)
                if 0 <= t <= 4 * radius + 4 and -0.3 <= s <= 1.3:
                    hits.append((t, p - t * u))
        return min(hits, key=lambda hit: hit[0])[1][None] if hits else centre[None]

    pens, todo = [], {(k, 0) for k in range(len(edges))}
    starts = [(k, e) for k in range(len(edges)) for e in (0, 1) if (k, e) not in partner]
    for start in [*starts, *((k, 0) for k in range(len(edges)))]:
        if (start[0], 0) not in todo:
            continue
        here, parts, closed = start, [tip(*start)] if start not in partner else [], False
        while True:
            todo.discard((here[0], 0))
            parts.append(body(*here))
            far = (here[0], 1 - here[1])
            if far not in partner:
                parts.append(tip(*far)[::-1])
                break
            here = partner[far]
            if (here[0], 0) not in todo:
                closed = here == start
                break
        path = np.concatenate(parts)
        ring = len(path) > 3 and edges[start[0]].ends == [-1, -1] and (path[0] == path[-1]).all()
        pens.append((path, closed or ring))
    return pens
