"""Where target pictures come from: built-in symbols, MNIST, Omniglot, sketches, a folder, an array."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from drawenv.targets.floorplans import load_floorplans
from drawenv.targets.mnist import load_color_mnist, load_mnist
from drawenv.targets.omniglot import load_omniglot
from drawenv.targets.pictures import load_folder
from drawenv.targets.plans import load_plans
from drawenv.targets.scenes import Frames, Prisms, load_scenes
from drawenv.targets.sketches import load_openmoji, load_sketches
from drawenv.targets.symbols import Symbols, load_symbols

__all__ = ["TARGETS", "ArrayTargets", "Symbols", "Targets", "load_pictures", "load_targets"]


class Targets(Protocol):
    """Anything that hands out pictures.

    Targets of a translation task also have ``hint_shape``, ``(C', H, W)`` of the pictures to
    translate, and ``sample_pairs(n, rng)``, which gives hints and targets.

    Attributes:
        shape: ``(C, H, W)`` of each picture.
    """

    shape: tuple[int, int, int]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` random pictures, uint8 ``[n, C, H, W]``, light ink on black."""
        ...


class ArrayTargets:
    """A fixed set of pictures.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, C, H, W]``, light ink on black.
        strokes: optionally, for each picture its true pen strokes, each float32 ``[k, 2]``
            in px of a 64-px canvas.
        hints: optionally, for each picture what it is to be made from, like ``images`` but for
            channels and size: a translation task.
        shapes: optionally, for each picture the shapes that it is made of, physical values of the
            actions that draw them, float32 ``[k, action_dim]``.

    Raises:
        TypeError: an array is not uint8.
        ValueError: it is empty or has another number of dimensions; there are more or fewer
            hints.
    """

    def __init__(
        self, images: np.ndarray, strokes: list[list[np.ndarray]] | None = None,
        hints: np.ndarray | None = None, shapes: list[np.ndarray] | None = None,
    ):  # fmt: skip
        self.images, self.strokes, self.shapes = self._checked(images), strokes, shapes
        self.hints = None if hints is None else self._checked(hints)
        self.shape = self.images.shape[1:]
        if self.hints is not None:
            if len(self.hints) != len(self.images):
                raise ValueError(f"{len(self.images)} targets need as many hints, got {len(self.hints)}")
            self.hint_shape = self.hints.shape[1:]

    @staticmethod
    def _checked(images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        if images.dtype != np.uint8:
            raise TypeError(
                f"target pictures must be uint8 (0-255), got {images.dtype}; "
                "for floats in [0, 1] pass (255 * images).astype('uint8')"
            )
        if images.ndim not in (3, 4) or 0 in images.shape:
            raise ValueError(
                "target pictures must have shape [N, H, W] or [N, C, H, W] with no empty side, "
                f"got {list(images.shape)}"
            )
        return images[:, None] if images.ndim == 3 else images

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.images[rng.integers(len(self.images), size=n)]

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """``n`` random hints and their targets; only with hints."""
        if self.hints is None:
            raise ValueError("these targets have no hints")
        chosen = rng.integers(len(self.images), size=n)
        return self.hints[chosen], self.images[chosen]


# How targets are loaded by name, (split, size) -> Targets or what ArrayTargets takes: add your own.
TARGETS: dict[str, Callable] = {
    "symbols": load_symbols,
    "symbols-2": partial(load_symbols, max_strokes=2),
    "mnist": load_mnist,
    "colormnist": load_color_mnist,
    "omniglot": load_omniglot,
    "plans": load_plans,
    "floorplans": load_floorplans,
    "frames": partial(load_scenes, kind=Frames),
    "prisms": partial(load_scenes, kind=Prisms),
    "prisms-1": partial(load_scenes, kind=Prisms, most=1),
    "prisms-3": partial(load_scenes, kind=Prisms, fewest=3),
    "sketches": load_sketches,
    "openmoji": load_openmoji,
}


def load_targets(targets, size: int = 64) -> Targets:
    """Targets from what a user gives.

    Args:
        targets: a name, a folder of pictures, a uint8 array, or an object with the ``Targets``
            methods, which is returned as it is. Names: ``"symbols"``, ``"symbols-2"`` (of at most
            two strokes), ``"mnist"``, ``"colormnist"`` (gray hints, targets in the colour of the
            digit), ``"omniglot"``, ``"plans"`` (built-in floor plans, targets their rooms as boxes),
            ``"floorplans"`` (real ones), ``"frames"`` (hollow rectangles), ``"prisms"`` (scenes of 1-3
            boxes; ``"prisms-1"`` and ``"prisms-3"`` of just that many), ``"sketches"``,
            ``"openmoji"``; ``"mnist:test"`` names a split, ``train`` without one.
        size: side of the square pictures in pixels, for names and folders.

    Raises:
        ValueError: unknown name or split, empty folder, broken or wrongly shaped pictures.
        FileNotFoundError: data files that are neither here nor to be downloaded.
    """
    if isinstance(targets, np.ndarray):
        return ArrayTargets(targets)
    if hasattr(targets, "sample"):
        return targets
    if not isinstance(targets, (str, Path)):
        raise TypeError(f"targets must be a name, a folder, an array or Targets, got {targets!r}")
    name, _, split = str(targets).partition(":")
    if name in TARGETS:
        loaded = TARGETS[name](split or "train", size)
        return ArrayTargets(*loaded) if isinstance(loaded, tuple) else loaded
    if Path(targets).is_dir():
        return ArrayTargets(load_folder(Path(targets), size))
    near = difflib.get_close_matches(name, TARGETS, 1)
    hint = f"did you mean {near[0]!r}?" if near else "it is no folder either."
    raise ValueError(f"unknown targets {str(targets)!r}; known: {', '.join(TARGETS)}; {hint}")


def load_pictures(targets, size: int = 64) -> ArrayTargets:
    """A fixed set of pictures, as a test needs it: ``load_targets`` of what has an end.

    Raises:
        ValueError: the targets are endless.
    """
    loaded = load_targets(targets, size)
    if not isinstance(loaded, ArrayTargets):
        raise ValueError(f"{targets!r} has no end; name a split of it, for instance '{targets}:test'")
    return loaded
