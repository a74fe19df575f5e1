"""A renderer of your own: pygame, which knows nothing of drawenv, paints rotated ellipses.

python scripts/train_drawer.py examples.pygame_renderer:RECIPE --out runs/ellipses
python scripts/evaluate.py examples.pygame_renderer:RECIPE --weights runs/ellipses --sheet ellipses.png
"""

from functools import partial

import numpy as np
import pygame

from agents.recipes import CanvasOptions, LossOptions, Recipe, TrainOptions
from drawenv import ActionSpec, Parameter, Renderer, register
from drawenv.renderers.color import LAB, hexadecimal, lab_to_rgb
from drawenv.targets import TARGETS
from drawenv.targets.scenes import Scenes, load_scenes


class EllipseRenderer(Renderer):
    """Filled, rotated ellipses of any colour on white paper."""

    name = "ellipse"
    channels = 3
    compose = "over"
    action_spec = ActionSpec(
        Parameter("x", 0, 64, axis="x"), Parameter("y", 0, 64, axis="y"),
        Parameter("width", 2, 48), Parameter("height", 2, 48), Parameter("turn", -90, 90, "degrees"), *LAB,
    )  # fmt: skip

    def blank(self, n, size):
        return np.full((n, 3, size, size), 255, np.uint8)

    def draw(self, canvas, actions):
        circle, side = np.exp(2j * np.pi * np.arange(48) / 48), canvas.shape[-1]
        shape = pygame.Surface((8 * side, 8 * side), depth=32)  # pygame has no soft edges: it draws larger
        for picture, (x, y, w, h, turn, *lab) in zip(
            canvas, self.action_spec.to_physical(actions), strict=True
        ):
            points = (
                (w / 2 * circle.real + 0.5j * h * circle.imag) * np.exp(1j * np.radians(turn)) + x + 1j * y
            )
            shape.fill("black")
            pygame.draw.polygon(shape, "white", [(p.real, p.imag) for p in points * (side / 8)])
            share = pygame.surfarray.array_red(pygame.transform.smoothscale(shape, (side, side))).T / 255
            color = lab_to_rgb(lab)[:, None, None]
            picture[:] = np.rint(picture + share * (color - picture))

    def to_svg(self, actions):
        return "\n".join(
            f'<ellipse rx="{w / 2}" ry="{h / 2}" fill="{hexadecimal(lab_to_rgb(lab))}" '
            f'transform="translate({x} {y}) rotate({turn})"/>'
            for x, y, w, h, turn, *lab in self.action_spec.to_physical(actions)
        )


class Ellipses(Scenes):
    """Pictures to learn on: one to three ellipses."""

    renderer = EllipseRenderer()

    def places(self, n, rng):
        low, high = np.array([12, 12, 10, 10, -90]), np.array([52, 52, 40, 40, 90])
        return rng.uniform(low, high, (n, self.most, 5))


TARGETS["ellipses"] = partial(load_scenes, kind=Ellipses)
register("EllipseCanvas-v0", EllipseRenderer, targets="ellipses")
RECIPE = Recipe(
    "ellipses", env="examples.pygame_renderer:EllipseCanvas-v0", targets="ellipses", strokes=3, size=32,
    canvas=CanvasOptions(dots=16, steps=6_200), loss=LossOptions(step_weight=0.3, blur_until=0.3),
    train=TrainOptions(pictures=100_000, batch=32),
)  # fmt: skip
