"""Scores of their own for some kinds of targets: colours of digits, rooms of plans, boxes of scenes."""

from __future__ import annotations

from typing import cast

import numpy as np

from drawenv import ArrayTargets, Drawing
from drawenv.metrics import average_precision, box_iou, ciede2000, mse, paired
from drawenv.renderers import PrismRenderer
from drawenv.renderers.color import lab_to_rgb, rgb_to_lab
from drawenv.rooms import room_types, rooms, type_map
from drawenv.targets.mnist import DIGIT_COLORS
from drawenv.targets.plans import ROOM_TYPES


def color_scores(drawings: list[Drawing], targets: ArrayTargets) -> dict[str, float]:
    """Share of drawings whose ink is nearest to the colour of the right one of ten classes."""
    palette = rgb_to_lab(DIGIT_COLORS)

    def nearest(rgb: np.ndarray) -> int:
        return int(ciede2000(rgb_to_lab(rgb), palette).argmin())

    right = []
    for i, drawing in enumerate(drawings):
        target, hint = targets.images[i], cast(np.ndarray, targets.hints)[i, 0].astype(float)
        brightest = np.unravel_index(hint.argmax(), hint.shape)
        color = target[(slice(None), *brightest)] / hint[brightest] * 255  # its class' own
        drawn = drawing.render(target.shape[-1])  # [H, W, 3]
        light = drawn.max(-1)
        ink = drawn[light > light.max() / 2]
        right.append(bool(ink.size) and nearest(ink.mean(0)) == nearest(color))
    return {"color_accuracy": float(np.mean(right))}


def room_scores(drawings: list[Drawing], targets: ArrayTargets) -> dict[str, float]:
    """Precision, recall and F1 of rooms at IoU 0.5, with their type and without; mean IoU over types.

    Rooms are paired one to one. Two predictions that overlap by an IoU over 0.5 are both wrong.
    The mean IoU is over the types, each over the pixels of all plans.
    """
    found, wanted, right, placed = 0, 0, 0, 0
    shared, either = np.zeros(len(ROOM_TYPES)), np.zeros(len(ROOM_TYPES))
    for drawing, shapes in zip(drawings, targets.shapes or [], strict=False):
        true = Drawing(drawing.renderer.action_spec.to_action(shapes), drawing.renderer)
        types, boxes = room_types(true), shapes[:, :4]
        predicted = rooms(drawing)
        found, wanted = found + len(predicted), wanted + len(boxes)
        drawn_map, true_map = type_map(drawing), type_map(true)
        for k in range(len(ROOM_TYPES)):
            shared[k] += ((drawn_map == k) & (true_map == k)).sum()
            either[k] += ((drawn_map == k) | (true_map == k)).sum()
        if not predicted:
            continue
        own = np.array([room.box for room in predicted])
        twice = (box_iou(own, own) > 0.5).sum(1) > 1
        overlap = np.where(twice[:, None], 0, box_iou(own, boxes))
        same = np.array([[room.type == ROOM_TYPES[t] for t in types] for room in predicted])
        for good, typed in ((overlap >= 0.5, False), ((overlap >= 0.5) & same, True)):
            hits = int(good[paired(good * (1 + overlap))].sum())
            right, placed = right + typed * hits, placed + (not typed) * hits
    precision, recall = right / max(found, 1), right / max(wanted, 1)
    return {
        "room_precision": precision,
        "room_recall": recall,
        "room_f1": 2 * right / max(found + wanted, 1),
        "room_f1_untyped": 2 * placed / max(found + wanted, 1),
        "miou": float(np.mean(shared[either > 0] / either[either > 0])),
    }


def prism_scores(drawings: list[Drawing], targets: ArrayTargets) -> dict[str, float]:
    """Boxes in space: mean 3D IoU of the true ones (0 for one not found), AP at 0.5, CIEDE2000.

    Drawn and true boxes of a scene are paired one to one for the largest sum of IoU. How sure a box
    is: by how much it changes the picture.
    """
    overlaps, colors, scores, hits, wanted = [], [], [], [], 0
    for drawing, shapes in zip(drawings, targets.shapes or [], strict=False):
        renderer = cast(PrismRenderer, drawing.renderer)
        wanted += len(shapes)
        own = renderer.boxes(drawing.actions)
        overlap = box_iou(own, shapes[:, :6])
        rows, columns = paired(overlap)
        best = np.zeros(len(own))
        best[rows] = overlap[rows, columns]
        overlaps += [*overlap[rows, columns], *[0.0] * (len(shapes) - len(columns))]
        drawn = rgb_to_lab(renderer.colors(drawing.actions))[rows]
        colors += list(ciede2000(drawn, rgb_to_lab(lab_to_rgb(shapes[columns, 6:]))))
        full = drawing.render()
        for k in range(len(own)):
            without = Drawing(np.delete(drawing.actions, k, 0), renderer).render()
            scores.append(float(mse(full[None], without[None])[0]))
        hits += list(best >= 0.5)
    return {
        "iou3d": float(np.mean(overlaps)),
        "ap3d_50": average_precision(np.array(scores), np.array(hits), wanted),
        "ciede2000": float(np.mean(colors)) if colors else float("nan"),
    }


# By the name of the targets.
SCORES = {"colormnist": color_scores, "floorplans": room_scores, "plans": room_scores,
          "prisms": prism_scores, "prisms-1": prism_scores, "prisms-3": prism_scores}  # fmt: skip
