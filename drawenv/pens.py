"""Pens: a drawing as the few long strokes that a person would make of it, in cubic Bézier curves.

The strokes' middle lines are a graph. Where lines meet, branches are paired that one pen may have drawn:
those along which one stroke of the drawing runs, or that go on straightest. A pen is a chain of branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter, label
from scipy.spatial import KDTree

from drawenv.curves import bernstein, bernstein_2, fit_curves, smoothed
from drawenv.metrics import resampled
from drawenv.pairing import chains
from drawenv.renderers.color import hexadecimal

if TYPE_CHECKING:
    from drawenv.drawing import Drawing
    from drawenv.renderers import Renderer

WIDE = 8  # px: lines are traced about so wide
SLIM = 0.5  # share of their width with which strokes are traced
LARGEST = 2_000  # px: but no drawing is enlarged beyond this
ENOUGH = 3.8  # times: what cannot be enlarged by so much is traced part by part
HUGE = 4_500  # px: beyond which no part is enlarged
SHARP = np.deg2rad(75)  # a turn by more is a corner
CORNER = 0.7  # of the narrower width: no further apart are two pens' ends where one pen turned


@cache
def _even(count: int) -> np.ndarray:
    """Weights of a cubic's four points at so many places, ends included: ``[count, 4]``."""
    return bernstein(np.linspace(0, 1, count))


@dataclass(frozen=True, eq=False)
class Pen:
    """One stroke of a pen.

    Attributes:
        curves: cubic Bézier curves, each starting where the one before ends: float32 ``[k, 4, 2]``, x and y
            in px of the drawing.
        width: in the same px.
        closed: whether it ends where it began.
        color: sRGB in [0, 255].
    """

    curves: np.ndarray
    width: float
    closed: bool
    color: tuple[int, int, int] = (255, 255, 255)

    def points(self, each: int = 16) -> np.ndarray:
        """The pen's path as a polyline, so many points of each curve: float32 ``[n, 2]``."""
        parts = _even(each) @ self.curves  # [k, each, 2]
        return np.concatenate([parts[0, :1], parts[:, 1:].reshape(-1, 2)]).astype(np.float32)

    @property
    def length(self) -> float:
        """In px."""
        return float(np.hypot(*np.diff(self.points(), axis=0).T).sum())

    def scaled(self, scale: float, shift=(0.0, 0.0)) -> Pen:
        """The same, so many times larger, then shifted."""
        curves = (self.curves * scale + shift).astype(np.float32)
        return replace(self, curves=curves, width=self.width * scale)

    def reversed(self) -> Pen:
        """The same, drawn the other way."""
        return replace(self, curves=self.curves[::-1, ::-1])

    def to_svg(self) -> str:
        """An SVG path with round ends."""
        (x, y), ends = self.curves[0, 0], self.curves[:, 1:].reshape(-1, 6)
        data = f"M{x:.2f} {y:.2f}" + "".join("C" + " ".join(f"{v:.2f}" for v in curve) for curve in ends)
        return (
            f'<path d="{data}{"Z" * self.closed}" fill="none" stroke="{hexadecimal(np.array(self.color))}" '
            f'stroke-width="{self.width:.2f}" stroke-linecap="round" stroke-linejoin="round"/>'
        )


def pens_of_strokes(
    paths: Sequence[np.ndarray], widths: np.ndarray, colors: np.ndarray, tolerance: float = 0.3
) -> list[Pen]:
    """The pens of a drawing: its strokes where they continue one another, each line once.

    Args:
        paths: of the strokes, polylines ``[k, 2]`` in px.
        widths: of the strokes in px, ``[n]``.
        colors: of the strokes, sRGB in [0, 255], ``[n, 3]``; only strokes of nearly one colour are one pen's.
        tolerance: how far curves may be from the middle line, in px. Another one changes curves, never the
            number of pens.

    Returns:
        Those of one colour together, the longest first.
    """
    left, pens = np.arange(len(paths)), []
    while len(left):
        alike = np.abs(colors[left].astype(float) - colors[left[0]]).max(1) <= 48
        some, left = left[alike], left[~alike]
        ink = [resampled(np.asarray(paths[k], float)) for k in some]
        color = np.median(colors[some], 0).round().astype(int).tolist()
        pens += _of_one_color(ink, np.asarray(widths, float)[some], tuple(color), tolerance)
    return pens


def joined(pens: Sequence[Pen]) -> list[Pen]:
    """Pens as one where the end of one touches another's and no third one passes: nobody lifts a pen there.
    Where the way turns sharply it has to be nearly the same place.

    Their widths differ by a half at most, and their colours do not.
    """
    pens = list(pens)
    while True:
        ends = [(k, at) for k, pen in enumerate(pens) if not pen.closed for at in (0, -1)]
        if not ends:
            return pens
        places = np.array([pens[k].points()[at] for k, at in ends])
        paths = [pen.points(8) for pen in pens]
        tree = KDTree(np.concatenate(paths))
        owner, widths = np.repeat(np.arange(len(pens)), list(map(len, paths))), [pen.width for pen in pens]
        pairs = KDTree(places).query_pairs(max(widths), output_type="ndarray")
        away = np.hypot(*(places[pairs[:, 0]] - places[pairs[:, 1]]).T)
        nearest_first, touched = away.argsort(kind="stable"), set()
        for (i, j), apart in zip(pairs[nearest_first].tolist(), away[nearest_first], strict=True):
            (a, first), (b, second) = ends[i], ends[j]
            narrow, wide = sorted((widths[a], widths[b]))
            unlike = wide > 1.5 * narrow or pens[a].color != pens[b].color
            if touched & {a, b} or unlike or apart > narrow:
                continue
            if a == b and pens[a].length < 4 * wide:
                continue
            turns = _out_of(paths[a], first, wide) @ _out_of(paths[b], second, wide) > -np.cos(SHARP)
            if turns and apart > CORNER * narrow:
                continue
            middle = (places[i] + places[j]) / 2
            near = np.array(tree.query_ball_point(middle, (wide + max(widths)) / 2), int)
            near = near[~np.isin(owner[near], (a, b))]
            reach = (wide + np.array(widths)[owner[near]]) / 2
            if (np.hypot(*(tree.data[near] - middle).T) < reach).any():
                continue
            touched |= {a, b}
            if a == b:
                curves = pens[a].curves.copy()
                curves[0, 0] = curves[-1, 3] = middle
                pens[a] = replace(pens[a], curves=curves, closed=True)
                continue
            head = pens[a] if first else pens[a].reversed()
            tail = pens[b].reversed() if second else pens[b]
            curves, n = np.concatenate([head.curves, tail.curves]), len(head.curves)
            curves[n - 1, 3] = curves[n, 0] = middle
            pens[a] = replace(pens[a], curves=curves, width=(narrow + wide) / 2)
            pens[b] = replace(pens[b], curves=pens[b].curves[:0])
        if not touched:
            return pens
        pens = [pen for pen in pens if len(pen.curves)]


def _out_of(path: np.ndarray, at: int, reach: float) -> np.ndarray:
    """The direction in which a path ``[n, 2]`` leaves its first (0) or last (-1) point, over so many px."""
    path = path[::-1] if at else path
    away = np.hypot(*(path - path[0]).T)
    way = path[int((away > reach).argmax()) or -1] - path[0]
    return way / max(float(np.hypot(*way)), 1e-6)


def _quarters() -> np.ndarray:
    t = np.linspace(0, 1, 5)
    on = bernstein(t)  # [5, 4]
    slopes = 3 * bernstein_2(t) @ np.diff(np.eye(4), axis=0)
    a, b = on[:-1], on[1:]
    return np.stack([a, (a + b) / 2 + (slopes[:-1] - slopes[1:]) / 16, b], 1)


QUARTERS = _quarters()  # [4, 3, 4]: a cubic curve's four points to the three of each quadratic quarter


def in_quarters(curves: np.ndarray) -> np.ndarray:
    """Cubic curves ``[k, 4, 2]`` as quadratic ones, four of each: ``[4 * k, 6]``."""
    points = curves.transpose(0, 2, 1) @ QUARTERS.reshape(12, 4).T  # [k, 2, 12]
    return points.transpose(0, 2, 1).reshape(-1, 6)


def in_strokes(pens: Sequence[Pen], renderer: Renderer) -> Drawing:
    """Pens as a drawing in quadratic curves, four for each cubic one; of the renderer's width, if it has one.

    Args:
        pens: in px of the renderer's page.
        renderer: a ``BezierRenderer``.
    """
    from drawenv.drawing import Drawing

    rows = [np.empty((0, 7))]
    for pen in pens:
        strokes = in_quarters(pen.curves)
        rows.append(np.concatenate([strokes, np.full((len(strokes), 1), pen.width)], 1))
    physical = renderer.from_curves(np.concatenate(rows).astype(np.float32))
    return Drawing(renderer.action_spec.to_action(physical).clip(-1, 1), renderer)


def _touching(paths: list[np.ndarray], widths: np.ndarray) -> list[np.ndarray]:
    """Which paths touch one another: their numbers, part by part."""
    points, edge = np.concatenate(paths), widths.max() + 4
    low, high = points.min(0) - edge, points.max(0) + edge
    image = Image.new("1", tuple(np.ceil(high - low).astype(int).tolist()))
    draw = ImageDraw.Draw(image)
    for path, width in zip(paths, widths, strict=True):
        line, radius = path - low, width / 2 + 1.5
        draw.line(line.ravel().tolist(), 1, round(2 * radius), "curve")
        draw.ellipse((*(line[0] - radius), *(line[0] + radius)), 1)
    parts, count = label(np.asarray(image))
    x, y = np.array([path[0] - low for path in paths]).astype(int).T
    owner = parts[y, x]
    cuts = np.bincount(owner, minlength=count + 1).cumsum()[:-1]
    return [part for part in np.split(owner.argsort(kind="stable"), cuts) if len(part)]


def _of_one_color(
    paths: list[np.ndarray], widths: np.ndarray, color, tolerance: float, whole: bool = False
) -> list[Pen]:
    """``pens_of_strokes`` of paths whose points are 0.5 px apart; ``whole`` if they touch one another."""
    points, owner = np.concatenate(paths), np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    low, high = points.min(0) - widths.max(), points.max(0) + widths.max()
    # Slim lines, so that those side by side stay apart and blobs where they meet are small.
    thin = np.maximum(SLIM * widths, np.minimum(widths, 0.8))
    wanted, across = WIDE / np.quantile(thin, 0.1), (high - low).max()
    most = min(ENOUGH, HUGE / across) if whole else LARGEST / across
    if most < min(wanted, ENOUGH) and not whole:
        pens = []
        for part in _touching(paths, widths):
            pens += _of_one_color([paths[k] for k in part], widths[part], color, tolerance, True)
        return sorted(pens, key=lambda pen: pen.length, reverse=True)
    zoom = float(np.clip(wanted, 1, max(most, 1)))
    image = Image.new("L", tuple(np.ceil((high - low) * zoom).astype(int).tolist()))
    draw, tree = ImageDraw.Draw(image), KDTree(points)
    for path, width in [*zip(paths, thin, strict=True), *_links(paths, owner, tree, widths, thin)]:
        line, radius = (path - low) * zoom, width * zoom / 2
        draw.line(line.ravel().tolist(), 255, max(round(2 * radius), 1), "curve")
        for x, y in line[[0, -1]].tolist():
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    mask = _smooth(np.asarray(image))  # notches would grow branches

    def width(path: np.ndarray) -> float:
        return float(np.median(widths[owner[tree.query(path)[1]]]))

    # Pillow draws, and thinning keeps, pixels that lie 0.4 px too far up and to the left, on average.
    return _pens(mask, low + 0.4 / zoom, zoom, width, color, tolerance, paths)


def _smooth(lines: np.ndarray, rows: int = 256) -> np.ndarray:
    """Lines uint8 ``[H, W]`` as a mask without notches, made so many rows at a time: that saves memory."""
    mask, more = np.empty(lines.shape, bool), WIDE  # farther than a blur sees
    for top in range(0, len(lines), rows):
        first = max(top - more, 0)
        some = lines[first : top + rows + more].astype(np.float32)
        mask[top : top + rows] = gaussian_filter(some, 0.12 * WIDE)[top - first :][:rows] > 127
    return mask


def _links(paths, owner, tree, widths, thin):
    """Short lines from ends to lines that they touch, though their slim ones do not: paths and widths."""
    for i, path in enumerate(paths):
        for end in path[[0, -1]]:
            near = np.array(tree.query_ball_point(end, (widths[i] + widths.max()) / 2), int)
            near = near[owner[near] != i]
            away = np.hypot(*(tree.data[near] - end).T)
            touches = away < (widths[i] + widths[owner[near]]) / 2 - 0.25
            if touches.any():
                near, away = near[touches], away[touches]
                k = near[away.argmin()]
                if away.min() > (thin[i] + thin[owner[k]]) / 4:
                    yield np.stack([end, tree.data[k]]), min(thin[i], thin[owner[k]])


def ink_on_paper(ink: np.ndarray, window: int = 25, least: float = 0.2) -> np.ndarray:
    """What is ink in a picture uint8 ``[H, W]``, light on black, of uneven light: what is darker than paper
    around it is, by Sauvola's threshold. 255 or 0.

    Args:
        ink: the picture.
        window: how far around, in px, an odd number.
        least: Sauvola's k, how much darker.
    """
    from skimage.filters import threshold_sauvola

    paper = 255.0 - ink
    return np.where(paper < threshold_sauvola(paper, window, least, 128), 255, 0).astype(np.uint8)


def pens_of_ink(ink: np.ndarray, tolerance: float = 0.3) -> list[Pen]:
    """The pens that may have drawn a picture, by its pixels alone: the classic way, without a drawing.

    Args:
        ink: uint8 ``[H, W]``, light on black.
        tolerance: see ``pens_of_strokes``.
    """
    zoom = float(np.clip(LARGEST / max(ink.shape), 1, 4))
    size = tuple(round(side * zoom) for side in ink.shape[::-1])
    mask = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)) >= 128
    depth, low = distance_transform_edt(mask), np.full(2, 0.65 / zoom)  # thinning: as above

    def width(path: np.ndarray) -> float:
        x, y = ((path - low) * zoom).round().astype(int).clip(0, np.array(mask.shape[::-1]) - 1).T
        return max(2 * float(np.median(depth[y, x])) - 1, 1) / zoom

    return _pens(mask, low, zoom, width, (255, 255, 255), tolerance, [])


def _pens(
    mask: np.ndarray, low: np.ndarray, zoom: float, width: Callable[[np.ndarray], float], color,
    tolerance: float, paths: list[np.ndarray],
) -> list[Pen]:  # fmt: skip
    """The pens of a mask whose pixel (x, y) lies at ``low + (x, y) / zoom``; ``paths`` are known to be one
    pen's each.
    """
    pens = []
    for path, closed in chains(np.pad(mask, 1), [(line - low) * zoom + 1 for line in paths]):
        path = (smoothed(path, closed) - 1) / zoom + low
        wide = width(path)
        curves = fit_curves(path, tolerance, closed, max(wide * zoom, 2.0))
        pens.append(Pen(curves.astype(np.float32), wide, bool(closed), color))
    return sorted(pens, key=lambda pen: pen.length, reverse=True)
