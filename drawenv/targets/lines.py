"""Line pictures of every kind there is data for, as pages: sketches, characters, digits, symbols."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawenv.targets.base import ArrayTargets
from drawenv.targets.mnist import load_mnist
from drawenv.targets.omniglot import load_omniglot, widened
from drawenv.targets.sketches import load_sketches
from drawenv.targets.symbols import Symbols

_SEEDS = {"train": 512, "val": 513, "test": 514}
_LINES = (3, 5, 7, 9, 13)  # widths of characters' lines, px of 105
_WIDTHS = (1.5, 8.0)  # of symbols' lines, px


def load_lines(split: str, size: int) -> ArrayTargets:
    """The sketches of a split, and as many pages with other line pictures of that split on them: characters
    64 and 128 px large with lines of any width, digits, and symbols up to 256 px large.
    """
    sketches, rng = load_sketches(split, size).images, np.random.default_rng(_SEEDS[split])
    characters, digits = load_omniglot(split, 105, 3).images, load_mnist(split, 28).images
    pages = -(-len(sketches) // 8)
    sheets = [_sheets(characters, pages, size, side, rng, _LINES) for side in (64, 64, 64, 128)]
    sheets.append(_sheets(digits, pages, size, 64, rng))
    for side in (64, 128, 256):
        symbols = Symbols(side, thickness=(_WIDTHS[0] * 64 / side, _WIDTHS[1] * 64 / side))
        sheets.append(_sheets(symbols.sample(pages * (size // side) ** 2, rng), pages, size, side, rng))
    return ArrayTargets(np.concatenate([sketches, *sheets]))


def _sheets(
    cells: np.ndarray, pages: int, size: int, side: int, rng: np.random.Generator,
    lines: tuple[int, ...] = (3,),
) -> np.ndarray:  # fmt: skip
    """Some of the pictures uint8 ``[N, 1, s, s]``, made ``side`` px large, as pages ``[k, 1, size, size]``.

    Their lines of 3 px become any of ``lines`` wide.
    """
    across = size // side
    sheets = np.zeros((pages, 1, size, size), np.uint8)
    for i, at in zip(
        rng.integers(len(cells), size=pages * across**2), np.ndindex(pages, across, across), strict=True
    ):
        cell = widened(Image.fromarray(cells[i, 0]), rng.choice(lines))
        page, top, left = at[0], at[1] * side, at[2] * side
        sheets[page, 0, top : top + side, left : left + side] = cell.resize(
            (side, side), Image.Resampling.BILINEAR
        )
    return sheets
