"""CanvasVectorEnv: many canvases, stepped as one batch."""

from __future__ import annotations

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from drawenv.envs.batch import CanvasBatch
from drawenv.envs.single import observation_space
from drawenv.renderers import Renderer


class CanvasVectorEnv(VectorEnv):
    """``num_envs`` CanvasEnvs in one batch: the same pictures and rewards, many times as fast.

    Seeded alike (``reset(seed=s)`` seeds the i-th with ``s + i``) it equals a
    ``SyncVectorEnv`` of single environments, step by step.

    Args:
        renderer: draws the strokes, or its name in ``drawenv.RENDERERS``.
        num_envs: how many.
        size: side of the canvases in pixels.
        max_strokes: strokes of an episode.
        targets: see ``drawenv.load_targets``.
        autoreset_mode: ``AutoresetMode.NEXT_STEP`` (the step after an episode's last one ignores its
            action and resets), ``SAME_STEP`` (the observation after an episode's last stroke is the next
            episode's first; the last is in ``info["final_obs"]``) or ``DISABLED`` (``reset`` with a
            ``reset_mask`` is the caller's).
        render_mode: ``"rgb_array"`` or None.
        options: keywords of a renderer that is given by its name.
    """

    metadata = {
        "render_modes": ["rgb_array"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self, renderer: Renderer | str, num_envs: int = 1, size: int = 64, max_strokes: int = 4,
        targets="symbols", autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None, **options,
    ):  # fmt: skip
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be rgb_array or None, got {render_mode!r}")
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.num_envs = num_envs
        self._batch = CanvasBatch(num_envs, renderer, options, size, max_strokes, targets)
        self.renderer = self._batch.renderer
        self.action_spec = self.renderer.action_spec
        self.single_action_space = self.action_spec.box
        self.single_observation_space = observation_space(self._batch)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._over: np.ndarray | None = None  # episodes that are over and not yet reset
        self._seeded = False

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict | None = None):
        """Start new episodes.

        Args:
            seed: one for all (the i-th gets ``seed + i``) or a list with one for each.
            options: ``{"reset_mask": bool [num_envs]}`` resets only some; ``"target"`` gives pictures to
                those that are reset, uint8 ``[C, H, W]`` for all or ``[k, C, H, W]`` (and ``"hint"``,
                where there are hints).
        """
        options = dict(options or {})
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
        seeds = [None] * self.num_envs if seeds is None else list(seeds)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed must be one number or {self.num_envs}, got {len(seeds)}")
        mask = np.asarray(options.pop("reset_mask", np.ones(self.num_envs, bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise ValueError(f"reset_mask must be bool [{self.num_envs}] with a True, got {mask!r}")
        if self._over is None and not mask.all():
            raise ResetNeeded("the first reset() must be of all environments")
        rows = np.flatnonzero(mask)
        given = self._batch.given(options, len(rows))
        if self._over is None:
            self._over = np.zeros(self.num_envs, bool)
        for i in rows:
            if seeds[i] is not None or not self._seeded:
                self._batch.seed(int(i), np.random.Generator(np.random.PCG64(seeds[i])))
        self._seeded = True
        self._over[rows] = False
        self._batch.reset(rows, given)
        info = {"mse": np.where(mask, self._batch.mse, 0.0), "_mse": mask.copy()}
        return self._batch.observation(), info

    def step(self, actions):
        if self._over is None:
            raise ResetNeeded("call reset() before step()")
        actions = self.action_spec.check(actions, batch=self.num_envs)
        batch, everyone = self._batch, np.ones(self.num_envs, bool)
        resetting = self._over
        if self.autoreset_mode == AutoresetMode.DISABLED and resetting.any():
            which = ", ".join(map(str, np.flatnonzero(resetting)))
            raise ResetNeeded(f"the episodes {which} are over: reset them with a reset_mask")
        if resetting.any():  # NEXT_STEP: these only reset, the others draw
            rewards = np.zeros(self.num_envs)
            if resetting.all():
                batch.fill_some()
            else:
                rewards[~resetting] = self._draw_some(~resetting, actions)
            batch.reset(np.flatnonzero(resetting))
        else:
            rewards = batch.draw(actions)
        terminated = batch.strokes == batch.max_strokes
        info: dict = {"mse": batch.mse, "_mse": everyone}
        over = np.flatnonzero(terminated)
        if len(over):
            drawings = np.full(self.num_envs, None, object)
            drawings[over] = [batch.drawing(int(i)) for i in over]
            at_end = {"drawing": drawings, "_drawing": terminated.copy()}
            if self.autoreset_mode == AutoresetMode.SAME_STEP:
                info |= self._final(over, terminated) | {
                    "final_info": {
                        "mse": np.where(terminated, info["mse"], 0.0),
                        "_mse": terminated.copy(),
                        **at_end,
                    },
                    "_final_info": terminated.copy(),
                }
                batch.reset(over)
                info["mse"] = batch.mse
            else:
                info |= at_end
        self._over = terminated & (self.autoreset_mode != AutoresetMode.SAME_STEP)
        truncated = np.zeros(self.num_envs, bool)
        return batch.observation(), rewards, terminated, truncated, info

    def _draw_some(self, rows: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Draw on some canvases; the others keep everything they have."""
        batch = self._batch
        kept = batch.canvas[~rows], batch.strokes[~rows], batch.error[~rows]
        batch.strokes[~rows] = 0  # any valid place for an action that is not kept
        rewards = batch.draw(actions)
        batch.canvas[~rows], batch.strokes[~rows], batch.error[~rows] = kept
        return rewards[rows]

    def _final(self, over: np.ndarray, terminated: np.ndarray) -> dict:
        last = self._batch.observation(over)
        final = np.full(self.num_envs, None, object)
        for k, i in enumerate(over):
            final[i] = {name: value[k] for name, value in last.items()}
        return {"final_obs": final, "_final_obs": terminated.copy()}

    def render(self):
        """Target beside canvas for each environment, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self._batch.side_by_side(i) for i in range(self.num_envs))
