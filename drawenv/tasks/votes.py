"""Several drawings of one floor plan, turned, mirrored and in windows, vote on its rooms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from drawenv.drawing import Drawing
from drawenv.metrics import box_iou
from drawenv.tasks.rooms import Box, Room, draw_rooms, rooms

EDGE = 1.0  # what ends so near to the border of a part of a plan, in 64ths of it, is not whole there
CHUNK = 256  # windows drawn at a time at most, which bounds the memory


class Reading(NamedTuple):
    """What a drawing of a part of a plan shows: the part, and the rooms in it, both in px of the plan."""

    part: Box
    rooms: list[Room]


def _whole(boxes: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Which boxes ``[n, 4]`` are whole in which parts ``[m, 4]`` of a plan: bool ``[n, m]``.

    What ends at a part's border may go on beyond it, unless that is the plan's own.
    """
    ends = np.array([0, 0, 64, 64])
    inward = (boxes[:, None] - parts) * np.array([1, 1, -1, -1])  # [n, m, 4], px from each border
    sides = np.tile(parts[:, 2:] - parts[:, :2], 2)
    return (inward >= np.where(np.abs(parts - ends) < 1e-3, -64, EDGE * sides / 64)).all(2)


def vote(readings: Sequence[Reading], share: float) -> list[Room]:
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


def read_windows(
    draw: Callable[[np.ndarray], list[Drawing]], hints: np.ndarray, zooms: Sequence[int]
) -> list[list[Reading]]:
    """Plans uint8 ``[n, C', side, side]``, read from drawings of their windows.

    Windows of each zoom overlap by half; those without ink are skipped.
    """
    readings: list[list[Reading]] = [[] for _ in hints]
    side = hints.shape[-1]
    for zoom in zooms:
        part = side // zoom  # of a window, in px of the hint
        span = part * 64 / side  # in px of a 64-px plan
        scale = span / 64
        steps = [side * k // (2 * zoom) for k in range(2 * zoom - 1)]
        windows = {
            (i, x, y): window for i, x, y in product(range(len(hints)), steps, steps)
            if (window := hints[i, :, y : y + part, x : x + part]).any()
        }  # fmt: skip
        places = list(windows)
        for some in (places[k : k + CHUNK] for k in range(0, len(places), CHUNK)):
            drawings = draw(np.stack([windows[place] for place in some]))
            for (i, x, y), drawing in zip(some, drawings, strict=True):
                left, top = x * 64 / side, y * 64 / side
                found = [
                    Room(kind, (a * scale + left, b * scale + top, c * scale + left, d * scale + top))
                    for kind, (a, b, c, d) in rooms(drawing)
                ]
                readings[i].append(Reading((left, top, left + span, top + span), found))
    return readings


def from_all_sides(
    draw: Callable[[np.ndarray], list[Drawing]], hints: np.ndarray, votes: float, zooms: Sequence[int] = (1,)
) -> list[Drawing]:
    """Plans drawn from all eight sides, turned and mirrored: the rooms on which enough drawings agree.

    Args:
        draw: draws hints in filled rectangles.
        hints: plans, uint8 ``[n, C', side, side]``.
        votes: of the drawings that show a room whole, what share must agree; see ``vote``.
        zooms: how many times larger windows are drawn than the whole; see ``read_windows``.
    """
    readings: list[list[Reading]] = [[] for _ in hints]
    for turn, *mirror in product((False, True), repeat=3):  # along the diagonal, x, y
        view = hints.swapaxes(2, 3) if turn else hints
        view = np.flip(view, tuple(axis for axis, flip in zip((3, 2), mirror, strict=True) if flip))

        def back(box: Box, turn=turn, mirror=mirror) -> Box:
            corners = np.array(box).reshape(2, 2)  # x, y
            corners = np.sort(np.where(mirror, 64 - corners, corners), 0)
            left, top, right, bottom = (corners[:, ::-1] if turn else corners).ravel().tolist()
            return left, top, right, bottom

        for own, new in zip(readings, read_windows(draw, view, zooms), strict=True):
            for part, found in new:
                own.append(Reading(back(part), [Room(kind, back(box)) for kind, box in found]))
    return [draw_rooms(vote(own, votes)) for own in readings]
