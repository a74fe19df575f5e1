"""Pens in the order of drawing: with little travel, one after the other, on paper in millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drawenv.curves import fit_curves
from drawenv.metrics import resampled
from drawenv.pens import Pen
from drawenv.renderers.color import hexadecimal

if TYPE_CHECKING:
    from drawenv.drawing import Drawing

ROUNDS = 20  # of looking for a better order


def travel(pens: Sequence[Pen]) -> float:
    """How far the pen moves in the air from one to the next, in the pens' unit."""
    ends = _ends(pens)
    return float(np.hypot(*(ends[1:, 0] - ends[:-1, 1]).T).sum())


def _ends(pens: Sequence[Pen]) -> np.ndarray:
    """Where each pen starts and where it ends, ``[n, 2, 2]``."""
    return np.array([[pen.curves[0, 0], pen.curves[-1, 3]] for pen in pens], float).reshape(-1, 2, 2)


def in_order(pens: Sequence[Pen]) -> list[Pen]:
    """The same pens, one colour after the other, in an order and in directions with little travel.

    Always the nearest end comes next, from the top left corner on; then parts of the way are turned round
    where that makes it shorter (2-opt).
    """
    sorted_pens: list[Pen] = []
    for color in dict.fromkeys(pen.color for pen in pens):
        some = [pen for pen in pens if pen.color == color]
        ends = _ends(some)
        left, at, way = np.ones(len(some), bool), np.zeros(2), []
        for _ in some:
            away = np.hypot(*(ends - at).transpose(2, 0, 1))  # [n, 2]
            away[~left] = np.inf
            k, back = np.unravel_index(away.argmin(), away.shape)
            left[k], at = False, ends[k, 1 - back]
            way.append((int(k), bool(back)))
        sorted_pens += [some[k].reversed() if back else some[k] for k, back in _shortened(way, ends)]
    return sorted_pens


def _shortened(way: list[tuple[int, bool]], ends: np.ndarray) -> list[tuple[int, bool]]:
    """2-opt: turn a part of the way round, as long as that makes it shorter."""
    for _ in range(ROUNDS):
        better = False
        for i in range(-1, len(way) - 1):
            index, back = np.array(way).T
            start, end = ends[index, back], ends[index, 1 - back]
            # The way from i to the next and the one from j become those from i to j and from the next.
            gain = np.zeros(len(way) - i - 1)
            if i >= 0:
                gain += np.hypot(*(end[i] - end[i + 1 :]).T) - np.hypot(*(end[i] - start[i + 1]))
            gain[:-1] += np.hypot(*(start[i + 1] - start[i + 2 :]).T)
            gain[:-1] -= np.hypot(*(end[i + 1 : -1] - start[i + 2 :]).T)
            j = int(gain.argmin()) + i + 1
            if gain.min() < -1e-6:
                way[i + 1 : j + 1] = [(k, not turned) for k, turned in way[i + 1 : j + 1][::-1]]
                better = True
        if not better:
            break
    return way


def animated(pens: Sequence[Pen], seconds: float) -> str:
    """SVG paths that a browser draws one after the other, in so many seconds, as fast as they are long. What
    knows no CSS shows them all.
    """
    total, begin, parts = sum(pen.length + pen.width for pen in pens), 0.0, []
    for pen in pens:
        takes = seconds * (pen.length + pen.width) / total
        style = f"animation:draw {takes:.3f}s linear {begin:.3f}s backwards"
        parts.append(pen.to_svg().replace("<path", f'<path pathLength="1" style="{style}"'))
        begin += takes
    # A dash as long as the path is drawn in; a gap of the same length would show its round end.
    start, end = (f"{{stroke-dasharray:1 2;stroke-dashoffset:{offset}}}" for offset in (1.001, 0))
    return "\n".join([f"<style>@keyframes draw{{from{start}to{end}}}</style>", *parts])


def of_width(pen: Pen, width: float) -> Pen:
    """A stroke as a pen of another width draws it, without a lift: one that is wider to and fro; another
    along its middle.
    """
    if pen.width <= 1.5 * width:
        return replace(pen, width=width)
    path = resampled(pen.points(64).astype(float), width / 2)
    along = np.gradient(path, axis=0)
    if pen.closed:
        along[[0, -1]] = path[1] - path[-2]
    along /= np.hypot(*along.T).clip(1e-9)[:, None]
    across, reach, parts = along[:, ::-1] * (-1, 1), (pen.width - width) / 2, []
    for k, side in enumerate(np.linspace(-reach, reach, math.ceil(2 * reach / (0.9 * width)) + 1)):
        line = path + side * across
        if not pen.closed:  # round ends
            line[[0, -1]] += along[[0, -1]] * [[-1], [1]] * math.sqrt(max(reach**2 - side**2, 0))
        line = line[:: 1 - 2 * (k % 2)]
        curves = fit_curves(line * (2 / width), 0.2) * (width / 2)
        if parts:
            parts.append(np.linspace(parts[-1][-1, 3], curves[0, 0], 4)[None])
        parts.append(curves)
    return replace(pen, curves=np.concatenate(parts).astype(np.float32), width=width, closed=False)


def on_paper(drawing: Drawing, paper: tuple[float, float], width: float | None = None) -> list[Pen]:
    """The pens of a drawing in millimetres, as large as fits, in the middle of the paper, in order. Light ink
    on black becomes black ink.

    Args:
        drawing: of what has paths.
        paper: width and height in mm.
        width: of the pen in mm; wider strokes are filled with it. None: as many widths as there are.

    Raises:
        ValueError: what is drawn has no paths.
    """
    sides = np.array(drawing.sides[::-1])  # across and down
    scale = float((np.array(paper) / sides).min())
    shift = (np.array(paper) - scale * sides) / 2
    gray, pens = drawing.renderer.channels == 1, []
    for pen in drawing.pens():
        pens.append(replace(pen.scaled(scale, shift), color=(0, 0, 0) if gray else pen.color))
    return in_order(pens if width is None else [of_width(pen, width) for pen in pens])


def to_svg(pens: Sequence[Pen], paper: tuple[float, float]) -> str:
    """Pens in millimetres as an SVG document for plotters: a layer (Inkscape's) for each colour, no paper."""
    width, height = (f"{side:g}" for side in paper)
    parts = []
    for number, color in enumerate(dict.fromkeys(pen.color for pen in pens), 1):
        label = f"{number} {hexadecimal(np.array(color))}"
        paths = "\n".join(pen.to_svg() for pen in pens if pen.color == color)
        parts.append(f'<g inkscape:groupmode="layer" inkscape:label="{label}">\n{paths}\n</g>')
    layers = "\n".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
        f'viewBox="0 0 {width} {height}" width="{width}mm" height="{height}mm">\n{layers}\n</svg>\n'
    )
