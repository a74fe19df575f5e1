"""The whole registry, as users and libraries use it."""

import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import drawenv
from drawenv.envs.batch import CanvasBatch

GOLDEN = Path(__file__).parent / "golden"
ids = pytest.mark.parametrize("env_id", drawenv.ENV_IDS)


@ids
def test_gymnasium_checker(env_id):
    check_env(gym.make(env_id, render_mode="rgb_array").unwrapped)


@ids
def test_stable_baselines3_checker(env_id):
    check_env_sb3(gym.make(env_id, render_mode="rgb_array").unwrapped)


@ids
def test_module_qualified_id(env_id):
    assert gym.make(f"drawenv:{env_id}").reset(seed=0)[0]["canvas"].sum() == 0


def picture_of_actions(env_id):
    """Five seeded drawings of eight strokes, in a row."""
    env = gym.make(env_id, max_strokes=8, size=64)
    rng = np.random.default_rng(7)
    pictures = []
    for _ in range(5):
        env.reset(seed=0)
        for action in env.unwrapped.action_spec.sample(8, rng):
            obs, *_ = env.step(action)
        pictures.append(obs["canvas"])
    return np.concatenate(pictures, -1)


@ids
def test_golden_pictures(env_id):
    """A -v0 draws the same for ever; one grey level is left to the compiler's rounding."""
    golden = np.load(GOLDEN / f"{env_id}.npy")
    difference = np.abs(picture_of_actions(env_id).astype(int) - golden)
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


@ids
@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_native_batch_equals_single_environments(env_id, mode):
    options = {"max_strokes": 3, "size": 32}
    native = gym.make_vec(env_id, num_envs=3, autoreset_mode=mode, **options)
    stacked = SyncVectorEnv([lambda: gym.make(env_id, **options)] * 3, autoreset_mode=mode)
    assert native.metadata["autoreset_mode"] == mode
    assert native.observation_space == stacked.observation_space
    assert native.action_space == stacked.action_space
    rng = np.random.default_rng(1)
    (obs, info), (obs2, info2) = native.reset(seed=5), stacked.reset(seed=5)
    ended = np.zeros(3, bool)
    for step in range(14):
        assert native.observation_space.contains(obs)
        for key in obs:
            np.testing.assert_array_equal(obs[key], obs2[key], err_msg=f"{key} at step {step}")
        assert info.keys() == info2.keys()
        np.testing.assert_allclose(info["mse"], info2["mse"])
        if step == 7 or ended.any():  # out of step with one another from here on
            mask = {"reset_mask": ended if ended.any() else np.array([False, True, False])}
            (obs, info), (obs2, info2) = native.reset(options=dict(mask)), stacked.reset(options=dict(mask))
            for key in obs:
                np.testing.assert_array_equal(obs[key], obs2[key])
        actions = rng.uniform(-1, 1, (3, native.single_action_space.shape[0])).astype(np.float32)
        obs, reward, terminated, truncated, info = native.step(actions)
        obs2, reward2, terminated2, truncated2, info2 = stacked.step(actions)
        np.testing.assert_allclose(reward, reward2, atol=1e-12)
        np.testing.assert_array_equal(terminated, terminated2)
        np.testing.assert_array_equal(truncated, truncated2)
        ended = terminated & (mode == AutoresetMode.DISABLED)
        for i in np.flatnonzero(info.get("_final_obs", [])):
            for key in obs:
                np.testing.assert_array_equal(info["final_obs"][i][key], info2["final_obs"][i][key])
            ours, theirs = info["final_info"], info2["final_info"]
            assert ours["mse"][i] == pytest.approx(theirs["mse"][i])
            np.testing.assert_array_equal(ours["drawing"][i].actions, theirs["drawing"][i].actions)


@ids
def test_environments_are_described(env_id):
    """Canvas and action, each parameter with its range."""
    env, doc = gym.make(env_id).unwrapped, drawenv.ENVIRONMENTS[env_id].doc
    assert "canvas" in doc.lower() and "Args" not in doc
    for i, p in enumerate(env.action_spec.parameters):
        assert f"| {i} | {p.name} | {p.low:g} | {p.high:g} | {p.unit} |" in doc


def test_perfect_drawing_is_worth_one(rng):
    env = gym.make("BezierCanvas-v0", max_strokes=3)
    actions = env.unwrapped.action_spec.sample(3, rng)
    target = drawenv.Drawing(actions, env.unwrapped.renderer).render(64)[None]
    env = gym.make("BezierCanvas-v0", max_strokes=3, targets=target)
    obs, info = env.reset(seed=0)
    total = 0.0
    for k, action in enumerate(actions):
        obs, reward, terminated, truncated, info = env.step(action)
        total += reward
        assert terminated == (k == 2) and not truncated
        assert obs["progress"] == pytest.approx((k + 1) / 3)
    assert total == pytest.approx(1.0)
    assert info["mse"] == 0
    np.testing.assert_array_equal(info["drawing"].render(64), target[0])
    np.testing.assert_array_equal(obs["canvas"], obs["target"])


def test_blank_target_has_finite_rewards():
    env = gym.make("BezierCanvas-v0", targets=np.zeros((1, 64, 64), np.uint8))
    env.reset(seed=0)
    reward = env.step(np.zeros(6, np.float32))[1]
    assert np.isfinite(reward) and reward < 0


def test_step_before_reset_and_after_the_end():
    env = gym.make("BezierCanvas-v0", max_strokes=1).unwrapped
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(6, np.float32))
    env.reset(seed=0)
    env.step(np.zeros(6, np.float32))
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(6, np.float32))
    with pytest.raises(gym.error.ResetNeeded):
        gym.make_vec("BezierCanvas-v0", num_envs=2).step(np.zeros((2, 6), np.float32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 0}, "size must be a whole number of at least 1, got 0"),
        ({"max_strokes": 2.5}, "max_strokes must be a whole number"),
        ({"targets": "symbol"}, "unknown targets 'symbol'.*did you mean 'symbols'"),
        ({"targets": np.zeros((3, 1, 32, 32), np.uint8)}, r"\(1, 32, 32\).*\(1, 64, 64\)"),
        ({"thickness": 0}, "thickness"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        gym.make("BezierCanvas-v0", **options)


@ids
def test_bad_actions_do_not_step(env_id):
    env = gym.make(env_id).unwrapped
    env.reset(seed=0)
    n = env.action_space.shape[0]
    for bad in (np.full(n, 2.0), np.full(n, np.nan), np.zeros(n + 1)):
        with pytest.raises(ValueError):
            env.step(bad)
    assert env.step(np.zeros(n, np.float32))[0]["progress"] == 0.25
    batch = gym.make_vec(env_id, num_envs=2)
    batch.reset(seed=0)
    with pytest.raises(ValueError, match=rf"\(2, {n}\)"):
        batch.step(np.zeros((3, n), np.float32))


@ids
def test_render_modes(env_id):
    env = gym.make(env_id, render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape, np.float32))
    picture = env.render()
    views = len(env.unwrapped.renderer.views)
    assert picture.shape == (64, 128 * views, 3) and picture.dtype == np.uint8
    with pytest.raises(ValueError, match="render_mode"):
        drawenv.CanvasEnv(
            env.unwrapped.renderer, targets=env.unwrapped.spec.kwargs["targets"], render_mode="ansi"
        )
    batch = gym.make_vec(env_id, num_envs=2, render_mode="rgb_array")
    batch.reset(seed=0)
    assert [p.shape for p in batch.render()] == [picture.shape] * 2


def test_next_step_is_the_default_and_disabled_waits_for_a_reset():
    batch = gym.make_vec("BezierCanvas-v0", num_envs=2, max_strokes=1)
    assert batch.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    batch = gym.make_vec("BezierCanvas-v0", num_envs=2, max_strokes=1, autoreset_mode=AutoresetMode.DISABLED)
    batch.reset(seed=0)
    actions = np.zeros((2, 6), np.float32)
    observation, _, terminated, *_ = batch.step(actions)
    assert terminated.all() and (observation["progress"] == 1).all()
    batch.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gym.error.ResetNeeded, match="episodes 1 are over"):
        batch.step(actions)


class DotRenderer(drawenv.Renderer):
    """Gray squares."""

    name = "dot"
    action_spec = drawenv.ActionSpec(
        drawenv.Parameter("x", 0, 56, axis="x"), drawenv.Parameter("y", 0, 56, axis="y")
    )

    def draw(self, canvas, actions):
        for picture, (x, y) in zip(canvas, self.action_spec.to_physical(actions).astype(int), strict=True):
            picture[:, y : y + 8, x : x + 8] = 200


def test_register_makes_single_and_vector_environments():
    drawenv.register("Dot-v0", DotRenderer)
    drawenv.register("Dot-v0", DotRenderer)  # importing twice does no harm
    try:
        check_env(gym.make("Dot-v0", render_mode="rgb_array").unwrapped)
        batch = gym.make_vec("Dot-v0", num_envs=3)
        batch.reset(seed=0)
        observation = batch.step(np.zeros((3, 2), np.float32))[0]
        assert observation["canvas"].sum() == 3 * 64 * 200
        assert drawenv.ENVIRONMENTS["Dot-v0"].doc.startswith("Gray squares.")

        class Other(DotRenderer):
            name = "dot"

        with pytest.raises(ValueError, match="there is a renderer 'dot' already"):
            drawenv.register("Other-v0", Other)
    finally:
        drawenv.RENDERERS.pop("dot")
        drawenv.ENVIRONMENTS.pop("Dot-v0")
        gym.registry.pop("Dot-v0")


def test_an_action_beyond_the_edge_by_rounding_draws_as_the_edge():
    """Prism canvases were written out of bounds."""
    env = gym.make("PrismCanvas-v0").unwrapped
    spec, pictures = env.action_spec, []
    for low in (-1.0, float(np.nextafter(np.float32(-1), np.float32(-2)))):
        env.reset(seed=0)
        pictures.append(env.step(np.array([low, low, low, 0, 0, 0, 1, 0, 0], np.float32))[0]["canvas"])
    np.testing.assert_array_equal(*pictures)
    assert spec.check(np.full(9, 1 + 1e-7, np.float32)).max() == 1


def test_human_window_opens_and_closes():
    env = gym.make("BezierCanvas-v0", render_mode="human", max_strokes=1)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    window = env.unwrapped._window
    assert window.surface.get_size() == (512, 256 + 28)
    written = [window.surface.get_at((x, 270))[0] for x in range(512)]
    assert max(written) > 150 and min(written) < 50  # light letters on dark
    env.close()


def test_import_stays_light():
    """The world needs neither torch nor pygame until a window opens."""
    code = (
        "import sys, drawenv, gymnasium as gym\n"
        "env = gym.make('BezierCanvas-v0', render_mode='rgb_array'); env.reset(seed=0); env.render()\n"
        "bad = {'torch', 'pygame', 'agents', 'stable_baselines3'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_imports_run_one_way():
    root = Path(__file__).parent.parent
    for folder, forbidden in (("drawenv", ("torch", "agents", "scripts")), ("agents", ("scripts",))):
        for path in (root / folder).rglob("*.py"):
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) > 1 and words[0] in ("import", "from"):
                    assert words[1].split(".")[0] not in forbidden, f"{path}: {line}"


def test_pictures_are_taken_a_few_at_a_step(monkeypatch):
    """Not many at once when episodes end, and the same ones as in a single environment."""
    filled = []
    fill = CanvasBatch._fill
    monkeypatch.setattr(CanvasBatch, "_fill", lambda batch, i: (filled.append(i), fill(batch, i)))
    many, one = gym.make_vec("BezierCanvas-v0", num_envs=40, size=16), gym.make("BezierCanvas-v0", size=16)
    targets = [many.reset(seed=5)[0]["target"]]
    counts = []
    for _ in range(60 * 5):
        filled.clear()
        observation = many.step(many.action_space.sample())[0]
        counts.append(len(filled))
        if (observation["progress"] == 0).all():
            targets.append(observation["target"])
    assert max(counts) <= 1 < sum(counts)
    for k, of_all in enumerate(targets):
        np.testing.assert_array_equal(one.reset(seed=5 + 39 if k == 0 else None)[0]["target"], of_all[39])
        for _ in range(k % 5):
            one.step(one.action_space.sample())
