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


class Room(NamedTuple):
    """A room: its type, one of ``ROOM_TYPES``, and left, top, right, bottom in px of a 64-px plan."""

    type: str
    box: tuple[float, float, float, float]


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


def agreed(readings: Sequence[Sequence[Room]], votes: int) -> list[Room]:
    """The rooms on which enough of several readings of one plan agree.

    Two readings agree on a room if its type is the same and the boxes' IoU is at least 0.5. The
    room with the most votes comes first, its box the median of its voters'; whatever overlaps it by
    that much is settled with it.

    Args:
        readings: what ``rooms`` gave for each of several drawings.
        votes: readings that must agree.
    """
    found = [room for reading in readings for room in reading]
    if not found:
        return []
    reader = np.repeat(np.arange(len(readings)), [len(reading) for reading in readings])
    boxes, types = np.array([room.box for room in found]), np.array([room.type for room in found])
    overlap = box_iou(boxes, boxes)
    alike = (overlap >= 0.5) & (types[:, None] == types)
    left, result = np.ones(len(found), bool), []
    while left.any():
        voters = alike & left & left[:, None]
        support = np.array([len(set(reader[row])) for row in voters])
        best = int(np.argmax(support + (overlap * voters).sum(1) / len(found) ** 2))
        if support[best] < votes:
            break
        box = np.median(boxes[voters[best]], 0)
        result.append(Room(str(types[best]), (float(box[0]), float(box[1]), float(box[2]), float(box[3]))))
        left &= overlap[best] < 0.5
    return result
