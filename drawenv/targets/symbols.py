"""Built-in symbols: one to five curved pen strokes, endless, with nothing to download."""

from __future__ import annotations

import numpy as np

from drawenv.drawing import draw_kept
from drawenv.renderers.bezier import BezierRenderer
from drawenv.targets.base import ArrayTargets, Targets, check_split

_TEST_SIZE, _TEST_SEED = 2000, 64_064


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
        low, high = 9.0, 55.0
        curves = np.empty((n, self.max_strokes, 7), np.float32)
        curves[:, :, 6] = rng.uniform(*self.thickness, (n, 1))
        each = np.arange(n)
        for k in range(self.max_strokes):
            start = rng.uniform(low, high, (n, 2))
            if k:  # two in three start on an earlier stroke
                x = curves[each, rng.integers(k, size=n), :6].reshape(n, 3, 2)
                t = rng.choice([0.0, 0.5, 1.0], n)[:, None]
                on = (1 - t) ** 2 * x[:, 0] + 2 * t * (1 - t) * x[:, 1] + t**2 * x[:, 2]
                start = np.where(rng.random((n, 1)) < 2 / 3, on, start)
            angle, length = rng.uniform(0, 2 * np.pi, n), rng.uniform(12, 44, n)
            chord = np.stack([np.cos(angle), np.sin(angle)], 1) * length[:, None]
            # Turned back where it would leave: the margin is kept without a rejection loop.
            chord = np.where((start + chord < low) | (start + chord > high), -chord, chord)
            end = np.clip(start + chord, low, high)
            bend = rng.normal(0, 0.5, (n, 1)) * (rng.random((n, 1)) < 0.7)
            normal = np.stack([start[:, 1] - end[:, 1], end[:, 0] - start[:, 0]], 1)
            curves[:, k, 0:2], curves[:, k, 4:6] = start, end
            curves[:, k, 2:4] = np.clip((start + end) / 2 + bend * normal, 0, 64)
        return curves, rng.integers(1, self.max_strokes + 1, n)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.draw(*self.curves(n, rng))

    def draw(self, curves: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Pictures of symbols, uint8 ``[n, 1, size, size]``."""
        actions = self._renderer.action_spec.to_action(curves)
        live, blank = (
            np.arange(self.max_strokes) < counts[:, None],
            self._renderer.blank(len(curves), self.shape[1]),
        )
        return draw_kept(self._renderer, actions, live, blank)


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
