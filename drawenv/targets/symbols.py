"""Built-in symbols: one to five curved pen strokes, endless, with nothing to download."""

from __future__ import annotations

import numpy as np

from drawenv.compiled import compiled
from drawenv.renderers.bezier import BezierRenderer
from drawenv.targets.base import ArrayTargets, Targets, check_split

_TEST_SIZE, _TEST_SEED = 2000, 64_064


_LOW, _HIGH = 9.0, 55.0  # px: within them strokes begin and end


@compiled
def _curves(rng, thinnest, widest, curves, counts):
    """Make symbols: curves float32 [n, strokes, 7], counts int64 [n]."""
    n, strokes = curves.shape[0], curves.shape[1]
    # One kind of number for all symbols, then the next kind: as arrays of them would be filled.
    numbers = np.empty((n, 8))
    for i in range(n):
        curves[i, :, 6] = rng.uniform(thinnest, widest)
    for k in range(strokes):
        for i in range(n):
            numbers[i, 0], numbers[i, 1] = rng.uniform(_LOW, _HIGH), rng.uniform(_LOW, _HIGH)
        if k:  # two in three start on an earlier stroke
            for i in range(n):
                numbers[i, 2] = rng.integers(0, k)
            for i in range(n):
                numbers[i, 3] = rng.integers(0, 3) / 2
            for i in range(n):
                if rng.random() < 2 / 3:
                    x, t = curves[i, int(numbers[i, 2])], numbers[i, 3]
                    a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
                    for axis in range(2):
                        numbers[i, axis] = a * x[axis] + b * x[2 + axis] + c * x[4 + axis]
        for i in range(n):
            numbers[i, 4] = rng.uniform(0, 2 * np.pi)
        for i in range(n):
            numbers[i, 5] = rng.uniform(12, 44)
        for i in range(n):
            numbers[i, 6] = rng.normal(0, 0.5)
        for i in range(n):
            x0, y0, _, _, angle, length, bend, _ = numbers[i]
            bend *= rng.random() < 0.7
            # Turned back where it would leave: the margin is kept without a rejection loop.
            x2, y2 = x0 + np.cos(angle) * length, y0 + np.sin(angle) * length
            x2 = 2 * x0 - x2 if x2 < _LOW or x2 > _HIGH else x2
            y2 = 2 * y0 - y2 if y2 < _LOW or y2 > _HIGH else y2
            x2, y2 = min(max(x2, _LOW), _HIGH), min(max(y2, _LOW), _HIGH)
            curve = curves[i, k]
            curve[0], curve[1], curve[4], curve[5] = x0, y0, x2, y2
            curve[2] = min(max((x0 + x2) / 2 + bend * (y0 - y2), 0.0), 64.0)
            curve[3] = min(max((y0 + y2) / 2 + bend * (x2 - x0), 0.0), 64.0)
    for i in range(n):
        counts[i] = rng.integers(1, strokes + 1)


class Symbols(Targets):
    """An endless generator of symbols, each of 1-5 strokes that mostly touch one another.

    A stroke is a quadratic curve. It starts free or on an earlier stroke (at an end or
    inside), keeps inside a margin, and is at least 12 px long (of 64).

    Args:
        size: side of the pictures in pixels.
        max_strokes: most strokes of a symbol, 1 to 5.
        thickness: range of pen widths in px of 64; one width per symbol.
    """

    def __init__(self, size: int = 64, max_strokes: int = 5, thickness: tuple[float, float] = (4.0, 6.0)):
        self.shape = (1, size, size)
        self.max_strokes = max_strokes
        self.thickness = thickness
        self._renderer = BezierRenderer(thickness=None)

    def curves(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """``n`` symbols as curves.

        Returns:
            float32 ``[n, max_strokes, 7]`` (x0 y0 x1 y1 x2 y2 thickness in px of 64) and how
            many of them are drawn, int ``[n]``.
        """
        curves, counts = np.empty((n, self.max_strokes, 7), np.float32), np.empty(n, np.int64)
        _curves(rng, *self.thickness, curves, counts)
        return curves, counts

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.draw(*self.curves(n, rng))

    def draw(self, curves: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Pictures of symbols, uint8 ``[n, 1, size, size]``."""
        rows, strokes = np.nonzero(np.arange(self.max_strokes) < counts[:, None])
        pictures = self._renderer.blank(len(curves), self.shape[1])
        self._renderer.draw(pictures, self._renderer.action_spec.to_action(curves[rows, strokes]), rows)
        return pictures


def load_symbols(split: str, size: int, max_strokes: int = 5) -> Targets:
    """``train`` is the endless generator; ``val`` and ``test`` are 2,000 fixed symbols each.

    The fixed ones come with their strokes as polylines, float32 ``[9, 2]`` each.
    """
    check_split("symbols", split)
    symbols = Symbols(size, max_strokes)
    if split == "train":
        return symbols
    rng = np.random.default_rng(_TEST_SEED + (split == "val"))
    curves, counts = symbols.curves(_TEST_SIZE, rng)
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    points = curves[..., None, :6].reshape(_TEST_SIZE, -1, 1, 3, 2)  # [N, strokes, 1, 3, xy]
    lines = (1 - t) ** 2 * points[..., 0, :] + 2 * t * (1 - t) * points[..., 1, :]
    lines += t**2 * points[..., 2, :]
    strokes = [list(line[:count]) for line, count in zip(lines, counts, strict=True)]
    return ArrayTargets(symbols.draw(curves, counts), strokes)
