"""Rooms of a floor plan, read from its drawing in rectangles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from drawenv.drawing import Drawing
from drawenv.renderers import RectangleRenderer
from drawenv.targets.plans import ROOM_TYPES, nearest_room_type

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
