"""MNIST digits (LeCun & Cortes), stretched from 28 to ``size`` pixels (bilinear), gray or in colour."""

from __future__ import annotations

import gzip

import numpy as np
from PIL import Image

from drawenv.targets.files import find

_VALIDATION = 5000  # the last training digits, never trained on

# The colour of each digit, sRGB: bright ones, at least 63 apart in CIELAB.
DIGIT_COLORS = np.array(
    [
        [195, 0, 255], [0, 255, 0], [255, 90, 0], [0, 210, 255], [75, 105, 0],
        [165, 75, 120], [255, 240, 0], [0, 120, 255], [75, 255, 180], [255, 225, 195],
    ],
    np.uint8,
)  # fmt: skip


def _part(split: str) -> slice:
    """Where a split is in its file."""
    if split not in ("train", "val", "test"):
        raise ValueError(f"mnist has the splits train, val and test, not {split!r}")
    return {"train": slice(-_VALIDATION), "val": slice(-_VALIDATION, None), "test": slice(None)}[split]


def digit_labels(split: str) -> np.ndarray:
    """Which digit each picture of a split shows, uint8 ``[N]``."""
    part, name = _part(split), "t10k" if split == "test" else "train"
    with gzip.open(find(f"mnist/{name}-labels-idx1-ubyte.gz")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=8)[part]


def in_color(gray: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gray digits uint8 ``[n, 1, H, W]`` in the colours of their classes ``[n]``: uint8 ``[n, 3, H, W]``."""
    color = DIGIT_COLORS[labels].astype(np.uint16)[:, :, None, None]
    return ((gray * color + 127) // 255).astype(np.uint8)


class ColorDigits:
    """Gray digits to translate into the colour of their class, coloured when they are asked for.

    Args:
        gray: uint8 ``[N, 1, H, W]``.
        labels: which digit each is, ``[N]``.
    """

    def __init__(self, gray: np.ndarray, labels: np.ndarray):
        self.gray, self.labels = gray, labels
        self.hint_shape = gray.shape[1:]
        self.shape = (3, *gray.shape[2:])

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen = rng.integers(len(self.gray), size=n)
        return self.gray[chosen], in_color(self.gray[chosen], self.labels[chosen])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.sample_pairs(n, rng)[1]


def load_color_mnist(split: str, size: int):
    """Digits in the colour of their class, and the gray ones as hints.

    Returns:
        For ``train`` (670 MB in colour) ``ColorDigits``; for ``val`` and ``test`` targets uint8
        ``[N, 3, size, size]``, None for strokes, and hints uint8 ``[N, 1, size, size]``.
    """
    gray, labels = load_mnist(split, size)[0][:, None], digit_labels(split)
    return ColorDigits(gray, labels) if split == "train" else (in_color(gray, labels), None, gray)


def load_mnist(split: str, size: int) -> tuple[np.ndarray]:
    """Digits of a split: ``train`` (55,000), ``val`` (5,000) or ``test`` (10,000).

    Returns:
        One array, uint8 ``[N, size, size]``, white on black.
    """
    part, name = _part(split), "t10k" if split == "test" else "train"
    with gzip.open(find(f"mnist/{name}-images-idx3-ubyte.gz")) as file:
        digits = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[part]
    if size == 28:
        return (digits,)
    images = np.empty((len(digits), size, size), np.uint8)
    for i, digit in enumerate(digits):
        stretched = Image.fromarray(digit).resize((size, size), Image.Resampling.BILINEAR)
        images[i] = np.asarray(stretched)
    return (images,)
