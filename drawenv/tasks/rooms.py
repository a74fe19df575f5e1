"""Rooms of a floor plan: read from its drawing in rectangles, drawn in them, scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import find_objects, label
from skimage.segmentation import clear_border

from drawenv.drawing import Drawing
from drawenv.metrics import box_iou, paired
from drawenv.renderers import RectangleRenderer
from drawenv.renderers.color import rgb_to_lab

GRID = 256  # cells across of the grid on which overlaps are resolved
LEAST = 0.5  # rectangles of which less is seen are no rooms
LINE, SMALLEST = 60, 20  # what is brighter is a line; px of 64x64 that a room between lines has at least

# A room with several labels is of the first of its types here. Colours are sRGB.
ROOM_COLORS: dict[str, tuple[int, int, int]] = {
    "living_room": (255, 170, 0), "kitchen": (235, 60, 40), "bedroom": (255, 240, 150),
    "bathroom": (0, 90, 255), "washing_room": (0, 225, 255), "restroom": (190, 60, 255),
    "corridor": (150, 150, 150), "entrance": (120, 70, 20), "balcony": (60, 190, 60),
    "closet": (255, 160, 220), "pipe_space": (0, 110, 100),
}  # fmt: skip
ROOM_TYPES = tuple(ROOM_COLORS)
PALETTE = np.array(list(ROOM_COLORS.values()), np.float32)

Box = tuple[float, float, float, float]  # left, top, right, bottom in px of a 64-px plan


class Room(NamedTuple):
    """A room: its type, one of ``ROOM_TYPES``, and left, top, right, bottom in px of a 64-px plan."""

    type: str
    box: Box


def nearest_room_type(rgb: np.ndarray) -> np.ndarray:
    """Colours ``[..., 3]`` in [0, 255] to the nearest room type's index, -1 where black is nearer."""
    palette = np.concatenate([np.zeros((1, 3), np.float32), PALETTE])
    away = np.square(np.asarray(rgb, np.float32)[..., None, :] - palette).sum(-1)
    return away.argmin(-1) - 1


def _rectangles(drawing: Drawing) -> RectangleRenderer:
    if type(drawing.renderer) is not RectangleRenderer:
        raise TypeError(f"rooms are read from filled rectangles, not from {type(drawing.renderer).__name__}")
    return drawing.renderer


def _boxes(drawing: Drawing) -> np.ndarray:
    """Left, top, right, bottom of each rectangle, ``[k, 4]`` in px of 64."""
    return _rectangles(drawing).boxes(drawing.actions)[:, :4]


def painted(drawing: Drawing) -> np.ndarray:
    """Which of a drawing's rectangles shows where: int ``[256, 256]``, -1 for none."""
    owner, boxes = np.full((GRID, GRID), -1), _boxes(drawing)
    for k, (left, top, right, bottom) in enumerate((boxes * GRID / 64).round().astype(int)):
        owner[top:bottom, left:right] = k
    return owner


def room_types(drawing: Drawing) -> np.ndarray:
    """The type of each rectangle, int ``[k]``: an index into ``ROOM_TYPES``, -1 for black."""
    return nearest_room_type(_rectangles(drawing).colors(drawing.actions))


def type_map(drawing: Drawing) -> np.ndarray:
    """The type of room at each cell, int ``[256, 256]``, -1 where there is none."""
    owner = painted(drawing)
    return np.append(room_types(drawing), -1)[owner]  # owner -1: the last


def rooms(drawing: Drawing) -> list[Room]:
    """The rooms that a drawing in filled rectangles shows.

    A rectangle's type is that of the nearest colour in ``ROOM_COLORS`` (black is none). What is
    painted later covers what was painted before: a room's box bounds what is left to see of its
    rectangle, and a rectangle of which under half is left is no room.

    Raises:
        TypeError: the drawing is not one of filled rectangles.
    """
    boxes, owner, found = _boxes(drawing), painted(drawing), []
    for k, kind in enumerate(room_types(drawing)):
        rows, columns = np.nonzero(owner == k)
        area = np.prod(boxes[k, 2:] - boxes[k, :2]) * (GRID / 64) ** 2
        if kind >= 0 and len(rows) > LEAST * area:
            ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            left, top, right, bottom = (float(end) * 64 / GRID for end in ends)
            found.append(Room(ROOM_TYPES[kind], (left, top, right, bottom)))
    return found


def draw_rooms(rooms: Sequence[Room]) -> Drawing:
    """Rooms as a drawing in filled rectangles of their types' colours, the largest first."""
    renderer = RectangleRenderer()
    physical = np.array([[*r.box, *rgb_to_lab(np.array(ROOM_COLORS[r.type]))] for r in rooms])
    physical = physical.reshape(-1, len(renderer.action_spec))
    order = np.argsort(-np.prod(physical[:, 2:4] - physical[:, :2], 1), kind="stable")
    return Drawing(renderer.action_spec.to_action(physical[order]).clip(-1, 1), renderer)


def room_at(kind: str, part: tuple[slice, slice], side: int) -> Room:
    """The room whose box are some rows and columns of a plan so many px a side."""
    rows, columns = part
    ends = columns.start, rows.start, columns.stop, rows.stop
    left, top, right, bottom = (float(end) * 64 / side for end in ends)
    return Room(kind, (left, top, right, bottom))


def between_lines(plan: np.ndarray) -> list[Room]:
    """The rooms that the lines of a plan uint8 ``[side, side]``, light on black, enclose: what can be had
    without learning. It knows no types: all are of the commonest, closets.
    """
    regions, least = clear_border(label(plan < LINE)[0]), SMALLEST * (len(plan) / 64) ** 2
    parts = enumerate(find_objects(regions), 1)
    found = [part for k, part in parts if part and (regions[part] == k).sum() >= least]
    return [room_at("closet", part, len(plan)) for part in found]


def room_scores(drawings: Sequence[Drawing], shapes: Sequence[np.ndarray]) -> dict[str, float]:
    """Precision, recall and F1 of rooms at IoU 0.5, with their type and without; mean IoU over types; of each
    type that there is, how many are found.

    Args:
        drawings: of plans.
        shapes: for each its true rooms, physical values of rectangles ``[k, 7]``.

    Rooms are paired one to one. Two predictions that overlap by an IoU over 0.5 are both wrong.
    The mean IoU is over the types, each over the pixels of all plans.
    """
    found, wanted, right, placed = 0, 0, 0, 0
    shared, either, hit, there = np.zeros((4, len(ROOM_TYPES)))
    for drawing, plan in zip(drawings, shapes, strict=True):
        true = Drawing(drawing.renderer.action_spec.to_action(plan).clip(-1, 1), drawing.renderer)
        types, boxes = room_types(true), plan[:, :4]
        predicted = rooms(drawing)
        found, wanted = found + len(predicted), wanted + len(boxes)
        there += np.bincount(types, minlength=len(ROOM_TYPES))
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
            own_hits, true_hits = paired(good * (1 + overlap))
            hits = good[own_hits, true_hits]
            right, placed = right + typed * int(hits.sum()), placed + (not typed) * int(hits.sum())
            if typed:
                hit += np.bincount(types[true_hits[hits]], minlength=len(ROOM_TYPES))
    precision, recall = right / max(found, 1), right / max(wanted, 1)
    return {
        "room_precision": precision,
        "room_recall": recall,
        "room_f1": 2 * right / max(found + wanted, 1),
        "room_f1_untyped": 2 * placed / max(found + wanted, 1),
        "miou": float(np.mean(shared[either > 0] / either[either > 0])),
        **{f"found_{kind}": float(hit[k] / there[k]) for k, kind in enumerate(ROOM_TYPES) if there[k]},
    }
