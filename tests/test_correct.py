"""Strokes that are tried before they are drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import Drawer, get_recipe
from agents.canvas import CanvasNetwork
from agents.commands.train import train
from agents.correct import Corrections, slope_of_error
from agents.data import make_batches
from agents.oracle import ExactBezier
from agents.weights import load_weights, read_config, save_weights
from drawenv import BezierRenderer
from drawenv.renderers import PrismRenderer

DIGITS = Path(__file__).parent.parent / "examples/pictures/digits"
TINY = get_recipe("mnist-4").debug()


@pytest.mark.parametrize("renderer", [BezierRenderer(5.0), PrismRenderer()])
def test_the_slope_is_that_of_the_error(renderer):
    """Of what C imagines, on the channels that show; as a step to both sides has it."""
    torch.manual_seed(0)
    n, shown = len(renderer.action_spec), renderer.shown
    canvas = (
        CanvasNetwork(n, renderer.channels, renderer.compose, dots=8, hidden=32)
        .requires_grad_(False)
        .double()
    )
    before, goal = torch.rand(3, renderer.channels, 32, 32).double(), torch.rand(3, shown, 32, 32).double()
    action = torch.rand(3, n).double() - 0.5

    def error(action):
        return (canvas(before, action)[:, :shown] - goal).square().sum((1, 2, 3))

    with torch.no_grad():  # as where pictures are drawn
        slope = slope_of_error(canvas, before, goal, action)
    steps = 1e-6 * torch.eye(n).double()
    sides = torch.stack([(error(action + step) - error(action - step)) / 2e-6 for step in steps], 1)
    torch.testing.assert_close(slope, sides, rtol=1e-3, atol=1e-4)


def test_untrained_it_changes_nothing_and_trained_it_mends():
    """Strokes that are all too far to the right: the slope says which way, training how far."""
    torch.manual_seed(0)
    recipe = replace(TINY, targets="symbols", strokes=2)
    drawer = Drawer.new(recipe)
    corrector, network, renderer = drawer.corrector, drawer.network, drawer.renderer
    exact = ExactBezier(renderer)
    true = torch.from_numpy(renderer.action_spec.sample(128, np.random.default_rng(0))) * 0.6
    blank, thought = torch.zeros(128, 1, 64, 64), torch.zeros(128, recipe.drawer.width)
    goal = exact(blank, true).detach()
    off = true + torch.tensor([0.06, 0.0] * 3)
    assert torch.equal(corrector(network, exact, goal, blank, off, thought), off)
    optimizer = torch.optim.Adam(corrector.parameters(), 3e-3)
    for _ in range(40):
        moved = corrector(network, exact, goal[:64], blank[:64], off[:64], thought[:64])
        optimizer.zero_grad()
        (exact(blank[:64], moved) - goal[:64]).square().sum().backward()
        optimizer.step()
    with torch.no_grad():
        moved = corrector(network, exact, goal[64:], blank[64:], off[64:], thought[64:])
        before, after = ((exact(blank[64:], x) - goal[64:]).square().sum() for x in (off[64:], moved))
    assert after < 0.4 * before


def test_a_step_trains_the_corrector_alone():
    recipe = replace(TINY, targets="symbols")
    drawer = Drawer.new(recipe)
    for part in (drawer.network, drawer.canvas):
        part.requires_grad_(False)
    old = {name: {k: v.clone() for k, v in part.state_dict().items()} for name, part in drawer.parts.items()}
    trainer = Corrections(drawer)
    trainer.restart(0)
    loss, actions = trainer.step(make_batches(recipe, 0, drawer.device)(0.0), 0.0)
    assert loss.isfinite() and actions.shape == (recipe.train.batch, 4, 6)
    changed = {
        name for name, part in drawer.parts.items()
        if any(not torch.equal(v, old[name][k]) for k, v in part.state_dict().items())
    }  # fmt: skip
    assert changed == {"corrector"}


def test_it_corrects_one_pass_and_leaves_effort_alone():
    """Where strokes are judged and moved, they are what they were without it."""
    drawer = Drawer.from_pretrained("mnist-4")
    pictures = np.stack([drawer.read(DIGITS / f"{k}.png") for k in (2, 3, 5)])
    blank = drawer.renderer.blank(3, 64)
    with_it = {rounds: drawer.choose(pictures, blank, 4 if rounds else 1, rounds)[0] for rounds in (0, 1)}
    drawer.corrector = None
    without = {rounds: drawer.choose(pictures, blank, 4 if rounds else 1, rounds)[0] for rounds in (0, 1)}
    np.testing.assert_array_equal(with_it[1], without[1])
    assert not np.array_equal(with_it[0], without[0])


def test_weights_of_uneven_columns_keep_their_precision(tmp_path):
    """One input with weights thirty times those of others, of a matrix and of a convolution."""
    torch.manual_seed(0)
    for module in (torch.nn.Linear(256, 256), torch.nn.Conv2d(64, 128, 3)):
        with torch.no_grad():
            module.weight[:, 3] *= 30
        wanted = module.weight.detach().clone()
        save_weights(module, tmp_path / "x.safetensors")
        torch.nn.init.zeros_(module.weight)
        load_weights(module, tmp_path / "x.safetensors")
        others = [k for k in range(wanted.shape[1]) if k != 3]
        error = (module.weight - wanted)[:, others].norm() / wanted[:, others].norm()
        assert error < 0.02


def test_the_same_command_trains_what_is_missing(tmp_path, capsys):
    """Nothing twice; and of a drawer that learned on, another corrector."""
    few = replace(TINY.train, pictures=64, corrections=32)
    recipe = replace(TINY, targets="symbols", train=few, canvas=replace(TINY.canvas, steps=20))

    def trained(recipe):
        train(recipe, tmp_path, 0, torch.device("cpu"), writes=True)
        said = capsys.readouterr().out
        parts = ("canvas", "drawer", "corrector")
        return [(tmp_path / f"{part}.safetensors").read_bytes() for part in parts], said

    first, said = trained(recipe)
    assert "drawer.safetensors: validation" in said and "corrector.safetensors: validation" in said
    assert trained(recipe)[0] == first
    (tmp_path / "corrector.safetensors").unlink()
    second, said = trained(recipe)
    assert second == first and "drawer.safetensors" not in said
    assert read_config(tmp_path)["corrector"]["validation"]["pictures"] == 32
    longer, _ = trained(replace(recipe, train=replace(few, pictures=128)))
    assert longer[1] != first[1] and longer[2] != first[2]
