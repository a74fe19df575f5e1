from io import BytesIO

import numpy as np
import pytest
import resvg_py
from PIL import Image

from drawenv import BezierRenderer, Drawing
from drawenv.metrics import squared_error


def draw(renderer, actions, size=64):
    canvas = renderer.blank(len(actions), size)
    renderer.draw(canvas, actions)
    return canvas


def at(renderer, *physical):
    return renderer.action_spec.to_action(np.array([physical], np.float32))


def test_straight_line_has_exact_coverage():
    renderer = BezierRenderer(5.0)
    canvas = draw(renderer, at(renderer, 10, 32, 30, 32, 50, 32))[0, 0]
    column = canvas[:, 30].astype(int)
    assert list(column[29:35]) == [128, 255, 255, 255, 255, 128]
    assert column.sum() == pytest.approx(5 * 255, abs=2)


@pytest.mark.parametrize("thickness", [0.3, 0.5, 1.0, 1.5, 2.0, 3.3, 8.0])
def test_ink_across_a_line_is_its_thickness(thickness):
    renderer = BezierRenderer(thickness)
    for y in (32.0, 32.25, 32.5):
        canvas = draw(renderer, at(renderer, 5, y, 30, y, 60, y))[0, 0]
        assert canvas[:, 30].sum() / 255 == pytest.approx(thickness, abs=0.02)


def test_matches_eight_times_supersampling(rng):
    renderer = BezierRenderer(None)
    actions = rng.uniform(-1, 1, (100, 7)).astype(np.float32)
    fine = draw(renderer, actions, 512).reshape(100, 64, 8, 64, 8).mean((2, 4))
    coarse = draw(renderer, actions)[:, 0]
    edge = (fine > 0) & (fine < 255)
    assert np.abs(fine - coarse)[edge].mean() < 8


def test_resvg_draws_the_same(rng):
    """An independent program on our SVG, thin and thick, straight and curled."""
    renderer = BezierRenderer(None)
    for _ in range(20):
        drawing = Drawing(renderer.action_spec.sample(4, rng), renderer)
        png = bytes(resvg_py.svg_to_bytes(svg_string=drawing.to_svg(True, "black"), width=256, height=256))
        theirs = np.asarray(Image.open(BytesIO(png)).convert("L"), float) / 255
        ours = drawing.render(256) / 255
        assert np.square(theirs - ours).mean() < 0.03 * max(np.square(ours).mean(), 1e-3)


def test_draws_in_place_by_max(rng):
    renderer = BezierRenderer(4.0)
    actions = renderer.action_spec.sample(16, rng)
    canvas = renderer.blank(16, 64)
    renderer.draw(canvas, actions)
    once = canvas.copy()
    renderer.draw(canvas, actions)
    np.testing.assert_array_equal(canvas, once)
    other = renderer.action_spec.sample(16, rng)
    renderer.draw(canvas, other)
    np.testing.assert_array_equal(canvas, np.maximum(once, draw(renderer, other)))


def test_degenerate_curves():
    renderer = BezierRenderer(6.0)
    dot = draw(renderer, at(renderer, 32, 32, 32, 32, 32, 32))
    assert dot.sum() / 255 == pytest.approx(np.pi * 9, rel=0.03)
    outside = draw(renderer, at(renderer, -4, -4, -16, -16, -4, -4))
    assert outside.sum() == 0


def test_size_only_changes_resolution(rng):
    renderer = BezierRenderer(5.0)
    actions = renderer.action_spec.sample(50, rng)
    small, large = draw(renderer, actions, 32), draw(renderer, actions, 128)
    shrunk = np.ascontiguousarray(large.reshape(50, 1, 32, 4, 32, 4).mean((3, 5)).round().astype(np.uint8))
    assert squared_error(small, shrunk).mean() < 0.02 * squared_error(small, small * 0).mean()


@pytest.mark.parametrize("thickness", [0, -1, 65, float("nan")])
def test_impossible_thickness(thickness):
    with pytest.raises(ValueError, match="thickness must be over 0"):
        BezierRenderer(thickness)
