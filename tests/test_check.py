"""``check_renderer`` finds what would be silently wrong."""

import gymnasium as gym
import numpy as np
import pytest

from drawenv import ENV_IDS, ActionSpec, BezierRenderer, Parameter, Renderer, check_renderer
from examples import melody, pygame_renderer


class Square(Renderer):
    """A filled square that has no fault; those below have one each."""

    compose = "max"
    action_spec = ActionSpec(Parameter("x", 0, 48, axis="x"), Parameter("y", 0, 48, axis="y"))

    def draw(self, canvas, actions):
        for picture, place in zip(canvas, self.action_spec.to_physical(actions), strict=True):
            x, y = (place * (picture.shape[-1] / 64)).round().astype(int)
            side = picture.shape[-1] // 4
            part = picture[:, y : y + side, x : x + side]
            part[:] = np.maximum(part, 200)

    def to_svg(self, actions):
        places = self.action_spec.to_physical(actions)
        return "".join(f'<rect x="{x}" y="{y}" width="16" height="16"/>' for x, y in places)


class Returned(Square):
    def draw(self, canvas, actions):
        canvas = canvas.copy()
        super().draw(canvas, actions)
        return canvas


class Copied(Square):
    def draw(self, canvas, actions):
        super().draw(canvas.copy(), actions)


class Floats(Square):
    def blank(self, n, size):
        return super().blank(n, size) / 255


class Shape(Square):
    def blank(self, n, size):
        return super().blank(n, size)[:, 0]


class Composed(Square):
    compose = "add"


class Covers(Square):
    def draw(self, canvas, actions):
        canvas[:] = 0
        super().draw(canvas, actions)


class Adds(Square):
    compose = "over"

    def draw(self, canvas, actions):
        mark = np.zeros_like(canvas)
        super().draw(mark, actions)
        canvas[:] = np.minimum(canvas.astype(int) + mark, 255)


class Chance(Square):
    def draw(self, canvas, actions):
        shaken = actions + np.random.default_rng().normal(0, 0.1, actions.shape)
        super().draw(canvas, shaken.clip(-1, 1))


class Mixed(Square):
    def draw(self, canvas, actions):
        super().draw(canvas, actions.mean(0, keepdims=True).repeat(len(actions), 0))


class Changes(Square):
    def draw(self, canvas, actions):
        super().draw(canvas, actions)
        actions[:] = 0


class Pixels(Square):
    def draw(self, canvas, actions):
        super().draw(canvas[..., :64, :64], actions)


class Config(Square):
    def __init__(self, shade=200):
        self.shade = shade

    def config(self):
        return {"color": self.shade}


class Forgets(BezierRenderer):
    def config(self):
        return {}


class Text(Square):
    def to_svg(self, actions):
        return "<rect>"


@pytest.mark.parametrize("name", ENV_IDS)
def test_ours_have_no_fault(name):
    check_renderer(gym.make(name).get_wrapper_attr("renderer"))


@pytest.mark.parametrize("kind", [Square, melody.NoteRenderer, pygame_renderer.EllipseRenderer])
def test_examples_have_no_fault(kind):
    check_renderer(kind())


@pytest.mark.parametrize(
    ("renderer", "message"),
    [
        (Returned(), "return nothing"),
        (Copied(), "changes nothing"),
        (Floats(), "uint8"),
        (Shape(), "shape"),
        (Composed(), "compose must be one of"),
        (Covers(), '"max"'),
        (Adds(), '"over"'),
        (Chance(), "deterministic"),
        (Mixed(), "in a batch"),
        (Changes(), "leave the actions"),
        (Pixels(), "128 px"),
        (Config(), "config"),
        (Forgets(9.0), "config"),
        (Text(), "to_svg"),
    ],
)
def test_faults(renderer, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_renderer(renderer)
