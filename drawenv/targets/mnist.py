"""MNIST digits (LeCun & Cortes), stretched from 28 to ``size`` pixels (bilinear)."""

from __future__ import annotations

import gzip

import numpy as np
from PIL import Image

from drawenv.targets.files import find

_VALIDATION = 5000  # the last training digits, never trained on


def load_mnist(split: str, size: int) -> tuple[np.ndarray]:
    """Digits of a split: ``train`` (55,000), ``val`` (5,000) or ``test`` (10,000).

    Returns:
        One array, uint8 ``[N, size, size]``, white on black.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f"mnist has the splits train, val and test, not {split!r}")
    name = "t10k" if split == "test" else "train"
    with gzip.open(find(f"mnist/{name}-images-idx3-ubyte.gz")) as file:
        digits = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    if split == "train":
        digits = digits[:-_VALIDATION]
    elif split == "val":
        digits = digits[-_VALIDATION:]
    if size == 28:
        return (digits,)
    images = np.empty((len(digits), size, size), np.uint8)
    for i, digit in enumerate(digits):
        stretched = Image.fromarray(digit).resize((size, size), Image.Resampling.BILINEAR)
        images[i] = np.asarray(stretched)
    return (images,)
