"""Real floor plans: 979 Japanese apartments, from the annotations of "Raster-to-Vector" (Liu et al. 2017)."""

from __future__ import annotations

import gzip
import json
import tarfile

import numpy as np

from drawenv.targets.files import find_here
from drawenv.targets.plans import ROOM_TYPES, Plan, Plans, fixed_plans

_OTHER_NAMES = {"PS": "pipe_space", "stairs": "corridor"}


class FloorPlans(Plans):
    """Real floor plans, each varied at random, with generated ones among them.

    Args:
        plans: the real ones.
        size: side of the targets in pixels.
        generated: share of what is handed out that comes from the generator.
    """

    def __init__(self, plans: list[Plan], size: int, generated: float = 0.15):
        super().__init__(size)
        self.plans, self.generated = plans, generated

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        chosen = [
            self.plan(rng) if rng.random() < self.generated else self.plans[rng.integers(len(self.plans))]
            for _ in range(n)
        ]
        return self.pairs([plan.varied(rng) for plan in chosen])


def load_floorplans(split: str, size: int):
    """Plans of apartments: ``train`` (746, varied without end), ``val`` (83) or ``test`` (150)."""
    if split not in ("train", "val", "test"):
        raise ValueError(f"floorplans has the splits train, val and test, not {split!r}")
    folder = find_here("floorplans/r2v_rooms.jsonl.gz", "use the built-in targets 'plans'").parent
    names = (folder / f"{'test' if split == 'test' else 'train'}.txt").read_text().split()
    if split != "test":
        held_out = set(names[5::10])
        names = [name for name in names if (name in held_out) == (split == "val")]
    with gzip.open(folder / "r2v_rooms.jsonl.gz", "rt") as file:
        rooms = {row["plan"]: row for row in map(json.loads, file)}
    plans = []
    with tarfile.open(folder / "r2v_annotations.tar.gz") as archive:
        for name in names:
            text = archive.extractfile(f"floorplan_representation/{name}")
            assert text is not None
            plans.append(_parsed(text.read().decode(), rooms[name]))
    return FloorPlans(plans, size) if split == "train" else fixed_plans(plans, size)


def _parsed(text: str, derived: dict) -> Plan:
    """A plan from its annotations and the rooms derived from them."""
    parts: dict[str, list] = {}
    for line in text.splitlines():
        *numbers, kind = line.split("\t")[:5]
        parts.setdefault(kind, []).append([float(v) for v in numbers])

    def placed(kind: str) -> np.ndarray:
        at = np.array(parts.get(kind, []), np.float32).reshape(-1, 2)
        return (at * derived["scale"] + np.float32(derived["offset"])).reshape(-1, 4)

    kinds = ("bathtub", "toilet", "washing_basin", "cooking_counter", "closet", "stairs", "entrance")
    boxes = {kind: placed(kind) for kind in kinds}
    types = [
        min(ROOM_TYPES.index(_OTHER_NAMES.get(t, t)) for t in room["types"]) for room in derived["rooms"]
    ]
    return Plan(
        placed("wall"), placed("door"), [k for k in kinds for _ in boxes[k]],
        np.concatenate([boxes[k] for k in kinds]), np.array(types, int),
        np.array([room["box"] for room in derived["rooms"]], np.float32).reshape(-1, 4),
    )  # fmt: skip
