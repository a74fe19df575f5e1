"""Floor plans: a drawn plan is the hint, its rooms as boxes in the colour of their type the target.

How plans are drawn, as an architect would, and an endless generator of simple ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from drawenv.renderers.color import rgb_to_lab
from drawenv.renderers.rectangle import paint_boxes
from drawenv.targets.base import ArrayTargets, Targets, check_split
from drawenv.tasks.rooms import PALETTE, ROOM_TYPES, room_scores

GRID = 512  # plans are in px of a 512x512 page
HINT_SIZE = 256  # hints are drawn at this size
_TEST_SIZE, _TEST_SEED = 500, 512_512


class Style(NamedTuple):
    """How a plan is drawn: the default as all test plans are; lengths in px of 256, brightness in [0, 1].

    Attributes:
        wall: width of walls.
        bright: how bright walls are.
        door: brightness of doors.
        icons: brightness of icons, of what it is by default.
        hatch: from one line of hatching, and from one stair, to the next.
        turn: of the whole drawing, in degrees.
        paper: brightness of the ground.
        noise: standard deviation of every pixel's brightness.
    """

    wall: int = 4
    bright: float = 1.0
    door: float = 160 / 255
    icons: float = 1.0
    hatch: int = 6
    turn: float = 0.0
    paper: float = 0.0
    noise: float = 0.0

    @classmethod
    def scanned(cls, rng: np.random.Generator) -> Style:
        """Another draughtsman's, through a scanner."""
        return cls(
            int(rng.integers(2, 7)), rng.uniform(0.6, 1), rng.uniform(0.2, 1), rng.uniform(0.5, 1.25),
            int(rng.integers(4, 10)), rng.normal(0, 0.7), max(rng.uniform(-0.1, 0.15), 0),
            max(rng.uniform(-0.06, 0.06), 0),
        )  # fmt: skip


PLAIN = Style()


@cache
def _grain(size: int) -> np.ndarray:
    """Noise of a scanner, float32 ``[size, size]``."""
    return np.random.default_rng(0).standard_normal((size, size), np.float32)


class Plan(NamedTuple):
    """A floor plan in px of 512.

    Attributes:
        walls: float32 ``[k, 4]``, x0 y0 x1 y1 of each.
        doors: likewise: openings in walls.
        icons: what is drawn in rooms, their kinds.
        icon_boxes: float32 ``[k, 4]``, left top right bottom of each icon.
        types: of the rooms, int ``[k]``, indices into ``ROOM_TYPES``.
        rooms: float32 ``[k, 4]``, left top right bottom of each room.
    """

    walls: np.ndarray
    doors: np.ndarray
    icons: list[str]
    icon_boxes: np.ndarray
    types: np.ndarray
    rooms: np.ndarray

    def moved(self, move: Callable[[np.ndarray], np.ndarray]) -> Plan:
        """The plan with its coordinates ``[k, 2]`` moved, boxes still from left top to right bottom."""

        def segments(a: np.ndarray) -> np.ndarray:
            return move(a.reshape(-1, 2)).reshape(-1, 4).astype(np.float32)

        def boxes(a: np.ndarray) -> np.ndarray:
            corners = segments(a).reshape(-1, 2, 2)
            return np.concatenate([corners.min(1), corners.max(1)], 1)

        return self._replace(
            walls=segments(self.walls), doors=segments(self.doors),
            icon_boxes=boxes(self.icon_boxes), rooms=boxes(self.rooms),
        )  # fmt: skip

    def varied(self, rng: np.random.Generator) -> Plan:
        """Mirrored, turned by quarters, stretched and shifted at random, within the page."""
        stretch = np.exp(rng.uniform(-0.25, 0.05, 2))
        shift = rng.uniform(-1, 1, 2) * np.maximum(GRID / 2 * (1 - stretch), 0)
        mirror, turn = rng.choice([-1.0, 1.0], 2), rng.random() < 0.5

        def move(points: np.ndarray) -> np.ndarray:
            points = (points - GRID / 2) * stretch * mirror + shift + GRID / 2
            return points[:, ::-1] if turn else points

        return self.moved(move)

    def hint(self, size: int = HINT_SIZE, style: Style = PLAIN, seed: int = 0) -> np.ndarray:
        """The plan as a drawing, uint8 ``[1, size, size]``, light lines on black; ``seed`` of the noise."""
        image = Image.new("L", (HINT_SIZE, HINT_SIZE))
        draw, scale = ImageDraw.Draw(image), HINT_SIZE / GRID
        for kind, box in zip(self.icons, (self.icon_boxes * scale).round().tolist(), strict=True):
            _draw_icon(draw, kind, *box, style)
        for x0, y0, x1, y1 in (self.walls * scale).round().tolist():
            draw.line((x0, y0, x1, y1), round(255 * style.bright), style.wall)
        for x0, y0, x1, y1 in (self.doors * scale).round().tolist():
            draw.line((x0, y0, x1, y1), 0, style.wall + 2)
            draw.line((x0, y0, x1, y1), round(255 * style.door), 1)
        if style.turn:
            image = image.rotate(style.turn, Image.Resampling.BILINEAR)
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BOX))
        if style.paper or style.noise:
            noise = np.roll(_grain(size), seed) * np.float32(255 * style.noise)
            light = pixels * np.float32(1 - style.paper) + noise + np.float32(255 * style.paper + 0.5)
            pixels = light.clip(0, 255).astype(np.uint8)
        return pixels[None]

    def target(self, size: int) -> np.ndarray:
        """The rooms in the colours of their types, uint8 ``[3, size, size]``, small ones on top."""
        canvas = np.zeros((3, size, size), np.uint8)
        order = largest_first(self.rooms)
        paint_boxes(canvas, self.rooms[order] * np.float32(size / GRID), PALETTE[self.types[order]])
        return canvas


def largest_first(boxes: np.ndarray) -> np.ndarray:
    """Indices of boxes ``[k, 4]`` by falling area."""
    return np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], 1), kind="stable")


def _draw_icon(draw: ImageDraw.ImageDraw, kind: str, x0, y0, x1, y1, style: Style) -> None:
    """One piece of furniture, as plans show it."""
    x1, y1 = max(x1, x0 + 4), max(y1, y0 + 4)  # the least that Pillow draws all of
    width, height = x1 - x0, y1 - y0
    inset = min(width, height) * 0.2

    def gray(value: int) -> int:
        return min(round(value * style.icons), 255)

    inner = (x0 + inset, y0 + inset, x1 - inset, y1 - inset)
    match kind:
        case "bathtub":
            draw.rectangle((x0, y0, x1, y1), outline=gray(200))
            draw.rectangle(inner, outline=gray(200))
        case "toilet":
            draw.ellipse((x0, y0, x1, y1), gray(120), gray(200))
        case "washing_basin":
            draw.rectangle((x0, y0, x1, y1), outline=gray(200))
            draw.ellipse(inner, gray(200))
        case "cooking_counter":
            draw.rectangle((x0, y0, x1, y1), gray(90), gray(200))
            step = (width if width > height else height) / 4
            for k in range(1, 4):
                x, y = (x0 + k * step, (y0 + y1) / 2) if width > height else ((x0 + x1) / 2, y0 + k * step)
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), gray(255))
        case "closet":
            draw.line((x0, y0, x1, y1), gray(160))
            draw.line((x0, y1, x1, y0), gray(160))
        case "stairs":
            count = max(int(max(width, height) // (style.hatch - 1)), 1)
            for k in range(1, count):
                if width > height:
                    draw.line((x0 + k * width / count, y0, x0 + k * width / count, y1), gray(160))
                else:
                    draw.line((x0, y0 + k * height / count, x1, y0 + k * height / count), gray(160))
        case "entrance":
            for k in range(0, int(width + height), style.hatch):
                a, b = min(k, width), max(k - width, 0)
                c, d = max(k - height, 0), min(k, height)
                draw.line((x0 + a, y0 + b, x0 + c, y0 + d), gray(110))


SCANNED = 1 / 3  # share of training plans that look so


class Plans(Targets):
    """An endless generator of floor plans: a rectangle split into rooms, with walls, doors and icons.

    Args:
        size: side of the targets in pixels; hints have 256.
    """

    def __init__(self, size: int = 64):
        self.size, self.shape, self.hint_shape = size, (3, size, size), (1, HINT_SIZE, HINT_SIZE)

    def plan(self, rng: np.random.Generator) -> Plan:
        """One random plan, upright and in the middle of the page."""
        sides = rng.uniform(240, 470, 2)
        corner = (GRID - sides) / 2
        boxes, least = [np.concatenate([corner, corner + sides])], 26.0
        wanted = int(rng.integers(3, 16))
        for _ in range(60):
            if len(boxes) >= wanted:
                break
            areas = np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes])
            k = int(rng.choice(len(boxes), p=areas / areas.sum()))
            box = boxes[k]
            axis = int(box[3] - box[1] > box[2] - box[0])
            if rng.random() < 0.15:
                axis = 1 - axis
            low, high = box[axis] + least, box[axis + 2] - least
            if low >= high:
                continue
            share = rng.uniform(0.2, 0.8) if rng.random() < 0.6 else rng.choice([0.15, 0.85])
            cut = float(np.clip(box[axis] + share * (box[axis + 2] - box[axis]), low, high))
            first, second = box.copy(), box.copy()
            first[axis + 2] = second[axis] = cut
            boxes[k : k + 1] = [first, second]
        rooms = np.array(boxes, np.float32)
        types = self._types(rooms, rng)
        walls = rooms[:, [0, 1, 2, 1, 2, 1, 2, 3, 2, 3, 0, 3, 0, 3, 0, 1]].reshape(-1, 4)
        doors = self._doors(rooms, rng)
        icons, icon_boxes = [], []
        for kind, box in zip((ROOM_TYPES[t] for t in types), rooms, strict=True):
            for icon in _FURNITURE.get(kind, ()):
                icons.append(icon)
                icon_boxes.append(self._furnish(icon, box, rng))
        placed = np.array(icon_boxes, np.float32).reshape(-1, 4)
        return Plan(walls, doors, icons, placed, types, rooms + np.array([2, 2, -2, -2], np.float32))

    @staticmethod
    def _types(rooms: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The largest room to live in, other large ones to sleep, narrow ones to pass through or, at the
        edge, outside; small ones furnished to wash, cook and store, the smallest for pipes.
        """
        edge = np.concatenate([rooms[:, :2].min(0), rooms[:, 2:].max(0)])
        furnished = [str(name) for name in rng.permutation([*_FURNITURE, "closet", "closet"])]
        types = np.empty(len(rooms), int)
        for rank, i in enumerate(largest_first(rooms)):
            width, height = rooms[i, 2:] - rooms[i, :2]
            if rank == 0:
                name = "living_room"
            elif max(width, height) > 3 * min(width, height):
                name = "balcony" if (rooms[i] == edge).any() else "corridor"
            elif width * height > 14_000:
                name = "bedroom"
            elif max(width, height) < 32:
                name = "pipe_space"
            else:
                name = furnished.pop() if furnished else "closet"
            types[i] = ROOM_TYPES.index(name)
        return types

    @staticmethod
    def _doors(rooms: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An opening in some of the walls that two rooms share."""
        doors = []
        for i, a in enumerate(rooms):
            for b in rooms[i + 1 :]:
                for axis in (0, 1):  # a wall at one x or y, shared along the other
                    other = 1 - axis
                    low, high = max(a[other], b[other]) + 8, min(a[other + 2], b[other + 2]) - 8
                    at = (
                        a[axis + 2] if a[axis + 2] == b[axis] else a[axis] if a[axis] == b[axis + 2] else None
                    )
                    if at is None or high - low < 16 or rng.random() < 0.35:
                        continue
                    width = min(float(rng.uniform(20, 60)), high - low)
                    start = low + rng.random() * (high - low - width)
                    ends = [(at, start), (at, start + width)]
                    doors.append([v for end in ends for v in (end if axis == 0 else end[::-1])])
        return np.array(doors, np.float32).reshape(-1, 4)

    @staticmethod
    def _furnish(icon: str, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The box of an icon in a room."""
        sides = room[2:] - room[:2] - 8
        if icon == "closet":
            return np.concatenate([room[:2] + 2, room[2:] - 2])
        largest = {"bathtub": 90, "toilet": 45, "washing_basin": 45, "cooking_counter": 120}.get(icon, 60)
        box = np.minimum(sides * rng.uniform(0.5, 0.95, 2), largest)
        if icon == "cooking_counter":  # along one wall
            box[int(sides[0] > sides[1])] = min(30, *sides)
        corner = room[:2] + 4 + (sides - box) * rng.integers(0, 2, 2)
        return np.concatenate([corner, corner + np.maximum(box, 6)])

    def pairs(self, plans: list[Plan], rng: np.random.Generator, scanned: float = SCANNED) -> tuple:
        """Hints uint8 ``[n, 1, 256, 256]``, that share of them as if scanned, and targets uint8
        ``[n, 3, size, size]`` of plans.
        """
        hints = np.empty((len(plans), 1, HINT_SIZE, HINT_SIZE), np.uint8)
        targets = np.empty((len(plans), *self.shape), np.uint8)
        for i, plan in enumerate(plans):
            style = Style.scanned(rng) if rng.random() < scanned else PLAIN
            hints[i] = plan.hint(HINT_SIZE, style, int(rng.integers(HINT_SIZE**2)))
            targets[i] = plan.target(self.size)
        return hints, targets

    def sample_plans(self, n: int, rng: np.random.Generator) -> list[Plan]:
        """``n`` random plans."""
        return [self.plan(rng).varied(rng) for _ in range(n)]

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray]:
        return self.pairs(self.sample_plans(n, rng), rng)


_FURNITURE = {
    "bathroom": ("bathtub",), "restroom": ("toilet",), "washing_room": ("washing_basin",),
    "kitchen": ("cooking_counter",), "entrance": ("entrance",), "closet": ("closet",),
}  # fmt: skip


def load_plans(split: str, size: int) -> Targets:
    """``train`` is the endless generator; ``val`` and ``test`` are 500 fixed plans each."""
    check_split("plans", split)
    plans = Plans(size)
    if split == "train":
        return plans
    rng = np.random.default_rng(_TEST_SEED + (split == "val"))
    return fixed_plans([plans.plan(rng).varied(rng) for _ in range(_TEST_SIZE)], size)


def fixed_plans(plans: list[Plan], size: int, scanned: bool = False) -> ArrayTargets:
    """Plans with their hints and true rooms."""
    hints, targets = Plans(size).pairs(plans, np.random.default_rng(_TEST_SEED), float(scanned))
    lab, shapes = rgb_to_lab(PALETTE).astype(np.float32), []
    for plan in plans:
        order = largest_first(plan.rooms)
        shapes.append(np.concatenate([plan.rooms[order] * (64 / GRID), lab[plan.types[order]]], 1))
    return ArrayTargets(
        targets, hints=hints, shapes=shapes, score=lambda drawn: room_scores(drawn, shapes[: len(drawn)])
    )
