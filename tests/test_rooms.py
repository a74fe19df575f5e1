"""The network that sees the rooms of plans: what it learns, and what is made of what it says."""

import numpy as np
import pytest
import torch

from agents import Drawer, get_recipe
from agents.draw import draw
from agents.evaluate import evaluate
from agents.rooms import KINDS, RoomNetwork, enclosed, room_loss, see_rooms, wanted
from drawenv.targets.plans import Plans
from drawenv.tasks.rooms import ROOM_TYPES, Room, draw_rooms, room_scores, rooms

SIDE = 64


def likelihoods():
    """Of a page on which there is nothing: an edge, the outside, each type of room."""
    return np.zeros((SIDE, SIDE)), np.ones((SIDE, SIDE)), np.full((KINDS - 1, SIDE, SIDE), 0.01)


def paint(page, kind, left, top, right, bottom):
    edge, outside, kinds = page
    outside[top:bottom, left:right] = 0
    kinds[ROOM_TYPES.index(kind), top:bottom, left:right] = 0.9
    edge[top:bottom, [left, right - 1]] = edge[[top, bottom - 1], left:right] = 1


def test_rooms_are_what_edges_enclose():
    page = likelihoods()
    assert enclosed(*page) == []
    paint(page, "kitchen", 4, 8, 20, 30)
    paint(page, "bedroom", 20, 8, 50, 30)
    edge, outside, kinds = page
    kinds[ROOM_TYPES.index("closet"), 12:16, 24:28] = 1  # of some of its pixels only
    found = {room.type: room.box for room in enclosed(*page)}
    assert set(found) == {"kitchen", "bedroom"}
    np.testing.assert_allclose(found["kitchen"], (4, 8, 20, 30))  # up to where the next one begins
    edge[15:20, [19, 20]] = 0.45  # a door: the wall leaks, and is still one
    assert {room.type for room in enclosed(*page)} == {"kitchen", "bedroom"}
    edge[12:26, [19, 20]] = 0.02  # that is none
    assert len(enclosed(*page)) == 1
    outside[:] = 1
    assert enclosed(*page) == []


def test_a_faint_line_parts_no_room():
    page = likelihoods()
    paint(page, "bedroom", 4, 8, 50, 30)
    page[0][9:29, 25:27] = 0.3
    assert [room.type for room in enclosed(*page)] == ["bedroom"]
    page[0][9:29, 25:27] = 0.6
    assert len(enclosed(*page)) == 2


def test_what_should_be_seen_gives_the_rooms():
    plans = Plans(64).sample_plans(20, np.random.default_rng(0))
    drawings, shapes = [], []
    for plan in plans:
        edge, kind, weights = wanted(plan, 256)
        drawings.append(draw_rooms(enclosed(edge, kind == 0, np.stack([kind == k for k in range(1, KINDS)]))))
        true = draw_rooms(
            [Room(ROOM_TYPES[k], tuple(b)) for k, b in zip(plan.types, plan.rooms / 8, strict=True)]
        )
        shapes.append(true.renderer.action_spec.to_physical(true.actions))
        assert weights.min() == 1 and weights.max() < 10
    scores = room_scores(drawings, shapes)
    assert scores["room_f1"] > 0.97
    assert 0.9 < scores["found_bedroom"] <= 1
    missing = [
        draw_rooms([room for room in rooms(drawing) if room.type != "bedroom"]) for drawing in drawings
    ]
    without = room_scores(missing, shapes)
    assert without["found_bedroom"] == 0 and without["found_closet"] == scores["found_closet"]


def test_small_rooms_weigh_more():
    plan = Plans(64).sample_plans(1, np.random.default_rng(3))[0]
    _, kind, weights = wanted(plan, 256)
    areas = np.prod(plan.rooms[:, 2:] - plan.rooms[:, :2], 1)
    least, most = (tuple(np.mean(plan.rooms[k].reshape(2, 2), 0) / 2) for k in np.argsort(areas)[[0, -1]])
    (x, y), (u, v) = (map(int, at) for at in (least, most))
    assert weights[y, x] > weights[v, u] >= 1
    assert kind[y, x] == plan.types[areas.argmin()] + 1


def test_plans_are_seen_from_all_sides():
    """What a network sees from one side only is outvoted, and the others agree, turned back."""
    seen = []

    def network(x):
        seen.append(x)
        logits = torch.full((1, 1 + KINDS, SIDE, SIDE), -9.0)
        inside = x[0, 0] > 0.3
        logits[0, 0, x[0, 0] > 0.9] = 9
        logits[0, 1, ~inside], logits[0, 1 + 1 + ROOM_TYPES.index("kitchen"), inside] = 9, 9
        if len(seen) == 3:  # it slips
            logits = logits.flip(1)
        return logits

    hint = torch.zeros(1, SIDE, SIDE)
    hint[0, 10:30, 4:54], hint[0, 11:29, 5:53] = 1, 0.5
    (room,) = see_rooms(network, hint)
    assert room.type == "kitchen" and len({tuple(x.flatten().tolist()) for x in seen}) == 8
    np.testing.assert_allclose(room.box, (4, 10, 54, 30))


def test_the_network_learns_a_plan():
    torch.manual_seed(0)
    network, plans = RoomNetwork(8), Plans(64)
    some = plans.sample_plans(2, np.random.default_rng(0))
    hints = torch.from_numpy(np.stack([plan.hint(64) for plan in some])) / 255
    should = torch.from_numpy(np.stack([wanted(plan, 64) for plan in some]))
    optimizer, losses = torch.optim.Adam(network.parameters(), 5e-3), []
    for _ in range(80):
        made = network(hints)
        assert made.shape == (2, 1 + KINDS, 64, 64) and made.dtype == torch.float32
        loss = room_loss(made, should)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_drawer_draws_the_rooms_it_sees(monkeypatch):
    seen = [
        Room("kitchen", (4, 10, 40, 30)),
        Room("bedroom", (4, 30, 40, 60)),
        Room("pipe_space", (50, 2, 51, 3)),
    ]
    calls = []
    monkeypatch.setattr("agents.agent.see_rooms", lambda *a: calls.append(a) or seen)
    torch.manual_seed(0)
    drawer = Drawer.new(get_recipe("floorplan").debug())
    hints = np.zeros((2, 1, 256, 256), np.uint8)
    goal = drawer.goal(hints)
    np.testing.assert_array_equal(goal[1], draw_rooms(seen).render(64).transpose(2, 0, 1))
    drawings = draw(drawer, hints, effort=1)
    assert len(calls) == 2  # each plan is looked at once
    for drawing in drawings:  # the pipe space is not worth its price
        assert sorted(room.type for room in rooms(drawing)) == ["bedroom", "kitchen"]
    (once, _), (cut, _) = draw(drawer, hints, prune=False), draw(drawer, hints, effort=1, strokes=1)
    assert len(once) == drawer.recipe.strokes and len(cut) == 1
    seen.clear()
    assert all(len(drawing) == 0 for drawing in draw(drawer, np.full_like(hints, 9), effort=2))
    assert len(calls) == 4


def test_regions_between_lines_are_rooms_without_a_type():
    drawer = Drawer.new(get_recipe("floorplan").debug())
    figures = evaluate(drawer, "plans:test", limit=40, rival="regions")
    assert figures["room_f1_untyped"] > 0.6 > 0.3 > figures["room_f1"]
    with pytest.raises(ValueError, match="regions are those of floor plans"):
        evaluate(Drawer.new(get_recipe("mnist-4").debug()), "symbols:test", rival="regions")
