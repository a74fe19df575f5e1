"""PPO or SAC on a recipe's environment: the baselines that a model-based drawer is held against."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecMonitor

from ..evaluate import evaluate
from ..recipes import Recipe
from ..states import load_state, save_state
from ..train import held_out
from ..weights import save_weights
from .policy import Policy, policy_options
from .vec_env import CanvasVecEnv

Algorithm = Literal["ppo", "sac"]
ALGORITHMS: dict[str, type[BaseAlgorithm]] = {"ppo": PPO, "sac": SAC}
STATE = "training.pt"
EVERY = 10_000  # steps at least, from one validation to the next


def _value(value):
    """Numbers as they are; ``lin_3e-4`` is a rate that falls to zero with the run."""
    if isinstance(value, str) and value.startswith("lin_"):
        highest = float(value.removeprefix("lin_"))
        return lambda remaining: remaining * highest
    return value


def hyperparameters(env_id: str, algorithm: Algorithm = "ppo", path: Path | None = None) -> dict:
    """Those of an environment, in RL Zoo's YAML form: its own entry over ``default``.

    Args:
        env_id: of the environment.
        algorithm: a key of ``ALGORITHMS``.
        path: of the file; that of the algorithm beside this module if None.

    Raises:
        ValueError: the file is no YAML mapping.
    """
    path = path or Path(__file__).parent / f"{algorithm}.yml"
    try:
        entries = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path} holds no mapping of environments to hyperparameters")
    return {**(entries.get("default") or {}), **(entries.get(env_id) or {})}


class _Validate(BaseCallback):
    """Draws the pictures that drawers are validated on, and saves the state to resume from, every so many
    steps; whatever is random, and the environments, begin anew there, also in a run that was never stopped.
    """

    def __init__(self, recipe: Recipe, out: Path, seed: int, every: int):
        super().__init__()
        self.recipe, self.out, self.seed, self.every = recipe, out, seed, every
        self.pictures, self.row, self.before = held_out(recipe), {}, 0.0

    def load(self, model: BaseAlgorithm) -> None:
        """Go on from the last state, if there is one; SAC's memory of steps is not kept, and fills again.

        Raises:
            ValueError: it is damaged, or of another task or other hyperparameters.
        """
        self.start = time.monotonic()
        if state := load_state(self.out / STATE, self.seed, model.device):
            try:
                model.set_parameters(state["parameters"])
                model.num_timesteps, self.before = state["steps"], state["seconds"]
            except (KeyError, RuntimeError, ValueError) as error:
                raise ValueError(
                    f"{self.out / STATE} is of another policy ({type(error).__name__}); "
                    "delete it to start again, or choose another folder"
                ) from None
        self.begun = self.last = model.num_timesteps
        if isinstance(model, SAC):
            model.learning_starts += self.begun

    def _on_rollout_start(self) -> None:
        steps = self.num_timesteps
        if steps // self.every > self.last // self.every:
            self.check()
        if steps == self.last:
            set_random_seed(self.seed + steps)
            self.training_env.seed(self.seed + steps)
            model: Any = self.model
            model._last_obs = self.training_env.reset()  # what SB3 itself does before the first rollout
            model._last_episode_starts = np.ones(self.training_env.num_envs, bool)

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.check()

    def check(self) -> None:
        """Validate and save."""
        self.last = steps = self.num_timesteps
        seconds = self.before + time.monotonic() - self.start
        policy = Policy(self.model.policy, self.recipe)
        error = evaluate(policy, self.pictures, prune=False)["mse"]
        self.row = {"steps": steps, "seconds": round(seconds, 1), "mse": error}
        if steps == self.begun:  # it was finished before
            return
        with open(self.out / "log.jsonl", "a") as log:
            log.write(json.dumps(self.row) + "\n")
        self.logger.record("mse/renderer", error)
        state = {"parameters": self.model.get_parameters(), "steps": steps, "seconds": seconds}
        save_state(self.out / STATE, self.seed, state)


def train_baseline(
    algorithm: Algorithm, recipe: Recipe, options: dict, out: Path, seed: int = 0,
    report: Callable[[dict], None] | None = None, device: str = "cpu",
) -> dict:  # fmt: skip
    """Train a policy; run again with the same ``out`` to go on from the last validation. On a
    processor PPO's weights are those of a run that was never stopped.

    Args:
        algorithm: a key of ``ALGORITHMS``.
        recipe: the task.
        options: see ``hyperparameters``.
        out: folder for ``training.pt`` (the state to resume from), ``policy.safetensors``,
            ``log.jsonl`` (validation error against steps and seconds) and TensorBoard events.
        seed: of the policy and the pictures.
        report: called after each step of the environments with what was measured.
        device: of the policy.

    Returns:
        The last validation: steps, seconds, mse (real renderer, mean actions).

    Raises:
        ValueError: the algorithm knows no such hyperparameter, or the state to resume from is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    make: Any = ALGORITHMS[algorithm]
    known = {name: _value(value) for name, value in options.items() if name != "policy_kwargs"}
    num_envs, steps = int(known.pop("n_envs")), int(known.pop("n_timesteps"))
    envs = VecMonitor(CanvasVecEnv.of(recipe, num_envs))
    try:
        model = make(env=envs, policy_kwargs=policy_options(options), seed=seed, device=device, **known)
    except TypeError as error:
        raise ValueError(f"{algorithm} does not take these hyperparameters: {error}") from None
    validate = _Validate(recipe, out, seed, max(steps // 40, min(EVERY, steps // 4)))
    validate.load(model)
    model.set_logger(configure(str(out), ["tensorboard"]))
    watch: list[BaseCallback] = [validate] + ([_Report(report, validate)] if report else [])
    model.learn(steps - model.num_timesteps, watch, reset_num_timesteps=False)
    save_weights(model.policy, out / "policy.safetensors")
    return validate.row


class _Report(BaseCallback):
    def __init__(self, report: Callable[[dict], None], validate: _Validate):
        super().__init__()
        self.report, self.validate = report, validate

    def _on_step(self) -> bool:
        self.report({**self.validate.row, "steps": self.num_timesteps})
        return True
