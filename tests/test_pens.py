"""Pens: drawings in pieces become the few strokes that a person would draw."""

from io import BytesIO

import numpy as np
import pytest
import resvg_py
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from agents import Drawer, get_recipe
from agents.autotrace import pens_of_autotrace
from agents.evaluate import evaluate
from drawenv import BezierRenderer, Drawing
from drawenv.middle_lines import _depths, _traced
from drawenv.pens import Pen, in_strokes, ink_on_paper, joined, pens_of_ink, pens_of_strokes
from drawenv.renderers import RectangleRenderer
from drawenv.renderers.bezier import BezierColorRenderer

WHITE = np.full((99, 3), 255)


def pens(*paths, width=3.0, colors=WHITE, **options):
    return pens_of_strokes([np.array(p, float) for p in paths], np.full(len(paths), width), colors, **options)


def arc(start, end, middle=(32, 32), radius=20, points=17):
    angle = np.deg2rad(np.linspace(start, end, points))
    return np.stack([middle[0] + radius * np.cos(angle), middle[1] + radius * np.sin(angle)], 1)


def off_line(pen, a, b):
    """The largest distance of a pen from the line through two points."""
    way = (np.array(b) - a) / np.hypot(*(np.array(b) - a))
    from_a = pen.points() - a
    return np.abs(from_a[:, 0] * way[1] - from_a[:, 1] * way[0]).max()


def ends(pen):
    return pen.points()[[0, -1]]


def test_pieces_of_a_line_are_one_pen_however_often_they_retrace_it():
    (pen,) = pens([[8, 30], [30, 30]], [[26, 30.4], [50, 30]], [[45, 29.8], [12, 30]])
    assert not pen.closed and pen.width == 3 and off_line(pen, (8, 30), (50, 30)) < 0.5
    np.testing.assert_allclose(np.sort(ends(pen)[:, 0]), [8, 50], atol=0.7)
    assert len(pen.curves) <= 2


@pytest.mark.parametrize("gap, count", [(1.0, 2), (0.5, 2), (-0.5, 1)])
def test_a_gap_is_not_bridged(gap, count):
    """Of ink: ends are round."""
    found = pens([[8, 30], [28, 30]], [[28 + 3 + gap, 30], [55, 30]])
    assert len(found) == count


def test_loops_stay_closed():
    (pen,) = pens(arc(0, 95), arc(90, 185), arc(180, 275), arc(270, 365))
    assert pen.closed
    np.testing.assert_allclose(pen.points()[0], pen.points()[-1], atol=1e-3)
    radius = np.hypot(*(pen.points() - 32).T)
    assert radius.min() > 19.6 and radius.max() < 20.5
    assert pen.to_svg().count("Z") == 1


@pytest.mark.parametrize("slope", [1.0, 0.5, 0.3])
def test_lines_that_cross_go_straight_on(slope):
    lines = [[8, 32 - 24 * slope], [56, 32 + 24 * slope]], [[8, 32 + 24 * slope], [56, 32 - 24 * slope]]
    found = pens(*lines)
    assert len(found) == 2
    assert max(min(off_line(pen, *line) for line in lines) for pen in found) < 0.6
    assert min(np.hypot(*np.diff(ends(pen), axis=0)[0]) for pen in found) > 47


def test_a_line_that_ends_at_another_makes_no_hook():
    found = pens([[8, 20], [56, 20]], [[32, 20], [32, 55]])
    through, stem = found
    assert len(found) == 2 and off_line(through, (8, 20), (56, 20)) < 0.5
    assert off_line(stem, (32, 20), (32, 55)) < 0.6
    np.testing.assert_allclose(sorted(ends(stem)[:, 1]), [20, 55], atol=1.0)


def test_of_three_branches_two_are_one_pen():
    """The two that a piece runs along, though a third goes on as straight."""
    bent = [[8, 32], [20, 32], [32, 32], [40, 26], [50, 18]]
    found = pens(bent, [[32, 32], [40, 38], [50, 46]])
    assert len(found) == 2
    assert max(np.abs(found[0].points() - p).sum(1).min() for p in bent) < 1.5


@pytest.mark.parametrize("road", [[[64, 104], [125, 104]], [[10, 104], [64, 104]]])
def test_a_wheel_does_not_become_the_road(road):
    """Where they touch each branch goes on as straight as any other, but they bend differently."""
    wheel, line = pens(*(arc(start, start + 95, (64, 64), 40) for start in (0, 90, 180, 270)), road)
    assert wheel.closed and not line.closed and off_line(line, *road) < 0.6


def test_a_head_of_an_arrow_is_one_pen():
    found = pens([[32, 8], [32, 56]], [[32, 8], [18, 22]], [[32, 8], [46, 22]])
    shaft, head = sorted(found, key=lambda pen: np.ptp(pen.points()[:, 0]))
    assert len(found) == 2 and off_line(shaft, (32, 8), (32, 56)) < 0.6
    np.testing.assert_allclose(np.sort(ends(head)[:, 0]), [18, 46], atol=1)


def test_no_stubs():
    """Lines of several widths on top of one another, with rough ends."""
    rng = np.random.default_rng(0)
    paths = [np.array([[8, 30], [56, 30]]) + rng.normal(0, 0.3, (2, 2)) for _ in range(6)]
    found = pens_of_strokes(paths, np.array([2, 3, 4, 4, 5, 6.0]), WHITE)
    assert len(found) == 1


def test_a_drawing_has_the_same_pens_on_a_large_page():
    """Of thin lines, some of them a few px apart; the page is larger than any mask would be."""
    drawing = [*(arc(30 * k, 30 * k + 32) for k in range(12)), *(arc(0, 359, (32, 32), r) for r in (3, 6, 9))]
    alone = pens(*drawing, width=1.0)
    page = pens(*drawing, *(path + 3_000 for path in drawing), width=1.0)
    assert len(page) == 2 * len(alone) and sum(pen.closed for pen in page) == 2 * sum(p.closed for p in alone)
    for pen in alone:
        assert sum(abs(other.length - pen.length) < 0.5 for other in page) == 2


def test_another_tolerance_changes_curves_alone():
    rng = np.random.default_rng(1)
    paths = [rng.uniform(8, 56, 2) + np.cumsum(rng.normal(0, 2.5, (12, 2)), 0) for _ in range(5)]
    fine, coarse = pens(*paths, width=2.0, tolerance=0.1), pens(*paths, width=2.0, tolerance=1.0)
    assert len(fine) == len(coarse) and [p.closed for p in fine] == [p.closed for p in coarse]
    assert sum(len(p.curves) for p in fine) > sum(len(p.curves) for p in coarse)
    for pen in fine + coarse:
        np.testing.assert_array_equal(pen.curves[1:, 0], pen.curves[:-1, 3])


def test_corners_are_kept():
    (pen,) = pens([[10, 10], [50, 10]], [[50, 10], [50, 50]])
    assert len(pen.curves) <= 6 and np.hypot(*(pen.points() - (50, 10)).T).min() < 1.0


def test_strokes_of_two_colours_are_two_pens():
    colors = np.array([[255, 0, 0], [0, 0, 255], [250, 5, 0]])
    found = pens([[8, 30], [30, 30]], [[28, 30], [50, 30]], [[8, 40], [30, 40]], colors=colors)
    assert [pen.color for pen in found][2] == (0, 0, 255) and len(found) == 3


def test_a_dot_is_a_pen():
    (pen,) = pens([[20, 20], [20.2, 20.1]], width=4.0)
    assert np.abs(pen.points() - 20).max() < 1.5 and np.isfinite(pen.curves).all()


def test_drawings_become_pens(rng):
    renderer = BezierRenderer()
    drawing = Drawing(renderer.action_spec.sample(3, rng), renderer)
    assert Drawing(drawing.actions[:0], renderer).pens() == []
    assert len(drawing.pens()) >= 1 and drawing.to_svg().count("<path") == len(drawing.pens())
    assert drawing.to_svg(pieces=True).count("<path") == 3
    color = BezierColorRenderer()
    assert Drawing(color.action_spec.sample(3, rng), color).pens()
    boxes = RectangleRenderer()
    with pytest.raises(ValueError, match="those of rectangle have none"):
        Drawing(boxes.action_spec.sample(2, rng), boxes).pens()


def test_pens_look_like_the_drawing(rng):
    """As another program shows them."""
    renderer, errors = BezierRenderer(4.0), []
    for _ in range(10):
        drawing = Drawing(renderer.action_spec.sample(2, rng), renderer)
        png = bytes(
            resvg_py.svg_to_bytes(svg_string=drawing.to_svg(background="black"), width=128, height=128)
        )
        theirs, ours = np.asarray(Image.open(BytesIO(png)).convert("L")) / 255, drawing.render(128) / 255
        errors.append(np.square(theirs - ours).mean() / np.square(ours).mean())
    assert np.median(errors) < 0.1


def test_pens_are_drawn_by_the_renderer():
    renderer = BezierRenderer(None)
    found = pens(arc(10, 300), [[8, 8], [30, 9]], width=2.0)
    drawn = in_strokes(found, renderer)
    again = drawn.pens()
    assert len(again) == len(found) and len(drawn) == 4 * sum(len(pen.curves) for pen in found)
    assert abs(again[0].width - 2) < 0.01
    away = np.hypot(*(again[0].points(99)[:, None] - found[0].points(99)).T)
    assert away.min(0).max() < 1 and away.min(1).max() < 1


def test_pens_of_a_picture():
    """The same for ink alone, without a drawing: the classic way."""
    spec = BezierRenderer(4.0)
    cross = np.array([[8, 8, 32, 32, 56, 56], [8, 56, 32, 32, 56, 8]], np.float32)
    ink = Drawing(spec.action_spec.to_action(cross), spec).render()
    found = pens_of_ink(ink)
    assert len(found) == 2 and 3 < found[0].width < 5
    assert max(min(off_line(pen, c[:2], c[4:]) for c in cross) for pen in found) < 1.0
    assert pens_of_ink(np.zeros((40, 30), np.uint8)) == []


def test_skeleton_is_judged_as_a_drawer_is():
    drawer = Drawer.new(get_recipe("quickstart").debug())
    figures = evaluate(drawer, "symbols-2:test", rival="skeleton", limit=30)
    assert figures["mse_canvas"] is None and figures["mse_over_blank"] < 0.3
    assert figures["stroke_precision"] > 0.75 and 0.5 < figures["pens"] / figures["pens_true"] < 1.5
    with pytest.raises(ValueError, match="plans has none"):
        evaluate(Drawer.new(get_recipe("plans").debug()), "plans:test", rival="skeleton", limit=1)


def straight(a, b, width=4.0, color=(255, 255, 255)):
    return Pen(np.linspace(a, b, 4, dtype=np.float32)[None], width, False, color)


def test_ends_that_touch_are_joined_in_every_direction():
    """An octagon of eight pens, some of them backwards, becomes one closed pen."""
    corners = [(32 + 20 * np.cos(k * np.pi / 4), 32 + 20 * np.sin(k * np.pi / 4)) for k in range(9)]
    sides = [straight(corners[k], corners[k + 1]) for k in range(8)]
    sides[1] = straight(corners[2], corners[1])
    sides[2] = straight(corners[3], corners[2], width=5.0)
    (octagon,) = joined(sides)
    assert octagon.closed and len(octagon.curves) == 8
    for before, after in zip(octagon.curves, np.roll(octagon.curves, -1, 0), strict=True):
        np.testing.assert_array_equal(before[3], after[0])
    (path,) = joined(sides[:5])
    assert not path.closed and len(path.curves) == 5


def test_a_corner_is_one_pen():
    (corner,) = joined([straight((10, 10), (40, 10)), straight((40, 40), (40, 10))])
    np.testing.assert_array_equal(corner.curves[[0, 0, 1], [0, 3, 3]], [[10, 10], [40, 10], [40, 40]])


@pytest.mark.parametrize(
    "other",
    [
        straight((45.0, 10), (70, 10)),  # a gap of 1 px between their round ends
        straight((40, 10), (70, 10), width=7.0),
        straight((40, 10), (70, 10), color=(255, 0, 0)),
        straight((10, 13), (40, 13)),  # side by side
    ],
)
def test_what_is_apart_or_unlike_is_not_joined(other):
    assert len(joined([straight((10, 10), (40, 10)), other])) == 2


def test_where_a_third_passes_nothing_is_joined():
    cross = [straight((10, 30), (30, 30)), straight((30, 30), (50, 30)), straight((30, 10), (30, 50))]
    assert len(joined(cross)) == 3
    hook = Pen(np.array([[[10, 10], [16, 10], [16, 14], [10, 13]]], np.float32), 4.0, False)
    assert not joined([hook])[0].closed and joined([]) == []


def test_autotrace_is_a_rival_if_it_is_there(monkeypatch, tmp_path):
    """A stand-in that says what AutoTrace says: one straight line, y upwards."""
    inks = np.zeros((2, 40, 60), np.uint8)
    inks[0, 18:23, 10:50] = 255
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="AutoTrace is not installed: pip install pyautotrace"):
        pens_of_autotrace(inks)
    (tmp_path / "autotrace.py").write_text(
        "from types import SimpleNamespace as New\n"
        "class Bitmap:\n"
        "    def __init__(self, pixels): self.black = (pixels == 0).any()\n"
        "    def trace(self, centerline):\n"
        "        points = [New(x=x, y=20.0) for x in (10.0, 23.0, 37.0, 50.0)]\n"
        "        return New(height=40, paths=[New(splines=[New(points=points)])] * bool(self.black))\n"
    )
    monkeypatch.undo()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (pen,), none = pens_of_autotrace(inks)
    assert none == [] and pen.width == 5 and not pen.closed
    np.testing.assert_allclose(pen.curves[0, [0, -1]], [[10, 20], [50, 20]])


def test_ink_is_told_from_paper_in_the_shade():
    ink = np.zeros((64, 96), np.uint8)
    ink[20:23, 10:80] = 60
    shade = np.linspace(0, 150, 96).astype(np.uint8)
    np.testing.assert_array_equal(ink_on_paper(ink + shade)[:, 12:84] > 0, ink[:, 12:84] > 0)


def test_depths_of_ink_are_those_of_a_distance_transform(rng):
    for share in (0.05, 0.3, 0.8):
        smooth = gaussian_filter(rng.random((50, 70)), 2)
        mask = np.pad(smooth > np.quantile(smooth, share), 1)
        np.testing.assert_allclose(_depths(mask, np.argwhere(mask)), distance_transform_edt(mask)[mask])


def test_each_pixel_of_lines_is_traced_once(rng):
    lines = np.pad(rng.random((40, 60)) < 0.25, 1)
    pixels, starts = _traced(lines)
    np.testing.assert_array_equal(np.unique(pixels, axis=0), np.argwhere(lines))
    assert len(pixels) == lines.sum()
    for path in np.split(pixels, starts[1:]):
        assert (np.abs(np.diff(path, axis=0)).max(1, initial=0) <= 1).all()
    ring = np.zeros((9, 9), bool)
    ring[2:7, 2:7] = True
    ring[3:6, 3:6] = False
    pixels, starts = _traced(ring)
    assert len(starts) == 1 and np.abs(pixels[0] - pixels[-1]).max() == 1
