import json
import xml.etree.ElementTree as ET
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
import resvg_py
from PIL import Image
from svgpathtools import svg2paths

from drawenv import BezierRenderer, Drawing
from drawenv.metrics import hidden, iou, mse, psnr, squared_error, stroke_recovery


@pytest.fixture
def drawing(rng):
    renderer = BezierRenderer(None)
    return Drawing(renderer.action_spec.sample(5, rng), renderer)


def test_pens_of_one_width(drawing):
    shown = ET.fromstring(drawing.to_svg(width=1.5)).findall("{*}path")
    assert len(shown) == len(drawing.pens()) and {path.get("stroke-width") for path in shown} == {"1.50"}
    for wrong in ({"width": 0.0}, {"width": 1.0, "pieces": True}, {"width": np.inf}):
        with pytest.raises(ValueError, match="width must be over 0, and of pens"):
            drawing.to_svg(**wrong)


def test_frames_grow_to_the_picture(drawing):
    frames = drawing.frames(64)
    assert len(frames) == len(drawing) + 1 == 6
    assert frames[0].max() == 0 and all((b >= a).all() for a, b in pairwise(frames))
    np.testing.assert_array_equal(frames[-1], drawing.render(64))
    with pytest.raises(ValueError, match="size must be from 1"):
        drawing.render(0)


def test_svg_has_its_files_name_as_its_title(drawing, tmp_path):
    for name, title in (("a & b", "a & b"), ("a\x01b", "a?b")):
        drawing.save(tmp_path / f"{name}.svg")
        root = ET.parse(tmp_path / f"{name}.svg").getroot()
        assert root.findtext("{http://www.w3.org/2000/svg}title") == title
    assert "<title>" not in drawing.to_svg()


def test_svg_holds_the_curves(drawing, tmp_path):
    drawing.save(tmp_path / "a.svg", pieces=True)
    paths, attributes = svg2paths(str(tmp_path / "a.svg"), convert_rectangles_to_paths=False)
    curves = drawing.renderer.curves(drawing.actions)
    for path, attribute, curve in zip(paths, attributes, curves, strict=True):
        bezier = path[0]
        points = [p for z in (bezier.start, bezier.control, bezier.end) for p in (z.real, z.imag)]
        np.testing.assert_allclose([*points, float(attribute["stroke-width"])], curve, atol=0.006)


def test_empty_drawing(tmp_path):
    empty = Drawing(np.empty((0, 6), np.float32), BezierRenderer())
    for ending in ("svg", "png", "gif", "json"):
        empty.save(tmp_path / f"a.{ending}")
    assert ET.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    assert len(Drawing.load(tmp_path / "a.json")) == 0


def test_png_and_gif(drawing, tmp_path):
    drawing.save(tmp_path / "a.png", size=100)
    drawing.save(tmp_path / "a.gif", size=100)
    with Image.open(tmp_path / "a.png") as png:
        np.testing.assert_array_equal(np.asarray(png), 255 - drawing.render(100))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 6
    with pytest.raises(ValueError, match=r"'\.bmp'; use one of \.svg"):
        drawing.save(tmp_path / "a.bmp")


def test_json_round_trip(drawing, tmp_path):
    drawing.save(tmp_path / "a.json")
    again = Drawing.load(tmp_path / "a.json")
    np.testing.assert_allclose(again.actions, drawing.actions, atol=1e-5)
    assert json.loads((tmp_path / "a.json").read_text())["names"][6] == "thickness"


@pytest.mark.parametrize(
    ("actions", "error", "words"),
    [
        (np.zeros((2, 6), np.float32), ValueError, r"shape \(2, 7\)"),
        (np.full((1, 7), 1.5, np.float32), ValueError, r"x0 of action 0 must be in \[-1, 1\], got 1.5"),
        (np.full((1, 7), np.nan, np.float32), ValueError, "got nan"),
        (np.array([["a"] * 7]), TypeError, "must be floats"),
    ],
)
def test_a_drawing_checks_its_actions(actions, error, words):
    with pytest.raises(error, match=words):
        Drawing(actions, BezierRenderer(None))


def test_a_large_page_is_saved_as_large_as_it_is(tmp_path):
    page = BezierRenderer(None).on_page((300, 1200))
    drawing = Drawing(page.action_spec.sample(2, np.random.default_rng(0)), page)
    drawing.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as png:
        assert png.size == (1200, 300)


def test_backgrounds(drawing, tmp_path):
    """As Pillow shows PNG and GIF, and another program SVG, on a red page."""
    ink = drawing.render(64) / 255
    for name, ground, color in (("white", 1, 0), ("black", 0, 1), ("transparent", (1, 0, 0), 0)):
        want = np.broadcast_to(ground, (64, 64, 3)) * (1 - ink[..., None]) + color * ink[..., None]
        for ending in ("png", "svg") if name == "transparent" else ("png", "gif", "svg"):
            path = tmp_path / f"a.{ending}"
            drawing.save(path, size=64, pieces=True, background=name)
            if ending == "svg":
                path = BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=path.read_text(), width=64, height=64)))
            with Image.open(path) as image:
                image.seek(image.n_frames - 1)
                page = Image.new("RGBA", (64, 64), "red")
                page.alpha_composite(image.convert("RGBA"))
            assert np.square(np.asarray(page.convert("RGB")) / 255 - want).mean() < 0.002, (name, ending)
    for save in (drawing.to_svg, lambda background: drawing.save(tmp_path / "b.png", background=background)):
        with pytest.raises(ValueError, match="background must be white, black or transparent, got 'pink'"):
            save(background="pink")
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"renderer": "pen"}', '{"renderer": "bezier", "options": {}}'])
def test_foreign_json(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json is not a drawing"):
        Drawing.load(tmp_path / "a.json")


def test_errors_against_numpy(rng):
    a, b = rng.integers(0, 256, (2, 7, 1, 33, 64)).astype(np.uint8)
    by_hand = np.square(a.astype(float) - b).sum((1, 2, 3))
    np.testing.assert_array_equal(squared_error(a, b), by_hand)
    for other in (b[:1], np.repeat(b, 9, 1)):
        with pytest.raises(ValueError, match="one number and size"):
            squared_error(a, other)
    np.testing.assert_allclose(mse(a, b), by_hand / 255**2 / 33 / 64)
    assert psnr(0.01) == pytest.approx(20) and psnr(0) == float("inf")


def test_iou():
    a, b = np.zeros((2, 3, 4, 4), np.uint8)
    a[0, :2], b[0, 1:3], a[1] = 255, 255, 255
    np.testing.assert_allclose(iou(a, b), [1 / 3, 0, 1])


LINE = np.array([[10, 10], [30, 10]], float)
OTHER = np.array([[40, 20], [40, 50]], float)


def test_recovery_knows_no_direction_or_order():
    result = stroke_recovery([OTHER[::-1], LINE[::-1] + 1], [LINE, OTHER])
    assert result["stroke_precision"] == result["stroke_recall"] == 1
    assert result["stroke_count_error"] == 0


def test_recovery_of_a_split_stroke():
    """Two halves of one line: all ink is right, but only one half can be paired."""
    halves = [np.array([[10, 10], [20, 10]]), np.array([[20, 10], [30, 10]])]
    result = stroke_recovery(halves, [LINE])
    assert result["ink_precision"] == result["ink_recall"] == 1
    assert result["stroke_precision"] == pytest.approx(0.5, abs=0.03)
    assert result["stroke_recall"] == pytest.approx(0.6, abs=0.03)  # half, and 2 px further
    assert result["stroke_count_error"] == 1


def test_a_stroke_under_others_is_hidden():
    tap, longer = np.array([[20, 11], [20, 11]], float), LINE + [1, 0]
    assert hidden([LINE, OTHER]) == hidden([tap]) == hidden([]) == 0
    assert hidden([LINE, tap, OTHER, LINE[::-1]]) == 2  # one of two that are the same is seen
    assert hidden([LINE, longer + [0, 1]]) == 1 and hidden([LINE, longer + [2, 0]]) == 0
    assert hidden([LINE, tap], 0.5) == 0


def test_recovery_of_nothing():
    assert stroke_recovery([], [LINE])["stroke_recall"] == 0
    assert stroke_recovery([LINE + 30], [LINE])["stroke_precision"] == 0
    assert stroke_recovery([], [])["stroke_recall"] == 1
