import json
import tracemalloc
from io import BytesIO

import numpy as np
import pytest
import resvg_py
import torch
from PIL import Image

from agents import Drawer, get_recipe
from agents.chance import Chance
from agents.data import Windows
from agents.evaluate import evaluate
from agents.page import ORDERS, Page, draw_page, shrink, worth_painting
from drawenv import BezierRenderer, Drawing
from drawenv.drawing import draw_kept
from drawenv.metrics import chamfer, near_iou, seam_score, squared_error

RENDERER = BezierRenderer(None)
SPEC = RENDERER.action_spec


ANY = ((1, -1e9),)  # a level that keeps all strokes that change anything


def lines(height, width):
    """A page with a net of thin lines."""
    ink = np.zeros((height, width), np.uint8)
    ink[::20] = 255
    ink[:, ::20] = 255
    return ink


def one_line(targets, before, old=None, last=True):
    """Draws the same stroke in every window: (8, 16) to (40, 16), 3 px wide."""
    action = SPEC.to_action(np.array([8, 16, 24, 16, 40, 16, 3], np.float32))
    return np.tile(action, (len(targets), 1, 1)), np.ones((len(targets), 1), bool)


def nothing(targets, before, old, last):
    return np.zeros((len(targets), 0, 7), np.float32), np.ones((len(targets), 0), bool)


@pytest.mark.parametrize("shape", [(512, 512), (1, 1), (1, 500), (64, 64), (65, 200), (300, 40)])
@pytest.mark.parametrize("stride", [32, 64, 20])
def test_windows_tile_any_page(shape, stride):
    page = Page(np.full(shape, 255, np.uint8), RENDERER, stride=stride)
    assert page.ink.shape == page.canvas.shape and page.ink.sum() == 255 * shape[0] * shape[1]
    covered = np.zeros(page.ink.shape, int)
    for i, j in np.ndindex(page.inked.shape):
        covered[i * stride : i * stride + 64, j * stride : j * stride + 64] += 1
    assert covered.min() >= 1
    assert covered.shape[0] < max(shape[0], 64) + stride and covered.shape[1] < max(shape[1], 64) + stride


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stride", [32, 64, 24])
def test_every_inked_window_is_drawn_once(order, stride):
    ink = lines(300, 400)
    ink[:, 130:250] = 0  # a gap: two islands, and windows to skip
    page = Page(ink, RENDERER, stride=stride)
    assert 0 < page.inked.sum() < page.inked.size
    batches = list(page.batches(order))
    seen = np.concatenate(batches)
    np.testing.assert_array_equal(seen[np.lexsort(seen.T[::-1])], np.argwhere(page.inked))
    for windows in batches:  # what runs together does not overlap
        apart = np.abs(windows[:, None] - windows).max(-1) * stride
        assert (apart[~np.eye(len(windows), dtype=bool)] >= 64).all()
    if order == "phased":
        assert len(batches) <= (-(-64 // stride)) ** 2
    if order == "raster":  # windows that overlap are drawn row by row, left to right
        turn = np.repeat(np.arange(len(batches)), [len(windows) for windows in batches])
        overlap = np.abs(seen[:, None] - seen).max(-1) * stride < 64
        earlier = (seen[:, None] @ (1000, 1)) < (seen @ (1000, 1))
        assert (turn[:, None] < turn)[overlap & earlier].all()
    if order == "flood":  # from neighbour to neighbour, but for the first of each island
        steps = [np.abs(a - np.concatenate(batches[:i])).sum(1).min() for i, a in enumerate(seen) if i]
        assert sum(step > 1 for step in steps) <= 1


def test_unknown_order_and_stride():
    with pytest.raises(ValueError, match="order must be one of phased"):
        list(Page(lines(64, 64), RENDERER).batches("spiral"))
    for stride in (0, 65):
        with pytest.raises(ValueError, match=f"stride must be from 1 .* got {stride}"):
            Page(lines(64, 64), RENDERER, stride=stride)


def test_strokes_land_where_their_windows_are():
    drawing = draw_page(one_line, RENDERER, lines(100, 170), stride=64, levels=ANY)
    found = drawing.renderer.curves(drawing.actions)
    assert drawing.sides == (100, 170)
    corners = [(0, 0), (64, 0), (128, 0), (0, 64), (64, 64), (128, 64)]
    for x, y in corners:
        assert np.abs(found - [8 + x, 16 + y, 24 + x, 16 + y, 40 + x, 16 + y, 3]).max(1).min() < 1e-3
    assert drawing.render().shape == (100, 170) and drawing.render()[16, 30] == 255


def test_a_dot_far_from_all_else_is_drawn_and_a_speck_is_not():
    ink = lines(300, 300)
    ink[100:, 100:] = 0
    for side, drawn in ((4, True), (2, False)):
        ink[240 : 240 + side, 250 : 250 + side] = 255
        page = Page(ink, RENDERER)
        assert page.inked[-3:, -3:].any() == drawn
        ink[240:, 250:] = 0


@pytest.mark.parametrize("order", ORDERS)
def test_page_is_what_the_drawing_shows(order, rng):
    """What windows were shown as drawn is what the drawing renders, to the rounding of a pixel."""

    def scribble(targets):
        return SPEC.sample(3 * len(targets), rng).reshape(-1, 3, 7)

    ink = lines(150, 200)
    page = Page(ink, RENDERER)
    for windows in page.batches(order):
        actions = scribble(windows)
        page.paint(windows, actions, worth_painting([(page, windows)], actions, None, least=-1e9))
    assert len(page.strokes) > 20
    shown = page.canvas.copy()
    for windows in page.phases():  # what is taken off the page is put on it again
        actions, keep = page.erase(windows)
        rest = Page(ink, RENDERER, below=page.strokes)  # the other windows' strokes, and nothing else
        np.testing.assert_array_equal(page.canvas, rest.canvas)
        page.paint(windows, actions, keep)
    np.testing.assert_array_equal(page.canvas, shown)
    physical = page.strokes
    whole = RENDERER.on_page(ink.shape)
    drawn = Drawing(whole.action_spec.to_action(physical), whole).render()
    np.testing.assert_allclose(drawn.astype(int), page.canvas[:150, :200], atol=2)


def test_what_is_not_worth_it_is_not_drawn():
    """Half of a stroke's ink is right: it is worth nothing, neither more nor less."""
    ink = np.zeros((64, 64), np.uint8)
    ink[14:18, 8:24] = 255
    stroke = SPEC.to_action(np.array([10, 16, 16, 16, 38, 16, 4], np.float32))[None, None]
    first = np.array([[0, 0]])
    page = Page(ink, RENDERER)

    def painted(page, least, keep=None):
        page.paint(first, stroke, worth_painting([(page, first)], stroke, keep, least))
        return page.drawn(first)[1].all()

    assert not painted(page, 0.3) and page.canvas.max() == 0
    assert not painted(page, -0.3, np.zeros((1, 1), bool)) and page.canvas.max() == 0
    assert painted(page, -0.3) and page.canvas.max() == 255
    assert not painted(page, -1e9)  # it would change nothing now
    ink[14:18, 8:40] = 255
    assert painted(Page(ink, RENDERER), 0.9)


def test_scale_and_levels():
    """A page shrunk twice: strokes twice as long and thick; the next level sees their ink."""
    seen = []

    def look(targets, before, old, last):
        seen.append((targets.copy(), before.copy()))
        return one_line(targets, before)

    ink = lines(128, 128)
    drawing = draw_page(look, RENDERER, shrink(ink, 2), levels=ANY, sides=(128, 128))
    np.testing.assert_allclose(
        drawing.renderer.curves(drawing.actions)[0], [16, 32, 48, 32, 80, 32, 6], atol=1e-3
    )
    assert len(seen) == 1 and (seen[0][1] == 0).all()
    np.testing.assert_array_equal(seen[0][0][0, 0], shrink(ink, 2))
    seen.clear()
    drawing = draw_page(look, RENDERER, ink, levels=((2, -1e9), (1, -1e9)), stride=64)
    assert len(seen) == 2 and len(drawing) == 5 and (seen[0][1] == 0).all()
    assert seen[1][1][0, 0, 32, 20:60].min() == 255  # the first level's line, at full size


def test_pen_of_one_width_grows_with_the_scale():
    pen = BezierRenderer(3.0)

    def stroke(targets, before, old, last):
        actions, keep = one_line(targets, before)
        return actions[..., :6], keep

    drawing = draw_page(stroke, pen, lines(64, 64), levels=ANY, sides=(128, 128))
    assert drawing.renderer.thickness == 6.0


def test_blank_page_and_its_files(tmp_path):
    drawing = draw_page(one_line, RENDERER, np.zeros((70, 200), np.uint8))
    assert len(drawing) == 0 and drawing.render().shape == (70, 200)
    for ending in ("svg", "png", "gif", "json"):
        drawing.save(tmp_path / f"blank.{ending}")
    assert Drawing.load(tmp_path / "blank.json").sides == (70, 200)


def test_files_of_a_page(tmp_path):
    drawing = draw_page(one_line, RENDERER, lines(100, 170), stride=64, levels=ANY)
    drawing.save(tmp_path / "a.svg")
    png = bytes(resvg_py.svg_to_bytes(svg_string=(tmp_path / "a.svg").read_text(), width=340, height=200))
    theirs = np.asarray(Image.open(BytesIO(png)).convert("L"), float) / 255
    ours = 1 - drawing.render(340) / 255
    assert ours.shape == theirs.shape == (200, 340)
    assert np.square(theirs - ours).mean() < 0.03 * np.square(1 - ours).mean()
    drawing.save(tmp_path / "a.json")
    loaded = Drawing.load(tmp_path / "a.json")
    np.testing.assert_array_equal(loaded.render(), drawing.render())
    drawing.save(tmp_path / "a.gif", size=170)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (170, 100)
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["options"] == {"thickness": None, "page": [100, 170]}


def test_memory_is_bounded():
    """Four times the page, four times its own memory and no more: windows never lie in it all together."""
    ink, peaks = lines(2048, 2048), []
    for side in (1024, 2048):
        tracemalloc.start()
        drawing = draw_page(one_line, RENDERER, ink[:side, :side], stride=64, levels=ANY)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
        assert len(drawing) == (side // 64) ** 2
    # Twice the page (ink and canvas) and what 256 windows of two layers take: 16 MB.
    assert peaks[1] < 8 + 5 * 256 * 64 * 64 * 2 / 1e6, peaks


TINY = get_recipe("sketch-10").debug()


@pytest.fixture(scope="module")
def drawer():
    torch.manual_seed(0)
    return Drawer.new(TINY)


def test_draw_any_size(drawer, tmp_path):
    drawer.save_pretrained(tmp_path)
    loaded = Drawer.from_pretrained(tmp_path)
    for shape in [(1, 1), (1, 700), (63, 65), (200, 150)]:
        picture = np.full(shape, 255, np.uint8)
        picture[::7] = 0
        first, second = (d.draw(picture, invert="yes", strokes=3) for d in (drawer, loaded))
        assert first.sides == shape and first.render().shape == shape
        assert len(first) == len(second)
    finer = drawer.draw(lines(100, 100), invert="no", stride=16, scale=0.5, order="raster")
    assert finer.sides == (100, 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride": 0}, "stride must be"), ({"strokes": 0}, "strokes must be from 1 to 1000, got 0"),
        ({"scale": -1.0}, "scale must be from"),
        ({"scale": 0.001}, "scale must be from 0.007 to .*, got 0.001"),
        ({"order": "x"}, "order must be one of"),
        ({"effort": -1}, "effort must be from 0 to 1000, got -1"),
    ],
)  # fmt: skip
def test_bad_options(drawer, options, words):
    with pytest.raises(ValueError, match=words):
        drawer.draw(lines(70, 70), invert="no", **options)


def test_sliding_options_are_for_sliding_recipes():
    small = Drawer.new(get_recipe("quickstart").debug())
    with pytest.raises(ValueError, match="quickstart draws a picture at once"):
        small.draw(lines(64, 64), scale=2.0)


def test_refining_windows_never_makes_them_worse(drawer):
    """Each window with all its strokes, on a canvas that holds ink, under the real renderer."""
    rng = np.random.default_rng(3)
    targets = 255 * (rng.random((6, 1, 64, 64)) < 0.1).astype(np.uint8)
    before = np.roll(targets, 5, 3)
    errors = []
    for rounds, refine in ((0, 0), (0, 4), (1, 0), (1, 4)):
        strokes = drawer.choose(targets, before, 4, rounds, refine)
        errors.append(squared_error(draw_kept(drawer.renderer, *strokes, before), targets))
    assert (
        (errors[1] <= errors[0]).all() and (errors[2] <= errors[0]).all() and (errors[3] <= errors[2]).all()
    )


def test_all_strokes_of_a_page_move_at_once(rng):
    """To less error, each within its window; what is below them stays where it is."""
    ink = lines(150, 180)
    page = Page(ink, RENDERER, below=np.array([[20, 21, 60, 21, 100, 21, 2]], np.float32))
    windows = np.argwhere(page.inked)
    actions = np.tile(SPEC.to_action(np.array([0, 21, 32, 21, 64, 21, 2], np.float32)), (len(windows), 3, 1))
    actions = (actions + rng.normal(0, 0.1, actions.shape)).clip(-1, 1).astype(np.float32)
    keep = rng.random(actions.shape[:2]) < 0.7
    page.paint(windows, actions, keep)
    before = squared_error(page.canvas[None], page.ink[None])[0]
    page.refine(20)
    moved, kept = page.drawn(windows)
    np.testing.assert_array_equal(kept, keep)
    np.testing.assert_array_equal(moved[~keep], actions[~keep])
    assert np.abs(moved).max() <= 1 and np.abs(moved - actions)[keep].max() > 0.05
    assert squared_error(page.canvas[None], page.ink[None])[0] < 0.8 * before
    np.testing.assert_array_equal(page.strokes[0], [20, 21, 60, 21, 100, 21, 2])
    again = Page(ink, RENDERER, below=page.strokes)
    np.testing.assert_allclose(again.canvas.astype(int), page.canvas, atol=1)


def test_windows_show_what_was_drawn(data):
    """The first phase's canvases are blank; later ones hold the ink drawn before, and only that."""
    windows = Windows(TINY, 1, torch.device("cpu"))
    action = SPEC.to_action(np.array([0, 32, 32, 32, 64, 32, 8], np.float32))
    inks = []
    for _ in range(80):  # some crops have phases without a window
        hint, target, before = windows(0.0)
        assert hint is target
        assert target.shape == before.shape and target.shape[1:] == (1, 64, 64)
        assert (target.mean((1, 2, 3)) >= 0.02 - 1e-6).all()
        inks.append(before.amax().item())
        windows.drawn(np.broadcast_to(action, (len(target), 1, 7)))
    assert inks[0] == 0 and max(inks[1:]) > 0.9
    first, again = (Windows(TINY, 1, torch.device("cpu"))(0.0) for _ in range(2))
    torch.testing.assert_close(first.target, again.target)


def test_evaluation_of_pages(drawer, data):
    figures = evaluate(drawer, "openmoji:test", limit=2, strokes=2)
    assert figures["n"] == 2 and figures["mse"] > 0 and 0 <= figures["iou"] <= figures["iou_1px"] <= 1
    names = {"seam", "stroke_length", "chamfer", "pens", "pens_true", "pens_exact", "seconds_per_image"}
    assert names <= set(figures) and figures["mse_canvas"] > 0
    random = evaluate(Chance(drawer, strokes=2), "openmoji:test", limit=1)
    assert random["n"] == 1 and random["strokes"] < 2 * 300


def test_page_metrics():
    a = np.zeros((1, 64, 64), np.uint8)
    a[0, 10, 5:40] = 255
    b = np.roll(a, 1, 1)
    assert near_iou(a, a)[0] == 1 and near_iou(a, b)[0] == 1 and near_iou(a, np.roll(a, 3, 1))[0] == 0
    noise = np.random.default_rng(0).integers(0, 256, (4, 128, 128)).astype(np.uint8)
    assert seam_score(noise, np.zeros_like(noise), 32) == pytest.approx(1, abs=0.05)
    seams = np.zeros((1, 128, 128), np.uint8)
    seams[0, 62:66] = 255  # along one border
    seams[0, 40] = 255
    assert seam_score(seams, np.zeros_like(seams), 32) > 4
    line = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert chamfer([line], [line + (0, 2)]) == pytest.approx(2)
    assert chamfer([], [line]) == np.inf and chamfer([], []) == 0
