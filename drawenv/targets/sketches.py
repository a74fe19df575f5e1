"""Sketches: 512x512 line drawings, thin white lines on black.

Figures painted for games with their lines extracted, clip art, and Edward Lear's ink drawings;
``manifest.csv`` beside the pictures says where each is from and under which licence. One in
ten training pictures is kept for validation.
"""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
from PIL import Image

from drawenv.targets.base import ArrayTargets, check_split
from drawenv.targets.files import find_here

SIDE = 512


def sketch_files(split: str) -> list[Path]:
    """The pictures of a split, by name: ``train``, ``val`` or ``test``.

    Raises:
        ValueError: no such split.
        FileNotFoundError: the pictures are not here; says how to get them.
    """
    check_split("sketches", split)
    manifest = find_here(
        "sketches/manifest.csv",
        "make them (docs/data.md), or give a folder of your own line drawings as targets",
    )
    folder = manifest.parent
    with open(manifest, newline="") as file:
        names = sorted(row["file"] for row in csv.DictReader(file))
    if split == "test":
        return [folder / name for name in names if name.startswith("test/")]
    train = [folder / name for name in names if name.startswith("train/")]
    return [path for i, path in enumerate(train) if (i % 10 == 0) == (split == "val")]


def load_openmoji(split: str, size: int) -> ArrayTargets:
    """160 line drawings of the OpenMoji project, lines 3 px of 512 wide, with their true pen strokes in px
    of the picture: for scoring alone.
    """
    if split != "test":
        raise ValueError(f"openmoji is for scoring strokes: it has the split test alone, not {split!r}")
    folder = sketch_files("test")[0].parents[2] / "sketches_vector" / "openmoji"
    t = np.linspace(0, 1, 17)[:, None]
    powers = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    pictures, strokes = [], []
    with gzip.open(folder / "strokes.jsonl.gz", "rt") as file:
        for drawing in map(json.loads, file):
            lines = []
            for segments in drawing["strokes"]:
                points = np.array(segments, float) * (size / drawing["size"])  # [segments, 4, 2]
                curves = [sum(w * p for w, p in zip(powers, four[:, None], strict=True)) for four in points]
                lines.append(np.concatenate(curves).astype(np.float32))
            strokes.append(lines)
            pictures.append(_picture(folder / "png" / f"{drawing['id']}.png", size))
    return ArrayTargets(np.stack(pictures), strokes)


def _picture(path: Path, size: int) -> np.ndarray:
    picture = Image.open(path).convert("L")
    if size != SIDE:
        picture = picture.resize((size, size), Image.Resampling.BOX)
    return np.asarray(picture)


def load_sketches(split: str, size: int) -> ArrayTargets:
    """Pictures of a split, white on black."""
    return ArrayTargets(np.stack([_picture(path, size) for path in sketch_files(split)]))
