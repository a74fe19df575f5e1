"""Renderers in colour: rectangles, hollow ones, coloured curves."""

from io import BytesIO

import numpy as np
import pytest
import resvg_py
from PIL import Image

from drawenv import ArrayTargets, CanvasEnv, Drawing
from drawenv.renderers import (
    BezierColorRenderer,
    BezierRenderer,
    HollowRectangleRenderer,
    PrismRenderer,
    RectangleRenderer,
)  # fmt: skip
from drawenv.renderers.color import lab_to_rgb, rgb_to_lab

WHITE = (100, 0, 0)
RENDERERS = [BezierColorRenderer(), RectangleRenderer(), HollowRectangleRenderer(), PrismRenderer()]
renderers = pytest.mark.parametrize("renderer", RENDERERS, ids=lambda r: type(r).__name__)


def drawn(renderer, *physical, size=64):
    """Physical actions drawn one after the other: uint8 [3, size, size]."""
    canvas = renderer.blank(1, size)
    for values in physical:
        renderer.draw(canvas, renderer.action_spec.to_action(np.array([values], np.float32)))
    return canvas[0]


def test_lab_of_known_colors():
    """Values of Lindbloom's calculator, D65."""
    known = {
        (255, 255, 255): (100, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20), (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86), (128, 128, 128): (53.59, 0, 0), (0, 0, 0): (0, 0, 0),
    }  # fmt: skip
    for rgb, lab in known.items():
        np.testing.assert_allclose(rgb_to_lab(np.array(rgb)), lab, atol=0.02)
        np.testing.assert_allclose(lab_to_rgb(np.array(lab)), rgb, atol=0.2)
    outside = lab_to_rgb(np.array([[100, 100, 100], [0, -90, 100], [50, 100, -110]]))
    assert outside.min() >= 0 and outside.max() <= 255


def test_rectangle_covers_its_area():
    white = drawn(RectangleRenderer(), (10.25, 20.5, 30.75, 24, *WHITE))
    assert white[0].sum() / 255 == pytest.approx(20.5 * 3.5, rel=2e-3)
    assert white[0, 22, 15] == 255 and white[0, 22, 30] == pytest.approx(255 * 0.75, abs=1)
    np.testing.assert_array_equal(white[0], white[2])
    np.testing.assert_array_equal(
        white, drawn(RectangleRenderer(), (30.75, 24, 10.25, 20.5, *WHITE))
    )  # swapped
    assert drawn(RectangleRenderer(), (5, 5, 5, 40, *WHITE)).max() == 0  # no area
    half = drawn(RectangleRenderer(), (10.25, 20.5, 30.75, 24, *WHITE), size=128)
    assert half[0].sum() / 255 == pytest.approx(4 * 20.5 * 3.5, rel=2e-3)


def test_hollow_rectangle_has_a_hole():
    frame = drawn(HollowRectangleRenderer(), (8, 8, 40, 30, 3, *WHITE))[0]
    assert frame.sum() / 255 == 32 * 22 - 26 * 16
    assert frame[20, 20] == 0 and frame[9, 20] == frame[20, 9] == frame[28, 20] == 255
    narrow = drawn(HollowRectangleRenderer(), (8, 8, 40, 12, 3, *WHITE))[0]
    assert narrow.sum() / 255 == 32 * 4


def test_later_paint_covers_earlier():
    red, blue = (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)
    both = drawn(RectangleRenderer(), (0, 0, 40, 40, *red), (20, 20, 60, 60, *blue))
    np.testing.assert_allclose(both[:, 10, 10], (255, 0, 0), atol=1)
    np.testing.assert_allclose(both[:, 30, 30], (0, 0, 255), atol=1)


def test_colored_curve_is_the_white_one_in_another_color(rng):
    actions = BezierRenderer(None).action_spec.sample(20, rng)
    ink, paint = BezierRenderer(None).blank(20, 64), BezierColorRenderer().blank(20, 64)
    BezierRenderer(None).draw(ink, actions)
    color = np.tile(BezierColorRenderer().action_spec.to_action(np.array([0] * 7 + [100, 0, 0]))[7:], (20, 1))
    BezierColorRenderer().draw(paint, np.concatenate([actions, color], 1).astype(np.float32))
    np.testing.assert_allclose(paint, ink.repeat(3, 1), atol=1)


@renderers
def test_resvg_draws_the_same(renderer, rng):
    for _ in range(10):
        drawing = Drawing(renderer.action_spec.sample(5, rng), renderer)
        ours = drawing.render(256) / 255
        png = bytes(
            resvg_py.svg_to_bytes(svg_string=drawing.to_svg(pieces=True), width=ours.shape[1], height=256)
        )
        theirs = np.asarray(Image.open(BytesIO(png)).convert("RGB"), float) / 255
        assert np.square(theirs - ours).mean() < 0.03 * max(np.square(ours).mean(), 1e-3)


@renderers
def test_drawing_is_saved_and_loaded(renderer, rng, tmp_path):
    drawing = Drawing(renderer.action_spec.sample(5, rng), renderer)
    for ending in ("json", "svg", "png", "gif"):
        drawing.save(tmp_path / f"a.{ending}")
    loaded = Drawing.load(tmp_path / "a.json")
    assert type(loaded.renderer) is type(renderer)
    np.testing.assert_allclose(loaded.render().astype(int), drawing.render(), atol=1)


def test_colored_page(rng):
    """Strokes in colour on a page of another shape, as in a window."""
    page = BezierColorRenderer().on_page((90, 200))
    drawing = Drawing(page.action_spec.sample(3, rng), page)
    assert drawing.sides == (90, 200) and drawing.render().shape == (90, 200, 3)


def test_gray_targets_are_shown_in_color():
    env = CanvasEnv(RectangleRenderer(), targets=np.full((2, 64, 64), 200, np.uint8))
    observation, _ = env.reset(seed=0)
    assert observation["target"].shape == (3, 64, 64) and (observation["target"] == 200).all()


def test_hints_are_observed_beside_their_targets():
    pictures = np.arange(100, 104, dtype=np.uint8)[:, None, None, None] * np.ones((3, 64, 64), np.uint8)
    targets = ArrayTargets(pictures, hints=pictures[:, 0] // 2)
    env = CanvasEnv(RectangleRenderer(), targets=targets, max_strokes=1)
    assert env.observation_space["hint"].shape == (1, 64, 64)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        assert env.observation_space.contains(observation)
        assert observation["hint"][0, 0, 0] == observation["target"][0, 0, 0] // 2
