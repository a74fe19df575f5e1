"""What an action is: named, bounded parameters, seen by agents as one Box in [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from gymnasium.spaces import Box


@dataclass(frozen=True)
class Parameter:
    """One number of an action.

    Attributes:
        name: as in the environment's documentation, for instance ``"x0"``.
        low: physical value at action -1, in ``unit``.
        high: physical value at action +1, in ``unit``.
        unit: ``"px"`` is a pixel of a 64-pixel canvas, whatever the canvas' real size.
        axis: parameters with the same axis (``"x"``, ``"y"``) are coordinates along it.
        anchor: names of parameters, the same one perhaps several times, whose mean this one is best
            expressed against (a learner's hint: a control point follows its end points). It does not change
            what the action means.
    """

    name: str
    low: float
    high: float
    unit: str = "px"
    axis: str | None = None
    anchor: tuple[str, ...] = ()


class ActionSpec:
    """The parameters of an action, in order, and the maps to and from physical values."""

    def __init__(self, *parameters: Parameter):
        self.parameters = parameters
        self.names = tuple(p.name for p in parameters)
        low = np.array([p.low for p in parameters], np.float32)
        high = np.array([p.high for p in parameters], np.float32)
        self.middle, self.half_range = (low + high) / 2, (high - low) / 2

    def __len__(self) -> int:
        return len(self.parameters)

    def __repr__(self) -> str:
        return "ActionSpec(" + ", ".join(
            f"{p.name}: {p.low:g}..{p.high:g} {p.unit}" for p in self.parameters
        ) + ")"  # fmt: skip

    @cached_property
    def box(self) -> Box:
        """The Gymnasium space of one action: ``Box(-1, 1, (n,), float32)``."""
        return Box(-1.0, 1.0, (len(self),), np.float32)

    def to_physical(self, actions: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1] ``[..., n]`` to physical values ``[..., n]``."""
        return self.middle + self.half_range * np.asarray(actions, np.float32)

    def to_action(self, physical: np.ndarray) -> np.ndarray:
        """Physical values ``[..., n]`` to actions ``[..., n]``, not clipped."""
        return (np.asarray(physical, np.float32) - self.middle) / self.half_range

    def check(self, actions, batch: int | None = None) -> np.ndarray:
        """Actions as a float32 array, or an error that says what is wrong with them.

        Args:
            actions: one action ``[n]``, or ``[batch, n]`` if ``batch`` is given.
            batch: how many actions are expected.

        Raises:
            TypeError: the dtype is not a real number's.
            ValueError: wrong shape, a NaN, or a value outside [-1, 1] by more than rounding.
        """
        array = np.asarray(actions)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"actions must be floats in [-1, 1], got dtype {array.dtype}")
        shape = (len(self),) if batch is None else (batch, len(self))
        if array.shape != shape:
            raise ValueError(f"actions must have shape {shape} ({', '.join(self.names)}), got {array.shape}")
        array = np.ascontiguousarray(array, np.float32)
        largest = np.abs(array).max(initial=0.0)
        if largest <= 1.0:
            return array
        # One comparison finds NaN as well: it is false for it.
        if not (largest <= 1.0 + 1e-6):
            *row, column = np.argwhere(~(np.abs(array) <= 1.0 + 1e-6))[0]
            where = f" of action {row[0]}" if row else ""
            value = array[(*row, column)]
            raise ValueError(f"{self.names[column]}{where} must be in [-1, 1], got {value}")
        return np.clip(array, -1, 1)  # rounding is forgiven, but no renderer meets it

    def scaled(self, physical: np.ndarray, scale: float) -> np.ndarray:
        """Physical values ``[..., n]`` when a canvas grows by ``scale``: those in px grow with it."""
        return physical * np.array([scale if p.unit == "px" else 1.0 for p in self.parameters], np.float32)

    def shifted(self, physical: np.ndarray, x, y) -> np.ndarray:
        """Physical values ``[..., n]`` moved along x and y, by numbers or arrays that broadcast."""
        shifted = physical.copy()
        for i, p in enumerate(self.parameters):
            if p.axis in ("x", "y"):
                shifted[..., i] += x if p.axis == "x" else y
        return shifted

    @property
    def lengths(self) -> np.ndarray:
        """Which parameters lie along an axis: bool ``[n]``."""
        return np.array([p.axis is not None for p in self.parameters])

    def places(self, axes: Sequence[str] = ("x", "y")) -> np.ndarray:
        """Which parameters are a place of their own along some axes: float32 ``[axes, n]`` of 0 and 1.

        A parameter with an anchor is none: its place follows the anchor's.
        """
        own = [None if p.anchor else p.axis for p in self.parameters]
        return np.array([[axis == name for axis in own] for name in axes], np.float32)

    def relative(self) -> tuple[np.ndarray, np.ndarray]:
        """What turns parameters that are relative to their anchors into actions.

        Returns:
            ``pull`` float32 ``[n, n]`` and ``shift`` ``[n]``: ``action = raw + raw @ pull.T + shift``, where
            a raw parameter with anchors is relative to the mean of their values.
        """
        pull, shift = np.zeros((len(self), len(self)), np.float32), np.zeros(len(self), np.float32)
        for i, p in enumerate(self.parameters):
            for j in map(self.names.index, p.anchor):
                pull[i, j] += float(self.half_range[j] / self.half_range[i]) / len(p.anchor)
                shift[i] += float((self.middle[j] - self.middle[i]) / self.half_range[i]) / len(p.anchor)
        return pull, shift

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Random actions ``[n, len(self)]``, small marks as common as large ones.

        Half are uniform in the box. In the others the coordinates along each axis are drawn
        together by a random factor: uniform coordinates alone almost never give a short mark.
        """
        actions = rng.uniform(-1, 1, (n, len(self))).astype(np.float32)
        spread = np.where(rng.random(n) < 0.5, 1.0, rng.random(n)).astype(np.float32)
        for axis in {p.axis for p in self.parameters if p.axis}:
            columns = [i for i, p in enumerate(self.parameters) if p.axis == axis]
            physical = self.to_physical(actions)[:, columns]
            centre = physical[:, :1]
            pulled = centre + (physical - centre) * spread[:, None]
            actions[:, columns] = (pulled - self.middle[columns]) / self.half_range[columns]
        return np.clip(actions, -1, 1)
