"""One quadratic Bézier curve per action, antialiased, with round ends."""

from __future__ import annotations

import numpy as np

from drawenv.actions import ActionSpec, Parameter
from drawenv.compiled import compiled
from drawenv.renderers.base import UNIT, Compose, Renderer
from drawenv.renderers.color import LAB, hexadecimal, lab_to_rgb

_FLATNESS = np.float32(0.08)  # px between the curve and its chords; 0.02 changes no pixel by 1 %
_MAX_SEGMENTS = 64
_FAR = np.float32(1e9)


@compiled
def segments(x0, y0, x1, y1, x2, y2):
    """How many chords draw a quadratic curve: of n none is further away than |p0 - 2 p1 + p2| / (4 n^2)."""
    bx, by = x0 - x1 - x1 + x2, y0 - y1 - y1 + y2
    wanted = np.sqrt(np.sqrt(bx * bx + by * by) / (4 * _FLATNESS))
    return min(max(int(np.ceil(wanted)), 1), _MAX_SEGMENTS)


@compiled(fastmath=True)
def _draw_curves(canvas, rows, curves, colors, over):
    """Draw curves[k] on canvas[rows[k]].

    Args:
        canvas: uint8 [m, C, H, W].
        rows: int64 [n].
        curves: float32 [n, 7], x0 y0 x1 y1 x2 y2 thickness in canvas pixels.
        colors: float32 [n, C] in [0, 255].
        over: paint over what is there; otherwise the larger value stays.
    """
    height, width = canvas.shape[2], canvas.shape[3]
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    ends = np.empty((_MAX_SEGMENTS + 1, 2), np.float32)
    scratch = np.empty((64, 72), np.float32)  # grows to the largest box met
    for n in range(len(rows)):
        i = rows[n]
        x0, y0, x1, y1, x2, y2, thickness = curves[n]
        radius = thickness * half
        reach = radius + one  # from a pixel's low edge to where its ink may come from
        count = segments(x0, y0, x1, y1, x2, y2)
        step = one / np.float32(count)

        # The curve's own box: only there is the scratch cleared and read.
        low_x, high_x, low_y, high_y = min(x0, x2), max(x0, x2), min(y0, y2), max(y0, y2)
        for k in range(count + 1):
            t = np.float32(k) * step
            s = one - t
            x = s * s * x0 + 2 * s * t * x1 + t * t * x2
            y = s * s * y0 + 2 * s * t * y1 + t * t * y2
            ends[k, 0], ends[k, 1] = x, y
            low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
        left, right = max(int(np.ceil(low_x - reach)), 0), min(int(high_x + reach), width)
        top, bottom = max(int(np.ceil(low_y - reach)), 0), min(int(high_y + reach), height)
        if left >= right or top >= bottom:
            continue
        # The inner loops run over multiples of 8 pixels, a vector register's worth: a few
        # pixels more cost less than a remainder.
        columns = (right - left + 7) & ~7
        if bottom - top > scratch.shape[0] or columns > scratch.shape[1]:
            scratch = np.empty((bottom - top, columns), np.float32)
        for y in range(top, bottom):
            for x in range(columns):
                scratch[y - top, x] = _FAR  # its first pixel is (top, left) of the canvas

        # Squared distance to the nearest chord, each measured only inside its own box.
        for k in range(count):
            ax, ay = ends[k, 0], ends[k, 1]
            dx, dy = ends[k + 1, 0] - ax, ends[k + 1, 1] - ay
            length2 = dx * dx + dy * dy
            inverse = one / length2 if length2 > np.float32(1e-12) else zero
            x_from = max(int(np.ceil(min(ax, ax + dx) - reach)), left)
            x_count = min(int(max(ax, ax + dx) + reach), right) - x_from
            if x_count <= 0:
                continue
            x_count = min((x_count + 7) & ~7, columns - (x_from - left))
            y_from = max(int(np.ceil(min(ay, ay + dy) - reach)), top)
            y_to = min(int(max(ay, ay + dy) + reach), bottom)
            first = np.float32(x_from) + half - ax
            x_from -= left
            for y in range(y_from, y_to):
                py = np.float32(y) + half - ay
                along = py * dy * inverse
                row = scratch[y - top, x_from : x_from + x_count]
                for x in range(x_count):
                    px = np.float32(x) + first
                    u = min(max(px * dx * inverse + along, zero), one)
                    ex, ey = px - u * dx, py - u * dy
                    row[x] = min(row[x], ex * ex + ey * ey)

        # Ink is the share of a pixel-wide window across the stroke that the pen covers.
        for y in range(top, bottom):
            row = scratch[y - top, :columns]
            for x in range(columns):
                d = np.sqrt(row[x])
                ink = min(radius, d + half) - max(-radius, d - half)
                row[x] = min(max(ink, zero), one)
            for c in range(canvas.shape[1]):
                pixels, color = canvas[i, c, y, left:right], colors[n, c]
                if over:
                    for x in range(right - left):
                        old = np.float32(pixels[x])
                        pixels[x] = np.uint8(np.int32(old + (color - old) * row[x] + half))
                else:
                    for x in range(right - left):
                        pixels[x] = max(pixels[x], np.uint8(np.int32(color * row[x] + half)))


def _curve(width: float, height: float, margin: float, points: int) -> tuple[Parameter, ...]:
    """The parameters of a curve on a page: strokes may start past the edge by a margin.

    The points between its ends may lie four times as far outside, like those of any curve that bends; they
    are best seen from where they would lie on a straight line.
    """
    last, parameters = points - 1, []
    for k in range(points):
        for axis, side in (("x", width), ("y", height)):
            far = margin if k in (0, last) else 4 * margin
            anchor = () if k in (0, last) else (f"{axis}0",) * (last - k) + (f"{axis}{last}",) * k
            parameters.append(Parameter(f"{axis}{k}", -far, side + far, axis=axis, anchor=anchor))
    return tuple(parameters)


class BezierRenderer(Renderer):
    """White ink on black, one quadratic Bézier curve per action: start, control point, end.

    A curve is antialiased, has round ends, and joins the canvas, of one channel, by max: drawing over ink
    changes nothing. x grows to the right, y downwards; (0, 0) is the canvas' top left corner.

    Args:
        thickness: pen width in px of a 64-px canvas; None makes it the action's seventh
            parameter, from 0.5 to 8 px.
        page: (height, width) in px of a page of any shape, on which many curves, each as large
            as a 64-px canvas at most, make one picture. Coordinates and widths (up to 64 px) are
            then in px of the page.

    Raises:
        ValueError: ``thickness`` is not a positive number of at most 64; the page has an empty
            side.
    """

    name = "bezier"
    COLOR: tuple[Parameter, ...] = ()
    POINTS = 3
    compose: Compose = "max"
    has_paths = True

    def __init__(self, thickness: float | None = 5.0, page: tuple[int, int] | None = None):
        if thickness is not None and not 0 < thickness <= UNIT:
            raise ValueError(f"thickness must be over 0 and at most {UNIT} px, got {thickness}")
        if page is not None and not 1 <= min(page) <= max(page) <= 10**8:
            raise ValueError(f"a page must have from 1 to 100,000,000 px a side, got {page[1]}x{page[0]}")
        self.thickness = thickness
        self.page = (int(page[0]), int(page[1])) if page else None
        self.sides = self.page or (UNIT, UNIT)
        widths = (0.5, 8.0) if page is None else (0.0, 64.0)
        variable = () if thickness is not None else (Parameter("thickness", *widths),)
        curve = _curve(self.sides[1], self.sides[0], 4.0 if page is None else float(UNIT), self.POINTS)
        self.action_spec = ActionSpec(*curve, *variable, *self.COLOR)

    def config(self) -> dict:
        return {"thickness": self.thickness} | ({"page": list(self.page)} if self.page else {})

    def on_page(self, page: tuple[int, int], scale: float = 1.0) -> BezierRenderer:
        """The same pen on a page (height, width), ``scale`` times as wide."""
        return type(self)(self.thickness and self.thickness * scale, page)

    def from_curves(self, curves: np.ndarray) -> np.ndarray:
        return curves[:, : len(self.action_spec)]

    def curves(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[n, 6 or 7]`` as x0 y0 x1 y1 x2 y2 thickness ``[n, 7]`` in px of the page."""
        curves = np.empty((len(actions), 7), np.float32)
        physical = self.action_spec.to_physical(actions)[:, :7]
        curves[:, : physical.shape[1]] = physical
        if self.thickness is not None:
            curves[:, 6] = self.thickness
        return curves

    def draw(self, canvas: np.ndarray, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Draw one action on each canvas, in place; or each on the canvas that ``rows`` says, int ``[n]``."""
        rows = np.arange(len(canvas)) if rows is None else rows
        curves = self.curves(actions)
        side, longer = max(canvas.shape[2:]), max(self.sides)
        if side != longer:
            curves *= np.float32(side / longer)
        _draw_curves(canvas, rows, curves, self.colors(actions), self.compose == "over")

    def widths(self, actions: np.ndarray) -> np.ndarray:
        """How wide the pen of each action is, ``[n]`` in px."""
        return self.curves(actions)[:, 6]

    def polylines(self, actions: np.ndarray, points: int = 17) -> list[np.ndarray]:
        """The pen's path of each action ``[n, ...]``: float32 ``[points, 2]`` in px."""
        t = np.linspace(0, 1, points, dtype=np.float32)[:, None]
        p = self.curves(actions)[:, :6].reshape(-1, 3, 1, 2)
        lines = (1 - t) ** 2 * p[:, 0] + 2 * t * (1 - t) * p[:, 1] + t**2 * p[:, 2]
        return list(lines)

    def to_svg(self, actions: np.ndarray) -> str:
        return "\n".join(
            f'<path d="M{x0:.2f} {y0:.2f}Q{x1:.2f} {y1:.2f} {x2:.2f} {y2:.2f}" fill="none" stroke="'
            f'{hexadecimal(c)}" stroke-width="{width:.2f}" stroke-linecap="round" stroke-linejoin="round"/>'
            for (x0, y0, x1, y1, x2, y2, width), c in zip(
                self.curves(actions), self.colors(actions), strict=True
            )
        )  # fmt: skip


class BezierColorRenderer(BezierRenderer):
    """Quadratic Bézier curves of any width and colour on black, each painted over what is there.

    The canvas is RGB. Colours are CIELAB under D65; one outside sRGB's gamut is clipped, channel by channel.

    Args:
        page: as in ``BezierRenderer``.
    """

    name = "bezier-color"
    COLOR = LAB
    compose: Compose = "over"
    channels = 3

    def __init__(self, page: tuple[int, int] | None = None):
        super().__init__(None, page)

    def config(self) -> dict:
        return {"page": list(self.page)} if self.page else {}

    def on_page(self, page: tuple[int, int], scale: float = 1.0) -> BezierColorRenderer:
        return BezierColorRenderer(page)

    def colors(self, actions: np.ndarray) -> np.ndarray:
        return lab_to_rgb(self.action_spec.to_physical(actions)[:, 7:])
