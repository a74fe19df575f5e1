"""MNIST digits (LeCun & Cortes), stretched from 28 to ``size`` pixels (bilinear), gray or in colour."""

from __future__ import annotations

import gzip

import numpy as np
from PIL import Image

from drawenv.targets.base import ArrayTargets, Targets, check_split
from drawenv.targets.files import find
from drawenv.tasks.digits import color_scores, in_color

_VALIDATION = 5000  # the last training digits, never trained on


def _part(split: str) -> slice:
    """Where a split is in its file."""
    check_split("mnist", split)
    return {"train": slice(-_VALIDATION), "val": slice(-_VALIDATION, None), "test": slice(None)}[split]


def digit_labels(split: str) -> np.ndarray:
    """Which digit each picture of a split shows, uint8 ``[N]``."""
    part, name = _part(split), "t10k" if split == "test" else "train"
    with gzip.open(find(f"mnist/{name}-labels-idx1-ubyte.gz")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=8)[part]


class ColorDigits(Targets):
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


def load_color_mnist(split: str, size: int) -> Targets:
    """Digits in the colour of their class, and the gray ones as hints: of the split ``train``, which would
    take 670 MB, coloured when they are asked for.
    """
    gray, labels = load_mnist(split, size).images, digit_labels(split)
    if split == "train":
        return ColorDigits(gray, labels)
    return ArrayTargets(
        in_color(gray, labels), hints=gray, score=lambda drawn: color_scores(drawn, labels[: len(drawn)])
    )


def load_mnist(split: str, size: int) -> ArrayTargets:
    """Digits of a split, white on black: ``train`` (55,000), ``val`` (5,000) or ``test`` (10,000)."""
    part, name = _part(split), "t10k" if split == "test" else "train"
    with gzip.open(find(f"mnist/{name}-images-idx3-ubyte.gz")) as file:
        digits = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)[part]
    if size == 28:
        return ArrayTargets(digits)
    images = np.empty((len(digits), size, size), np.uint8)
    for i, digit in enumerate(digits):
        stretched = Image.fromarray(digit).resize((size, size), Image.Resampling.BILINEAR)
        images[i] = np.asarray(stretched)
    return ArrayTargets(images)
