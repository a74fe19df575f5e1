"""Pictures to draw: endless or a fixed set, alone or with the hints that they are to be made from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np

from drawenv.drawing import Drawing

Score = Callable[[Sequence[Drawing]], dict[str, float]]


class Targets:
    """Anything that hands out pictures. A class of your own sets ``shape`` and overrides ``sample``, or,
    for a translation, sets ``hint_shape`` too and overrides ``sample_pairs``.

    Attributes:
        shape: ``(C, H, W)`` of each picture.
        hint_shape: ``(C', H', W')`` of the pictures to translate; None if the target is the hint.
    """

    shape: tuple[int, ...]
    hint_shape: tuple[int, ...] | None = None

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """``n`` random pictures, uint8 ``[n, C, H, W]``, light ink on black."""
        return self.sample_pairs(n, rng)[1]

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray]:
        """``n`` random hints (None if the target is the hint) and their targets."""
        return None, self.sample(n, rng)

    def in_color(self, channels: int) -> Targets:
        """Gray pictures with as many channels as a canvas; others as they are."""
        return self if self.shape[0] != 1 or channels == 1 else _InColor(self, channels)


class _InColor(Targets):
    """Gray targets, the same in each channel."""

    def __init__(self, gray: Targets, channels: int):
        self.gray, self.channels = gray, channels
        self.shape, self.hint_shape = (channels, *gray.shape[1:]), gray.hint_shape

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray]:
        hints, targets = self.gray.sample_pairs(n, rng)
        return hints, targets.repeat(self.channels, 1)


class ArrayTargets(Targets):
    """A fixed set of pictures.

    Args:
        images: uint8 ``[N, H, W]`` or ``[N, C, H, W]``, light ink on black.
        strokes: optionally, for each picture its true pen strokes, each float32 ``[k, 2]``
            in px of a 64-px canvas, or of the page.
        hints: optionally, for each picture what it is to be made from, like ``images`` but for
            channels and size: a translation task.
        shapes: optionally, for each picture the shapes that it is made of, physical values of the
            actions that draw them, float32 ``[k, action_dim]``.
        score: optionally, figures of this kind of pictures, given drawings of the first of them.

    Raises:
        TypeError: an array is not uint8.
        ValueError: it is empty or has another number of dimensions; there are more or fewer
            hints.
    """

    def __init__(
        self, images: np.ndarray, strokes: list[list[np.ndarray]] | None = None,
        hints: np.ndarray | None = None, shapes: list[np.ndarray] | None = None, score: Score | None = None,
    ):  # fmt: skip
        self.images, self.strokes, self.shapes = self._checked(images), strokes, shapes
        self.hints = None if hints is None else self._checked(hints)
        self.shape = self.images.shape[1:]
        self.score: Score = score or (lambda drawings: {})
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

    @property
    def wanted(self) -> np.ndarray:
        """What a drawer is shown: the hints, or the pictures themselves."""
        return self.images if self.hints is None else self.hints

    def sample_pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray]:
        chosen = rng.integers(len(self.images), size=n)
        return None if self.hints is None else self.hints[chosen], self.images[chosen]

    def in_color(self, channels: int) -> ArrayTargets:
        if self.shape[0] != 1 or channels == 1:
            return self
        colored = copy.copy(self)
        colored.images = np.broadcast_to(self.images, (len(self), channels, *self.shape[1:]))
        colored.shape = colored.images.shape[1:]
        return colored

    def spread(self, most: int, strokes: bool = False) -> ArrayTargets:
        """At most ``most`` of the pictures, evenly from all of them, with their hints and, if wanted, their
        pen strokes.
        """
        some = np.arange(min(most, len(self))) * len(self) // min(most, len(self))
        kept = [self.strokes[i] for i in some] if strokes and self.strokes else None
        return ArrayTargets(self.images[some], kept, None if self.hints is None else self.hints[some])


def check_split(name: str, split: str, splits: Sequence[str] = ("train", "val", "test")) -> None:
    """Raise ValueError for a split that targets do not have."""
    if split not in splits:
        raise ValueError(f"{name} has the splits {', '.join(splits[:-1])} and {splits[-1]}, not {split!r}")
