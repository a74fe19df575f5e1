"""Calls of environments in any order, with any arguments."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import gymnasium as gym
import numpy as np

from attack import attack
from drawenv import ENV_IDS

REFUSED = (ValueError, TypeError, gym.error.ResetNeeded)


def bad_action(rng: np.random.Generator, shape: tuple[int, ...]):
    """An action that is none."""
    good = rng.uniform(-1, 1, shape).astype(np.float32)
    one = tuple(rng.integers(side) for side in shape)
    match rng.integers(8):
        case 0:
            good[one] = rng.choice([np.nan, np.inf, -np.inf])
        case 1:
            good[one] = rng.choice([-1, 1]) * (1.001 + rng.exponential())
        case 2:
            return good[..., :-1]
        case 3:
            return good[None]
        case 4:
            return None
        case 5:
            return "stroke"
        case 6:
            return good.astype(object) + 1j
        case 7:
            return {"action": good}
    return good


def bad_options(rng: np.random.Generator, shape: tuple[int, ...]) -> dict:
    """Options of a reset that are none."""
    picture = np.zeros(shape, np.uint8)
    wrong = [
        {"targets": picture}, {"target": picture.astype(np.float32)}, {"target": picture[:, 1:]},
        {"target": None}, {"hint": picture, "targe": 1}, {"target": picture[None, None]}, {"target": "a.png"},
    ]  # fmt: skip
    return wrong[rng.integers(len(wrong))]


def good_action(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """An action, some of its numbers at the ends of the range."""
    action = rng.uniform(-1.3, 1.3, shape).clip(-1, 1)
    return action.astype(rng.choice([np.float32, np.float64]))


@attack(500_000, 2_000)
def single_and_vector_environments(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a call. What is wrong is refused and changes nothing; what is right gives what spaces say."""
    rng, left = np.random.default_rng(seed), tries
    while left > 0:
        name, strokes = str(rng.choice(ENV_IDS)), int(rng.integers(1, 6))
        mode = rng.choice(["", "NextStep", "SameStep", "Disabled"])
        if mode:
            n = int(rng.integers(1, 5))
            env = gym.make_vec(name, n, "vector_entry_point", autoreset_mode=mode, max_strokes=strokes)
        else:
            env = gym.make(name, max_strokes=strokes, disable_env_checker=True)
        calls = min(left, 400)
        for wrong in _calls(env, calls, rng, bool(mode)):
            yield f"{name} {mode}: {wrong}" if wrong else None
        env.close()
        left -= calls


def _calls(env, calls: int, rng: np.random.Generator, vector: bool) -> Iterator[str | None]:
    space, shape = env.observation_space, env.action_space.shape
    batch, over = env.unwrapped._batch, None
    for _ in range(calls):
        before = batch.canvas.copy(), batch.target.copy(), batch.strokes.copy()
        try:
            match kind := rng.choice(["step", "step", "step", "bad step", "reset", "bad reset", "render"]):
                case "step" | "bad step":
                    action = (good_action if kind == "step" else bad_action)(rng, shape)
                    observation, reward, ended, _, info = env.step(action)
                    if kind == "bad step":
                        yield f"accepted {action!r}"
                        continue
                    if over is None or (over is True and not vector):
                        yield "stepped before a reset"
                        continue
                    over = ended
                    possible = np.isfinite(reward).all() and np.all(np.asarray(info["mse"]) >= 0)
                    wrong = None if possible else f"reward {reward}"
                case "reset":
                    given = int(rng.integers(3))
                    observation, _ = env.reset(seed=given if rng.random() < 0.5 else None)
                    over, wrong = False, None
                    if observation["canvas"].reshape(len(batch.canvas), -1).std(1).any():
                        wrong = "a canvas is not blank after a reset"
                case "bad reset":
                    env.reset(options=bad_options(rng, batch.target.shape[1:]))
                    yield "accepted bad options"
                    continue
                case _:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        env.unwrapped.render()
                    yield None
                    continue
        except REFUSED as error:
            same = all(map(np.array_equal, before, (batch.canvas, batch.target, batch.strokes)))
            right = kind.startswith("bad") or isinstance(error, gym.error.ResetNeeded)
            yield None if same and right else f"{kind} refused with {error!r}, or not left as it was"
            continue
        except Exception as error:
            yield f"{kind} raised {error!r}"
            continue
        if wrong is None and observation not in space:
            wrong = "an observation is not in its space"
        yield wrong


@attack(2_000, 10)
def native_equals_single(tries: int, seed: int) -> Iterator[str | None]:
    """A try is an episode and a half in a native batch, and in as many single environments."""
    rng = np.random.default_rng(seed)
    for _ in range(tries):
        name, n, strokes = str(rng.choice(ENV_IDS)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
        envs = [gym.make_vec(name, n, how, max_strokes=strokes) for how in ("vector_entry_point", "sync")]
        start, wrong = int(rng.integers(10_000)), None
        seen = [env.reset(seed=start)[0] for env in envs]
        for _ in range(strokes * 3 // 2 + 1):
            if any(not np.array_equal(a, seen[1][part]) for part, a in seen[0].items()):
                wrong = f"{name}: they differ from seed {start}"
            action = rng.uniform(-1, 1, envs[0].action_space.shape).astype(np.float32)
            results = [env.step(action) for env in envs]
            seen = [result[0] for result in results]
            if not np.allclose(results[0][1], results[1][1]):
                wrong = f"{name}: rewards differ from seed {start}"
        yield wrong
        for env in envs:
            env.close()
