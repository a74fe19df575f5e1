"""The native batch of canvases as Stable-Baselines3 wants it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from drawenv import CanvasVectorEnv

from ..recipes import Recipe


def stacked_channels(canvas: np.ndarray, hint: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """A policy's observation, channels of one picture: the canvas, what to draw, the share of strokes used.

    Args:
        canvas: uint8 ``[n, C, H, W]``.
        hint: uint8 ``[n, C', k * H, k * W]``, averaged to the canvas' size.
        progress: ``[n, 1]`` in [0, 1].

    Returns:
        uint8 ``[n, C + C' + 1, H, W]``.
    """
    n, channels, height, width = canvas.shape
    out = np.empty((n, channels + hint.shape[1] + 1, height, width), np.uint8)
    out[:, :channels] = canvas
    if (times := hint.shape[2] // height) > 1:
        hint = hint.reshape(n, -1, height, times, width, times).mean((3, 5))
    out[:, channels:-1] = hint
    out[:, -1] = np.round(255 * progress[:, :, None]).astype(np.uint8)
    return out


class CanvasVecEnv(VecEnv):
    """A ``CanvasVectorEnv`` as a Stable-Baselines3 ``VecEnv``.

    Observations are pictures, see ``stacked_channels``. Where the task is to translate, the hint is among
    them; the target is what the reward compares with. Episodes end by themselves, never by a time limit:
    the last observation of one is in ``info["terminal_observation"]``, its error in ``info["mse"]``.

    Args:
        env: in autoreset mode ``SAME_STEP``.
    """

    def __init__(self, env: CanvasVectorEnv):
        if env.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"the environment must reset in the SAME_STEP, not {env.autoreset_mode}")
        self.env = env
        spaces = env.single_observation_space.spaces  # ty: ignore
        self.wanted = "hint" if "hint" in spaces else "target"
        channels = spaces["canvas"].shape[0] + spaces[self.wanted].shape[0] + 1
        picture = Box(0, 255, (channels, *spaces["canvas"].shape[1:]), np.uint8)
        super().__init__(env.num_envs, picture, env.single_action_space)

    @classmethod
    def of(cls, recipe: Recipe, num_envs: int, targets: str | None = None) -> CanvasVecEnv:
        """The environment of a recipe, on its training targets or others."""
        env = CanvasVectorEnv(
            recipe.renderer(), num_envs, recipe.size, recipe.strokes, targets or f"{recipe.targets}:train",
            AutoresetMode.SAME_STEP,
        )  # fmt: skip
        return cls(env)

    def _observed(self, observation: dict) -> np.ndarray:
        return stacked_channels(observation["canvas"], observation[self.wanted], observation["progress"])

    def reset(self) -> np.ndarray:
        observation, info = self.env.reset(seed=self._seeds)
        self.reset_infos = [{"mse": float(value)} for value in info["mse"]]
        self._reset_seeds()
        self._reset_options()
        return self._observed(observation)

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self):
        observation, rewards, over, _, info = self.env.step(self.actions)
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(over):
            last = {name: value[None] for name, value in info["final_obs"][i].items()}
            infos[i] = {
                "terminal_observation": self._observed(last)[0], "TimeLimit.truncated": False,
                "mse": float(info["final_info"]["mse"][i]),
            }  # fmt: skip
        return self._observed(observation), rewards.astype(np.float32), over, infos

    def close(self) -> None:
        self.env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        return self.env.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices=None) -> list:
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value, indices=None) -> None:
        raise NotImplementedError("the canvases are one batch: an attribute of one of them cannot be set")

    def env_method(self, method_name: str, *method_args, indices=None, **method_kwargs) -> list:
        raise NotImplementedError("the canvases are one batch: a method of one of them cannot be called")

    def env_is_wrapped(self, wrapper_class, indices=None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]
