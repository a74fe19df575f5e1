"""Which strokes a drawing has: proposed, judged, redrawn, left out, paid for."""

import numpy as np
import pytest
import torch

from agents.canvas import to_unit
from agents.drawer import DrawerNetwork
from agents.imagine import RealCanvas, imagine
from agents.improve import useful_strokes
from agents.plan import START, Planner, plan
from agents.recipes import DrawerOptions
from drawenv import BezierRenderer, load_targets
from drawenv.drawing import draw_kept
from drawenv.metrics import squared_error
from drawenv.renderers import PrismRenderer, RectangleRenderer

RENDERER = BezierRenderer(5.0)


def test_planned_drawings_are_never_worse(targets):
    """Judged by the real renderer, round after round; what is worth nothing is left out."""
    torch.manual_seed(0)
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64).requires_grad_(False)
    pixels = targets.mul(255).round().byte().numpy()
    blank, code = RENDERER.blank(8, 64), network.encode(to_unit(pixels))

    def error(actions, keep):
        return squared_error(draw_kept(RENDERER, actions, keep, blank), pixels)

    strokes = plan(network, RENDERER, code, blank, 4, proposals=4)
    best = error(*strokes)
    assert (best <= squared_error(blank, pixels)).all()
    for _ in range(3):
        strokes = plan(network, RENDERER, code, blank, 4, 4, 1, strokes)
        assert (error(*strokes) <= best).all()
        best = error(*strokes)
    nothing = plan(network, RENDERER, network.encode(torch.zeros(8, 1, 64, 64)), blank, 4, 4, 1)
    assert not nothing[1].any()


def test_more_rounds_begin_anew_and_the_best_drawing_stays(targets):
    """Of every picture; the first start is what half of the rounds would have been."""
    torch.manual_seed(0)
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64).requires_grad_(False)
    pixels = targets.mul(255).round().byte().numpy()
    blank, code = RENDERER.blank(8, 64), network.encode(to_unit(pixels))

    def cost(rounds):
        actions, keep = plan(network, RENDERER, code, blank, 4, 4, rounds, price=2.0)
        return squared_error(draw_kept(RENDERER, actions, keep, blank), pixels) + 2 * 255**2 * keep.sum(1)

    one, two = cost(START), cost(2 * START)
    assert (two <= one).all() and 0 < (two < one).sum() < len(one)


def test_a_face_that_is_far_off_is_found(rng):
    """Of three boxes one has one face anywhere. Moves in all parameters leave a third of the error."""
    renderer = PrismRenderer()
    true = renderer.action_spec.to_action(np.stack(load_targets("prisms-3:val", 32, renderer).shapes[:40]))
    before, all_of_them = renderer.blank(40, 32), np.ones((40, 3), bool)
    goal = draw_kept(renderer, true, all_of_them, before)[:, :9]
    network = DrawerNetwork(renderer, DrawerOptions(width=16, hidden=32), 32).requires_grad_(False)
    planner = Planner(network, renderer, network.encode(to_unit(goal)), before)
    planner.actions, planner.keep = true.copy(), all_of_them
    assert not planner.cost().any()
    planner.actions[np.arange(40), 0, rng.integers(6, size=40)] = rng.uniform(-1, 1, 40)
    wrong = planner.cost().mean()
    planner.nudge(12)
    assert planner.cost().mean() < 0.2 * wrong


def test_redrawing_mends_a_stroke_that_went_wrong(targets):
    """Two right strokes of a drawing stay, a wrong one goes, and is drawn last if it is drawn anew."""
    spec = RENDERER.action_spec
    lines = [[8, 8, 30, 8, 56, 8], [8, 30, 30, 30, 56, 30], [8, 56, 30, 56, 56, 56]]
    right = spec.to_action(np.array([lines], np.float32))
    goal = draw_kept(RENDERER, right[:, :2], np.ones((1, 2), bool), RENDERER.blank(1, 64))
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64).requires_grad_(False)
    old = right, np.ones((1, 3), bool)
    actions, keep = plan(
        network, RENDERER, network.encode(to_unit(goal)), RENDERER.blank(1, 64), 3, 4, 1, old
    )
    np.testing.assert_array_equal(draw_kept(RENDERER, actions, keep, RENDERER.blank(1, 64)), goal)
    assert keep.sum() == 2 and old[1].all()


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


def test_strokes_that_cost_more_than_they_save_are_left_out(rng):
    actions = RENDERER.action_spec.sample(60, rng).reshape(20, 3, 6)
    blank = RENDERER.blank(20, 64)
    targets = draw_kept(RENDERER, actions, np.ones((20, 3), bool), blank)
    saved = []
    for price in (0.0, 60.0, 150.0, 1e6):
        keep = useful_strokes(RENDERER, actions, targets, blank, price=price)
        error = squared_error(draw_kept(RENDERER, actions, keep, blank), targets) / 255**2
        assert (error <= price * (3 - keep.sum(1)) + 1e-6).all()
        saved.append(keep.sum())
    assert saved[0] > saved[1] > saved[2] > saved[3] == 0


def test_a_drawer_that_pays_for_strokes_decides_which_are_drawn(targets):
    """Those that it does not want leave the canvas alone, but pass on what they would have been worth."""
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32, gate=True), 64)
    blank, code = torch.zeros_like(targets), network.encode(targets)
    for logit, drawn in ((0.0, 1), (-9.0, 0)):
        torch.nn.init.zeros_(network.head.weight[-1])
        torch.nn.init.constant_(network.head.bias[-1:], logit)
        network.zero_grad()
        _, canvases, shown = imagine(network, RealCanvas(RENDERER), code, blank, 3)
        assert (torch.stack(shown) == drawn).all() and canvases[-1].any() == drawn
        (canvases[-1] - targets).square().sum().backward(retain_graph=True)
        assert network.head.bias.grad[-1].abs() > 0
        _, keep = plan(network, RENDERER, code, RENDERER.blank(len(targets), 64), 3)
        assert (keep == drawn).all()


def test_planning_pays_for_strokes(targets):
    torch.manual_seed(0)
    network = DrawerNetwork(RENDERER, DrawerOptions(width=16, hidden=32), 64)
    pixels, before = (targets * 255).round().byte().numpy(), RENDERER.blank(len(targets), 64)
    counts = []
    for price in (0.0, 5.0, 1e6):
        with torch.no_grad():
            code = network.encode(targets)
            actions, keep = plan(network, RENDERER, code, before, 5, 4, 2, price=price)
        shown = squared_error(draw_kept(RENDERER, actions, keep, before), pixels)
        cost = shown + keep.sum(1) * price * 255**2
        assert (cost <= squared_error(before, pixels)).all()
        counts.append(keep.sum())
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize("renderer", [RENDERER, RectangleRenderer()])
def test_nudged_strokes_come_nearer_and_never_move_away(renderer, rng):
    """Also where the order of strokes matters, which stays as it is."""
    spec = renderer.action_spec
    true = spec.sample(60, rng).reshape(20, 3, -1)
    before, all_of_them = renderer.blank(20, 32), np.ones((20, 3), bool)
    goal = draw_kept(renderer, true, all_of_them, before)
    network = DrawerNetwork(renderer, DrawerOptions(width=16, hidden=32), 32).requires_grad_(False)
    planner = Planner(network, renderer, network.encode(to_unit(goal)), before)
    planner.actions = (true + rng.normal(0, 0.1, true.shape)).clip(-1, 1).astype(np.float32)
    planner.keep = rng.random((20, 3)) < 0.8
    keep, errors = planner.keep.copy(), []
    for _ in range(4):
        errors.append(squared_error(draw_kept(renderer, planner.actions, planner.keep, before), goal))
        planner.nudge(5)
    assert (np.diff(errors, axis=0) <= 0).all() and errors[-1].sum() < 0.8 * errors[0].sum()
    np.testing.assert_array_equal(planner.keep, keep)
