"""Pictures of any size, drawn window by window (paper, section 3.4).

A drawer of small canvases slides over a large page: it sees a window of the target and of the ink so far.
Larger windows, shrunk for it, may come first, and strokes be merged at last: the hierarchical drawer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, cast

import numpy as np
from PIL import Image

from drawenv import BezierRenderer, Drawing, Renderer
from drawenv.merge import merged
from drawenv.middle_lines import line_width
from drawenv.settle import moved_curves

from .imagine import in_pieces
from .improve import Strokes, useful_strokes

Order = Literal["phased", "raster", "flood"]
ORDERS: tuple[Order, ...] = ("phased", "raster", "flood")
INK = 0.002  # windows with less of it are skipped: a dot has more
SEEN = 1_024  # px: so large is a large picture seen at first
SMALL = 48  # px: no picture is made smaller
THIN, USUAL, WIDE = 1.5, 3.0, 4.5  # px: widths of lines
CHUNK = 128  # windows drawn at a time at most, which bounds the memory
STEPS = 25  # down the gradient of the page, after each round

# Targets and canvases so far, uint8 [k, 1, side, side] both, the strokes that are to be redrawn, if any, and
# whether it is for the last time.
Choose = Callable[[np.ndarray, np.ndarray, Strokes | None, bool], Strokes]


def moves_at_once(renderer: Renderer) -> bool:
    """Whether all strokes of a page can be moved at once: they are curves of ink, whose gradient is known."""
    return type(renderer) is BezierRenderer


class Page:
    """A picture, and the canvas on which it is drawn window by window.

    Args:
        ink: the target, uint8 ``[H, W]``, light ink on black.
        renderer: draws the windows' strokes.
        size: side of a window in pixels; what is drawn in it grows with it.
        stride: from one window to the next; below ``size`` they overlap.
        below: what is there already, physical values ``[k, n]`` in px of this page.
        least: share of ink of a window that is to be drawn.

    Attributes:
        canvas: the page so far, uint8, padded so that windows tile it.
        inked: bool ``[rows, columns]``, those that hold enough ink to be drawn.
        own: of each window drawn (row, column) its actions ``[strokes, n]``, which are kept, and those kept
            as physical values in px of this page.
    """

    def __init__(
        self, ink: np.ndarray, renderer: Renderer, size: int = 64, stride: int = 32,
        below: np.ndarray | None = None, least: float = INK,
    ):  # fmt: skip
        if not 1 <= stride <= size:
            raise ValueError(f"stride must be from 1 to the window's {size} px, got {stride}")
        self.size, self.stride, self.spec = size, stride, renderer.action_spec
        rows, columns = (-(-max(side - size, 0) // stride) + 1 for side in ink.shape)
        sides = ((rows - 1) * stride + size, (columns - 1) * stride + size)
        self.ink, self.canvas = np.zeros(sides, np.uint8), np.zeros(sides, np.uint8)
        self.ink[: ink.shape[0], : ink.shape[1]] = ink
        self.renderer = renderer.on_page(sides)
        self.window = renderer.on_page((size, size))  # a window alone, to measure a stroke's gain
        self.below = np.empty((0, len(self.spec)), np.float32) if below is None else below
        self.own: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._draw(self.below)
        shares = np.empty((rows, columns))
        for i in range(rows):
            band = self.ink[i * stride : i * stride + size].sum(0, np.int64)
            total = np.concatenate([[0], band.cumsum()])
            left = np.arange(columns) * stride
            shares[i] = (total[left + size] - total[left]) / (255 * size * size)
        self.inked = shares >= least

    def phases(self) -> list[np.ndarray]:
        """The inked windows, int ``[k, 2]``, in groups that do not overlap; a group may be empty."""
        windows, apart = np.argwhere(self.inked), -(-self.size // self.stride)
        diagonal = [(i, i) for i in range(apart)]  # first the whole page, then half a window on
        order = diagonal + [(i, j) for i in range(apart) for j in range(apart) if i != j]
        return [windows[(windows % apart == phase).all(1)] for phase in order]

    def batches(self, order: Order = "phased") -> Iterator[np.ndarray]:
        """Windows in the order of drawing, in batches that do not touch: int ``[k, 2]``, row and column.

        ``"phased"``: all windows that do not overlap at once, then those between them.
        ``"raster"``: as if row by row, one after the other, as in the paper; ten times as many
        batches on a page of 512 px. ``"flood"``: one after the other, from neighbour to neighbour,
        beginning with each part's first.
        """
        windows, apart = np.argwhere(self.inked), -(-self.size // self.stride)
        match order:
            case "phased":
                for phase in self.phases():
                    yield from (phase[k : k + CHUNK] for k in range(0, len(phase), CHUNK))
            case "raster":  # windows on a slanted line do not overlap and wait for the same ones
                turns = windows @ (apart, 1)
                for line in (windows[turns == turn] for turn in np.unique(turns)):
                    yield from (line[k : k + CHUNK] for k in range(0, len(line), CHUNK))
            case "flood":
                todo = {(int(i), int(j)) for i, j in windows}
                for first in map(tuple, windows.tolist()):
                    queue = deque([first] if first in todo else [])
                    todo.discard(first)
                    while queue:
                        i, j = queue.popleft()
                        yield np.array([[i, j]])
                        for near in ((i, j + 1), (i + 1, j), (i, j - 1), (i - 1, j)):
                            if near in todo:
                                todo.remove(near)
                                queue.append(near)
            case other:
                raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {other!r}")

    def cut(self, page: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """Windows of a page like ``canvas``: ``[k, 1, size, size]``."""
        out = np.empty((len(windows), 1, self.size, self.size), page.dtype)
        for k, (top, left) in enumerate(windows * self.stride):
            out[k, 0] = page[top : top + self.size, left : left + self.size]
        return out

    def enlarged(self, actions: np.ndarray) -> np.ndarray:
        """Actions ``[k, strokes, n]`` of the windows' canvases as physical values in px of this page."""
        return self.spec.scaled(self.spec.to_physical(actions), self.size / 64)

    def paint(self, windows: np.ndarray, actions: np.ndarray, keep: np.ndarray) -> None:
        """Draw the windows' strokes on the page.

        Args:
            windows: int ``[k, 2]``.
            actions: float32 ``[k, strokes, n]`` of the windows' canvases.
            keep: which of them are drawn, bool ``[k, strokes]``.
        """
        top, left = (windows * self.stride).T[..., None]
        physical = self.spec.shifted(self.enlarged(actions), left, top)
        for k, (row, column) in enumerate(windows.tolist()):
            self.own[row, column] = actions[k], keep[k], physical[k, keep[k]]
        self._draw(physical[keep])

    def drawn(self, windows: np.ndarray) -> Strokes:
        """What ``paint`` drew in windows."""
        actions, keep, _ = zip(*(self.own[row, column] for row, column in windows.tolist()), strict=True)
        return np.stack(actions), np.stack(keep)

    def erase(self, windows: np.ndarray) -> Strokes:
        """Take the windows' strokes off the page, and return them."""
        gone = self.drawn(windows)
        margin = self.size // 2  # further out no stroke of a window reaches
        near = np.zeros_like(self.inked)  # windows whose strokes may lie in what is cleared
        far = (self.size + 2 * margin) // self.stride
        for row, column in windows.tolist():
            del self.own[row, column]
            near[max(row - far, 0) : row + far + 1, max(column - far, 0) : column + far + 1] = True
            top, left = row * self.stride - margin, column * self.stride - margin
            sides = self.size + 2 * margin
            self.canvas[max(top, 0) : top + sides, max(left, 0) : left + sides] = 0
        # Ink is the larger value: what is drawn again outside changes nothing there.
        self._draw(self.below)
        for row, column in np.argwhere(near).tolist():
            if (row, column) in self.own:
                self._draw(self.own[row, column][2])
        return gone

    def refine(self, steps: int) -> None:
        """Move all windows' strokes at once, each within its window, down the gradient of the renderer's own
        error on the page; see ``moves_at_once``.
        """
        windows = np.array(list(self.own))
        actions, keep = self.drawn(windows)
        top, left = (windows * self.stride).T[..., None]

        def curves(actions: np.ndarray) -> np.ndarray:
            own = self.spec.shifted(self.enlarged(actions), left, top)[keep]
            return self._curves(np.concatenate([self.below, own]))

        before, low, high = map(curves, (actions, np.full_like(actions, -1), np.ones_like(actions)))
        moved = moved_curves(before, low, high, self.ink / np.float32(255), steps)
        moved = moved[len(self.below) :, : len(self.spec)]
        left, top = (np.broadcast_to(corner, keep.shape)[keep] for corner in (left, top))
        within = self.spec.scaled(self.spec.shifted(moved, -left, -top), 64 / self.size)
        actions[keep] = np.clip(self.spec.to_action(within), -1, 1)
        self.own.clear()
        self.canvas[:] = 0
        self._draw(self.below)
        self.paint(windows, actions, keep)

    def merge(self, price: float, report: Callable[[float], object] = lambda share: None) -> None:
        """Merge strokes, whichever window's, by ``drawenv.merge``: none is a window's own then."""
        width = cast(BezierRenderer, self.renderer).thickness
        curves = merged(self._curves(self.strokes), self.ink / np.float32(255), price, width, report)
        self.below = curves[:, : len(self.spec)]
        self.own.clear()
        self.canvas[:] = 0
        self._draw(self.below)

    @property
    def strokes(self) -> np.ndarray:
        """All that is drawn, physical values ``[k, n]`` in px of this page."""
        return np.concatenate([self.below, *(own for _, _, own in self.own.values())])

    def _curves(self, strokes: np.ndarray) -> np.ndarray:
        """Strokes ``[k, n]`` in px of the page, as ``BezierRenderer.curves`` has them."""
        page = cast(BezierRenderer, self.renderer)
        return page.curves(np.clip(page.action_spec.to_action(strokes), -1, 1))

    def _draw(self, strokes: np.ndarray) -> None:
        """Draw strokes ``[k, n]`` in px of the page."""
        actions = np.clip(self.renderer.action_spec.to_action(strokes), -1, 1)
        canvas = self.canvas[None, None]
        for k in range(len(actions)):
            self.renderer.draw(canvas, actions[k : k + 1])


def worth_painting(
    parts: Sequence[tuple[Page, np.ndarray]], actions: np.ndarray, keep: np.ndarray | None, least: float,
    price: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Which strokes of windows gain enough, each window for itself.

    Args:
        parts: pages of one level, and windows of each, int ``[k, 2]``.
        actions: of all of them, float32 ``[windows, strokes, n]``.
        keep: which of them may be drawn, bool ``[windows, strokes]``; all if None.
        least: see ``useful_strokes``.
        price: likewise, of a window of level 1.

    Returns:
        bool ``[windows, strokes]``.
    """
    page, _ = parts[0]
    here = np.clip(page.window.action_spec.to_action(page.enlarged(actions)), -1, 1)
    targets = np.concatenate([page.cut(page.ink, windows) for page, windows in parts])
    before = np.concatenate([page.cut(page.canvas, windows) for page, windows in parts])
    return useful_strokes(page.window, here, targets, before, least, keep, price * (page.size / 64) ** 2)


def shrink(ink: np.ndarray, scale: float) -> np.ndarray:
    """A picture ``scale`` times smaller (larger if below 1), at least 1x1."""
    if scale == 1:
        return ink
    sides = [max(round(side / scale), 1) for side in ink.shape]
    filter = Image.Resampling.BOX if scale > 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(ink).resize(sides[::-1], filter))


def at_its_scale(look: Callable[[np.ndarray], np.ndarray], ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture in the size that suits its lines: those of about 3 px are most like what was learned, and so
    is the dirt beside them. A large one is first seen small, and larger while its lines are too thin.

    Args:
        look: what to make of it in any size, likewise uint8 ``[H, W]``.
        ink: uint8 ``[H, W]``, light on black.

    Returns:
        What ``look`` made of it in that size, and in the largest one in which it was seen.
    """
    scale = max(max(ink.shape) / SEEN, 1.0)
    seen = look(shrink(ink, scale))
    while scale > 1 and line_width(seen) < THIN:
        scale = max(scale / 2, 1.0)
        seen = look(shrink(ink, scale))
    largest = seen
    for _ in range(3):  # of lines much too wide the width is a guess
        width, most = line_width(seen), max(ink.shape) / SMALL
        if width <= WIDE or scale >= most:
            break
        scale = min(scale * width / USUAL, most)
        seen = look(shrink(ink, scale))
    return seen, largest


def draw_page(
    choose: Choose, renderer: Renderer, ink: np.ndarray, stride: int = 32,
    levels: Sequence[Sequence[float]] = ((1, 0.0),), rounds: int = 0, refine: int = 0,
    order: Order = "phased", size: int = 64, price: float = 0.0, merge: float = 0.0,
    sides: tuple[int, ...] | None = None, report: Callable[[int, int], None] | None = None,
    log: list | None = None,
) -> Drawing:  # fmt: skip
    """Draw a picture of any size window by window.

    Args:
        choose: the drawer.
        renderer: of the windows.
        ink: uint8 ``[H, W]``, light ink on black.
        stride: from one window of level 1 to the next in pixels.
        levels: for each pass how many times larger its windows are, and what a stroke
            must gain to be kept.
        rounds: how often each window's strokes are redrawn, with its neighbours' in place; before and after
            each round all are moved at once, if they can be.
        refine: further steps of that at the end.
        order: see ``Page.batches``.
        size: side of a window of level 1 in pixels.
        price: what a stroke must save of the squared error of such a window.
        merge: after the last round, what a stroke of the page must save when two may become one, if they can
            be moved at once; 0: strokes stay as their windows made them.
        sides: height and width in px of the page that the drawing is for, of which ``ink`` is a copy in
            another size; its own if None.
        report: called with (windows done, of how many).
        log: a list to which the sides of ``ink``, then groups of windows and their strokes are added, for
            ``imagine_page``.

    Returns:
        The drawing.

    Raises:
        ValueError: stride or order is out of range.
    """
    strokes, done = np.empty((0, len(renderer.action_spec)), np.float32), 0
    merging = merge > 0 and rounds > 0 and moves_at_once(renderer)
    if log is not None:
        log.append(ink.shape)
    for level, least in levels:
        page = Page(ink, renderer, int(size * level), int(stride * level), strokes)
        total = done + int(page.inked.sum()) * (1 + rounds + merging)
        for turn in range(1 + rounds):
            for windows in page.batches(order if turn == 0 else "phased"):
                old = page.erase(windows) if turn else None
                cuts = page.cut(page.ink, windows), page.cut(page.canvas, windows)
                actions, keep = choose(*cuts, old, turn == rounds)
                keep = worth_painting([(page, windows)], actions, keep, least, price)
                page.paint(windows, actions, keep)
                done += len(windows)
                if report:
                    report(done, total)
            steps = STEPS * (rounds > 0) + refine * (turn == rounds)
            if moves_at_once(renderer) and steps and page.own:
                page.refine(steps)
        strokes = page.strokes
        if log is not None:
            log += [(w * page.stride, page.size, *page.drawn(w)) for w in page.phases() if len(w)]
    if merging:
        page.merge(merge, lambda share: report and report(done + round(share * (total - done)), total))
        strokes = page.strokes
        if log is not None:
            log[1:] = in_pieces(strokes, page.spec, page.size, page.canvas.shape)
    scale = max(sides or ink.shape) / max(ink.shape)
    page_renderer = renderer.on_page(cast(tuple[int, int], sides or ink.shape), scale)
    actions = page_renderer.action_spec.to_action(renderer.action_spec.scaled(strokes, scale))
    return Drawing(np.clip(actions, -1, 1).astype(np.float32), page_renderer)
