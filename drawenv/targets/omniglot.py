"""Omniglot: hand-drawn characters with their pen strokes (Lake et al. 2015).

The eight alphabets of the "small" background sets. Two of them, Katakana (straight strokes)
and Tagalog (curved ones), are the test split: no drawer is trained on them. The lines of the
105-px originals are 3 px wide; they are thickened to 7 px, so that at 64 px they are about as
heavy as MNIST's (4.3 px). ``omniglot-thin`` has them as they are (1.8 px of 64), ``omniglot-wide``
13 px wide (7.9 px of 64).
"""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image, ImageFilter

from drawenv.targets.base import ArrayTargets, check_split
from drawenv.targets.files import find

TEST_ALPHABETS = ("Japanese_(katakana)", "Tagalog")
_SIDE = 105
_VALIDATION_DRAWERS = ("19", "20")  # of the training alphabets


def _in_split(name: str, split: str) -> bool:
    """``name`` is ALPHABET/characterNN/IIII_DD."""
    if name.split("/")[0] in TEST_ALPHABETS:
        return split == "test"
    return split == ("val" if name[-2:] in _VALIDATION_DRAWERS else "train")


def widened(ink: Image.Image, line: int) -> Image.Image:
    """Lines 3 px wide, ``line`` px wide: an odd number from 3. Pillow 12.3 dies of a filter of one pixel."""
    return ink.filter(ImageFilter.MaxFilter(line - 2)) if line > 3 else ink


def _picture(data: bytes, size: int, line: int) -> np.ndarray:
    ink = Image.open(io.BytesIO(data)).convert("L").point(lambda v: 255 - v)
    ink = widened(ink, line)
    return np.asarray(ink.resize((size, size), Image.Resampling.BILINEAR))


def _pen_strokes(text: str) -> list[np.ndarray]:
    """Lines ``x,y,t`` with y negative downwards, BREAK after each stroke, to px of 64."""
    strokes, points = [], []
    for line in text.splitlines():
        if line == "BREAK":
            if points:
                strokes.append(np.array(points, np.float32))
            points = []
        elif line and line != "START":
            x, y, _ = line.split(",")
            points.append(((float(x) + 0.5) * 64 / _SIDE, (0.5 - float(y)) * 64 / _SIDE))
    return strokes


def load_omniglot(split: str, size: int, line: int = 7) -> ArrayTargets:
    """Characters of a split, white on black, and their pen strokes: ``train``, ``val`` or ``test``.

    Their lines are ``line`` px of 105 wide, an odd number.
    """
    check_split("omniglot", split)
    pictures, strokes = {}, {}  # by name: Greek and Latin are in both archives
    for part in ("small1", "small2"):
        with zipfile.ZipFile(find(f"omniglot/images_background_{part}.zip")) as archive:
            for path in archive.namelist():
                name = path.partition("/")[2].removesuffix(".png")
                if path.endswith(".png") and name not in pictures and _in_split(name, split):
                    pictures[name] = _picture(archive.read(path), size, line)
        with zipfile.ZipFile(find(f"omniglot/strokes_background_{part}.zip")) as archive:
            for path in archive.namelist():
                name = path.partition("/")[2].removesuffix(".txt")
                if path.endswith(".txt") and name in pictures and name not in strokes:
                    strokes[name] = _pen_strokes(archive.read(path).decode())
    names = sorted(pictures)
    return ArrayTargets(np.stack([pictures[n] for n in names]), [strokes[n] for n in names])
