import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import Drawer, get_recipe
from agents.canvas import CanvasNetwork, resized, to_unit
from agents.data import Pictures, any_width, augmented
from agents.drawer import DrawerNetwork
from agents.imagine import RealCanvas, imagine
from agents.loss import drawing_loss
from agents.optim import Muon, MuonAdam
from agents.oracle import ExactBezier
from agents.recipes import DrawerOptions
from agents.train import Trainer, start_from, train_drawer
from drawenv import BezierRenderer
from drawenv.renderers import PrismRenderer, RectangleRenderer

RENDERER = BezierRenderer(5.0)
TINY = get_recipe("quickstart").debug()


@pytest.mark.parametrize(
    "options",
    [{}, {"lstm": False}, {"half": True}, {"side": 64}],
)
def test_imagined_drawing_is_the_real_one(options, targets):
    options = dict(options)
    half = options.pop("half", False)
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32, **options), 64)
    network.half_precision = half
    code = network.encode(targets)
    actions, canvases, _ = imagine(network, RealCanvas(RENDERER), code, torch.zeros_like(targets), 5)
    assert actions.shape == (8, 5, 6) and actions.abs().max() <= 1 and len(canvases) == 5
    canvas = RENDERER.blank(8, 64)
    for k in range(5):
        RENDERER.draw(canvas, np.ascontiguousarray(actions[:, k].detach().numpy()))
        torch.testing.assert_close(to_unit(canvas), canvases[k], atol=1e-6, rtol=0)


def test_translation_learns_from_its_target():
    """Hints of another size; the goal is a picture that the network makes."""
    renderer, hints = RectangleRenderer(), torch.rand(4, 1, 64, 64)
    network = DrawerNetwork(renderer, DrawerOptions(width=16, hidden=32, depth=1), 32, hint=(1, 64))
    canvas = CanvasNetwork(7, 3, renderer.compose, dots=4, hidden=32).requires_grad_(False)
    code = network.encode(hints)
    assert code.goal.shape == (4, 3, 32, 32) and 0 <= code.goal.min() <= code.goal.max() <= 1
    actions, canvases, _ = imagine(network, canvas, code, torch.zeros(4, 3, 32, 32), 2)
    assert actions.shape == (4, 2, 7) and canvases[-1].shape == (4, 3, 32, 32)
    target = torch.rand(4, 3, 32, 32)
    loss = drawing_loss(canvases, target, 1.0, 1.0, robust=True)
    (loss + (code.goal - target).square().sum()).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_views_agree_on_a_place_in_space():
    """One voxel's shadow in each of three views: there, and nowhere else, the box begins."""
    renderer = PrismRenderer()
    network = DrawerNetwork(renderer, DrawerOptions(width=16, hidden=32), 32)
    for parameter in (network.where.weight, network.where.bias):
        torch.nn.init.zeros_(parameter)
    goal, (x, y, z) = torch.zeros(1, 9, 32, 32), (6, 14, 26)  # each in the middle of a cell
    for view, (across, down) in enumerate([(x, y), (z, y), (x, z)]):
        goal[:, 3 * view : 3 * view + 3, down - 2 : down + 2, across - 2 : across + 2] = 1
    look, _ = network.attend(network.encode(goal), torch.zeros(1, 12, 32, 32), 1)
    np.testing.assert_allclose(look.place.detach()[0], [x, y, z], atol=0.1)
    crop = network.crop(look.pair, torch.tensor([[[x, y]], [[z, y]], [[x, z]]]))
    assert crop.shape == (3, 1, 64, 7 * 16)  # of a view: what is left in three colours, these, and depth
    crop = crop.view(3, 8, 8, 7, 4, 4).permute(0, 3, 1, 4, 2, 5).reshape(3, 7, 32, 32)
    assert (crop[:, :3, 14:18, 14:18] == 1).all() and crop.sum() == 3 * 3 * 16


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
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64)
    torch.nn.init.zeros_(network.head.weight)
    with torch.no_grad():
        network.head.bias.copy_(torch.tensor([0.6, -0.7, 0.0, 0.0, 0.1, 0.3]))
    blank = torch.zeros(1, 1, 64, 64)
    actions, _, _ = imagine(network, RealCanvas(RENDERER), network.encode(blank), blank, 1)
    x0, y0, x1, y1, x2, y2 = RENDERER.action_spec.to_physical(actions[0, 0].detach().numpy())
    assert x1 == pytest.approx((x0 + x2) / 2, abs=1e-3) and y1 == pytest.approx((y0 + y2) / 2, abs=1e-3)


@pytest.mark.parametrize("half", [False, True])
def test_strokes_begin_where_something_is_missing(half):
    """Untrained already; and the crop shows that place."""
    torch.manual_seed(0)
    network = DrawerNetwork(RENDERER, DrawerOptions(width=32, hidden=32, side=8), 64)
    network.half_precision = half
    places = [(8, 8), (8, 56), (56, 8), (56, 56)]
    target = torch.zeros(4, 1, 64, 64)
    for k, (y, x) in enumerate(places):
        target[k, :, y - 4 : y + 4, x - 4 : x + 4] = 1
    actions, _, _ = imagine(
        network, RealCanvas(RENDERER), network.encode(target), torch.zeros_like(target), 3
    )
    ends = RENDERER.action_spec.to_physical(actions.detach().numpy())[:, :, [1, 0]]
    assert np.abs(ends - np.array(places)[:, None]).max() < 16  # half of the way to the middle is 12
    picture = torch.arange(2 * 64 * 64.0).view(2, 1, 64, 64)
    crop = network.crop(picture, torch.tensor([[[30, 12]], [[0, 64]]])).view(2, 2, 2, 4, 4)
    crop = crop.transpose(2, 3).reshape(2, 8, 8)
    torch.testing.assert_close(crop[0], picture[0, 0, 8:16, 26:34])
    assert (crop[1, 4:] == 0).all() and (crop[1, :4, :4] == 0).all()  # beyond the corner
    torch.testing.assert_close(crop[1, :4, 4:], picture[1, 0, 60:, :4])


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
    loss, actions = Trainer(Drawer.new(recipe)).step(batch, 0.0)
    assert loss.isfinite() and actions.shape == (16, 3, 8)


def test_start_from_another_drawer():
    digits = get_recipe("mnist-4").debug()
    one, twenty = Drawer.new(digits), Drawer.new(get_recipe("mnist-20").debug())
    start_from(twenty, one)
    own, other = twenty.network.state_dict(), one.network.state_dict()
    assert own["memory.weight_hh"].equal(other["memory.weight_hh"])
    assert own["head.weight"].shape != other["head.weight"].shape
    other = Drawer.new(replace(digits, name="other", drawer=DrawerOptions(width=24, hidden=40)))
    with pytest.raises(ValueError, match=r"other cannot start from mnist-4: .* two kinds"):
        start_from(other, one)


def test_every_parameter_learns(targets):
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64)
    code, blank = network.encode(targets), torch.zeros_like(targets)
    _, canvases, _ = imagine(network, ExactBezier(RENDERER), code, blank, 2)
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


def test_lines_of_any_width(targets):
    """Of each four pictures the first has thinner lines and the next two thicker ones."""
    ink = any_width(targets).sum((1, 2, 3)) / targets.sum((1, 2, 3))
    assert (ink[:2] < 0.8).all() and (ink[2:4] > 1.2).all() and (ink[4:6] > ink[2:4].max()).all()
    torch.testing.assert_close(ink[6:], torch.ones(2))
    hair = torch.zeros(4, 1, 64, 64)
    hair[:, :, 30] = 1  # of which nothing would be left
    assert any_width(hair)[0].equal(hair[0])


def test_optimizer_survives_a_bad_batch():
    module = torch.nn.Linear(4, 4)
    optimizer = MuonAdam(module, 1e-2, 1e-2)
    weight = module.weight.detach().clone()
    optimizer.step((module(torch.ones(1, 4)) * float("nan")).sum(), 1.0)
    torch.testing.assert_close(module.weight.detach(), weight * (1 - 1e-3))  # weight decay alone
    optimizer.step(module(torch.ones(1, 4)).sum(), 1.0)
    assert not torch.equal(module.weight.detach(), weight)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (8, 8)])
def test_muon_moves_as_that_of_torch(shape):
    """Which computes in bfloat16: within 2 % of how far it goes."""
    rng, start = torch.Generator().manual_seed(0), torch.randn(shape)
    own, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = Muon([own], 0.02, 0.1), torch.optim.Muon([theirs], 0.02, weight_decay=0.1)
    for _ in range(5):
        own.grad = torch.randn(shape, generator=rng)
        theirs.grad = own.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert (own - theirs).norm() < 0.02 * (theirs - start).norm()


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
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=64), 64)
    code, blank = network.encode(targets), torch.zeros_like(targets)
    optimizer = MuonAdam(network, 3e-3, 0.02, adam_only=("head", "memory"))
    for step in range(60):
        _, canvases, _ = imagine(network, ExactBezier(RENDERER, 6), code, blank, 2)
        optimizer.step(drawing_loss(canvases, targets, 0.1, 1 - step / 60) / 100, 1.0)
    _, canvases, _ = imagine(network, RealCanvas(RENDERER), code, blank, 2)
    error = (canvases[-1] - targets).square().sum() / targets.square().sum()
    assert error < 0.85
