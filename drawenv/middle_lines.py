"""Middle lines of ink as a graph of branches, and of nodes where they meet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from scipy.ndimage import distance_transform_edt, label

from drawenv.compiled import compiled

STRAIGHT = np.deg2rad(25)  # so little do lines turn that cross at a small angle


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


@compiled
def _traced(alone):
    """Paths of pixels that touch one another, rings last.

    Args:
        alone: bool [H, W], none at its border.

    Returns:
        All pixels, path after path, row and column, int64 [n, 2]; and where each path begins.
    """
    steps = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
    rows, columns = np.nonzero(alone)
    pixels, n = np.empty((len(rows), 2), np.int64), 0
    starts, count = np.empty(len(rows), np.int64), 0
    left = alone.copy()
    for rings in (False, True):
        for k in range(len(rows)):
            y, x, near = rows[k], columns[k], 0
            for dy, dx in steps:
                near += alone[y + dy, x + dx]
            if not left[y, x] or (near > 1 and not rings):
                continue
            starts[count] = n
            count += 1
            while left[y, x]:
                left[y, x] = False
                pixels[n, 0], pixels[n, 1] = y, x
                n += 1
                for dy, dx in steps:
                    if left[y + dy, x + dx]:
                        y, x = y + dy, x + dx
                        break
    return pixels, starts[:count]


@compiled
def _depths(mask, pixels):
    """How far from pixels int64 [n, 2], row and column, of a mask, none at whose border are, the nearest one
    outside is: float64 [n].
    """
    depths = np.empty(len(pixels))
    for n in range(len(pixels)):
        (y, x), square, away = pixels[n], mask.size, 0
        while away * away < square:  # squares around it: no pixel of one is nearer than its sides
            away += 1
            top, bottom = max(y - away, 0), min(y + away, mask.shape[0] - 1)
            left, right = max(x - away, 0), min(x + away, mask.shape[1] - 1)
            for k in range(left, right + 1):
                for at in (top, bottom):
                    if not mask[at, k]:
                        square = min(square, (at - y) ** 2 + (k - x) ** 2)
            for k in range(top, bottom + 1):
                for at in (left, right):
                    if not mask[k, at]:
                        square = min(square, (k - y) ** 2 + (at - x) ** 2)
        depths[n] = np.sqrt(square)
    return depths


def graph_of(mask: np.ndarray) -> tuple[list[Edge], list[tuple[np.ndarray, float]]]:
    """The middle lines of a mask, no ink at its border: branches, and nodes where they meet, each its place
    and its radius.
    """
    from skimage.morphology import skeletonize

    thin = skeletonize(mask)
    rows = thin[:-2].astype(np.uint8) + thin[1:-1] + thin[2:]
    meets = np.zeros_like(thin)  # with three neighbours
    meets[1:-1, 1:-1] = thin[1:-1, 1:-1] & (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] > 3)
    clusters, count = label(meets, np.ones((3, 3)))
    pixels = np.argwhere(meets)
    owner = clusters[tuple(pixels.T)]
    placed = []
    if count:
        depth = _depths(mask, pixels)
        cuts = np.cumsum(np.bincount(owner)[1:])[:-1]
        order = np.argsort(owner, kind="stable")
        parts = zip(np.split(pixels[order], cuts), np.split(depth[order], cuts), strict=True)
        placed = [(some.mean(0)[::-1], float(radii.max())) for some, radii in parts]

    edges = []
    traced, starts = _traced(thin & ~meets)
    for chain in np.split(traced, starts[1:]) if len(starts) else ():
        edge = Edge(chain[:, ::-1].astype(float))
        for end, (y, x) in enumerate(chain[[0, -1]]):
            touched = clusters[y - 1 : y + 2, x - 1 : x + 2]
            found = np.unique(touched[touched > 0])
            if len(chain) == 1 and end == 1:  # one pixel between two nodes, or beside one
                found = found[1:]
            if len(found):
                edge.ends[end] = int(found[0]) - 1
        ring = len(chain) > 2 and np.abs(chain[-1] - chain[0]).max() < 2 and edge.ends == [-1, -1]
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
        outer = [outside(edge, end, nodes[edge.ends[end]][1])[1:] for edge, end in some if edge is not bridge]
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


def outside(edge: Edge, end: int, radius: float) -> tuple[int, np.ndarray, np.ndarray]:
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
        x, y = (part - part.mean(0)).T
        angle = np.arctan2(2 * (x @ y), x @ x - y @ y) / 2
        way = np.array([np.cos(angle), np.sin(angle)])
        way = way * np.sign(way @ (part[-1] - part[0]) + 1e-9)
    return first, path[first], way / max(float(np.hypot(*way)), 1e-9)
