"""Pens for plotters: little travel, millimetres, layers."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import resvg_py

from agents.commands.draw import Arguments, main
from drawenv import BezierRenderer, Drawing
from drawenv.pens import Pen, in_strokes
from drawenv.plot import in_order, of_width, on_paper, to_svg, travel


def line(a, b, color=(255, 255, 255)):
    return Pen(np.linspace(a, b, 4, dtype=np.float32)[None], 2.0, False, color)


def scattered(n, rng):
    return [line(*rng.uniform(0, 100, (2, 2))) for _ in range(n)]


def test_order_has_little_travel(rng):
    """Of few pens it is nearly as short as any, in all orders and directions."""
    ratios = []
    for _ in range(5):
        pens = scattered(4, rng)
        both = [(pen, pen.reversed()) for pen in pens]
        shortest = min(travel(way) for order in permutations(both) for way in product(*order))
        ratios.append(travel(in_order(pens)) / shortest)
    assert min(ratios) > 0.999 and np.mean(ratios) < 1.15
    many = scattered(60, rng)
    assert travel(in_order(many)) < 0.25 * travel(many)
    assert in_order([]) == [] and travel([]) == 0


def test_order_keeps_every_pen(rng):
    pens = scattered(12, rng)

    def paths(pens):
        return sorted(sorted([tuple(p.curves[0, 0]), tuple(p.curves[0, 3])]) for p in pens)

    assert paths(in_order(pens)) == paths(pens)


def test_one_colour_after_the_other(rng):
    red, blue = (255, 0, 0), (0, 0, 255)
    pens = [replace(pen, color=(red, blue)[k % 2]) for k, pen in enumerate(scattered(10, rng))]
    assert [pen.color for pen in in_order(pens)] == [red] * 5 + [blue] * 5
    svg = to_svg(in_order(pens), (100, 100))
    layers = ElementTree.fromstring(svg).findall("{http://www.w3.org/2000/svg}g")
    assert [len(layer) for layer in layers] == [5, 5]


@pytest.mark.parametrize("paper", [(210, 297), (297, 210)])
def test_paper_is_in_millimetres(paper):
    page = BezierRenderer(None, page=(100, 200))
    drawing = in_strokes([line((10, 50), (190, 50))], page)
    (pen,) = on_paper(drawing, paper)
    scale = min(paper[0] / 200, paper[1] / 100)
    assert pen.color == (0, 0, 0) and pen.width == pytest.approx(2 * scale, rel=0.1)
    ends = pen.curves.reshape(-1, 2)[[0, -1]]
    np.testing.assert_allclose(ends.mean(0), np.array(paper) / 2, atol=1)
    assert abs(ends[1, 0] - ends[0, 0]) == pytest.approx(180 * scale, rel=0.02)
    root = ElementTree.fromstring(to_svg([pen], paper))
    assert root.get("width") == f"{paper[0]}mm" and root.get("viewBox") == f"0 0 {paper[0]} {paper[1]}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mm": "210"}, "--mm must be a width and a height in mm, for instance 210x297, got '210'"),
        ({"mm": "0x9"}, "--mm must be a width and a height in mm"),
        ({"mm": "9x9", "out": Path("x.png")}, "--mm is for SVGs"),
        ({"mm": "9x9", "recipe": "prism"}, "--mm is for plotters"),
        ({"mm": "9x9", "pieces": True}, "--mm is for plotters"),
        ({"pen": 0.5, "pieces": True}, "--pen is a width over 0, and of pens, not of pieces or boxes: 0.5"),
        ({"mm": "9x9", "pen": 0.0}, "--pen is a width over 0"),
        ({"pen": float("nan")}, "--pen is a width over 0"),
    ],
)
def test_what_no_plotter_draws_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        main(Arguments([Path("a.png")], **options))


@pytest.mark.parametrize("closed", [False, True])
def test_a_thin_pen_fills_a_wide_stroke(closed):
    ring = [[[60, 40], [60, 10], [20, 10], [20, 40]], [[20, 40], [20, 70], [60, 70], [60, 40]]]
    wide, page = (
        Pen(np.array(ring[: 1 + closed], np.float32), 9.0, closed),
        BezierRenderer(None, page=(80, 80)),
    )
    filled = of_width(wide, 1.0)
    assert filled.width == 1.0
    np.testing.assert_allclose(filled.curves[1:, 0], filled.curves[:-1, 3], atol=1e-3)  # no lift
    want, have = (in_strokes([pen], page).render(320) > 127 for pen in (wide, filled))
    assert (want != have).sum() < 0.06 * want.sum()
    same = of_width(wide, 7.0)
    assert same.width == 7.0 and same.curves is wide.curves


def test_animated_pens_are_drawn_one_after_the_other():
    """And are all there where nothing moves: resvg knows no animation."""
    drawing = Drawing(
        np.array([[-0.5, -0.5, 0, -0.5, 0.5, -0.5], [-0.5, 0.5, 0, 0.5, 0.5, 0.6]]), BezierRenderer()
    )
    moving, still = drawing.to_svg(seconds=4), drawing.to_svg()
    times = re.findall(r"draw (\S+)s linear (\S+)s", moving)
    (first, begin), (second, then) = [tuple(map(float, pair)) for pair in times]
    assert begin == 0 and then == first and first + second == pytest.approx(4, abs=0.01)
    pictures = [bytes(resvg_py.svg_to_bytes(svg_string=svg, width=64)) for svg in (moving, still)]
    assert pictures[0] == pictures[1]
    with pytest.raises(ValueError, match="seconds"):
        drawing.to_svg(pieces=True, seconds=4)
    with pytest.raises(ValueError, match="seconds"):
        drawing.to_svg(seconds=0)


def test_vpype_draws_as_large_as_fits_its_page():
    """With vpype beside an installed drawenv, which its entry point needs."""
    cli = pytest.importorskip("vpype_cli")
    digit = Path(__file__).parent.parent / "examples/pictures/digits/3.png"
    document = cli.execute(f"pagesize 10x12cm drawenv -r mnist-4 {digit}")
    assert list(document.layers) == [1]
    left, top, right, bottom = (side / 96 * 2.54 for side in document.bounds())  # cm
    assert 2 < left < right < 8 and 2 < top < bottom < 10 and bottom - top > 6  # of 10 cm in the middle
    layer = document.layers[1]
    assert layer.property("vp_pen_width") == pytest.approx(5 / 64 * 10 / 2.54 * 96, rel=0.2)
    filled = cli.execute(f"drawenv -r mnist-4 -p 1mm {digit}")
    assert filled.page_size == pytest.approx((210 / 25.4 * 96, 297 / 25.4 * 96))  # A4 if nothing is said
    assert filled.length() > 5 * document.length()
    with pytest.raises(Exception, match="unknown recipe"):
        cli.execute(f"drawenv -r mnist-5 {digit}")
