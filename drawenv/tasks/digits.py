"""Digits in the colour of their class: the colours, and whether a drawing has the right one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawenv.drawing import Drawing
from drawenv.metrics import ciede2000
from drawenv.renderers.color import rgb_to_lab

# The colour of each digit, sRGB: bright ones, at least 63 apart in CIELAB.
DIGIT_COLORS = np.array(
    [
        [195, 0, 255], [0, 255, 0], [255, 90, 0], [0, 210, 255], [75, 105, 0],
        [165, 75, 120], [255, 240, 0], [0, 120, 255], [75, 255, 180], [255, 225, 195],
    ],
    np.uint8,
)  # fmt: skip


def in_color(gray: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gray digits uint8 ``[n, 1, H, W]`` in the colours of their classes ``[n]``: uint8 ``[n, 3, H, W]``."""
    color = DIGIT_COLORS[labels].astype(np.uint16)[:, :, None, None]
    return ((gray * color + 127) // 255).astype(np.uint8)


def color_scores(drawings: Sequence[Drawing], labels: np.ndarray) -> dict[str, float]:
    """Share of drawings whose ink is nearest to the colour of the right one of ten classes, ``[n]``."""
    palette, right = rgb_to_lab(DIGIT_COLORS), []
    for drawing, label in zip(drawings, labels, strict=True):
        drawn = drawing.render()  # [H, W, 3]
        light = drawn.max(-1)
        ink = drawn[light > light.max() / 2]
        right.append(bool(ink.size) and ciede2000(rgb_to_lab(ink.mean(0)), palette).argmin() == label)
    return {"color_accuracy": float(np.mean(right))}
