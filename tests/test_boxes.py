"""Prisms, frames, floor plans and their rooms, and the figures that score them."""

import numpy as np
import pytest
import trimesh

from drawenv import Drawing, load_pictures, load_targets
from drawenv.metrics import box_iou, ciede2000
from drawenv.renderers import PrismRenderer, RectangleRenderer
from drawenv.targets.scenes import all_seen
from drawenv.tasks.boxes import box_scores

RANGES = {"prisms-1": (1, 1), "prisms-3": (3, 3), "boxes": (1, 6), "blocks-6": (6, 6)}  # of shapes in a scene
RED, BLUE = (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)


def prisms(*physical):
    renderer = PrismRenderer()
    return Drawing(renderer.action_spec.to_action(np.array(physical, np.float32)), renderer)


def rectangles(*physical):
    renderer = RectangleRenderer()
    return Drawing(renderer.action_spec.to_action(np.array(physical, np.float32).reshape(-1, 7)), renderer)


def test_ciede2000_of_published_pairs():
    """Sharma, Wu & Dalal 2005, table 1: among them the pairs that test each discontinuity."""
    pairs = [
        (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425), (50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0),
        (50, 0, 0, 50, -1, 2, 2.3669), (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195), (50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045),
        (50, 2.5, 0, 50, 0, -2.5, 4.3065), (50, 2.5, 0, 73, 25, -18, 27.1492),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]  # fmt: skip
    table = np.array(pairs)
    np.testing.assert_allclose(ciede2000(table[:, :3], table[:, 3:6]), table[:, 6], atol=1e-4)
    np.testing.assert_allclose(ciede2000(table[:, 3:6], table[:, :3]), table[:, 6], atol=1e-4)


def test_box_iou():
    a = np.array([[0, 0, 0, 2, 2, 2], [0, 0, 0, 1, 1, 1]])
    np.testing.assert_allclose(box_iou(a, a), [[1, 1 / 8], [1 / 8, 1]])
    np.testing.assert_allclose(box_iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]]), [[1 / 3, 0]])


def test_nearest_surface_shows_whatever_the_order():
    front, back = (10, 10, 5, 40, 40, 20, *RED), (20, 20, 30, 60, 60, 50, *BLUE)
    one, other = prisms(front, back).render(), prisms(back, front).render()
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one[30, 30], (255, 0, 0), atol=1)  # the front view
    np.testing.assert_allclose(one[30, 64 + 10], (255, 0, 0), atol=1)  # the side view: z to the right
    np.testing.assert_allclose(one[50, 64 + 40], (0, 0, 255), atol=1)
    np.testing.assert_allclose(one[10, 128 + 30], (255, 0, 0), atol=1)  # the top view: z down
    swapped = (40, 10, 20, 10, 40, 5, *RED)
    np.testing.assert_array_equal(prisms(swapped).render(), prisms(front).render())
    assert prisms((10, 10, 5, 40, 40, 5, *RED)).render().max() == 0  # no volume


def test_depth_is_kept_beside_the_picture():
    renderer = PrismRenderer()
    canvas = renderer.blank(1, 64)
    renderer.draw(canvas, prisms((10, 10, 16, 40, 40, 20, *RED)).actions)
    assert canvas[0, 9, 20, 20] == pytest.approx(255 * 0.75, abs=1) and canvas[0, 9, 50, 50] == 0


def test_prisms_as_obj(tmp_path):
    drawing = prisms((10, 10, 5, 42, 26, 37, *RED), (0, 0, 0, 8, 8, 0, *BLUE))
    drawing.save(tmp_path / "a.obj")
    mesh = trimesh.load(tmp_path / "a.obj")
    assert mesh.is_volume and mesh.volume == pytest.approx(0.5 * 0.25 * 0.5)
    np.testing.assert_allclose(mesh.bounds[:, 1], [1 - 26 / 64, 1 - 10 / 64], atol=1e-6)  # y upwards
    np.testing.assert_allclose(mesh.visual.vertex_colors[0, :3], (255, 0, 0), atol=1)
    with pytest.raises(ValueError, match="volume"):
        prisms((0, 0, 0, 8, 8, 0, *BLUE)).save(tmp_path / "b.obj")
    with pytest.raises(ValueError, match=r"saved as \.obj, rectangle is flat"):
        rectangles((0, 0, 9, 9, *RED)).save(tmp_path / "c.obj")


def test_blocks_touch_share_no_space_and_are_seen():
    for shapes in load_pictures("blocks-6:test").shapes[:50]:
        low, high = shapes[:, :3], shapes[:, 3:6]
        sides = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)  # of what two share
        shared = sides.clip(0).prod(2) * (1 - np.eye(6))
        assert shared.max() < 0.01
        touches = ((np.abs(sides) < 1e-3).any(2) & (sides > -1e-3).all(2)) & ~np.eye(6, dtype=bool)
        assert touches.any(1).all()
        assert all_seen(shapes[:, :6], 8)


@pytest.mark.parametrize("name", ["frames", "prisms", "prisms-1", "prisms-3", "boxes", "blocks-6"])
def test_scenes_are_what_their_shapes_draw(name):
    test = load_pictures(f"{name}:test")
    assert len(test) == 1000
    counts = [len(shapes) for shapes in test.shapes]
    assert (min(counts), max(counts)) == RANGES.get(name, (1, 3))
    renderer = load_targets(name).renderer
    for shapes, image in zip(test.shapes[:5], test.images, strict=False):
        canvas = renderer.blank(1, 64)
        for action in renderer.action_spec.to_action(shapes):
            renderer.draw(canvas, action[None])
        np.testing.assert_array_equal(canvas[0, : len(image)], image)
    a, b = (load_targets(name).sample(3, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="splits train, val and test"):
        load_targets(f"{name}:best")


def test_prisms_do_not_depend_on_the_order(rng):
    """At antialiased edges too, and where two are equally near."""
    renderer = PrismRenderer()
    for k in range(200):
        actions = renderer.action_spec.sample(3, rng)
        if k % 4 == 0:
            actions[:, 2], actions[:, 5] = -0.3, 0.2  # one depth
        pictures = []
        for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0], [0, 2, 1], [0, 1, 2, 0]):
            canvas = renderer.blank(1, 32)
            for i in order:
                renderer.draw(canvas, actions[i : i + 1])
            pictures.append(canvas)
        for other in pictures[1:]:
            np.testing.assert_array_equal(pictures[0], other)


def test_prisms_beyond_the_cube_are_cut_off():
    """What lies outside is not drawn; nothing is written out of bounds."""
    renderer = PrismRenderer()
    canvas, inside = renderer.blank(2, 64), renderer.blank(2, 64)
    for picture, low, high in ((canvas, -5.0, 70.0), (inside, 0.0, 64.0)):
        corners = np.array([[low, low, 0, high, high, 20, *RED], [low, 8, 0, 20, high, 9, *BLUE]], np.float32)
        renderer.draw(picture, renderer.action_spec.to_action(corners))
    np.testing.assert_array_equal(canvas, inside)
    assert canvas.any((1, 2, 3)).all()


def test_surplus_boxes_count_against_a_scene():
    """3D IoU of a box found beside one too many is a half, not one."""
    right, other = (10, 10, 5, 42, 26, 37, *RED), (40, 40, 40, 60, 60, 60, *BLUE)
    true = [np.array([right], np.float32)]
    exact, surplus = (box_scores([drawing], true) for drawing in (prisms(right), prisms(right, other)))
    assert exact["iou3d"] == pytest.approx(1, abs=1e-4) and exact["f1"] == exact["precision"] == 1
    assert surplus["iou3d"] == pytest.approx(0.5, abs=1e-4)
    assert (surplus["precision"], surplus["recall"]) == (0.5, 1) and surplus["f1"] == pytest.approx(2 / 3)
    missed = box_scores([prisms(right)], [np.array([right, other], np.float32)])
    assert missed["iou3d"] == pytest.approx(0.5, abs=1e-4) and missed["recall"] == 0.5
    assert box_scores([prisms(right)], [np.array([other], np.float32)])["f1"] == 0
