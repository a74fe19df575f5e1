"""Boxes in space: how well those drawn match the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawenv.drawing import Drawing
from drawenv.metrics import box_iou, ciede2000, paired
from drawenv.renderers import PrismRenderer
from drawenv.renderers.color import lab_to_rgb, rgb_to_lab


def box_scores(drawings: Sequence[Drawing], shapes: Sequence[np.ndarray]) -> dict[str, float]:
    """3D IoU, precision, recall and F1 at 3D IoU 0.5, and CIEDE2000 of the colours.

    Drawn and true boxes of a scene are paired one to one for the largest sum of IoU. A scene's IoU is
    that sum over the larger number of boxes, drawn or true: a box too many counts as one missed.
    Precision and recall are over all boxes of all scenes; ``f1_mean`` is the mean of the scenes' own F1.

    Args:
        drawings: of scenes.
        shapes: for each its true boxes, physical values ``[k, 9]``.
    """
    renderer = PrismRenderer()
    ious, colors, hits, each, wanted = [], [], [], [], 0
    for drawing, scene in zip(drawings, shapes, strict=True):
        own = renderer.boxes(drawing.actions)
        overlap = box_iou(own, scene[:, :6])
        rows, columns = paired(overlap)
        best = np.zeros(len(own))
        best[rows] = overlap[rows, columns]
        ious.append(best.sum() / max(len(own), len(scene), 1))
        drawn = rgb_to_lab(renderer.colors(drawing.actions))[rows]
        colors += list(ciede2000(drawn, rgb_to_lab(lab_to_rgb(scene[columns, 6:]))))
        hits += list(best >= 0.5)
        each.append(2 * np.sum(best >= 0.5) / max(len(own) + len(scene), 1))
        wanted += len(scene)
    right = float(np.sum(hits))
    return {
        "iou3d": float(np.mean(ious)),
        "precision": right / max(len(hits), 1),
        "recall": right / max(wanted, 1),
        "f1": 2 * right / max(len(hits) + wanted, 1),
        "f1_mean": float(np.mean(each)),
        "ciede2000": float(np.mean(colors)) if colors else float("nan"),
    }
