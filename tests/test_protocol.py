"""One call that measures any policy as ours are measured."""

import json

import gymnasium as gym
import numpy as np
import pytest
from forks import script
from stable_baselines3 import PPO

import drawenv
from agents import Drawer
from agents.evaluate import evaluate
from drawenv.protocol import TASKS
from drawenv.scores import bootstrap, improvement, interquartile_mean, profile, ratio


def test_a_drawer_has_the_same_error_by_both_ways():
    drawer, options = Drawer.from_pretrained("quickstart"), {"max_strokes": 2, "episodes": 120}
    ours = evaluate(drawer, "symbols-2:test", limit=120, prune=False)
    theirs = drawenv.evaluate(drawer.policy(), "BezierThickCanvas-v0", "symbols-2:test", **options)
    assert np.mean(theirs["mse"]) == pytest.approx(ours["mse"], rel=1e-4)
    assert len(theirs["returns"]) == len(theirs["mse"]) == 120
    assert theirs["iqm_95"][0] < theirs["iqm"] < theirs["iqm_95"][1] and 0.8 < theirs["mean"] < 1
    better = drawenv.evaluate(drawer.policy(2), "BezierThickCanvas-v0", "symbols-2:test", **options)
    assert better["mean"] > theirs["mean"] + 0.03


def test_functions_and_models():
    def dots(observation):
        return np.zeros((len(observation["canvas"]), 6), np.float32)

    figures = drawenv.evaluate(dots, "BezierCanvas-v0", episodes=3, thickness=4.0)
    assert figures["thickness"] == 4.0 and figures["targets"] == "symbols:test"
    assert (
        figures["returns"] == drawenv.evaluate(dots, "BezierCanvas-v0", episodes=3, thickness=4.0)["returns"]
    )
    model = PPO("MultiInputPolicy", gym.make("BezierCanvas-v0"), n_steps=8, batch_size=8, device="cpu")
    assert len(drawenv.evaluate(model, "BezierCanvas-v0", episodes=2)["returns"]) == 2


def test_pairs_are_drawn_from_their_hints():
    drawer, options = Drawer.from_pretrained("floorplan"), {"max_strokes": 20, "size": 64}
    once, seen = (
        drawenv.evaluate(drawer.policy(effort), "RectangleCanvas-v0", "plans:test", 4, **options)
        for effort in (0, 1)
    )
    assert len(seen["returns"]) == len(once["returns"]) == 4
    # Fewer rooms than strokes: the last is drawn again.
    assert np.mean(seen["mse"]) < np.mean(once["mse"])


def test_wrong_questions():
    with pytest.raises(ValueError, match="unknown environment"):
        drawenv.evaluate(None, "Canvas-v0")
    with pytest.raises(ValueError, match="episodes must be from 1"):
        drawenv.evaluate(None, "BezierCanvas-v0", episodes=10**6)
    with pytest.raises(ValueError, match="shape"):
        drawenv.evaluate(lambda _: np.zeros(3), "BezierCanvas-v0", episodes=1)


def test_tasks_of_the_benchmark():
    def nothing(observation):
        return np.ones((len(observation["canvas"]), 9), np.float32)  # a box in a corner, without a volume

    figures = drawenv.evaluate(nothing, "boxes", episodes=5)
    assert (figures["env"], figures["targets"], figures["max_strokes"]) == (
        "PrismCanvas-v0",
        "prisms-1:test",
        1,
    )
    assert figures["score"] == figures["mean"] < 0.2
    one = drawenv.evaluate(
        nothing, "PrismCanvas-v0", "prisms-1:test", episodes=5, max_strokes=1, size=figures["size"]
    )
    assert one["returns"] == figures["returns"] and "score" not in one
    with pytest.raises(ValueError, match="the task boxes is what it is"):
        drawenv.evaluate(nothing, "boxes", max_strokes=2)
    for task in TASKS.values():
        assert task.env in drawenv.ENV_IDS and 0.5 < task.best <= 1


def test_interquartile_means():
    assert interquartile_mean(np.array([0, 0, 1, 2, 3, 4, 9, 99.0])) == 2.5
    low, high = bootstrap([np.arange(100.0)])
    assert 40 < low < 49.5 < high < 59 and bootstrap([np.ones(8)]) == [1, 1]


def test_statistics_of_several_tasks():
    """Against values worked out by hand."""
    ours, theirs = [np.array([1.0, 3.0]), np.array([0.0, 5.0])], [np.array([2.0, 3.0]), np.array([0.0, 4.0])]
    assert interquartile_mean(ours) == 2.0  # of 0, 1, 3, 5 the middle two
    # 1 against 2, 3; 3 against 2, 3: 0, 0, 1, 1/2. 0 against 0, 4; 5 against both: 1/2, 0, 1, 1.
    assert improvement(ours, theirs) == (1.5 / 4 + 2.5 / 4) / 2
    assert improvement(ours, ours) == 0.5
    assert profile(ours, np.array([-1.0, 0.0, 2.0, 4.0, 5.0])).tolist() == [1, 0.75, 0.5, 0.25, 0]
    # Drawn task by task, scores that do not differ within a task leave nothing to chance.
    assert bootstrap([np.full(5, 1.0), np.full(5, 3.0)]) == [2, 2]
    assert bootstrap([np.full(5, 1.0)], [np.full(5, 0.0)], statistic=improvement) == [1, 1]


def test_a_ratio_and_its_interval():
    """By hand: logarithms 0, 1, 2 against -1, 0, 1."""
    found, low, high = ratio(np.exp([0.0, 1, 2]), np.exp([-1.0, 0, 1]))
    error = np.sqrt(2 / 3)  # of a difference of 1, with 4 degrees of freedom, whose t is 2.7764
    assert found == pytest.approx(np.e)
    assert np.log([low, high]) == pytest.approx([1 - 2.7764 * error, 1 + 2.7764 * error], abs=1e-4)


def test_compare(tmp_path):
    files = ("--out", tmp_path, "--page", tmp_path / "page.md", "--runs", tmp_path / "runs")
    (tmp_path / "page.md").write_text(
        "# Words\n\n<!-- What follows is written by scripts/compare.py. -->\nold\n"
    )
    done = script("compare", "symbols", "--preset", "debug", *files)
    results = json.loads((tmp_path / "compare-symbols.json").read_text())
    assert set(results["runs"]) == {"ppo-0", "sac-0", "reinforce-0", "drawer-few-0", "drawer-0"}
    calls_of = {"ppo": 512, "sac": 512, "reinforce": 256, "drawer-few": 256, "drawer": 256}
    for name, calls in calls_of.items():
        one = results["runs"][f"{name}-0"]
        assert one["curve"][-1][0] == calls and one["episodes"] == 20 and one["score"] < 1
    words = (tmp_path / "page.md").read_text()
    assert words.startswith("# Words") and words.endswith(done.stdout.split("png\n")[1].split("\n->")[0])
    assert "old" not in words and "| symbols | score |" in words
    (tmp_path / "leaderboard.png").unlink()
    drawn, one = tmp_path / "compare-symbols.png", results["runs"].pop("sac-0")
    assert drawn.exists()
    (tmp_path / "compare-symbols.json").write_text(json.dumps(results))
    script("compare", "symbols", "--preset", "debug", *files)
    results = json.loads((tmp_path / "compare-symbols.json").read_text())
    assert results["runs"]["sac-0"] == one  # from the run's folder, alone
    done = script("compare", "symbols", "--preset", "debug", *files)
    assert "training" not in done.stderr and (tmp_path / "leaderboard.png").exists()
    assert (tmp_path / "page.md").read_text() == words
