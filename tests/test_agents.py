import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from agents import Drawer, get_recipe
from agents.canvas import CanvasNetwork, resized, to_unit
from agents.data import Pictures, augmented
from agents.drawer import DrawerNetwork
from agents.imagine import RealCanvas, imagine
from agents.improve import useful_strokes
from agents.loss import drawing_loss
from agents.optim import MuonAdam
from agents.oracle import ExactBezier
from agents.recipes import DrawerOptions
from agents.train import Trainer, start_from, train_drawer
from drawenv import BezierRenderer
from drawenv.drawing import draw_kept
from drawenv.renderers import PrismRenderer

RENDERER = BezierRenderer(5.0)
TINY = get_recipe("quickstart").debug()


@pytest.mark.parametrize(
    "options",
    [{}, {"lstm": False}, {"burst": 3}, {"half": True}, {"attend": True}, {"attend": True, "burst": 2}],
)
def test_imagined_drawing_is_the_real_one(options, targets):
    options = dict(options)
    half = options.pop("half", False)
    network = DrawerNetwork(RENDERER.action_spec, DrawerOptions(width=16, hidden=32, **options))
    network.half_precision = half
    actions, canvases = imagine(network, RealCanvas(RENDERER), targets, torch.zeros_like(targets), 5)
    assert actions.shape == (8, 5, 6) and actions.abs().max() <= 1 and len(canvases) == 5
    canvas = RENDERER.blank(8, 64)
    for k in range(5):
        RENDERER.draw(canvas, np.ascontiguousarray(actions[:, k].detach().numpy()))
        torch.testing.assert_close(to_unit(canvas), canvases[k], atol=1e-6, rtol=0)


@pytest.mark.parametrize("attend", [False, True])
def test_translation_learns_from_its_target(attend, rng):
    """Hints of another size, canvases with state beside the picture; a goal where it attends."""
    renderer, hints = PrismRenderer(), torch.rand(4, 1, 64, 64)
    network = DrawerNetwork(
        renderer.action_spec, DrawerOptions(width=16, hidden=32, depth=1, attend=attend), channels=12,
        shown=9, size=32, hint=(1, 64),
    )  # fmt: skip
    canvas = CanvasNetwork(9, 12, renderer.compose, dots=4, hidden=32).requires_grad_(False)
    code = network.encode(hints)
    assert (code[0] is not None) == attend
    if attend:
        assert code[0].shape == (4, 9, 32, 32) and 0 <= code[0].min() <= code[0].max() <= 1
    actions, canvases = imagine(network, canvas, hints, torch.zeros(4, 12, 32, 32), 2, code)
    assert actions.shape == (4, 2, 9) and canvases[-1].shape == (4, 12, 32, 32)
    target = torch.rand(4, 9, 32, 32)
    loss = drawing_loss(canvases, target, 1.0, 1.0, robust=True)
    loss = loss if code[0] is None else loss + (code[0] - target).square().sum()
    loss.backward()
    unused = {"sharpness"} if attend else set()  # of no weight where all is missing alike
    for name, p in network.named_parameters():
        assert p.grad is not None and (name in unused or p.grad.abs().sum() > 0), name


def test_robust_loss_prefers_one_color_to_the_mean():
    """A pixel that is red in two of three pictures and blue in one."""
    target = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 0, 1]])[..., None, None]
    red, mean = target[:1].expand(3, -1, -1, -1), target.mean(0, keepdim=True).expand(3, -1, -1, -1)
    assert drawing_loss([mean], target, 0, 0) < drawing_loss([red], target, 0, 0)
    assert drawing_loss([red], target, 0, 0, True) < drawing_loss([mean], target, 0, 0, True)


def test_details_weigh_more():
    target = torch.zeros(2, 1, 32, 32)
    target[:, :, 4:6, 4:6] = 1  # a small shape
    target[:, :, 12:, 12:] = 1  # a large one
    missed, rough = target[:1].clone(), target[:1].clone()
    missed[:, :, 4:6, 4:6] = 0
    rough[:, :, 20:22, 20:22] = 0  # as many pixels, inside
    assert drawing_loss([missed], target[:1], 0, 0) == drawing_loss([rough], target[:1], 0, 0)
    assert drawing_loss([missed], target[:1], 0, 0, detail=4.0) > 2 * drawing_loss(
        [rough], target[:1], 0, 0, detail=4.0
    )


def test_control_point_follows_the_ends():
    """Zero raw outputs but for the ends: the control point is the chord's middle."""
    network = DrawerNetwork(RENDERER.action_spec, DrawerOptions(width=16, hidden=32))
    torch.nn.init.zeros_(network.head.weight)
    with torch.no_grad():
        network.head.bias.copy_(torch.tensor([0.6, -0.7, 0.0, 0.0, 0.1, 0.3]))
    actions, _ = imagine(network, RealCanvas(RENDERER), *torch.zeros(2, 1, 1, 64, 64), 1)
    x0, y0, x1, y1, x2, y2 = RENDERER.action_spec.to_physical(actions[0, 0].detach().numpy())
    assert x1 == pytest.approx((x0 + x2) / 2, abs=1e-3) and y1 == pytest.approx((y0 + y2) / 2, abs=1e-3)


@pytest.mark.parametrize(("corners", "first"), [(False, -15 / 16), (True, -1)])
def test_cells_to_attend_to_are_where_they_lie(corners, first):
    """Attention to one cell alone: the stroke starts at that cell's middle; old weights had its corner."""
    network = DrawerNetwork(
        RENDERER.action_spec, DrawerOptions(width=16, hidden=32, attend=True), corners=corners
    )
    for parameter in (network.head.weight, network.head.bias, network.query.weight, network.query.bias):
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(network.sharpness, 50.0)
    target = torch.zeros(1, 1, 64, 64)
    target[..., :4, :4] = 1  # the cell at the top left
    actions, _ = imagine(network, RealCanvas(RENDERER), target, torch.zeros_like(target), 1)
    np.testing.assert_allclose(actions[0, 0, :2].detach().numpy(), [first, first], atol=1e-4)


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_windows_of_hints_and_targets_are_of_one_place(zoom):
    """A hint that is the target four times as large stays that in every window of it."""
    recipe = get_recipe("plans").debug()
    recipe = replace(recipe, data=replace(recipe.data, zooms=(zoom,)), hint=(1, 32))
    pictures = Pictures(recipe, 0, torch.device("cpu"))
    rng, side = np.random.default_rng(0), 32 * zoom
    targets = rng.integers(0, 256, (6, 3, 8 * zoom, 8 * zoom)).astype(np.uint8).repeat(4, 2).repeat(4, 3)
    assert targets.shape[-1] == side
    hints = np.stack(
        [[np.asarray(Image.fromarray(t[0]).resize((256, 256), Image.Resampling.NEAREST))] for t in targets]
    )
    hint, target = pictures._windows(hints, targets)
    assert hint.shape == (6, 1, 32, 32) and target.shape == (6, 3, 32, 32)
    difference = (hint[:, 0] - target[:, 0]).abs()
    assert difference.mean() < 0.06  # unrelated places differ by a third


def test_pictures_are_resized_whole():
    """Also where the size is no divisor: nothing is cut off."""
    ramp = np.tile(np.arange(85, dtype=np.uint8) * 3, (1, 1, 85, 1))
    for size in (17, 32, 64, 85, 128):
        out = resized(ramp, size)
        assert out.shape == (1, 1, size, size)
        assert out[0, 0, 0, 0] < 0.06 and out[0, 0, 0, -1] > 0.93


def test_gray_targets_train_on_a_canvas_in_color():
    recipe = replace(get_recipe("hollow").debug(), targets="symbols-2")
    batch = Pictures(recipe, 0, torch.device("cpu"))(0.0)
    assert batch.target.shape == (16, 3, 32, 32) and batch.target[:, 0].equal(batch.target[:, 2])
    loss = Trainer(Drawer.new(recipe)).step(batch, 0.0)
    assert loss.isfinite()


def test_start_from_another_drawer():
    digits = get_recipe("mnist-4").debug()
    one, twenty = Drawer.new(digits), Drawer.new(get_recipe("mnist-20").debug())
    start_from(twenty, one)
    own, other = twenty.network.state_dict(), one.network.state_dict()
    assert own["memory.weight_hh"].equal(other["memory.weight_hh"])
    assert own["head.weight"].shape != other["head.weight"].shape
    with pytest.raises(ValueError, match=r"sketch-10 cannot start from mnist-4: .* two kinds"):
        start_from(Drawer.new(get_recipe("sketch-10").debug()), one)


def test_every_parameter_learns(targets):
    network = DrawerNetwork(RENDERER.action_spec, DrawerOptions(width=16, hidden=32))
    _, canvases = imagine(network, ExactBezier(RENDERER), targets, torch.zeros_like(targets), 2)
    drawing_loss(canvases, targets, 0.1, 1.0).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_loss_of_the_target_itself_is_zero(targets):
    assert drawing_loss([targets, targets], targets, 0.2, 1.0) == 0
    blank = drawing_loss([torch.zeros_like(targets)], targets, 0.2, 0.0)
    torch.testing.assert_close(blank, targets.square().sum((1, 2, 3)).mean())


def test_augmented_pictures_keep_their_ink(targets):
    torch.manual_seed(0)
    out = augmented(targets, mirror=True)
    assert out.shape == targets.shape and out.min() >= 0 and out.max() <= 1
    assert 0.5 < out.sum() / targets.sum() < 2


def test_optimizer_survives_a_bad_batch():
    module = torch.nn.Linear(4, 4)
    optimizer = MuonAdam(module, 1e-2, 1e-2)
    weight = module.weight.detach().clone()
    optimizer.step((module(torch.ones(1, 4)) * float("nan")).sum(), 1.0)
    torch.testing.assert_close(module.weight.detach(), weight * (1 - 1e-3))  # weight decay alone
    optimizer.step(module(torch.ones(1, 4)).sum(), 1.0)
    assert not torch.equal(module.weight.detach(), weight)


def test_damaged_state_of_a_run(tmp_path):
    (tmp_path / "training.pt").write_bytes(b"no state")
    drawer = Drawer.new(TINY)
    with pytest.raises(ValueError, match=r"training\.pt is damaged .* delete it to start again"):
        train_drawer(drawer, tmp_path)


@pytest.mark.parametrize("refit", [False, True])
def test_training_resumes_where_it_stopped(tmp_path, refit):
    recipe = replace(TINY, canvas=replace(TINY.canvas, refit=refit))
    drawer = Drawer.new(recipe)
    fitted = {name: value.clone() for name, value in drawer.canvas.state_dict().items()}
    first = train_drawer(drawer, tmp_path)
    assert first["pictures"] == 256 and 0 < first["mse"] < 1
    same = [torch.equal(value, fitted[name]) for name, value in drawer.canvas.state_dict().items()]
    assert all(same) != refit
    more = Drawer.new(replace(recipe, train=replace(recipe.train, pictures=320)))
    reports = []
    train_drawer(more, tmp_path, report=reports.append)
    assert reports[-1]["pictures"] == 320
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["pictures"] for row in log] == [64, 128, 192, 256, 320]
    assert log[-1]["seconds"] > log[0]["seconds"]


def test_drawer_learns_through_the_exact_canvas(targets):
    """With an exact canvas a few steps on a few pictures must beat the blank page."""
    torch.manual_seed(0)
    network = DrawerNetwork(RENDERER.action_spec, DrawerOptions(width=16, hidden=64))
    optimizer = MuonAdam(network, 3e-3, 0.02, adam_only=("head", "memory"))
    for step in range(60):
        _, canvases = imagine(network, ExactBezier(RENDERER, 6), targets, torch.zeros_like(targets), 2)
        optimizer.step(drawing_loss(canvases, targets, 0.1, 1 - step / 60) / 100, 1.0)
    _, canvases = imagine(network, RealCanvas(RENDERER), targets, torch.zeros_like(targets), 2)
    error = (canvases[-1] - targets).square().sum() / targets.square().sum()
    assert error < 0.85


def test_useful_strokes(rng):
    """Of strokes drawn twice one is kept; what misses the target is not; nothing gets worse."""
    actions = RENDERER.action_spec.sample(60, rng).reshape(20, 3, 6)
    blank = RENDERER.blank(20, 64)
    targets = draw_kept(RENDERER, actions, np.ones((20, 3), bool), blank)
    twice = actions.repeat(2, 1)
    keep = useful_strokes(RENDERER, twice, targets, blank)
    np.testing.assert_array_equal(draw_kept(RENDERER, twice, keep, blank), targets)
    assert (keep.sum(1) <= 3).all()
    assert useful_strokes(RENDERER, actions, blank, blank).sum() <= 2  # nothing to draw
    assert not useful_strokes(RENDERER, actions, targets, targets).any()  # all is there already
    assert useful_strokes(RENDERER, actions[:, :0], targets, blank).shape == (20, 0)
