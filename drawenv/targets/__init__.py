"""Where target pictures come from: built-in symbols, MNIST, Omniglot, sketches, a folder, an array."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from drawenv.renderers import Renderer
from drawenv.targets.base import ArrayTargets, Targets
from drawenv.targets.dirt import MEASURED, load_dirty
from drawenv.targets.floorplans import load_floorplans
from drawenv.targets.lines import load_lines
from drawenv.targets.mnist import load_color_mnist, load_mnist
from drawenv.targets.omniglot import load_omniglot
from drawenv.targets.pictures import load_folder
from drawenv.targets.plans import load_plans
from drawenv.targets.scenes import Blocks, Boxes, Frames, Prisms, Rectangles, load_scenes
from drawenv.targets.sketches import load_openmoji, load_sketches
from drawenv.targets.symbols import Symbols, load_symbols

__all__ = ["TARGETS", "ArrayTargets", "Symbols", "Targets", "load_pictures", "load_targets"]


# How targets are loaded by name: add your own.
TARGETS: dict[str, Callable[[str, int], Targets]] = {
    "symbols": load_symbols,
    "symbols-2": partial(load_symbols, max_strokes=2),
    "mnist": load_mnist,
    "colormnist": load_color_mnist,
    "omniglot": load_omniglot,
    "omniglot-thin": partial(load_omniglot, line=3),
    "omniglot-wide": partial(load_omniglot, line=13),
    "plans": load_plans,
    "floorplans": load_floorplans,
    "floorplans-scanned": partial(load_floorplans, scanned=True),
    "rectangles": partial(load_scenes, kind=Rectangles, most=4),
    "frames": partial(load_scenes, kind=Frames),
    "prisms": partial(load_scenes, kind=Prisms),
    "prisms-1": partial(load_scenes, kind=Prisms, most=1),
    "prisms-3": partial(load_scenes, kind=Prisms, fewest=3),
    "boxes": partial(load_scenes, kind=Boxes, most=6),
    "blocks-6": partial(load_scenes, kind=Blocks, fewest=6, most=6),
    "sketches": load_sketches,
    "sketches-dirty": partial(load_dirty, load=load_sketches, name="dirty"),
    "sketches-photographed": partial(load_dirty, load=load_sketches, name="photographed"),
    **{f"omniglot-{dirt}": partial(load_dirty, load=load_omniglot, name=dirt) for dirt in MEASURED},
    "lines": load_lines,
    "openmoji": load_openmoji,
}


def load_targets(targets, size: int = 64, renderer: Renderer | None = None) -> Targets:
    """Targets from what a user gives.

    Args:
        targets: a name, a folder of pictures, a uint8 array, or an object derived from ``Targets``,
            which is returned as it is. Names: ``"symbols"``, ``"symbols-2"`` (of at most
            two strokes), ``"mnist"``, ``"colormnist"`` (gray hints, targets in the colour of the
            digit), ``"omniglot"`` (and ``"omniglot-thin"``, ``"omniglot-wide"``: lines half and twice as
            wide), ``"plans"`` (built-in floor plans, targets their rooms as boxes),
            ``"floorplans"`` (real ones; ``"floorplans-scanned"``: drawn by many hands, a little turned,
            gray, noisy), ``"rectangles"`` and ``"frames"`` (filled and hollow ones), ``"prisms"`` (scenes
            of 1-3 boxes; ``"prisms-1"`` and ``"prisms-3"`` of so many; ``"blocks-6"`` of six that touch;
            ``"boxes"`` 1-6 that touch or not), ``"sketches"``, ``"openmoji"``, ``"lines"`` (sketches,
            characters, digits and symbols on pages); ``"sketches-dirty"``, ``-photographed``,
            ``"omniglot-ruled"``, ``-holes``, ``-faint``, ``-shaded`` and ``-photographed`` (targets the clean
            pictures, hints those with dirt on them);
            ``"mnist:test"`` names a split, ``train`` without one. Of a folder every tenth picture is
            ``val`` and the others ``train``; without a split it is all of them.
        size: side of the square pictures in pixels, for names and folders.
        renderer: what is to draw them: where it paints in colour, a folder is read in colour, and gray
            targets are gray in all its channels.

    Raises:
        ValueError: unknown name or split, empty folder, broken or wrongly shaped pictures.
        FileNotFoundError: data files that are neither here nor to be downloaded.
    """
    channels, paper = (renderer.shown, renderer.paper()) if renderer else (1, [0])
    if isinstance(targets, np.ndarray):
        return ArrayTargets(targets).in_color(channels)
    if isinstance(targets, Targets):
        return targets.in_color(channels)
    if not isinstance(targets, (str, Path)):
        raise TypeError(f"targets must be a name, a folder, an array or Targets, got {targets!r}")
    name, _, split = str(targets).partition(":")
    if name in TARGETS:
        return TARGETS[name](split or "train", size).in_color(channels)
    before, _, after = str(targets).rpartition(":")
    for folder, part in ((str(targets), ""), (before, after)):
        if folder and Path(folder).is_dir():
            return ArrayTargets(load_folder(Path(folder), size, channels, paper, part))
    near = difflib.get_close_matches(name, TARGETS, 1)
    hint = f"did you mean {near[0]!r}?" if near else "it is no folder either."
    raise ValueError(f"unknown targets {str(targets)!r}; known: {', '.join(TARGETS)}; {hint}")


def load_pictures(targets, size: int = 64, renderer: Renderer | None = None) -> ArrayTargets:
    """A fixed set of pictures, as a test needs it: ``load_targets`` of what has an end.

    Raises:
        ValueError: the targets are endless.
    """
    loaded = load_targets(targets, size, renderer)
    if not isinstance(loaded, ArrayTargets):
        raise ValueError(f"{targets!r} has no end; name a split of it, for instance '{targets}:test'")
    return loaded
