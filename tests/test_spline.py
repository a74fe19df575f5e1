"""Splines: the same ink as the quadratic curves that they are made of."""

from io import BytesIO

import numpy as np
import pytest
import resvg_py
from PIL import Image

from drawenv import BezierRenderer, Drawing, Pen
from drawenv.pens import in_strokes
from drawenv.renderers import SplineRenderer


def test_a_quadratic_curve_is_a_spline(rng):
    bezier, spline = BezierRenderer(None), SplineRenderer()
    actions = bezier.action_spec.sample(50, rng)
    curves = bezier.curves(actions)
    same = spline.action_spec.to_action(spline.from_curves(curves))
    inside = (np.abs(same) <= 1).all(1)
    assert inside.sum() > 30
    one, other = (r.blank(len(actions), 64) for r in (bezier, spline))
    bezier.draw(one, actions)
    spline.draw(other, same)
    assert np.abs(one.astype(int) - other)[inside].max() <= 25  # chords lie 0.08 px away
    assert np.abs(one.astype(int) - other)[inside].mean() < 0.05


def test_a_spline_starts_and_ends_in_its_points_and_is_smooth(rng):
    renderer = SplineRenderer(2.0)
    actions = renderer.action_spec.sample(20, rng)
    points = renderer.action_spec.to_physical(actions).reshape(-1, 6, 2)
    curves = renderer.curves(actions)[:, :6].reshape(20, 4, 3, 2)
    for line, own in zip(renderer.polylines(actions), points, strict=True):
        assert line[[0, -1]] == pytest.approx(own[[0, -1]], abs=1e-3)
    leaving, arriving = curves[:, 1:, 1] - curves[:, 1:, 0], curves[:, :-1, 2] - curves[:, :-1, 1]
    turn = leaving[..., 0] * arriving[..., 1] - leaving[..., 1] * arriving[..., 0]
    assert np.abs(turn).max() < 1e-2 * max(np.square(leaving).max(), 1)
    assert (renderer.widths(actions) == 2).all()


def test_resvg_draws_the_same(rng):
    renderer = SplineRenderer()
    drawing = Drawing(renderer.action_spec.sample(4, rng), renderer)
    assert drawing.to_svg(pieces=True).count("<path") == 4
    svg = drawing.to_svg(True, "black")
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=256, height=256))
    theirs = np.asarray(Image.open(BytesIO(png)).convert("L"), float) / 255
    ours = drawing.render(256) / 255
    assert np.square(theirs - ours).mean() < 0.03 * np.square(ours).mean()


def test_pens_are_settled_and_drawn_by_it():
    pen = Pen(np.array([[[8, 8], [60, 10], [4, 50], [56, 56]]], np.float32), 3.0, False)
    wanted = in_strokes([pen], BezierRenderer(None)).render()
    drawing = Drawing(in_strokes([pen], SplineRenderer()).actions, SplineRenderer(), wanted)
    assert np.square(drawing.render() / 255.0 - wanted / 255.0).sum() < 1
    (found,) = drawing.pens()
    shown = in_strokes([found], SplineRenderer()).render()
    assert np.square(shown / 255.0 - wanted / 255.0).sum() < 0.03 * np.square(wanted / 255.0).sum()
