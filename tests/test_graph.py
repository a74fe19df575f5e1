"""Pens as a graph."""

import json

import numpy as np
import pytest

from drawenv.graph import graph
from drawenv.pens import Pen


def straight(a, b, width=2.0):
    return Pen(np.linspace(a, b, 4, dtype=np.float32)[None], width, False)


RING = Pen(
    np.array([[(60, 40), (60, 10), (20, 10), (20, 40)], [(20, 40), (20, 70), (60, 70), (60, 40)]], "f4"),
    2.0, True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("pens", "points", "edges"),
    [
        ([], 0, 0),
        ([straight((0, 0), (40, 0))], 2, 1),
        ([RING], 1, 1),
        ([straight((0, 0), (40, 40)), straight((0, 40), (40, 0))], 5, 4),  # a cross
        ([straight((0, 0), (40, 0)), straight((20, 1), (20, 40))], 4, 3),  # one ends on the other
        ([straight((0, 0), (40, 0)), straight((20, 4), (20, 40))], 4, 2),  # and not quite
        ([straight((0, 0), (40, 0)), straight((40.5, 0), (40, 40))], 3, 2),  # a corner of two pens
        ([RING, straight((0, 40), (80, 40))], 4, 5),  # through a ring
        ([straight((0, 0), (40, 40)), straight((0, 40), (40, 0)), straight((20, 20), (40, 20))], 6, 5),
    ],
)
def test_points_are_ends_touches_and_crossings(pens, points, edges):
    made = json.loads(json.dumps(graph(pens)))
    assert (len(made["points"]), len(made["edges"]), len(made["pens"])) == (points, edges, len(pens))
    used = [edge for pen in made["pens"] for edge in pen["edges"]]
    assert sorted(used) == list(range(edges))  # each edge is one pen's
    for edge in made["edges"]:
        curves, pen = np.array(edge["curves"]), pens[edge["pen"]]
        for place, end in zip((curves[0, 0], curves[-1, 3]), edge["ends"], strict=True):
            assert np.hypot(*(place - made["points"][end])) <= pen.width
        np.testing.assert_allclose(curves[1:, 0], curves[:-1, 3], atol=0.02)


@pytest.mark.parametrize("pen", [RING, straight((0, 0), (40, 30))])
def test_edges_are_the_pens_curves(pen):
    """Whole, however many others cross."""
    others = [straight((x, -10), (x, 90)) for x in (25, 33, 50)]
    made = graph([pen, *others])
    own = [np.array(made["edges"][k]["curves"]) for k in made["pens"][0]["edges"]]
    assert len(own) >= 3
    t = np.linspace(0, 1, 50)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
    drawn = np.concatenate([weights @ curve for part in own for curve in part])
    wanted = pen.points(200)
    away = np.hypot(*(drawn[:, None] - wanted[None]).transpose(2, 0, 1))
    assert away.min(0).max() < 0.5 and away.min(1).max() < 0.5
    assert made["pens"][0]["closed"] == pen.closed and made["pens"][0]["color"] == [255, 255, 255]
