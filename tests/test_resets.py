"""Targets that a reset gives, generators that are set from outside, and Gymnasium's wrappers."""

import gymnasium as gym
import gymnasium.wrappers.vector as wrappers
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, RecordEpisodeStatistics

import drawenv  # noqa: F401

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 1, 64, 64), np.uint8)


def test_a_reset_may_give_the_target():
    env = gym.make("BezierCanvas-v0")
    observation, info = env.reset(seed=0, options={"target": PICTURES[0]})
    np.testing.assert_array_equal(observation["target"], PICTURES[0])
    assert not observation["canvas"].any()
    assert info["mse"] == pytest.approx(np.square(PICTURES[0] / 255).mean())
    first, _ = env.reset(seed=0)
    again, _ = env.reset(seed=0, options={})
    np.testing.assert_array_equal(first["target"], again["target"])


def test_each_of_a_batch_its_own_or_all_one():
    env = gym.make_vec("BezierCanvas-v0", num_envs=3)
    observation, _ = env.reset(seed=0, options={"target": PICTURES})
    np.testing.assert_array_equal(observation["target"], PICTURES)
    mask = {"reset_mask": [False, True, True]}  # a list will do
    observation, _ = env.reset(options={**mask, "target": PICTURES[0]})
    np.testing.assert_array_equal(observation["target"], PICTURES[[0, 0, 0]])
    observation, _ = env.reset(options={**mask, "target": PICTURES[[2, 1]]})
    np.testing.assert_array_equal(observation["target"], PICTURES[[0, 2, 1]])


def test_pairs_are_given_whole():
    env = gym.make("RectangleCanvas-v0", targets="plans")
    observation, _ = env.reset(seed=0)
    pair = {"hint": 255 - observation["hint"], "target": 255 - observation["target"]}
    observation, _ = env.reset(options=pair)
    for name, picture in pair.items():
        np.testing.assert_array_equal(observation[name], picture)
    with pytest.raises(ValueError, match="give target and hint"):
        env.reset(options={"target": pair["target"]})


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"targets": PICTURES[0]}, ValueError, "no option 'targets'; there are target"),
        ({"target": PICTURES[0] / 255}, TypeError, "uint8"),
        ({"target": PICTURES[0, :, :32]}, ValueError, "shape"),
        ({"hint": PICTURES[0]}, ValueError, "no option 'hint'"),
    ],
)
def test_other_options_are_refused(make, options, error, words):
    with pytest.raises(error, match=words):
        make("BezierCanvas-v0").reset(seed=0, options=options)


def test_a_generator_from_outside_is_used():
    targets = []
    for _ in range(2):
        env = gym.make("BezierCanvas-v0").unwrapped
        env.reset(seed=0)
        env.np_random = np.random.default_rng(7)
        targets.append(env.reset()[0]["target"])
    np.testing.assert_array_equal(*targets)
    assert (gym.make("BezierCanvas-v0").reset(seed=0)[0]["target"] != targets[0]).any()


@pytest.mark.parametrize(
    "wrap",
    [
        wrappers.FlattenObservation, wrappers.RecordEpisodeStatistics, wrappers.NormalizeReward,
        lambda env: wrappers.NormalizeObservation(wrappers.FlattenObservation(env)),
        lambda env: wrappers.RescaleAction(env, np.float32(-2), np.float32(2)),
    ],
)  # fmt: skip
def test_wrappers_of_the_native_batch(wrap):
    env = wrap(gym.make_vec("BezierCanvas-v0", num_envs=3, max_strokes=2))
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(6):
        observation, _, terminated, _, info = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)
        if isinstance(env, wrappers.RecordEpisodeStatistics) and terminated.any():
            assert (info["episode"]["l"] == 2).all()


def test_videos_of_the_native_batch(tmp_path):
    pytest.importorskip("moviepy")
    env = gym.make_vec("BezierCanvas-v0", num_envs=3, max_strokes=2, render_mode="rgb_array")
    env = wrappers.RecordVideo(env, str(tmp_path / "all"), episode_trigger=lambda episode: episode == 0)
    env.reset(seed=0)
    for _ in range(4):
        env.step(env.action_space.sample())
    env.close()
    assert list(tmp_path.glob("all/*.mp4"))


@pytest.mark.parametrize(
    "wrap", [FlattenObservation, RecordEpisodeStatistics, lambda env: FrameStackObservation(env, 3)]
)
def test_wrappers_of_single_environments(wrap):
    env = gym.make_vec("BezierCanvas-v0", num_envs=2, vectorization_mode="sync", wrappers=[wrap])
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(6):
        observation, *_ = env.step(env.action_space.sample())
    assert env.observation_space.contains(observation)
