"""Pens settled on a picture: the gradient is the renderer's, and what was one pen stays one."""

from dataclasses import replace

import numpy as np
import pytest

from drawenv import BezierRenderer, Drawing
from drawenv.pens import Pen, in_strokes
from drawenv.renderers import BezierColorRenderer
from drawenv.renderers.bezier_gradient import page_gradient
from drawenv.settle import Splines, settled

PAGE = BezierRenderer(None, page=(96, 128))
BOW = np.array(
    [[[10, 20], [30, 5], [50, 5], [70, 30]], [[70, 30], [80, 42.5], [95, 60], [115, 60]]], np.float32
)
RING = np.array(
    [[[40, 60], [40, 73], [60, 73], [60, 60]], [[60, 60], [60, 47], [40, 47], [40, 60]]], np.float32
)  # fmt: skip
PENS = [Pen(BOW, 4.0, False), Pen(RING, 3.0, True)]


def ink_of(pens, page=PAGE):
    return in_strokes(pens, page).render()


def error(pens, ink, page=PAGE):
    return np.square((ink_of(pens, page).astype(float) - ink) / 255).sum()


def shaken(pens, rng, far=1.2):
    """Pens with every point moved: those that curves share, together."""
    moved = []
    for pen in pens:
        curves = pen.curves + rng.uniform(-far, far, pen.curves.shape).astype(np.float32)
        curves[1:, 0] = curves[:-1, 3]
        if pen.closed:
            curves[-1, 3] = curves[0, 0]
        moved.append(replace(pen, curves=curves, width=pen.width + rng.uniform(-1, 1)))
    return moved


def test_error_is_the_renderers_and_gradient_its_slope(rng):
    ink = ink_of(PENS)
    splines = Splines(shaken(PENS, rng), widths=True)
    owner = splines.owner.repeat(4)
    target = ink / np.float32(255)

    def at(values):
        splines.values = values
        return page_gradient(splines.strokes(), owner, target)

    values = splines.values.copy()
    total, by_stroke, saved = at(values)
    assert total == pytest.approx(error(splines.made(), ink), rel=0.04)
    own = splines.gradient(by_stroke)
    step = 0.02
    units = step * np.eye(len(values))
    slopes = np.array([at(values + u)[0] - at(values - u)[0] for u in units]) / (2 * step)
    assert np.abs(slopes).max() > 5
    np.testing.assert_allclose(own, slopes, atol=0.06 * np.abs(slopes).max())
    splines.values = values
    for k in range(2):  # what a pen saves is what the page loses without it
        rest = [pen for i, pen in enumerate(splines.made()) if i != k]
        assert saved[k] == pytest.approx(error(rest, ink) - error(splines.made(), ink), rel=0.03)


def test_splines_are_their_pens():
    curves = np.concatenate([pen.curves for pen in PENS])
    np.testing.assert_allclose(Splines(PENS, True).curves(), curves, atol=1e-3)
    for pen, made in zip(PENS, Splines(PENS, True).made(), strict=True):
        assert (made.width, made.closed, made.color) == (pen.width, pen.closed, pen.color)


def test_pens_find_their_ink(rng):
    ink = ink_of(PENS)
    before = shaken(PENS, rng)
    pens = settled(before, ink, PAGE)
    assert error(pens, ink) < 0.1 * error(before, ink)
    assert [pen.width for pen in pens] == pytest.approx([4.0, 3.0], abs=0.25)
    bow, ring = pens
    np.testing.assert_array_equal(bow.curves[0, 3], bow.curves[1, 0])
    np.testing.assert_array_equal(ring.curves[1, 3], ring.curves[0, 0])
    into, out = bow.curves[0, 3] - bow.curves[0, 2], bow.curves[1, 1] - bow.curves[1, 0]
    assert into @ out > 0.99 * np.hypot(*into) * np.hypot(*out)  # nearly smooth became smooth


def test_corners_stay_corners(rng):
    """A joint that is none of a smooth line's can bend as it must."""
    corner = np.array(
        [[[20, 20], [40, 20], [50, 20], [70, 20]], [[70, 20], [70, 40], [70, 50], [70, 70]]], float
    )
    ink = ink_of([Pen(corner, 4.0, False)])
    (pen,) = settled(shaken([Pen(corner.astype(np.float32), 4.0, False)], rng), ink, PAGE)
    assert np.hypot(*(pen.curves[0, 3] - (70, 20))) < 0.4


def test_what_explains_nothing_is_left_out():
    ink = ink_of(PENS)
    again = replace(PENS[0], curves=PENS[0].curves + np.float32(0.3))
    nowhere = Pen(np.array([[[5, 80], [10, 82], [15, 85], [20, 90]]], np.float32), 2.0, False)
    pens = settled([*PENS, nowhere, again], ink, PAGE)
    assert len(pens) == 2 and error(pens, ink) < 5
    assert settled(PENS, np.zeros_like(ink), PAGE) == []
    assert settled([], ink, PAGE) == []


def test_an_end_that_juts_out_is_no_pen_but_a_dot_is():
    line = Pen(np.array([[[20, 48], [50, 48], [80, 48], [110, 48]]], np.float32), 6.0, False)

    def up(x, y, far):  # a pen from (x, y), as wide
        ys = np.linspace(y, y - far, 4)
        return Pen(np.stack([np.full(4, x), ys], 1).astype(np.float32)[None], 6.0, False)

    dot, short, long = up(60, 20, 0.1), up(40, 48, 5), up(90, 48, 14)
    pens = settled([line, dot, short, long], ink_of([line, dot, short, long]), PAGE)
    assert len(pens) == 3
    ends = [pen.points().min(0).round() for pen in pens]
    assert any(y < 22 for _, y in ends) and any(y < 36 and x > 80 for x, y in ends)


def test_a_pen_of_one_width_keeps_it(rng):
    page = BezierRenderer(thickness=4.0, page=(96, 128))
    ink = ink_of(PENS, page)
    before = shaken(PENS, rng)
    after = settled(before, ink, page)
    assert [pen.width for pen in after] == [4.0, 4.0]
    assert error(after, ink, page) < 0.1 * error(before, ink, page)


def test_drawings_that_know_their_picture_settle_their_pens(rng):
    drawing = in_strokes(shaken(PENS, rng), PAGE)
    ink = ink_of(PENS)
    better = replace(drawing, picture=ink)
    assert better.pens()[0] is better.pens()[0]  # made once
    assert error(better.pens(), ink) < 0.2 * error(drawing.pens(), ink)
    assert better.to_svg() != drawing.to_svg() and better.to_svg(pieces=True) == drawing.to_svg(pieces=True)
    with pytest.raises(ValueError, match=r"the drawing.s shape, \(96, 128\): \(10, 10\)"):
        replace(drawing, picture=ink[:10, :10])
    with pytest.raises(ValueError, match=r"as large as the drawing's page, \(96, 128\): \(10, 10\)"):
        settled(PENS, ink[:10, :10], PAGE)


def test_colours_stay_as_they_are():
    renderer = BezierColorRenderer()
    drawing = Drawing(np.zeros((1, len(renderer.action_spec)), np.float32), renderer)
    before, after = drawing.pens(), replace(drawing, picture=np.zeros((64, 64), np.uint8)).pens()
    assert [pen.to_svg() for pen in before] == [pen.to_svg() for pen in after]


def test_a_short_hair_beside_wide_lines_is_dirt():
    """A long one is none, and among others like it, it is a line."""
    short = Pen(np.float32([[[10, 85], [15, 85], [20, 86], [25, 86]]]), 0.8, False)
    long = Pen(BOW + np.float32([0, 20]), 0.8, False)
    wide, fine = ([replace(pen, width=width) for pen in PENS] for width in (4.0, 1.0))
    for pens, kept in (([*wide, short], 2), ([*wide, long], 3), ([*fine, short], 3)):
        assert len(settled(pens, ink_of(pens), PAGE)) == kept
