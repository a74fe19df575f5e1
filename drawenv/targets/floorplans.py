"""Real floor plans: 979 Japanese apartments, from the annotations of "Raster-to-Vector" (Liu et al. 2017).

The annotations are walls, doors, icons and labels somewhere inside rooms; the rooms' outlines are derived
here. ``floorplans.txt`` beside this file says which of the published plans are used, and for what.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import find_objects, label

from drawenv.targets.base import Targets, check_split
from drawenv.targets.files import find
from drawenv.targets.plans import GRID, Plan, Plans, fixed_plans
from drawenv.tasks.rooms import ROOM_TYPES

_LABELS = {
    "living_room", "kitchen", "bedroom", "bathroom", "restroom", "washing_room", "balcony", "closet",
    "corridor", "entrance", "stairs", "PS",
}  # fmt: skip
_OTHER_NAMES = {"PS": "pipe_space", "stairs": "corridor"}
_ICONS = ("bathtub", "toilet", "washing_basin", "cooking_counter", "closet", "stairs", "entrance")
_SHA256 = "3b1bfe907e707966037f799730da4ad672a9df22add38092947d77ce0feb6961"  # of the plans' texts in order


class DerivedRoom(NamedTuple):
    """A region enclosed by walls: all labels in it, and its box in px of 512."""

    labels: list[str]
    box: tuple[int, int, int, int]


class FloorPlans(Plans):
    """Real floor plans, each varied at random, with generated ones among them.

    Half of the real ones are drawn by a type of room first, then one that has it, so that rare rooms are
    learned too.

    Args:
        plans: the real ones.
        size: side of the targets in pixels.
        generated: share of what is handed out that comes from the generator.
    """

    def __init__(self, plans: list[Plan], size: int, generated: float = 0.15):
        super().__init__(size)
        self.plans, self.generated = plans, generated
        having = ([plan for plan in plans if kind in plan.types] for kind in range(len(ROOM_TYPES)))
        self.having = [some for some in having if some]

    def sample_plans(self, n: int, rng: np.random.Generator) -> list[Plan]:
        def choose() -> Plan:
            if rng.random() < self.generated:
                return self.plan(rng)
            some = self.plans if rng.random() < 0.5 else self.having[rng.integers(len(self.having))]
            return some[rng.integers(len(some))]

        return [choose().varied(rng) for _ in range(n)]


def load_floorplans(split: str, size: int, scanned: bool = False) -> Targets:
    """Plans of apartments: ``train`` (746, varied without end), ``val`` (83) or ``test`` (150),
    these two as if scanned on request.
    """
    check_split("floorplans", split)
    texts = annotations()
    lines = (Path(__file__).with_suffix(".txt")).read_text().split()
    parts = list(zip(lines[::2], lines[1::2], strict=True))
    names = [name for part, name in parts if part == ("test" if split == "test" else "train")]
    if split != "test":
        held_out = set(names[5::10])
        names = [name for name in names if (name in held_out) == (split == "val")]
    plans = [parse(texts[name]) for name in names]
    return FloorPlans(plans, size) if split == "train" else fixed_plans(plans, size, scanned)


@cache
def annotations() -> dict[str, str]:
    """The annotations of every plan, by its name, checked by SHA-256.

    Raises:
        FileNotFoundError: they are not here and cannot be downloaded.
        ValueError: they are not the published ones.
    """
    path, texts = find("floorplans/r2v_annotations.tar.gz"), {}
    names = (Path(__file__).with_suffix(".txt")).read_text().split()[1::2]
    if zipfile.is_zipfile(path):  # the repository, as it is downloaded
        with zipfile.ZipFile(path) as archive:
            files = {n.partition("floorplan_representation/")[2]: n for n in archive.namelist()}
            texts = {name: archive.read(files[f"{name}.txt"]) for name in names if f"{name}.txt" in files}
    else:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.partition("floorplan_representation/")[2].removesuffix(".txt")
                if member.isfile() and (file := archive.extractfile(member)):
                    texts[name] = file.read()
    digest = hashlib.sha256(b"".join(texts.get(name, b"") for name in names))
    if digest.hexdigest() != _SHA256:
        raise ValueError(f"{path} does not hold the published floor plans: delete it to download it again")
    return {name: texts[name].decode() for name in names}


def derive_rooms(walls: np.ndarray, labels: list[str], places: np.ndarray) -> list[DerivedRoom]:
    """The rooms of a plan: regions that walls enclose and that hold a label.

    Walls are drawn 3 px wide; a door is no gap, since walls run on through it. Regions are 4-connected, and
    what touches the page's border is outside. A label goes to the region that covers most of its rectangle.

    Args:
        walls: ``[k, 4]``, x0 y0 x1 y1 in px of 512.
        labels: what kind of room.
        places: ``[n, 4]``, a rectangle somewhere inside each label's room.
    """
    image = Image.new("L", (GRID, GRID))
    draw = ImageDraw.Draw(image)
    for x0, y0, x1, y1 in walls.tolist():
        draw.line((x0, y0, x1, y1), 255, 3)
    regions, count = label(np.asarray(image) == 0)
    outside = np.unique(np.concatenate([regions[[0, -1]].ravel(), regions[:, [0, -1]].ravel()]))
    found: dict[int, list[str]] = {}
    for name, place in zip(labels, places.reshape(-1, 2, 2).astype(int).clip(0, GRID), strict=True):
        (left, top), (right, bottom) = place.min(0), place.max(0)
        covered = regions[top : max(bottom, top + 1), left : max(right, left + 1)].ravel()
        shares = np.bincount(covered, minlength=count + 1)
        shares[0] = 0  # walls
        if shares.any() and (region := int(shares.argmax())) not in outside:
            found.setdefault(region, []).append(name)
    slices = find_objects(regions)
    rooms = []
    for region, names in found.items():
        rows, columns = slices[region - 1]
        rooms.append(DerivedRoom(names, (columns.start, rows.start, columns.stop, rows.stop)))
    return rooms


def parse(text: str) -> Plan:
    """A plan from its annotations: its walls' bounding box is scaled to 480 px and centred in 512."""
    parts: dict[str, list] = {}
    labels, marks = [], []
    for line in text.splitlines():
        *numbers, kind = line.split("\t")[:5]
        parts.setdefault(kind, []).append([float(v) for v in numbers])
        if kind in _LABELS:
            labels.append(kind)
            marks.append(parts[kind][-1])
    corners = np.array(parts["wall"]).reshape(-1, 2)
    low, sides = corners.min(0), np.ptp(corners, 0)
    scale = 480 / sides.max()
    margin = (GRID - sides * scale) / 2

    def exact(boxes: list) -> np.ndarray:
        return ((np.array(boxes).reshape(-1, 2) - low) * scale + margin).reshape(-1, 4)

    rooms = derive_rooms(exact(parts["wall"]), labels, exact(marks))
    # Plans are drawn from rounded figures, as they are published beside the annotations elsewhere.
    scale, offset = round(float(scale), 6), np.float32((margin - low * scale).round(3))

    def placed(kind: str) -> np.ndarray:
        at = np.array(parts.get(kind, []), np.float32).reshape(-1, 2)
        return (at * scale + offset).reshape(-1, 4)

    boxes = {kind: placed(kind) for kind in _ICONS}
    types = [min(ROOM_TYPES.index(_OTHER_NAMES.get(t, t)) for t in room.labels) for room in rooms]
    return Plan(
        placed("wall"), placed("door"), [k for k in _ICONS for _ in boxes[k]],
        np.concatenate([boxes[k] for k in _ICONS]), np.array(types, int),
        np.array([room.box for room in rooms], np.float32).reshape(-1, 4),
    )  # fmt: skip
