"""PPO on a recipe's environment: the baseline that a model-based drawer is held against."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import yaml
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecMonitor

from drawenv.files import whole

from ..evaluate import evaluate
from ..recipes import Recipe
from ..train import held_out
from ..weights import read_config, save_weights, write_config
from .policy import Policy, policy_options
from .vec_env import CanvasVecEnv

HYPERPARAMETERS = Path(__file__).parent / "ppo.yml"


def _value(value):
    """Numbers as they are; ``lin_3e-4`` is a rate that falls to zero with the run."""
    if isinstance(value, str) and value.startswith("lin_"):
        highest = float(value.removeprefix("lin_"))
        return lambda remaining: remaining * highest
    return value


def hyperparameters(env_id: str, path: Path = HYPERPARAMETERS) -> dict:
    """Those of an environment, in RL Zoo's YAML form: its own entry over ``default``.

    Raises:
        ValueError: the file is no YAML mapping.
    """
    try:
        entries = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path} holds no mapping of environments to hyperparameters")
    return {**(entries.get("default") or {}), **(entries.get(env_id) or {})}


class _Validate(BaseCallback):
    """Draws the pictures that drawers are validated on, and saves the state to resume from."""

    def __init__(self, recipe: Recipe, out: Path):
        super().__init__()
        self.recipe, self.out = recipe, out
        self.pictures = held_out(recipe)
        self.before = read_config(out).get("seconds", 0.0)
        self.start, self.row = time.monotonic(), {}

    def _on_step(self) -> bool:
        seconds = self.before + time.monotonic() - self.start
        policy = Policy(cast(ActorCriticPolicy, self.model.policy), self.recipe)
        error = evaluate(policy, self.pictures, prune=False)["mse"]
        self.row = {"steps": self.num_timesteps, "seconds": round(seconds, 1), "mse": error}
        with open(self.out / "log.jsonl", "a") as log:
            log.write(json.dumps(self.row) + "\n")
        self.logger.record("mse/renderer", error)
        with whole(self.out / "training.zip") as beside:
            self.model.save(beside)
        write_config(self.out, seconds=seconds)
        return True


def train_ppo(
    recipe: Recipe, options: dict, out: Path, seed: int = 0, report: Callable[[dict], None] | None = None,
    device: str = "cpu",
) -> dict:  # fmt: skip
    """Train PPO; run again with the same ``out`` to go on where it stopped.

    Args:
        recipe: the task.
        options: see ``hyperparameters``.
        out: folder for ``training.zip`` (the state to resume from), ``policy.safetensors``,
            ``log.jsonl`` (validation error against steps and seconds) and TensorBoard events.
        seed: of the policy and the pictures.
        report: called after each step of the environments with what was measured.
        device: of the policy.

    Returns:
        The last validation: steps, seconds, mse (real renderer, mean actions).

    Raises:
        ValueError: PPO knows no such hyperparameter, or the state to resume from is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    known = {name: _value(value) for name, value in options.items() if name != "policy_kwargs"}
    num_envs, steps = int(known.pop("n_envs")), int(known.pop("n_timesteps"))
    envs = VecMonitor(CanvasVecEnv.of(recipe, num_envs))
    val = VecMonitor(CanvasVecEnv.of(recipe, num_envs, f"{recipe.targets}:val"))
    validate = _Validate(recipe, out)
    state = out / "training.zip"
    try:
        if state.exists():
            model = PPO.load(state, envs, device=device)
        else:
            model = PPO(env=envs, policy_kwargs=policy_options(options), seed=seed, device=device, **known)
    except TypeError as error:
        raise ValueError(f"PPO does not take these hyperparameters: {error}") from None
    except Exception as error:  # of a damaged zip file SB3 raises many kinds
        raise ValueError(f"{state} is damaged ({type(error).__name__}): delete it to start again") from None
    model.set_logger(configure(str(out), ["tensorboard"]))
    watch: list[BaseCallback] = [
        EvalCallback(
            val, callback_after_eval=validate, n_eval_episodes=max(num_envs, 256),
            eval_freq=max(steps // 40, 10_000) // num_envs, verbose=0,
        )
    ]  # fmt: skip
    if report:
        watch.append(_Report(report, validate))
    model.learn(steps - model.num_timesteps, watch, reset_num_timesteps=False)
    validate.on_step()
    save_weights(model.policy, out / "policy.safetensors")
    return validate.row


class _Report(BaseCallback):
    def __init__(self, report: Callable[[dict], None], validate: _Validate):
        super().__init__()
        self.report, self.validate = report, validate

    def _on_step(self) -> bool:
        self.report({**self.validate.row, "steps": self.num_timesteps})
        return True
