"""Middle lines of ink as a graph of branches and nodes; chains of branches are what pens drew."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from scipy.ndimage import convolve, distance_transform_edt, label
from scipy.spatial import KDTree

BEND = np.deg2rad(75)  # by no more than this does a pen turn where lines meet
STRAIGHT = np.deg2rad(25)  # so little do lines turn that cross at a small angle
VOTE = 0.1  # radians: by so much straighter counts a turn that a piece of the drawing makes, or two


def inkiest(ink: np.ndarray, side: int = 2_048) -> np.ndarray:
    """The part of a picture uint8 ``[H, W]`` with most ink, at most ``side`` px wide and high."""
    corners = product(*(range(0, across, side) for across in ink.shape))
    return max((ink[y : y + side, x : x + side] for y, x in corners), key=np.sum)


def line_width(ink: np.ndarray) -> float:
    """The median width in px of the lines in a picture's inkiest part: uint8 ``[H, W]``; 0 if it has none."""
    from skimage.morphology import skeletonize

    ink = inkiest(ink)
    mask = ink > 127
    middle = skeletonize(mask)
    if not middle.any():
        return 0.0
    width = 2 * float(np.median(distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][middle])) - 1
    # Of thin lines the share of ink tells more; a pixel of a middle line is 1.2 px long, on average.
    return width if width >= 3 else min(ink[mask].sum() / 255 / (1.2 * middle.sum()), 3.0)


def chains(mask: np.ndarray, pieces: list[np.ndarray]) -> list[tuple[np.ndarray, bool]]:
    """The paths along which pens may have drawn some ink.

    Args:
        mask: bool ``[H, W]``, no ink at its border.
        pieces: paths known to be drawn in one go, polylines ``[k, 2]``: they say which branches belong
            together where lines meet.

    Returns:
        Paths ``[n, 2]``, x and y in px, their points about 1 px apart, and whether they are closed.
    """
    edges, nodes = cleaned(*graph_of(mask, distance_transform_edt(mask)))
    return _chained(edges, nodes, votes_of(edges, nodes, pieces))


@dataclass(eq=False)
class Edge:
    """A branch of the graph from one node to another; -1 is a free end."""

    path: np.ndarray  # [n, 2], x and y in px of the mask
    ends: list[int] = field(default_factory=lambda: [-1, -1])

    @property
    def length(self) -> float:
        return float(np.hypot(*np.diff(self.path, axis=0).T).sum())

    def outward(self, end: int) -> np.ndarray:
        """The path from one of its ends on."""
        return self.path if end == 0 else self.path[::-1]


def graph_of(mask: np.ndarray, depth: np.ndarray) -> tuple[list[Edge], list[tuple[np.ndarray, float]]]:
    """The middle lines of a mask: branches, and nodes where they meet, each its place and its radius."""
    from skimage.morphology import skeletonize

    thin = skeletonize(mask)
    around = convolve(thin.astype(np.uint8), np.ones((3, 3), np.uint8), mode="constant") - 1
    meets = thin & (around >= 3)
    clusters, count = label(meets, np.ones((3, 3)))
    rows, columns = np.nonzero(clusters)
    order = np.argsort(clusters[rows, columns], kind="stable")
    cuts = np.cumsum(np.bincount(clusters[rows, columns], minlength=count + 1)[1:])[:-1]
    nodes = zip(np.split(rows[order], cuts), np.split(columns[order], cuts), strict=True) if count else ()
    placed = [(np.array([c.mean(), r.mean()]), float(depth[r, c].max())) for r, c in nodes]

    pixels = {(int(y), int(x)) for y, x in np.argwhere(thin & ~meets)}
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    near = {p: [q for dy, dx in steps if (q := (p[0] + dy, p[1] + dx)) in pixels] for p in pixels}
    left, edges = set(pixels), []
    ends = [p for p in pixels if len(near[p]) < 2]
    for start in [*ends, *pixels]:  # what has no end is a ring
        if start not in left:
            continue
        chain, at = [start], start
        left.discard(start)
        while following := [q for q in near[at] if q in left]:
            at = following[0]
            left.discard(at)
            chain.append(at)
        edge = Edge(np.array(chain, float)[:, ::-1])
        for end, pixel in enumerate((chain[0], chain[-1])):
            touched = clusters[pixel[0] - 1 : pixel[0] + 2, pixel[1] - 1 : pixel[1] + 2]
            found = np.unique(touched[touched > 0])
            if len(chain) == 1 and end == 1:  # one pixel between two nodes, or beside one
                found = found[1:]
            if len(found):
                edge.ends[end] = int(found[0]) - 1
        ring = len(chain) > 2 and chain[-1] in near[chain[0]] and edge.ends == [-1, -1]
        if ring:
            edge.path = np.concatenate([edge.path, edge.path[:1]])
        for end in (0, 1):
            if edge.ends[end] >= 0:
                place = placed[edge.ends[end]][0][None]
                edge.path = np.concatenate([place, edge.path] if end == 0 else [edge.path, place])
        edges.append(edge)
    return edges, placed


def _incident(edges: list[Edge]) -> dict[int, list[tuple[Edge, int]]]:
    """The ends of branches at each node."""
    at: dict[int, list[tuple[Edge, int]]] = defaultdict(list)
    for edge in edges:
        for end, node in enumerate(edge.ends):
            if node >= 0:
                at[node].append((edge, end))
    return at


def cleaned(
    edges: list[Edge], nodes: list[tuple[np.ndarray, float]]
) -> tuple[list[Edge], list[tuple[np.ndarray, float]]]:
    """Without stubs, which are no longer than a line is wide, and with one node where lines cross."""
    nodes, before = list(nodes), -1
    while before != len(edges):
        before = len(edges)
        degree = {node: len(some) for node, some in _incident(edges).items()}
        for edge in sorted(edges, key=lambda e: e.length):
            one, two = sorted(edge.ends)
            stub = one < 0 <= two and edge.length < 1.3 * nodes[two][1] + 1.5 and degree[two] > 2
            loop = 0 <= one == two and edge.length < 4
            if stub or loop:
                edges.remove(edge)
                degree[two] -= 1 + loop
        _contract(edges, nodes)
        _merge(edges)
    return edges, nodes


def _contract(edges: list[Edge], nodes: list[tuple[np.ndarray, float]]) -> None:
    """Make one node of two whose blobs touch, and of two between which lines cross at a small angle."""
    to, at = list(range(len(nodes))), _incident(edges)
    for edge in sorted(edges, key=lambda e: e.length):
        a, b = (to[node] if node >= 0 else -1 for node in edge.ends)
        if a < 0 or b < 0 or a == b:
            continue
        radii = nodes[a][1] + nodes[b][1]
        if edge.length > 0.8 * radii + 1:
            untouched = (a, b) == tuple(edge.ends)
            if not untouched or edge.length > 4 * radii or not _crosses(edge, at[a], at[b], nodes):
                continue
        nodes[a] = (nodes[a][0] + nodes[b][0]) / 2, max(nodes[a][1], nodes[b][1], edge.length / 2)
        to = [a if node == b else node for node in to]
        edges.remove(edge)
    for edge in edges:
        for end, node in enumerate(edge.ends):
            if node >= 0:
                edge.ends[end] = to[node]
                edge.path[-end] = nodes[to[node]][0]  # the first or the last


def _crosses(bridge: Edge, here: list, there: list, nodes: list[tuple[np.ndarray, float]]) -> bool:
    """Whether two lines share a bridge and then part again, both straight on."""
    sides = []
    for some in (here, there):
        outer = [
            _outside(edge, end, nodes[edge.ends[end]][1])[1:] for edge, end in some if edge is not bridge
        ]
        if len(outer) != 2:
            return False
        sides.append(outer)
    (p, q), (r, s) = sides
    return min(max(turn(*p, *r), turn(*q, *s)), max(turn(*p, *s), turn(*q, *r))) < STRAIGHT


def turn(p: np.ndarray, u: np.ndarray, q: np.ndarray, v: np.ndarray) -> float:
    """By how much a pen turns that comes in at p, against u, and goes out at q, along v; in radians."""
    bend, chord = np.arccos(np.clip(-(u @ v), -1, 1)), q - p
    if np.hypot(*chord) > 1:
        chord = chord / np.hypot(*chord)
        bend = max(bend, np.arccos(np.clip(-(u @ chord), -1, 1)), np.arccos(np.clip(v @ chord, -1, 1)))
    return float(bend)


def _merge(edges: list[Edge]) -> None:
    """Join the two branches of nodes that have no third."""
    at = _incident(edges)
    for some in at.values():
        if len(some) == 1 or (len(some) == 2 and some[0][0] is some[1][0]):  # an end; a ring
            for edge, end in some:
                edge.ends[end] = -1
        elif len(some) == 2:
            (one, i), (two, j) = some
            path = np.concatenate([one.outward(i)[::-1], two.outward(j)[1:]])
            ends = [one.ends[1 - i], two.ends[1 - j]]
            one.path, one.ends = path, ends
            edges.remove(two)
            if ends[1] >= 0:  # what was two's other end is now one's
                other = at[ends[1]]
                other[other.index((two, 1 - j))] = (one, 1)
            if ends[0] >= 0:
                other = at[ends[0]]
                other[other.index((one, 1 - i))] = (one, 0)


def _outside(edge: Edge, end: int, radius: float) -> tuple[int, np.ndarray, np.ndarray]:
    """Where a branch leaves the blob of a node: index along ``outward``, the point, the direction there."""
    path = edge.outward(end)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    first = int(np.searchsorted(along, min(1.2 * radius + 1, 0.4 * along[-1])))
    last = int(np.searchsorted(along, min(along[first] + 3 * radius + 3, along[-1])))
    last = max(min(last, len(path) - 1), min(first + 1, len(path) - 1))
    part = path[first : last + 1]
    if len(part) < 3:
        way = path[last] - path[0]
    else:  # the principal direction, pointing outward
        centred = part - part.mean(0)
        way = np.linalg.svd(centred, full_matrices=False)[2][0]
        way = way * np.sign(way @ (part[-1] - part[0]) + 1e-9)
    return first, path[first], way / max(float(np.hypot(*way)), 1e-9)


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


def _pairs(ends: list[tuple[int, int]], edges, centre, radius, votes) -> list[tuple]:
    """Which branches of one node are one pen's: pairs of (edge, end), each branch in one at most."""
    ways = [_outside(edges[k], end, radius) for k, end in ends]
    costs = []
    for a in range(len(ends)):
        for b in range(a + 1, len(ends)):
            (_, p, u), (_, q, v) = ways[a], ways[b]
            run = votes.get((*ends[a], *ends[b]), 0) + votes.get((*ends[b], *ends[a]), 0)
            costs.append((turn(p, u, q, v) - VOTE * min(run, 2), a, b))
    best: tuple[float, list] = (0.0, [])

    def search(k: int, free: set[int], cost: float, chosen: list) -> None:
        nonlocal best
        if cost < best[0]:
            best = cost, list(chosen)
        for n in range(k, len(costs)):
            bend, a, b = costs[n]
            if bend < BEND and a in free and b in free:
                search(n + 1, free - {a, b}, cost + bend - BEND, [*chosen, (ends[a], ends[b])])

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
    partner: dict[tuple[int, int], tuple[int, int]] = {}
    through: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for node, ends in at.items():
        centre, radius = nodes[node]
        for one, two in _pairs(ends, edges, centre, radius, votes):
            partner[one], partner[two] = two, one
            through[node].append(
                (_outside(edges[one[0]], one[1], radius)[1], _outside(edges[two[0]], two[1], radius)[1])
            )

    def body(k: int, end: int) -> np.ndarray:
        """A branch from one end on, without what lies in the blobs of its nodes."""
        path = edges[k].outward(end)
        cuts = [0, 0]
        for side in (0, 1):
            node = edges[k].ends[end if side == 0 else 1 - end]
            if node >= 0:
                cuts[side] = _outside(edges[k], end if side == 0 else 1 - end, nodes[node][1])[0]
        path = path[cuts[0] : len(path) - cuts[1]]
        return path if len(path) else edges[k].outward(end)[cuts[0] : cuts[0] + 1]

    def tip(k: int, end: int) -> np.ndarray:
        """Where a pen that ends at a node ends: on the line that goes through, or in the node's middle."""
        node = edges[k].ends[end]
        if node < 0:
            return np.empty((0, 2))
        centre, radius = nodes[node]
        _, p, u = _outside(edges[k], end, radius)
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
