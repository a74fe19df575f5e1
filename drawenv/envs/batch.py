"""The one implementation behind single and vector environments: a batch of canvases being drawn on."""

from __future__ import annotations

import numpy as np

from drawenv.drawing import Drawing
from drawenv.metrics import squared_error
from drawenv.renderers import RENDERERS, Renderer
from drawenv.renderers.base import side_by_side
from drawenv.targets import load_targets

_AHEAD, _FEW = 16, 4  # pictures taken from the targets at a time for each canvas, and when those left are few
_RING = _AHEAD + _FEW


class CanvasBatch:
    """``n`` canvases, each with a target and a random generator of its own.

    Each takes its targets with its own generator, so a batch behaves exactly as that many single ones.

    Args:
        n: how many.
        renderer: draws the strokes, or its name.
        options: keywords of a renderer that is given by its name.
        size: side of the canvases in pixels.
        max_strokes: strokes of an episode.
        targets: see ``drawenv.targets.load_targets``.
    """

    def __init__(self, n: int, renderer: Renderer | str, options: dict, size: int, max_strokes: int, targets):
        if isinstance(renderer, str):
            renderer = RENDERERS[renderer](**options)
        elif options:
            raise TypeError(f"unknown keywords {', '.join(options)}")
        for name, value in (("num_envs", n), ("size", size), ("max_strokes", max_strokes)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        self.renderer, self.max_strokes = renderer, max_strokes
        self.targets = load_targets(targets, size, renderer)
        self.canvas = renderer.blank(n, size)
        shape, wanted = self.targets.shape, (renderer.shown, *self.canvas.shape[2:])
        if tuple(shape) != wanted:
            raise ValueError(
                f"targets have shape {shape} (channels, height, width), but this environment "
                f"draws {wanted}: convert them, or choose another size"
            )
        self.target = np.zeros((n, *wanted), np.uint8)
        hint = self.targets.hint_shape
        self.hint = None if hint is None else np.zeros((n, *hint), np.uint8)
        self.strokes = np.zeros(n, np.int64)
        self.error = np.zeros(n, np.int64)  # squared error now, in 1/255 steps
        self.blank_error = np.ones(n, np.int64)
        self.actions = np.zeros((n, max_strokes, len(renderer.action_spec)), np.float32)
        self._rngs = [np.random.default_rng() for _ in range(n)]
        # Targets, and any hints, that wait for each canvas: in a ring, from where, how many (-1: never any).
        self._pictures = [self.target] if self.hint is None else [self.target, self.hint]
        self._ahead = [np.empty((n, _RING, *x.shape[1:]), np.uint8) for x in self._pictures]
        self._first, self._waiting = np.zeros(n, np.int64), np.full(n, -1)
        self._turns = -(-n // (_AHEAD * max_strokes))  # canvases to take pictures for at a step, at most
        self._blank = renderer.blank(1, size)[0]

    def seed(self, i: int, rng: np.random.Generator) -> None:
        """Give canvas ``i`` a generator; what was taken ahead with another one is dropped."""
        if self._rngs[i] is not rng:
            self._rngs[i], self._waiting[i] = rng, -1

    def _fill(self, i: int) -> None:
        """Take pictures for canvas ``i``."""
        rng = self._rngs[i]
        # At first any number: else all canvases would wait for pictures at once, again and again.
        n = int(rng.integers(1, _AHEAD + 1)) if self._waiting[i] < 0 else _AHEAD
        hints, targets = self.targets.sample_pairs(n, rng)
        waiting = max(self._waiting[i], 0)
        places = (self._first[i] + waiting + np.arange(n)[::-1]) % _RING  # the last one comes first
        for ahead, pictures in zip(self._ahead, (targets, hints), strict=False):
            ahead[i, places] = pictures
        self._waiting[i] = waiting + n

    def fill_some(self) -> None:
        """Take pictures for canvases that have few: at every step some, or resets would wait for many."""
        few = np.flatnonzero((self._waiting >= 0) & (self._waiting < _FEW))
        for i in few[self._waiting[few].argsort()[: self._turns]]:
            self._fill(i)

    def given(self, options: dict | None, n: int) -> dict[str, np.ndarray]:
        """The pictures among the options of a reset of ``n`` canvases: ``"target"`` and, where there are
        hints, ``"hint"``, uint8 ``[C, H, W]`` for all or ``[n, C, H, W]``.

        Raises:
            TypeError: an array is not uint8.
            ValueError: it has another shape, one of a pair is missing, or an option is unknown.
        """
        options = options or {}
        pictures: dict[str, np.ndarray] = {"target": self.target}
        if self.hint is not None:
            pictures["hint"] = self.hint
        if unknown := options.keys() - pictures.keys():
            raise ValueError(f"no option {', '.join(map(repr, unknown))}; there are {', '.join(pictures)}")
        if options and options.keys() != pictures.keys():
            raise ValueError(f"targets come with hints here: give {' and '.join(pictures)}")
        given = {}
        for name, value in options.items():
            shape, value = pictures[name].shape[1:], np.asarray(value)
            if value.dtype != np.uint8:
                raise TypeError(f"{name} must be uint8 (0-255), got {value.dtype}")
            if value.shape not in (shape, (n, *shape)):
                raise ValueError(f"{name} must have shape {shape} or {(n, *shape)}, got {value.shape}")
            given[name] = np.broadcast_to(value, (n, *shape))
        return given

    def reset(self, rows: np.ndarray, given: dict[str, np.ndarray] | None = None) -> None:
        """New targets and blank canvases for some of them, int ``[k]``; targets that are ``given``, or random
        ones.
        """
        if given:
            self.target[rows] = given["target"]
            if self.hint is not None:
                self.hint[rows] = given["hint"]
        else:
            for i in rows[self._waiting[rows] < 1]:
                self._fill(i)
            for pictures, ahead in zip(self._pictures, self._ahead, strict=True):
                pictures[rows] = ahead[rows, self._first[rows]]
            self._first[rows] = (self._first[rows] + 1) % _RING
            self._waiting[rows] -= 1
        some = slice(None) if len(rows) == len(self.canvas) else rows  # of all there is a view, no copy
        self.canvas[some] = self._blank
        self.strokes[some] = 0
        self.error[some] = squared_error(self.canvas[some], self.target[some])
        # A blank target has nothing to gain; one full pixel of error keeps rewards finite.
        self.blank_error[some] = np.maximum(self.error[some], 255**2)

    def draw(self, actions: np.ndarray) -> np.ndarray:
        """Draw one stroke on every canvas.

        Args:
            actions: float32 ``[n, action_dim]``, checked.

        Returns:
            Rewards float64 ``[n]``: the share of the blank canvas' error each stroke removed.
        """
        self.renderer.draw(self.canvas, actions)
        self.actions[np.arange(len(actions)), self.strokes] = actions
        self.strokes += 1
        before = self.error
        self.error = squared_error(self.canvas, self.target)
        self.fill_some()
        return (before - self.error) / self.blank_error

    def observation(self, rows: int | slice | np.ndarray = slice(None)) -> dict[str, np.ndarray]:
        """canvas, target, progress and any hint of some canvases: copies, the caller's to keep."""
        pictures = {"canvas": self.canvas, "target": self.target}
        if self.hint is not None:
            pictures["hint"] = self.hint
        copied = isinstance(rows, np.ndarray)  # to pick some is to copy them
        observation = {name: x[rows] if copied else x[rows].copy() for name, x in pictures.items()}
        progress = self.strokes[rows] / self.max_strokes
        return observation | {"progress": np.asarray(progress, np.float32)[..., None]}

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error per pixel of each canvas, values in [0, 1]: float64 ``[n]``."""
        return self.error / (255.0**2 * self.target[0].size)

    def drawing(self, i: int) -> Drawing:
        """What canvas ``i`` shows so far."""
        return Drawing._trusted(self.actions[i, : self.strokes[i]].copy(), self.renderer)

    def side_by_side(self, i: int) -> np.ndarray:
        """Target beside canvas, uint8 ``[H, 2 W, 3]``; of several views, each of them."""
        shown = self.canvas[i, : self.renderer.shown]
        pair = [side_by_side(x, len(self.renderer.views)) for x in (self.target[i], shown)]
        both = np.concatenate(pair, 1)
        return np.stack([both] * 3, 2) if both.ndim == 2 else both
