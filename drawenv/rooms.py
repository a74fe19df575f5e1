"""Rooms of a floor plan, read from its drawing in rectangles, or from several drawings of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawenv.drawing import Drawing
from drawenv.metrics import box_iou
from drawenv.renderers import RectangleRenderer
from drawenv.renderers.color import rgb_to_lab
from drawenv.targets.plans import ROOM_COLORS, ROOM_TYPES, nearest_room_type

GRID = 256  # overlaps are resolved on a grid of so many cells across
LEAST = 0.5  # rectangles of which less is seen are no rooms
EDGE = 1.0  # what ends so near to the border of a part of a plan, in 64ths of it, is not whole there

Box = tuple[float, float, float, float]  # left, top, right, bottom in px of a 64-px plan


class Room(NamedTuple):
    """A room: its type, one of ``ROOM_TYPES``, and left, top, right, bottom in px of a 64-px plan."""

    type: str
    box: Box


class Reading(NamedTuple):
    """What a drawing of a part of a plan shows: the part, and the rooms in it, both in px of the plan."""

    part: Box
    rooms: list[Room]


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


def _whole(boxes: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Which boxes ``[n, 4]`` are whole in which parts ``[m, 4]`` of a plan: bool ``[n, m]``.

    What ends at a part's border may go on beyond it, unless that is the plan's own.
    """
    ends = np.array([0, 0, 64, 64])
    inward = (boxes[:, None] - parts) * np.array([1, 1, -1, -1])  # [n, m, 4], px from each border
    sides = np.tile(parts[:, 2:] - parts[:, :2], 2)
    return (inward >= np.where(np.abs(parts - ends) < 1e-3, -64, EDGE * sides / 64)).all(2)


def agreed(readings: Sequence[Reading], share: float) -> list[Room]:
    """The rooms on which enough readings of one plan agree.

    Two readings agree on a room if its type is the same and the boxes' IoU is at least 0.5. The room
    with the largest share of agreement comes first, its box the median of those that agree. Whatever
    overlaps it by that much is settled with it, and so is a room of its type that shares half of the
    smaller one with it. What is not whole in a part counts for nothing there.

    Args:
        readings: of the plan or of its parts.
        share: of the readings in whose parts a room is whole, how many must agree on it, in (0, 1].

    Raises:
        ValueError: the share is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share that must agree on a room must be over 0 and at most 1, got {share}")
    found = [(room, k) for k, reading in enumerate(readings) for room in reading.rooms]
    if not found:
        return []
    boxes, reader = np.array([room.box for room, _ in found]), np.array([k for _, k in found])
    whole = _whole(boxes, np.array([reading.part for reading in readings], float))
    mine = whole[np.arange(len(found)), reader]
    boxes, reader, whole = boxes[mine], reader[mine], whole[mine]
    types = np.array([room.type for room, _ in found])[mine]
    overlap = box_iou(boxes, boxes)
    same, areas = types[:, None] == types, np.prod(boxes[:, 2:] - boxes[:, :2], 1)
    shared = overlap / (1 + overlap) * (areas[:, None] + areas)
    settles = (overlap >= 0.5) | (same & (shared >= 0.5 * np.minimum(areas[:, None], areas)))
    alike = (same & (overlap >= 0.5)).astype(np.float32)
    read = np.zeros(whole.shape, np.float32)  # [n, readings]
    read[np.arange(len(reader)), reader] = 1
    counts, left, result = alike @ read, np.ones(len(boxes), bool), []
    while left.any():
        agree = (counts > 0.5).sum(1) / whole.sum(1)
        close = (overlap * alike)[:, left].sum(1) / len(boxes) ** 2  # between equals, the one in the middle
        best = int(np.argmax(np.where(left, agree + close, -1)))
        if agree[best] < share:
            break
        box = np.median(boxes[left & (alike[best] > 0)], 0)
        result.append(Room(str(types[best]), tuple(box.tolist())))
        settled = left & settles[best]
        counts -= alike[:, settled] @ read[settled]
        left &= ~settled
    return result
