"""Strokes merged: fewer and longer, and never worse than they cost."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from agents.imagine import imagine_page, in_pieces
from agents.page import Page, draw_page
from drawenv import BezierRenderer
from drawenv.curves import blossom
from drawenv.merge import merged
from drawenv.renderers.bezier_gradient import Crops, page_gradient

SIDES = (160, 200)
RENDERER = BezierRenderer(None)


def pieces(points, width, count, rng=None):
    """A quadratic curve ``[3, 2]`` in so many, float32 ``[count, 7]``, each a little off."""
    cuts = np.linspace(0, 1, count + 1)
    rows = []
    for t, u in pairwise(cuts):
        part = [blossom(np.array(points, float), *at) for at in ((t, t), (t, u), (u, u))]
        rows.append([*np.ravel(part), width])
    rows = np.array(rows)
    if rng is not None:
        rows[:, :6] += rng.uniform(-1, 1, (count, 6))
        if rng.random() < 0.5:
            rows[::2, :6] = rows[::2, [4, 5, 2, 3, 0, 1]]  # whichever way
    return rows.astype(np.float32)


def page_ink(curves, sides):
    crop = Crops(np.zeros(sides, np.float32), np.zeros((1, 2), int), np.array([sides[::-1]]))
    crop.draw(curves, np.zeros(len(curves), int))
    return crop.ink.reshape(sides)


def cost(curves, target, price):
    return page_gradient(curves, np.arange(len(curves)), target)[0] + price * len(curves)


BOW = [[20, 100], [90, 40], [180, 110]]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_curve_in_pieces_becomes_one(rng, count):
    target = page_ink(pieces(BOW, 4, 1), SIDES)
    made = merged(pieces(BOW, 4, count, rng), target, 4.0)
    assert len(made) == 1 and cost(made, target, 0.0) < 0.01 * np.square(target).sum()
    assert made[0, 6] == pytest.approx(4, abs=0.3)


def test_two_strokes_side_by_side_become_one_as_wide_as_both(rng):
    target = page_ink(pieces(BOW, 5, 1), SIDES)
    halves = np.concatenate([pieces(BOW, 2.5, 1), pieces(BOW, 2.5, 2)])
    halves[0, 1:6:2] -= 1.25
    halves[1:, 1:6:2] += 1.25
    for some in (halves, halves[:2]):  # the second side whole, or half
        made = merged(some, target, 4.0)
        assert len(made) == 1 and made[0, 6] == pytest.approx(5, abs=0.3)
        assert cost(made, target, 0.0) < 0.01 * np.square(target).sum()
    apart = halves + np.float32([0, 9, 0, 9, 0, 9, 0]) * np.float32([0, 1, 1])[:, None]
    assert len(merged(apart, page_ink(apart, SIDES), 4.0)) == 2


def test_corners_gaps_and_crossings_stay(rng):
    lines = np.array([
        [20, 20, 60, 20, 100, 20, 4], [100, 20, 100, 50, 100, 80, 4],  # a corner
        [20, 120, 40, 120, 60, 120, 4], [70, 120, 90, 120, 110, 120, 4],  # with paper in between
        [130, 90, 150, 110, 170, 130, 4], [170, 90, 150, 110, 130, 130, 4],  # a cross
    ], np.float32)  # fmt: skip
    made = merged(lines, page_ink(lines, SIDES), 4.0)
    assert len(made) == 6 and cost(made, page_ink(lines, SIDES), 0.0) < 1
    made = merged(lines, page_ink(lines, SIDES), 60.0)  # more than the ink of the gap
    assert len(made) == 5


def test_what_saves_too_little_goes_and_nothing_gets_worse(rng):
    for price in (0.5, 4.0, 30.0):
        true = np.concatenate([pieces(rng.uniform(10, 150, (3, 2)), rng.uniform(2, 6), 3) for _ in range(5)])
        target = page_ink(true, SIDES)
        drawn = np.concatenate([true + rng.uniform(-0.7, 0.7, true.shape), true[:3]]).astype(np.float32)
        made = merged(drawn, target, price)
        assert len(made) < len(drawn) - 3
        assert cost(made, target, price) <= cost(drawn, target, price)
        drawn[:, 6] = 4
        fixed = merged(drawn, target, price, width=4.0)
        assert len(fixed) < len(drawn) - 3 and (fixed[:, 6] == 4).all()
        assert cost(fixed, target, price) <= cost(drawn, target, price)
    empty = np.empty((0, 7), np.float32)
    assert len(merged(empty, target, 2.0)) == 0 and len(merged(drawn, 0 * target, 2.0)) == 0


def real(x, y):
    """R as a canvas function."""
    canvas = (x * 255).round().byte().numpy()
    RENDERER.draw(canvas, y.numpy())
    return torch.from_numpy(canvas) / 255


def test_crops_give_what_pages_give(rng):
    """Curves on parts of a page, which may end at its edge, and on the ink of other ones."""
    curves = np.concatenate([rng.uniform(0, 160, (30, 6)), rng.uniform(1, 8, (30, 1))], 1).astype(np.float32)
    page = rng.random(SIDES, np.float32)
    corners, ends = np.array([[-5, 20], [40, 30], [120, 90]]), np.array([[60, 90], [90, 99], [230, 200]])
    crops, of = Crops(page, corners, ends), np.repeat([0, 2], [6, 8])
    crops.draw(curves[:14], of)
    errors, gradient = crops.gradients(curves[14:20], np.array([2, 0, 1]), 2)
    for n, k in enumerate((2, 0, 1)):
        (left, top), (right, bottom) = np.clip(corners[k], 0, None), ends[k]
        part = np.ascontiguousarray(page[top:bottom, left:right])
        shift = np.float32([left, top] * 3 + [0])
        own = slice(14 + 2 * n, 16 + 2 * n)
        together = np.concatenate([curves[:14][of == k], curves[own]]) - shift
        error, by_curve, _ = page_gradient(together, np.arange(len(together)), part)
        assert errors[n] == pytest.approx(error)
        np.testing.assert_allclose(gradient[2 * n : 2 * n + 2], by_curve[-2:], atol=1e-4)


def test_strokes_longer_than_a_window_are_imagined_in_pieces(rng):
    page = RENDERER.on_page(SIDES)
    strokes = np.array([[5, 150, 90, -120, 195, 140, 4.5], [30, 30, 31, 30, 32, 31, 2]], np.float32)
    log = [SIDES, *in_pieces(strokes, RENDERER.action_spec, 64, SIDES)]
    assert len(log) > 6
    canvas = np.zeros((1, 1, *SIDES), np.uint8)
    for stroke in strokes:
        page.draw(canvas, page.action_spec.to_action(stroke[None]))
    assert np.abs(imagine_page(real, log) * 255 - canvas[0, 0]).max() < 24


def test_a_page_is_merged_over_its_windows():
    """A line through three windows, drawn by each for itself, is one stroke; one pass leaves it as it is."""
    ink = np.zeros((64, 192), np.uint8)
    ink[30:34, 4:188] = 255
    piece = np.array([2, 32, 32, 32, 62, 32, 4.0], np.float32)

    def choose(targets, before, old, last):
        actions = np.tile(RENDERER.action_spec.to_action(piece), (len(targets), 1, 1))
        return actions, np.ones((len(targets), 1), bool)

    given = {"stride": 64, "price": 4.0, "merge": 4.0}
    assert len(draw_page(choose, RENDERER, ink, **given)) == 3
    log, reports = [], []

    def report(*done):
        reports.append(done)

    drawing = draw_page(choose, RENDERER, ink, rounds=1, log=log, report=report, **given)
    assert reports[-4:] == [(6, 9), (7, 9), (8, 9), (9, 9)]
    assert len(draw_page(choose, RENDERER, 0 * ink, rounds=1, log=[], report=report, **given)) == 0
    (stroke,) = drawing.renderer.curves(drawing.actions)
    assert np.ptp(stroke[[0, 4]]) > 175 and np.ptp(stroke[[1, 5]]) < 1
    assert np.square(drawing.render() / 255 - ink / 255).sum() < 0.02 * np.square(ink / 255).sum()
    assert np.abs(imagine_page(real, log) * 255 - drawing.render()).max() < 24
    thin = BezierRenderer(4.0)  # of a pen with one width

    def six(*given):
        actions, keep = choose(*given)
        return actions[..., :6], keep

    assert len(draw_page(six, thin, ink, rounds=1, **given)) == 1


def test_merging_a_page_leaves_it_as_its_strokes_are():
    page = Page(np.zeros((64, 128), np.uint8), RENDERER)
    page.ink[30:34, 10:120] = 255
    page.below = np.array([[10, 32, 30, 32, 60, 32, 4], [60, 32, 90, 32, 120, 32, 4]], np.float32)
    page.merge(4.0)
    shown = np.zeros_like(page.canvas)[None, None]
    page.renderer.draw(shown, page.renderer.action_spec.to_action(page.strokes))
    assert len(page.strokes) == 1 and not page.own
    np.testing.assert_array_equal(page.canvas, shown[0, 0])
