"""Make the pictures of this folder: digits from curves written down here, and symbols.

    python examples/make_pictures.py

The drawer never sees these curves, only the pictures: dark ink on paper, 256 pixels wide, the
digits with pens of several widths.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from drawenv import BezierRenderer, Drawing, Symbols

# Each stroke: start, control point, end, in a box 20 wide and 40 high.
DIGITS = {
    "0": [(10, 0, -2, 2, 0, 20), (0, 20, 0, 40, 10, 40), (10, 40, 22, 40, 20, 20), (20, 20, 20, 0, 10, 0)],
    "1": [(4, 8, 10, 6, 12, 0), (12, 0, 11, 20, 11, 40)],
    "2": [(1, 8, 4, -2, 14, 1), (14, 1, 24, 6, 14, 22), (14, 22, 8, 32, 0, 40), (0, 40, 10, 38, 21, 40)],
    "3": [(2, 4, 20, -6, 19, 9), (19, 9, 18, 18, 8, 19), (8, 19, 22, 20, 20, 31), (20, 31, 17, 43, 0, 37)],
    "4": [(5, 1, 2, 12, 0, 24), (0, 24, 10, 25, 22, 23), (17, 8, 16, 24, 15, 40)],
    "5": [(20, 1, 10, 1, 4, 1), (4, 1, 3, 10, 2, 17), (2, 17, 24, 10, 20, 30), (20, 30, 16, 42, 0, 38)],
    "6": [(15, 0, 2, 10, 1, 28), (1, 28, 2, 44, 14, 39), (14, 39, 24, 32, 16, 23), (16, 23, 6, 18, 2, 30)],
    "7": [(0, 3, 10, 1, 20, 2), (20, 2, 12, 18, 9, 40)],
    "8": [(18, 6, 8, -6, 3, 6), (3, 6, 2, 14, 14, 24), (14, 24, 24, 36, 10, 40), (10, 40, -6, 36, 18, 6)],
    "9": [(18, 8, 8, -6, 2, 10), (2, 10, 3, 24, 18, 14), (19, 6, 20, 24, 14, 40)],
}
FOLDER = Path(__file__).parent / "pictures"


def digit(strokes: list[tuple], thickness: float, slant: float) -> Drawing:
    """A digit's strokes placed in the middle of the canvas."""
    points = np.array(strokes, np.float32).reshape(-1, 3, 2) + (22, 12)
    points[..., 0] += slant * (32 - points[..., 1])
    renderer = BezierRenderer(thickness)
    return Drawing(renderer.action_spec.to_action(points.reshape(-1, 6)), renderer)


def save(ink: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - ink).save(path, optimize=True)


def main() -> None:
    rng = np.random.default_rng(7)
    for name, strokes in DIGITS.items():
        drawing = digit(strokes, rng.uniform(4.0, 6.0), rng.uniform(-0.1, 0.25))
        save(drawing.render(256), FOLDER / "digits" / f"{name}.png")
    symbols = Symbols(256, max_strokes=4).sample(40, rng)[:, 0]
    richest = sorted(symbols, key=lambda ink: -int(ink.sum(dtype=int)))[:10]
    for i, ink in enumerate(richest):
        save(ink, FOLDER / "symbols" / f"{i}.png")


if __name__ == "__main__":
    main()
