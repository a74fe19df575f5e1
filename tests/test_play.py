"""Drawing with the mouse, on a display that is not there."""

import gymnasium as gym
import numpy as np
import pygame
import pytest

from agents import Drawer
from agents.commands.play import PANEL, Game, Window, find_drawer


def make(name="BezierThickCanvas-v0", drawer=None, **options):
    return Game(gym.make(name, render_mode="rgb_array", **options), drawer)


@pytest.fixture
def window(tmp_path):
    game = make(targets="symbols-2", max_strokes=4, drawer=Drawer.from_pretrained("quickstart"))
    window = Window(game, 4, tmp_path)
    yield window
    pygame.quit()


def post(kind, **values):
    pygame.event.post(pygame.event.Event(kind, values))


def press(window, key):
    post(pygame.KEYDOWN, key=key)
    return window.step()


def drag(window, *points):
    """A mouse's way over the canvas, px of 64."""
    first, *rest = [(int(x * PANEL / 64) + PANEL, int(y * PANEL / 64)) for x, y in points]
    post(pygame.MOUSEBUTTONDOWN, button=1, pos=first)
    for place in rest:
        post(pygame.MOUSEMOTION, pos=place, rel=(0, 0), buttons=(1, 0, 0))
    assert window.step()
    post(pygame.MOUSEBUTTONUP, button=1, pos=rest[-1])
    assert window.step()


def test_a_stroke_goes_where_the_mouse_went(window):
    game = window.game
    post(pygame.MOUSEWHEEL, y=-20)  # as thin as can be
    drag(window, (10, 40), (32, 20), (54, 40))
    (line,) = game.drawing.renderer.polylines(game.drawing.actions)
    assert np.abs(line[[0, -1]] - [(10, 40), (54, 40)]).max() < 0.2
    assert np.hypot(*(line - (32, 20)).T).min() < 1
    assert game.values["thickness"] == pytest.approx(game.spec.middle[6] - game.spec.half_range[6])
    shown = pygame.surfarray.array3d(window.surface)
    assert shown[PANEL + 32 * 8, 20 * 8 : 21 * 8].max() > 60  # the stroke, on the right
    assert game.reward == pytest.approx(1 - game.info["mse"] / mse_of_blank(game), abs=1e-5)


def mse_of_blank(game):
    return np.square(game.observation["target"] / 255.0).mean()


def test_undo_agent_new_and_save(window, tmp_path):
    game = window.game
    first = game.observation["target"].copy()
    assert press(window, pygame.K_SPACE) and len(game.actions) == 1
    after, reward = game.observation["canvas"].copy(), game.reward
    assert reward > 0.2
    drag(window, (5, 5), (60, 5))
    assert len(game.actions) == 2 and game.reward < reward
    press(window, pygame.K_z)
    assert (game.observation["canvas"] == after).all() and game.reward == pytest.approx(reward)
    assert (game.observation["target"] == first).all()
    press(window, pygame.K_s)
    assert "<path" in (tmp_path / "drawing-0.svg").read_text()
    for _ in range(5):  # the episode has four
        drag(window, (5, 5), (60, 60))
    assert len(game.actions) == 4 and game.over
    press(window, pygame.K_n)
    assert not game.actions and not game.over and (game.observation["target"] != first).any()
    press(window, pygame.K_z)
    assert not press(window, pygame.K_ESCAPE)
    post(pygame.QUIT)
    assert not window.step()


def test_strokes_of_other_environments():
    """A spline follows the way; paint takes the target's colour; a click is a dot; prisms are refused."""
    way = np.array([(8, 8), (8, 56), (56, 56)], float)
    spline = make("SplineCanvas-v0")
    spline.do(spline.stroke(way))
    (line,) = spline.drawing.renderer.polylines(spline.drawing.actions)
    assert all(np.hypot(*(line - point).T).min() < 9 for point in way)
    red = np.empty((1, 3, 64, 64), np.uint8)
    red[:] = np.array([200, 30, 60])[:, None, None]
    boxes = make("RectangleCanvas-v0", targets=red)
    boxes.pick(30, 30)
    boxes.do(boxes.stroke(way[[0, 2]]))
    assert np.abs(boxes.observation["canvas"][:, 32, 32].astype(int) - (200, 30, 60)).max() <= 2
    dot = make("BezierCanvas-v0")
    dot.do(dot.stroke(np.array([[20.0, 20.0]])))
    assert dot.observation["canvas"][0, 20, 20] > 200 and dot.help() is None
    with pytest.raises(ValueError, match="mouse"):
        make("PrismCanvas-v0")


def test_the_agent_fits_the_environment():
    assert find_drawer(None, "BezierCanvas-v0").recipe.name == "mnist-4"
    assert find_drawer(None, "BezierThickCanvas-v0").recipe.name == "omniglot-4"
    assert find_drawer("quickstart", "BezierThickCanvas-v0").recipe.name == "quickstart"
    assert find_drawer(None, "SplineCanvas-v0") is None
