"""How well a policy draws, the same way for everyone: each picture of a test split once, nothing left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from drawenv.envs import ENVIRONMENTS
from drawenv.scores import bootstrap, interquartile_mean
from drawenv.targets import load_pictures

BATCH = 100  # environments at a time


class Task(NamedTuple):
    """A task of the benchmark.

    Attributes:
        env: id of its environment.
        targets: what is drawn.
        max_strokes: of a picture.
        size: side of the canvas in pixels.
        best: the best return that is known. Curves were found by gradient on the real renderer, for each of
            20 test pictures from 8 random starts (results/best-symbols.json, best-digits.json); frames and
            boxes are made of the renderer's own marks.
    """

    env: str
    targets: str
    max_strokes: int
    size: int
    best: float


TASKS = {
    "symbols": Task("BezierCanvas-v0", "symbols", 4, 64, 0.977),
    "digits": Task("BezierCanvas-v0", "mnist", 4, 64, 0.881),
    "frames": Task("HollowRectangleCanvas-v0", "frames", 3, 32, 1.0),
    "boxes": Task("PrismCanvas-v0", "prisms-1", 1, 32, 1.0),
}


def evaluate(
    policy, env_id: str, targets=None, episodes: int | None = None, seed: int = 0,
    max_strokes: int | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Let a policy draw pictures in an environment and measure.

    Args:
        policy: a function of a batch of observations, as ``gym.make_vec(env_id)`` gives them, that returns
            actions ``[n, action_dim]``; or a Stable-Baselines3 model, whose ``predict`` is asked.
        env_id: of a registered environment; or a task of the benchmark, one of ``TASKS``.
        targets: pictures to draw, see ``load_pictures``; the test split of the environment's if None.
        episodes: as many of them, from the first; if None 1,000 of a task, else 100.
        seed: of the environments.
        max_strokes: of an episode; 4 if None.
        options: more of ``gym.make_vec``'s keywords, for instance ``thickness``.

    Returns:
        ``returns`` and ``mse`` of each episode; of the returns (0 is a blank canvas, 1 a perfect drawing) the
        ``mean``, the interquartile mean ``iqm`` and its ``iqm_95``, a bootstrap interval over episodes; of a
        task also the ``score``, the mean over the best return that is known; and what was asked for.

    Raises:
        ValueError: the environment is unknown, there are fewer pictures, actions are wrong, or a task is
            changed.
    """
    task = TASKS.get(env_id)
    if task:
        if targets is not None or max_strokes is not None or options:
            raise ValueError(f"the task {env_id} is what it is: {', '.join(map(str, task[:4]))}; name its id")
        env_id, targets, max_strokes = task.env, f"{task.targets}:test", task.max_strokes
        options = {"size": task.size}
    max_strokes = 4 if max_strokes is None else max_strokes
    if episodes is None:
        episodes = 1_000 if task else 100
    if env_id not in ENVIRONMENTS:
        known = ", ".join([*TASKS, *ENVIRONMENTS])
        raise ValueError(f"unknown environment {env_id!r}; there are {known}")
    targets = f"{ENVIRONMENTS[env_id].targets}:test" if targets is None else targets
    act = _asked(policy)
    with gym.make(env_id, **options) as one:
        renderer = one.get_wrapper_attr("renderer")
        size = one.reset()[0]["canvas"].shape[-1]
    pictures = load_pictures(targets, size, renderer)
    if not 1 <= episodes <= len(pictures):
        raise ValueError(f"episodes must be from 1 to the {len(pictures)} pictures, got {episodes}")
    returns, errors = [], []
    for first in range(0, episodes, BATCH):
        rows = slice(first, min(first + BATCH, episodes))
        given = {"target": pictures.images[rows]}
        if pictures.hints is not None:
            given["hint"] = pictures.hints[rows]
        env = gym.make_vec(
            env_id, num_envs=rows.stop - first, max_strokes=max_strokes, targets=pictures,
            autoreset_mode=AutoresetMode.DISABLED, **options,
        )  # fmt: skip
        observation, info = env.reset(seed=seed + first, options=given)
        total = np.zeros(env.num_envs)
        for _ in range(max_strokes):
            observation, reward, _, _, info = env.step(act(observation))
            total += reward
        returns += total.tolist()
        errors += info["mse"].tolist()
        env.close()
    name = str(targets) if isinstance(targets, (str, Path)) else f"{len(pictures)} pictures"
    mean = float(np.mean(returns))
    return {
        "env": env_id, "targets": name, "episodes": episodes, "seed": seed, "max_strokes": max_strokes,
        **options,
        **({"score": mean / task.best} if task else {}), "mean": mean, "iqm": interquartile_mean(returns),
        "iqm_95": bootstrap([np.array(returns)]), "returns": returns, "mse": errors,
    }  # fmt: skip


def _asked(policy) -> Callable[[dict], np.ndarray]:
    if hasattr(policy, "predict"):
        return lambda observation: policy.predict(observation, deterministic=True)[0]
    return policy
