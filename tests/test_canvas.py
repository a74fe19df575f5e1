"""The canvas network C, its fit, and exact canvases to hold it against."""

from collections import deque
from dataclasses import replace

import pytest
import torch

from agents import Drawer, get_recipe
from agents.canvas import CanvasNetwork, Rollouts, canvas_error, fit_canvas, make_canvas, to_unit
from agents.imagine import RealCanvas, StraightThrough, imagine
from agents.improve import refine_actions
from agents.oracle import ExactBezier, found_strokes
from agents.recipes import Recipe
from agents.train import Refit
from drawenv import BezierRenderer, Symbols
from drawenv.renderers import PrismRenderer, RectangleRenderer

RENDERER = BezierRenderer(5.0)
TINY = get_recipe("quickstart").debug()


def canvas_network(renderer, **options):
    return CanvasNetwork(len(renderer.action_spec), renderer.channels, renderer.compose, **options)


def test_rollouts_are_what_the_renderer_draws():
    rollouts = Rollouts(RENDERER, 64, 8, steps=3)
    for _ in range(7):
        before, actions, after = rollouts()
        again = RealCanvas(RENDERER)(before, actions)
        torch.testing.assert_close(again, after, atol=1e-6, rtol=0)
    ages = {float(b.amax()) for b in before}
    assert ages == {0.0, 1.0}  # some canvases are blank, some are not


def test_rollouts_of_few_calls_are_used_again():
    rollouts = Rollouts(RENDERER, 16, 8, calls=20)
    made = {tuple(a.tolist()) for _ in range(2) for a in rollouts()[1]}
    assert rollouts.made == 16  # a third batch would be too many
    for _ in range(3):
        before, actions, after = rollouts()
        assert {tuple(a.tolist()) for a in actions} <= made and rollouts.made == 16
        torch.testing.assert_close(RealCanvas(RENDERER)(before, actions), after, atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="at least a batch of 128, got 100"):
        fit_canvas(canvas_network(RENDERER), RENDERER, calls=100)


def test_canvas_learns():
    torch.manual_seed(0)
    canvas = canvas_network(RENDERER, hidden=64, dots=32)
    before = canvas_error(canvas, RENDERER, n=256)
    fit_canvas(canvas, RENDERER, steps=300, batch=32)
    after = canvas_error(canvas, RENDERER, n=256)
    assert after < 0.75 * min(before, 1.0)
    assert not any(p.requires_grad for p in canvas.parameters())


def test_canvas_learns_paint():
    """Rectangles in colour on canvases that hold others: composed over, areas from flat dots."""
    torch.manual_seed(0)
    canvas = canvas_network(RectangleRenderer(), hidden=64, dots=16)
    fit_canvas(canvas, RectangleRenderer(), size=32, steps=600, batch=32)
    assert canvas_error(canvas, RectangleRenderer(), 32, n=256) < 0.5
    black = torch.zeros(2, 3, 32, 32)
    out = canvas(black, torch.zeros(2, 7))
    assert out.shape == black.shape and out.min() >= 0 and out.max() <= 1


def test_thick_renderer_gets_a_canvas_too():
    canvas = make_canvas(Recipe("thick", env="BezierThickCanvas-v0"))
    out = canvas(torch.zeros(2, 1, 64, 64), torch.zeros(2, 7))
    assert out.shape == (2, 1, 64, 64)


@pytest.mark.parametrize("thickness", [5.0, 2.0, None])
@pytest.mark.parametrize("size", [64, 32])
def test_exact_rasteriser_equals_the_renderer(thickness, size, rng):
    renderer = BezierRenderer(thickness)
    exact = ExactBezier(renderer, segments=32)
    actions = torch.from_numpy(renderer.action_spec.sample(64, rng))
    blank = torch.zeros(64, 1, size, size)
    real = RealCanvas(renderer)(blank, actions)
    assert (exact(blank, actions) - real).abs().mean() < 2e-3


def test_exact_rasteriser_has_the_right_gradient():
    exact = ExactBezier(RENDERER)
    action = torch.tensor([[-0.5, -0.2, 0.1, 0.4, 0.5, 0.1]], dtype=torch.float64, requires_grad=True)
    blank = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    weight = torch.rand(1, 1, 64, 64, dtype=torch.float64)
    (exact(blank, action) * weight).sum().backward()
    for i in range(6):
        nudge = torch.zeros(1, 6, dtype=torch.float64)
        nudge[0, i] = 1e-7
        with torch.no_grad():
            up, down = ((exact(blank, action + sign * nudge) * weight).sum() for sign in (1, -1))
        assert action.grad[0, i].item() == pytest.approx((up - down).item() / 2e-7, rel=1e-3)


def test_straight_through_has_the_value_of_r_and_the_gradient_of_c(rng):
    learned = canvas_network(RENDERER, hidden=16, dots=8)
    actions = torch.from_numpy(RENDERER.action_spec.sample(4, rng)).requires_grad_()
    blank = torch.zeros(4, 1, 64, 64)
    value = StraightThrough(learned, RENDERER)(blank, actions)
    torch.testing.assert_close(value, RealCanvas(RENDERER)(blank, actions), atol=1e-6, rtol=0)
    gradient = torch.autograd.grad(value.sum(), actions)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(learned(blank, actions).sum(), actions)[0])


def test_canvas_learns_composition():
    """Boxes in space: what is nearer shows, which the canvas network has to find out."""
    torch.manual_seed(0)
    renderer = PrismRenderer()
    canvas = canvas_network(renderer, hidden=64, dots=4)
    assert canvas.compose is None
    fit_canvas(canvas, renderer, size=16, steps=500, batch=32)
    assert canvas_error(canvas, renderer, 16, n=256) < 0.85


def test_rollouts_keep_few():
    """However many calls are allowed."""
    rollouts = Rollouts(RENDERER, 16, 64, calls=1_000_000)
    rollouts.KEPT = 128
    rollouts.kept = deque(maxlen=2)
    for _ in range(5):
        rollouts()
    assert len(rollouts.kept) == 2
    assert Rollouts(RENDERER, 16, 64, calls=1_000_000).kept.maxlen * 64 <= 16_384


def test_refit_works_on_every_kind_of_canvas(targets):
    drawer, blank = Drawer.new(replace(TINY, strokes=3)), torch.zeros_like(targets)
    code = drawer.network.encode(targets)
    actions, canvases, _ = imagine(drawer.network, RealCanvas(drawer.renderer), code, blank, 3)
    for compose in ("max", "over", None):
        drawer.canvas = canvas = CanvasNetwork(7, compose=compose, dots=8).requires_grad_(False)
        before = [p.clone() for p in canvas.parameters()]
        refit = Refit(drawer, 4)
        refit.restart(0)
        refit.drawn(*refit.choose(blank, actions, canvases))
        inputs = refit.inputs(8)
        assert [len(part) for part in inputs] == [12, 12, 12]  # its own strokes and random ones
        assert RealCanvas(drawer.renderer)(inputs[0][:8], inputs[1][:8]).equal(inputs[2][:8])
        refit.step(inputs, torch.tensor(1.0))
        assert all((p != b).any() for p, b in zip(canvas.parameters(), before, strict=True))
        assert not any(p.requires_grad for p in canvas.parameters())


def test_reference_and_refinement_find_a_curve(rng):
    """One known curve: both must come close to drawing it exactly."""
    target = to_unit(Symbols(max_strokes=1, thickness=(5.0, 5.0)).sample(2, rng))
    actions, error = found_strokes(target, RENDERER, strokes=1, steps=60, starts=3)
    blank = target.square().sum((1, 2, 3))
    assert (error / blank).max() < 0.2
    nudged = (actions + 0.05).clamp(-1, 1)
    exact, real, blank_canvas = ExactBezier(RENDERER), RealCanvas(RENDERER), torch.zeros_like(target)
    refined = refine_actions(exact, real, target, blank_canvas, nudged, 30)

    def cost(a):
        return (RealCanvas(RENDERER)(torch.zeros_like(target), a[:, 0]) - target).square().sum((1, 2, 3))

    assert (cost(refined) < 0.7 * cost(nudged)).all()
    assert torch.equal(refine_actions(exact, real, target, blank_canvas, nudged, 0), nudged)
