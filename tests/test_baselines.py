import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import drawenv
from agents import Drawer, get_recipe
from agents.baselines import CanvasVecEnv, Policy, hyperparameters, train_baseline
from agents.baselines.vec_env import stacked_channels
from agents.commands.train_baseline import TINY
from agents.evaluate import evaluate
from agents.train import train_drawer
from agents.weights import write_config
from drawenv import CanvasVectorEnv
from drawenv.renderers import RectangleRenderer

RECIPE = replace(get_recipe("quickstart"), strokes=3)


def test_what_a_policy_sees():
    canvas = np.full((2, 3, 32, 32), 7, np.uint8)
    hint = np.zeros((2, 1, 128, 128), np.uint8)
    hint[0, 0, :2, :4] = 200
    picture = stacked_channels(canvas, hint, np.array([[0.0], [0.5]]))
    assert picture.shape == (2, 5, 32, 32) and picture.dtype == np.uint8
    assert (picture[:, :3] == 7).all() and picture[0, 3, 0, 0] == 100 and picture[0, 3].sum() == 100
    assert [set(np.unique(picture[i, 4])) for i in range(2)] == [{0}, {128}]


def test_vec_env_steps_as_single_environments_do():
    """The same pictures, rewards, ends and last observations as SB3's own VecEnv of single ones."""

    class Stacked(gym.ObservationWrapper):
        def __init__(self, env):
            super().__init__(env)
            self.observation_space = CanvasVecEnv.of(RECIPE, 1).observation_space

        def observation(self, observation):
            one = {name: value[None] for name, value in observation.items()}
            return stacked_channels(one["canvas"], one["target"], one["progress"])[0]

    def single():
        options = {"targets": RECIPE.targets, "max_strokes": RECIPE.strokes, **RECIPE.env_options}
        return Stacked(gym.make(RECIPE.env, **options))

    ours, theirs = CanvasVecEnv.of(RECIPE, 2), DummyVecEnv([single, single])
    for env in (ours, theirs):
        env.seed(3)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    rng = np.random.default_rng(0)
    for step in range(7):
        actions = rng.uniform(-1, 1, (2, 7)).astype(np.float32)
        a, b = ours.step(actions), theirs.step(actions)
        for mine, other in zip(a[:3], b[:3], strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-6)
            assert mine.dtype == other.dtype
        assert a[2].all() == (step % 3 == 2)
        for mine, other in zip(a[3], b[3], strict=True):
            assert ("terminal_observation" in mine) == ("terminal_observation" in other)
            if "terminal_observation" in mine:
                np.testing.assert_array_equal(mine["terminal_observation"], other["terminal_observation"])
                assert mine["TimeLimit.truncated"] is other["TimeLimit.truncated"] is False
                assert mine["mse"] == pytest.approx(other["mse"])


def test_vec_env_is_one_that_sb3_accepts():
    env = VecMonitor(CanvasVecEnv.of(RECIPE, 4))
    assert env.observation_space.shape == (3, 64, 64) and env.reset().shape == (4, 3, 64, 64)
    for _ in range(3):
        _, _, dones, infos = env.step(np.zeros((4, 7), np.float32))
    assert dones.all() and all(info["episode"]["l"] == 3 for info in infos)
    assert all(info["episode"]["r"] <= 1 for info in infos)
    assert env.get_attr("num_envs") == [4] * 4 and env.env_is_wrapped(gym.Wrapper, 0) == [False]
    with pytest.raises(NotImplementedError, match="one batch"):
        env.set_attr("renderer", None)
    with pytest.raises(NotImplementedError, match="one batch"):
        env.env_method("reset")
    env.close()
    with pytest.raises(ValueError, match="SAME_STEP"):
        CanvasVecEnv(CanvasVectorEnv(RectangleRenderer(), 2, targets="symbols", autoreset_mode="NextStep"))


def test_vec_env_of_a_translation_shows_the_hint():
    env = CanvasVecEnv.of(replace(get_recipe("plans"), strokes=2), 2)
    assert env.observation_space.shape == (3 + 1 + 1, 64, 64) and env.reset()[:, 3].any()


def test_ppo_learns_and_goes_on(tmp_path):
    """From nothing, on the simplest of tasks, PPO comes to draw better than it began."""
    recipe = replace(RECIPE, targets="symbols-2", strokes=1, size=16)
    options = {**hyperparameters(recipe.env), "n_envs": 64, "n_steps": 8, "batch_size": 128}
    options["policy_kwargs"] = {"width": 8, "features_dim": 32, "log_std_init": -0.5}
    torn = train_baseline("ppo", recipe, {**options, "n_timesteps": 4_096}, tmp_path)
    last = train_baseline("ppo", recipe, {**options, "n_timesteps": 20_480}, tmp_path)
    assert torn["steps"] == 4_096 and last["steps"] == 20_480 and last["mse"] < torn["mse"]
    assert last["seconds"] > torn["seconds"]
    write_config(tmp_path, recipe=recipe.as_dict(), hyperparameters=options)
    policy = Policy.from_pretrained(tmp_path)
    figures = evaluate(policy, targets="symbols-2:test", limit=100)
    assert 0 < figures["mse"] <= figures["mse_blank"]  # a stroke that does harm is not kept
    assert figures["mse_canvas"] is None
    ours = evaluate(policy, targets="symbols-2:test", limit=100, prune=False)
    theirs = drawenv.evaluate(policy.policy(), recipe.env, "symbols-2:test", 100, max_strokes=1, size=16)
    assert np.mean(theirs["mse"]) == pytest.approx(ours["mse"], rel=1e-4)
    with pytest.raises(ValueError, match="no canvas to refine through"):
        evaluate(policy, targets="symbols-2:test", refine=1)
    (tmp_path / "training.pt").write_bytes(b"no state")
    (tmp_path / "training.before.pt").unlink()
    with pytest.raises(ValueError, match="damaged"):
        train_baseline("ppo", recipe, {**options, "n_timesteps": 50_000}, tmp_path)


def test_sac_goes_on(tmp_path):
    options = {**hyperparameters(RECIPE.env, "sac"), **TINY["sac"]}
    torn = train_baseline("sac", RECIPE, options, tmp_path)
    before = load_file(tmp_path / "policy.safetensors")
    assert train_baseline("sac", RECIPE, options, tmp_path)["mse"] == torn["mse"]  # a finished one stays
    after = load_file(tmp_path / "policy.safetensors")
    assert all(torch.equal(before[name], after[name]) for name in before)
    last = train_baseline("sac", RECIPE, {**options, "n_timesteps": 1_024}, tmp_path)
    assert last["steps"] == 1_024 and last["seconds"] > torn["seconds"]
    with pytest.raises(ValueError, match="of another policy"):
        train_baseline("ppo", RECIPE, {**hyperparameters(RECIPE.env), **TINY["ppo"]}, tmp_path)


def test_reinforce_learns_and_goes_on(tmp_path):
    """The drawer's network comes to draw better than it began, from rewards alone."""
    recipe = get_recipe("agents.ablations:bench_boxes").debug()
    recipe = replace(recipe, train=replace(recipe.train, through="reinforce", pictures=2_048))
    torch.manual_seed(0)
    drawer = Drawer.new(recipe)
    before = {name: value.clone() for name, value in drawer.canvas.state_dict().items()}
    first = evaluate(drawer, "prisms-1:val", limit=200, prune=False)["mse"]
    last = train_drawer(drawer, tmp_path)
    assert last["mse"] < 0.8 * first
    for name, value in drawer.canvas.state_dict().items():
        assert torch.equal(value, before[name])  # it learns without C
    log = [json.loads(line)["pictures"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    (tmp_path / "training.pt").unlink()  # what is left is the state before
    again = Drawer.new(recipe)
    assert train_drawer(again, tmp_path)["mse"] == last["mse"] and log[-1] == 2_048
    for one, other in zip(drawer.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_hyperparameters(tmp_path):
    file = tmp_path / "some.yml"
    file.write_text("default: {n_envs: 2, gamma: 1.0}\nBezierCanvas-v0: {gamma: 0.5}")
    assert hyperparameters("BezierCanvas-v0", path=file) == {"n_envs": 2, "gamma": 0.5}
    assert hyperparameters("PrismCanvas-v0", path=file) == {"n_envs": 2, "gamma": 1.0}
    for text, error in (("[1", "damaged"), ("- 1", "no mapping")):
        file.write_text(text)
        with pytest.raises(ValueError, match=error):
            hyperparameters("BezierCanvas-v0", path=file)
    with pytest.raises(ValueError, match="does not take"):
        train_baseline("ppo", RECIPE, {**hyperparameters(RECIPE.env), "n_ems": 3}, tmp_path)
    with pytest.raises(FileNotFoundError, match="no policy"):
        Policy.from_pretrained(tmp_path)
