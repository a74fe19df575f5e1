"""Floor plans: generated, real, and their rooms."""

import gzip
import json
import tarfile
import zipfile

import numpy as np
import pytest

from drawenv import CanvasEnv, Drawing, load_targets
from drawenv.metrics import box_iou
from drawenv.renderers import BezierRenderer, RectangleRenderer
from drawenv.renderers.color import rgb_to_lab
from drawenv.targets import files
from drawenv.targets.floorplans import annotations, derive_rooms, parse
from drawenv.targets.plans import Plans
from drawenv.tasks.rooms import ROOM_COLORS, ROOM_TYPES, Room, draw_rooms, nearest_room_type, rooms

RED, BLUE = (53.24, 80.09, 67.20), (32.30, 79.19, -107.86)


def rectangles(*physical):
    renderer = RectangleRenderer()
    return Drawing(renderer.action_spec.to_action(np.array(physical, np.float32).reshape(-1, 7)), renderer)


def test_generated_plans():
    plans, rng = Plans(64), np.random.default_rng(0)
    for _ in range(30):
        plan = plans.plan(rng).varied(rng)
        assert len(plan.types) == len(plan.rooms) and set(plan.types) <= set(range(len(ROOM_TYPES)))
        assert plan.rooms.min() >= 0 and plan.rooms.max() <= 512
        assert (plan.rooms[:, 2:] > plan.rooms[:, :2]).all()
        overlap = box_iou(plan.rooms, plan.rooms)
        assert (overlap[~np.eye(len(overlap), dtype=bool)] < 1e-6).all()
    hints, targets = plans.sample_pairs(4, np.random.default_rng(1))
    assert hints.shape == (4, 1, 256, 256) and targets.shape == (4, 3, 64, 64)
    np.testing.assert_array_equal(plans.sample(4, np.random.default_rng(1)), targets)
    env = CanvasEnv(RectangleRenderer(), targets="plans", max_strokes=16)
    observation, _ = env.reset(seed=0)
    assert observation["hint"].shape == (1, 256, 256) and env.observation_space.contains(observation)


@pytest.mark.parametrize("turn", range(8))
def test_a_varied_plan_is_still_the_same_plan(turn):
    """Hint and target move together: walls stay around the rooms."""
    plan = Plans(64).plan(np.random.default_rng(3))
    moved = plan.varied(np.random.default_rng(turn))
    areas = [np.prod(p.rooms[:, 2:] - p.rooms[:, :2], 1) for p in (plan, moved)]
    np.testing.assert_allclose(areas[1] / areas[0], (areas[1] / areas[0])[0], rtol=1e-3)
    hint, rooms_in_it = moved.hint(512)[0], moved.rooms
    for left, top, right, _ in rooms_in_it.astype(int):
        assert hint[top - 6 : top + 3, left:right].max() > 100  # the wall above it


def test_rooms_are_derived_from_annotations():
    """A door is no gap, a label goes to the region that covers most of it, and outside is no room."""
    walls = np.array([[16, 16, 496, 16], [496, 16, 496, 300], [496, 300, 16, 300], [16, 300, 16, 16],
                      [200, 16, 200, 300]], float)  # fmt: skip
    labels = ["bedroom", "closet", "kitchen", "balcony"]
    places = np.array(
        [[40, 40, 60, 60], [150, 200, 210, 240], [300, 100, 350, 150], [300, 400, 350, 450]], float
    )
    first, second = derive_rooms(walls, labels, places)
    assert (first.labels, first.box) == (["bedroom", "closet"], (18, 18, 199, 299))
    assert (second.labels, second.box) == (["kitchen"], (202, 18, 495, 299))


def test_floor_plans_are_read_from_the_repository_as_it_is_downloaded(data, monkeypatch, tmp_path):
    """A zip file of the whole repository, with other plans beside those that are used."""
    texts = annotations()
    path = tmp_path / "floorplans" / "r2v_annotations.tar.gz"  # whatever its name
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"FloorplanTransformation-1/data/floorplan_representation/{name}.txt", text)
        archive.writestr("FloorplanTransformation-1/data/floorplan_representation/00/other.txt", "wall")
    monkeypatch.setenv("DRAWENV_DATA", str(tmp_path))
    annotations.cache_clear()
    try:
        assert annotations() == texts
    finally:
        annotations.cache_clear()


def test_derived_rooms_equal_the_published_ones(data):
    """All 8,774 rooms of the 979 plans."""
    path = data / "floorplans" / "r2v_rooms.jsonl.gz"
    if not path.is_file():
        pytest.skip("needs floorplans/r2v_rooms.jsonl.gz")
    texts, count = annotations(), 0
    with gzip.open(path, "rt") as file:
        for row in map(json.loads, file):
            plan = parse(texts[row["plan"].removesuffix(".txt")])
            np.testing.assert_array_equal(plan.rooms, [room["box"] for room in row["rooms"]])
            count += len(plan.rooms)
    assert (len(texts), count) == (979, 8774)


def test_real_plans(data):
    test, val, train = (load_targets(f"floorplans:{split}") for split in ("test", "val", "train"))
    assert (len(test), len(val), len(train.plans)) == (150, 83, 746)
    for shapes, image in zip(test.shapes, test.images, strict=True):
        drawn = rectangles(*shapes).render(64).transpose(2, 0, 1)
        np.testing.assert_allclose(drawn, image, atol=2)
    hints, targets = train.sample_pairs(5, np.random.default_rng(0))
    assert hints.any((1, 2, 3)).all() and targets.any((1, 2, 3)).all()


def test_plans_as_if_scanned(data):
    """Other hints of the same rooms, the same every time."""
    plain, scanned, again = (load_targets(f"floorplans{kind}:val") for kind in ("", "-scanned", "-scanned"))
    np.testing.assert_array_equal(plain.images, scanned.images)
    np.testing.assert_array_equal(scanned.hints, again.hints)
    assert (plain.hints != scanned.hints).any((1, 2, 3)).mean() > 0.95


def test_plans_without_data(monkeypatch, tmp_path):
    annotations.cache_clear()
    monkeypatch.delenv("DRAWENV_DATA", raising=False)
    monkeypatch.setattr(files.pooch, "os_cache", lambda name: tmp_path)
    monkeypatch.setattr(files.pooch, "retrieve", lambda *_, **__: 1 / 0)
    with pytest.raises(FileNotFoundError, match=r"r2v_annotations.*Put the file into"):
        load_targets("floorplans")
    damaged = tmp_path / "floorplans" / "r2v_annotations.tar.gz"
    damaged.parent.mkdir()
    with tarfile.open(damaged, "w:gz"):
        pass
    monkeypatch.setenv("DRAWENV_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="does not hold the published floor plans"):
        load_targets("floorplans")


def test_rooms_of_a_drawing():
    colors = {name: rgb_to_lab(np.array(rgb)) for name, rgb in ROOM_COLORS.items()}
    found = rooms(
        rectangles(
            (0, 0, 40, 40, *colors["bedroom"]), (0, 0, 10, 10, *colors["closet"]),
            (50, 50, 60, 60, *colors["restroom"]),
            (49, 49, 61, 61, *colors["bathroom"]), (30, 0, 40, 40, 0, 0, 0),
        )
    )  # fmt: skip
    assert [room.type for room in found] == ["bedroom", "closet", "bathroom"]
    assert found[0].box == (0, 0, 30, 40)  # black took the rest of it
    assert json.dumps([room._asdict() for room in found])
    assert rooms(rectangles()) == []
    bedroom, closet = Room("bedroom", (0, 0, 40, 40)), Room("closet", (50, 50, 60, 60))
    assert rooms(draw_rooms([closet, bedroom])) == [bedroom, closet]  # the largest first
    assert len(draw_rooms([])) == 0
    with pytest.raises(TypeError, match="filled rectangles"):
        rooms(Drawing(np.zeros((1, 6), np.float32), BezierRenderer()))


def test_nearest_room_type():
    assert nearest_room_type(np.array([[0, 0, 0], [10, 5, 5]])).tolist() == [-1, -1]
    palette = np.array(list(ROOM_COLORS.values()))
    assert nearest_room_type(palette).tolist() == list(range(len(ROOM_TYPES)))
    lab = rgb_to_lab(np.concatenate([palette, np.zeros((1, 3))]))
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)[~np.eye(len(lab), dtype=bool)]
    assert apart.min() > 35
