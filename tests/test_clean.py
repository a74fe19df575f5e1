"""Dirt, the network that cleans pages, and the scale at which they are drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from agents import Drawer, get_recipe
from agents.clean import (
    TILE,
    CleanNetwork,
    _cleaned,
    clean,
    clean_error,
    dirty_crop,
    fit_cleaner,
    levelled,
    rulings,
)
from agents.draw import draw_any_size
from agents.page import SEEN, SMALL, USUAL, at_its_scale
from drawenv import ArrayTargets, BezierRenderer, load_pictures
from drawenv.metrics import iou, mse, stroke_recovery
from drawenv.middle_lines import line_width
from drawenv.pens import in_strokes, pens_of_ink
from drawenv.targets.dirt import KINDS, MEASURED, any_dirt, load_dirty, soiled
from drawenv.targets.pictures import is_photograph, read_picture


def page(height=128, width=128, line=3):
    """A few strokes, uint8, light on black."""
    image = Image.new("L", (width, height))
    for ends in ((10, 20, 110, 30), (20, 110, 60, 40), (60, 40, 100, 100)):
        ImageDraw.Draw(image).line([v * width // 128 for v in ends], 255, line)
    return np.asarray(image)


@pytest.mark.parametrize("name", [*KINDS, "bled"])
def test_each_kind_of_dirt_shows_and_grows(name):
    ink, other = page(), np.rot90(page()).copy()
    changed = []
    for strength in (0.0, 0.3, 1.0):
        each = [soiled(ink, np.random.default_rng(k), {name: strength}, other) for k in range(5)]
        assert all(x.dtype == np.uint8 and x.shape == ink.shape for x in each)
        changed.append(np.mean([np.abs(x.astype(int) - ink).mean() for x in each]))
    assert changed[0] == 0 and 0.02 < changed[1] < changed[2]


def test_dirt_is_of_its_seed_and_names():
    ink = page(64, 96)
    strengths = dict.fromkeys(KINDS, 0.5)
    first, again, other = (soiled(ink, np.random.default_rng(seed), strengths) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    with pytest.raises(ValueError, match="no kind of dirt: mud; there are faint"):
        soiled(ink, np.random.default_rng(0), {"mud": 1.0})
    rng = np.random.default_rng(0)
    counts = [len(any_dirt(rng)) for _ in range(200)]
    assert min(counts) == 0 and 1 < np.mean(counts) < 3


def test_twelve_holes_of_four_pixels_and_three_tenths_of_the_ink():
    full = np.full((64, 64), 255, np.uint8)
    holes = soiled(full, np.random.default_rng(3), MEASURED["holes"])
    assert set(np.unique(holes)) == {0, 255} and 10 * 16 < (holes == 0).sum() <= 12 * 16
    faint = soiled(full, np.random.default_rng(0), MEASURED["faint"])
    np.testing.assert_allclose(faint.astype(int), 0.3 * 255, atol=1)


@pytest.mark.parametrize("name", [*MEASURED, "dirty"])
def test_dirty_targets_keep_the_clean_ones(name):
    clean_ones = ArrayTargets(np.stack([page(64, 64), page(64, 64, 5)]), [[], []])
    dirty = load_dirty("test", 64, lambda split, size: clean_ones, name)
    np.testing.assert_array_equal(dirty.images, clean_ones.images)
    assert dirty.hints.shape == dirty.images.shape and (dirty.hints != dirty.images).any((1, 2, 3)).all()
    assert dirty.strokes == [[], []]


def test_lines_are_sketches_and_sheets(data):
    lines, sketches = load_pictures("lines:val", 512), load_pictures("sketches:val", 512)
    np.testing.assert_array_equal(lines.images[: len(sketches)], sketches.images)
    sheets = lines.images[len(sketches) :]
    assert len(sketches) <= len(sheets) < len(sketches) + 8
    widths = [line_width(sheet[0]) for sheet in sheets]
    assert min(widths) < 4 < max(widths) and (sheets.mean((1, 2, 3)) > 1).all()


def test_an_untrained_network_leaves_a_page_nearly_as_it_is_in_any_size():
    """Once: each pass of such a network makes ink fainter."""
    torch.manual_seed(0)
    network = CleanNetwork(4)
    assert clean(network, np.zeros((1, 1), np.uint8)).shape == (1, 1)
    for shape in ((33, 70), (128, 128)):
        ink = page(*shape)
        shown = _cleaned(network, ink)
        assert shown.shape == shape and shown.dtype == np.uint8
        assert ((shown > 127) == (ink > 127)).all()
        again = _cleaned(network, shown)  # what is neither paper nor ink may fall to either side by then
        assert (again[ink == 255] > 127).all() and (again[ink == 0] <= 127).all()


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_ink_is_made_full_and_paper_taken_off(share):
    ink = page(200, 300)
    shade = np.linspace(0, 60, 300)[None]
    given, full = levelled((ink * share * (1 - 60 / 255) + shade).astype(np.uint8))
    assert given.max() <= 1 and full[ink == 255].mean() > 0.9 and full[ink == 0].mean() < 0.05
    clean_page = levelled(ink)
    assert np.abs(clean_page[1].clip(0, 1) - clean_page[0]).mean() < 0.005
    assert not levelled(np.zeros((40, 40), np.uint8)).any()


def ring(side):
    y, x = np.indices((side, side)) - side / 2
    return (255 * (np.abs(np.hypot(y, x) - side / 3) < 2)).astype(np.uint8)


def ruled(ink, degrees, space, dark=0.5):
    """A page uint8 ``[H, W]`` with rulings, so far apart in px, that rise to the right."""
    y, x = np.indices(ink.shape)
    across = y * np.cos(np.deg2rad(degrees)) + x * np.sin(np.deg2rad(degrees))
    lines = np.clip(1.3 - np.abs((across + space / 2) % space - space / 2), 0, 1)
    return np.maximum(ink, (255 * dark * lines).astype(np.uint8))


def test_a_dirty_page_is_cleaned_again_and_with_rulings_seen_smaller_or_turned(monkeypatch):
    """Here a pass halves the ink, once and once more, and of a copy of 240 px leaves the left half alone."""
    seen = []

    def cleaned(network, ink, level=None):
        if level and seen[-1][1]:
            return ink  # it stays
        seen.append((ink.shape[0], level))  # how strong ink is, is asked but once of each
        return ink * (np.arange(ink.shape[1]) < ink.shape[1] / 2) if ink.shape[0] == 240 else ink // 2

    monkeypatch.setattr("agents.clean._cleaned", cleaned)
    monkeypatch.setattr("agents.clean._also_larger", lambda network, ink, once: once)
    np.testing.assert_array_equal(clean(None, ring(400)), ring(400) // 4)
    small = ruled(ring(200), 0, 20)
    np.testing.assert_array_equal(clean(None, small), small // 4)
    assert seen == [(400, None), (400, 1.0), (200, None), (200, 1.0)]
    large = ruled(ring(400), 0, 40)
    left = clean(None, large)
    np.testing.assert_array_equal(left[:, :190], large[:, :190] // 4)
    assert not left[:, 220:].any() and seen[4:] == [(400, None), (240, None), (400, 1.0)]
    aslant = ruled(ring(200), 7, 20)
    assert np.abs(clean(None, aslant).astype(int) - aslant // 4).mean() < 2
    assert [level for _, level in seen[7:]] == [None, None, 1.0] and seen[8][0] > 220
    monkeypatch.setattr("agents.clean._cleaned", lambda network, ink: ink)
    assert clean(None, large) is large


def test_a_dirty_page_is_also_seen_larger_and_upside_down(monkeypatch):
    """Here nothing is left of the page as it is, and of its copy the upper half: the page's lower."""
    seen = []

    def cleaned(network, ink, level=None):
        seen.append(ink.shape)
        if level:
            return ink
        return ink * (np.arange(375)[:, None] < 188) if len(seen) == 2 else 0 * ink

    monkeypatch.setattr("agents.clean._cleaned", cleaned)
    ink = ring(300)[:, 40:]
    left = clean(None, ink)
    assert seen == [(300, 260), (375, 325), (300, 260)] and not left[:149].any()
    assert np.abs(left[151:] - ink[151:] / 2).mean() < 0.1 * ink[151:].mean()


@pytest.mark.parametrize("space", [12, 55])
@pytest.mark.parametrize("degrees", [-11, -3, 0, 1, 6])
def test_rulings_tell_how_a_page_lies(degrees, space):
    angle, apart = rulings(ruled(page(512, 400), degrees, space))
    assert angle == pytest.approx(-degrees, abs=1) and apart == pytest.approx(space, rel=0.1)
    angle, apart = rulings(ruled(page(400, 512), degrees, space).T)
    assert angle == pytest.approx(degrees, abs=1) and apart == pytest.approx(space, rel=0.1)


def test_a_page_without_rulings_lies_nowhere():
    for ink in (ring(400), np.zeros((30, 500), np.uint8), np.zeros((1, 1), np.uint8)):
        assert rulings(ink) is None


@pytest.mark.parametrize(
    ("degrees", "space", "most"), [(0, 20, 0.03), (0, 70, 0.02), (7, 20, 0.1), (-4, 45, 0.07)]
)
def test_rulings_of_photographs_go(degrees, space, most):
    """Farther apart than those it learned, up to 36 px, and less straight."""
    network, ink = Drawer.from_pretrained("lines").cleaner, page(512, 512)
    noise = np.random.default_rng(0).normal(20, 8, ink.shape)
    dirty = np.clip(ruled(ink, degrees, space) + noise, 0, 255).astype(np.uint8)
    left = np.square(clean(network, dirty) - ink.astype(float)).sum() / np.square(ink.astype(float)).sum()
    assert left < most


def test_blank_paper_is_not_searched_for_ink_again():
    """What a network leaves of dirt is not made as dark as ink, to be cleaned as that."""
    network = CleanNetwork(4)
    torch.nn.init.constant_(network.last.bias, -1.0)  # it doubts everything
    faint = (page() * 0.2).astype(np.uint8)
    assert clean(network, faint).max() < _cleaned(network, faint).max()


def test_parts_of_a_large_page_join():
    torch.manual_seed(0)
    network = CleanNetwork(4)
    torch.nn.init.normal_(network.last.weight, std=0.3)
    ink = np.random.default_rng(0).integers(0, 2, (48, TILE + 200), np.uint8) * 255  # as strong everywhere
    whole = _cleaned(network, ink)
    right = _cleaned(network, ink[:, TILE - 192 :])
    np.testing.assert_allclose(whole[:, TILE:].astype(int), right[:, 192:], atol=1)


def test_the_network_learns_to_clean_and_goes_on(tmp_path):
    pictures = np.stack([page(256, 256), page(256, 256, 5)])[:, None]
    torch.manual_seed(0)
    network = CleanNetwork(8)
    before = clean_error(network, pictures, 32)
    fit_cleaner(network, pictures, 640, 0, tmp_path / "cleaner.pt")
    after = clean_error(network, pictures, 32)
    assert after < 0.995 * before
    again = CleanNetwork(8)
    fit_cleaner(again, pictures, 640, 0, tmp_path / "cleaner.pt")  # the state of its end
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)


def test_processes_make_the_crops_that_one_does(tmp_path, monkeypatch):
    """As they do for a GPU."""
    networks = []
    for forked in (False, True):
        monkeypatch.setattr("agents.data.forks", lambda device, forked=forked: forked)
        torch.manual_seed(0)
        networks.append(CleanNetwork(4))
        fit_cleaner(networks[-1], page(256, 256)[None, None], 64, 0, tmp_path / f"{forked}.pt")
    torch.testing.assert_close(*(network.state_dict() for network in networks))


def test_some_crops_are_blank_paper():
    rng, pictures = np.random.default_rng(0), page(256, 256)[None, None]
    blank = [not dirty_crop(pictures, rng, 64)[1].any() for _ in range(200)]
    assert 5 < sum(blank) < 40


@pytest.mark.parametrize("line", [1, 2, 3, 5, 9, 20])
def test_line_width(line):
    assert abs(line_width(page(256, 256, line)) - line) <= 0.25 * line + 0.4
    assert line_width(np.zeros((9, 9), np.uint8)) == 0


def test_pages_are_seen_at_the_scale_of_their_lines():
    seen = []

    def look(ink):
        seen.append(max(ink.shape))
        return ink

    small = page(128, 128, 3)
    assert all(found is small for found in at_its_scale(look, small)) and seen == [128]
    goal, whole = at_its_scale(look, page(64, 64, 6))
    assert goal.shape == (SMALL, SMALL) and whole.shape == (64, 64)
    large, _ = at_its_scale(look, page(2_000, 3_000, 30))
    assert 0.5 * USUAL < line_width(large) < 2 * USUAL and max(large.shape) < 500
    seen.clear()
    fine = page(2 * SEEN, 2 * SEEN, 2)
    assert [x.shape for x in at_its_scale(look, fine)] == [fine.shape] * 2 and seen == [SEEN, 2 * SEEN]
    assert not at_its_scale(look, np.zeros((3_000, 20), np.uint8))[0].any()


@pytest.fixture(scope="module")
def drawer():
    torch.manual_seed(0)
    return Drawer.new(get_recipe("lines").debug())


def test_a_drawer_with_a_cleaner_is_saved_loaded_and_draws(drawer, tmp_path):
    drawer.save_pretrained(tmp_path)
    assert (tmp_path / "cleaner.safetensors").exists()
    loaded = Drawer.from_pretrained(tmp_path)
    ink = page()
    first, second = (draw_any_size(d, ink) for d in (drawer, loaded))
    assert first.picture is not None and len(first) == len(second)
    np.testing.assert_array_equal(drawer.goal(ink[None, None])[0, 0], first.picture)
    assert (drawer.with_recipe(price=1.0)).cleaner is drawer.cleaner


def test_pens_of_a_large_picture_are_made_at_the_scale_of_its_lines(drawer):
    large = draw_any_size(drawer, page(1_280, 1_280, 30))
    assert large.sides == (1_280, 1_280) and max(large.picture.shape) == 1_024
    zoom = 8.0
    pens = pens_of_ink(page(160, 160))
    rough = in_strokes([pen.scaled(zoom, 6.0) for pen in pens], BezierRenderer(None, page=(1_280, 1_280)))
    settled = replace(rough, picture=page(160, 160)).pens()
    assert len(settled) == len(pens)
    shown = in_strokes([pen.scaled(1 / zoom) for pen in settled], BezierRenderer(None, page=(160, 160)))
    assert np.abs(shown.render().astype(int) - page(160, 160)).mean() < 2
    with pytest.raises(ValueError, match="the picture must have the drawing's shape"):
        replace(large, picture=np.zeros((10, 20), np.uint8))


def photograph():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :300]
    image = np.stack(
        [90 + 60 * np.sin(x / 40), 120 + 60 * np.cos(y / 30), 100 + 50 * np.sin((x + y) / 50)], -1
    )
    image[60:140, 100:200] = (200, 60, 30)
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def test_photographs_are_told_from_lines_on_dirty_paper():
    assert is_photograph(photograph())
    for k in range(10):
        ink = soiled(
            page(256, 256), np.random.default_rng(k), any_dirt(np.random.default_rng(k)), page(256, 256)
        )
        assert not is_photograph(255 - ink)
    assert not is_photograph(page()) and not is_photograph(np.full((9, 9), 255, np.uint8))


@pytest.mark.parametrize("light", [1.0, 0.6, 0.4])
def test_dark_ink_on_dim_paper_is_dark_ink(light):
    ink = page()
    dim = read_picture(((255 - ink) * light).astype(np.uint8))
    assert dim[ink > 127].mean() > dim[ink <= 127].mean() + 90
    glow = read_picture((ink * 0.7 + 70).astype(np.uint8))
    assert glow[ink > 127].mean() > glow[ink <= 127].mean() + 90


def test_lines_draws_what_is_under_the_dirt():
    """With the weights in the repository."""
    drawer, ink = Drawer.from_pretrained("lines"), page(256, 256)
    true = [np.array([(20, 40), (220, 60)]), np.array([(40, 220), (120, 80), (200, 200)])]
    assert len(drawer.draw(np.full((128, 200), 250, np.uint8))) == 0  # blank paper
    for seed in (0, 1):
        strengths = {"faint": 0.4, "ruled": 0.7, "stained": 0.4, "shaded": 0.5, "noisy": 0.2}
        drawing = drawer.draw(255 - soiled(ink, np.random.default_rng(seed), strengths))
        assert mse(drawing.render()[None, None], ink[None, None])[0] < 0.3 * np.square(ink / 255).mean()
        shown = in_strokes(drawing.pens(), drawing.renderer).render()
        # Two: a line, and two that meet at a corner.
        assert 2 <= len(drawing.pens()) <= 4 and iou(shown[None, None], ink[None, None])[0] > 0.7
        found = stroke_recovery([pen.points() for pen in drawing.pens()], true)
        assert found["stroke_precision"] > 0.8 and found["stroke_recall"] > 0.8
