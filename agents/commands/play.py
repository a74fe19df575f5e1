"""Draw with the mouse what the agents draw, for the same reward; or hand the pen to one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium as gym
import numpy as np
import tyro

import drawenv
from drawenv.metrics import resampled
from drawenv.renderers.color import rgb_to_lab

from .common import prepare
from .recipes import ABOUT

PANEL, BAR = 512, 56  # px: side of target and canvas, height of what is written below
KEYS = (
    "drag: a stroke   wheel, tab: its other values   space: let the agent   z: undo   n: new   s: save   esc"
)


@dataclass
class Arguments:
    """Draw in an environment with the mouse."""

    env: Annotated[str, tyro.conf.Positional] = "BezierThickCanvas-v0"
    """Its id."""
    recipe: str | None = None
    """Of the agent, or its folder of weights (default: the first recipe of this environment with weights)."""
    targets: str | None = None
    """What to draw: a name or a folder (default: the environment's)."""
    strokes: int = 8
    """Of an episode."""
    seed: int = 0
    """Of the first target."""
    out: Path = Path()
    """Folder in which drawings are saved."""
    preset: Literal["full", "debug"] = "full"
    """debug: the same."""


class Game:
    """An episode of an environment that can be undone, and an agent that may help.

    Args:
        env: made by ``gym.make``, with ``render_mode="rgb_array"``.
        drawer: the agent, or None.
        seed: of the first target.

    Attributes:
        values: what a stroke takes that the mouse does not say, by name, in physical units.

    Raises:
        ValueError: its actions are not made of places on the canvas and values beside.
    """

    def __init__(self, env: gym.Env, drawer=None, seed: int = 0):
        self.env, self.drawer, self.seed = env, drawer, seed
        self.spec = env.get_wrapper_attr("action_spec")
        axes = [p.axis for p in self.spec.parameters if p.axis]
        if axes != ["x", "y"] * (len(axes) // 2) or not axes:
            raise ValueError(f"a mouse cannot say what a stroke is here: {self.spec!r}")
        self.places = len(axes) // 2
        middle = dict(zip(self.spec.names, self.spec.middle.tolist(), strict=True))
        self.values = {p.name: middle[p.name] for p in self.spec.parameters if not p.axis}
        self.actions: list[np.ndarray] = []
        self._replay()

    def _replay(self) -> None:
        """The same target again, with the strokes that are left."""
        self.observation, self.info = self.env.reset(seed=self.seed)
        self.reward, self.over, actions, self.actions = 0.0, False, self.actions, []
        for action in actions:
            self.do(action)

    def do(self, action: np.ndarray | None) -> None:
        """Draw a stroke, if there is one and the episode is not over."""
        if action is not None and not self.over:
            self.observation, reward, self.over, _, self.info = self.env.step(action)
            self.reward += float(reward)
            self.actions.append(action)

    def undo(self) -> None:
        """Take the last stroke away."""
        self.actions = self.actions[:-1]
        self._replay()

    def new(self) -> None:
        """Another target."""
        self.seed, self.actions = self.seed + 1, []
        self._replay()

    def stroke(self, path: np.ndarray) -> np.ndarray:
        """The action that a mouse's way, px of 64 ``[k, 2]``, asks for."""
        path = np.asarray(path, float)
        way = np.hypot(*np.diff(path, axis=0).T).sum()
        places = np.repeat(path[:1], self.places, 0)
        if way > 0:
            fine = resampled(path, way / 64)
            places = fine[np.linspace(0, len(fine) - 1, self.places).round().astype(int)]
        if self.places == 3:  # a control point: the curve goes through what was the middle
            places[1] = 2 * places[1] - (places[0] + places[2]) / 2
        numbers = iter(places.ravel())
        physical = [next(numbers) if p.axis else self.values[p.name] for p in self.spec.parameters]
        return self.spec.to_action(np.array(physical)).clip(-1, 1).astype(np.float32)

    def turn(self, name: str, by: float) -> None:
        """Change one of the values by a share of its range."""
        (p,) = (p for p in self.spec.parameters if p.name == name)
        self.values[name] = float(np.clip(self.values[name] + by * (p.high - p.low), p.low, p.high))

    def pick(self, x: float, y: float) -> None:
        """Take the target's colour at a place in px of 64, where strokes have one."""
        if {"L", "a", "b"} <= self.values.keys():
            target = self.observation["target"]
            row, column = (min(int(v * target.shape[-1] / 64), target.shape[-1] - 1) for v in (y, x))
            lab = rgb_to_lab(target[:, row, column].astype(float))
            self.values |= dict(zip("Lab", lab.tolist(), strict=True))

    def help(self) -> np.ndarray | None:
        """The agent's next stroke; None if it knows none that helps."""
        if self.drawer is None:
            return None
        target, canvas = self.observation["target"][None], self.observation["canvas"][None]
        actions, keep = self.drawer.choose(target, canvas, proposals=8, strokes=1)
        return actions[0, 0] if keep[0, 0] else None

    @property
    def drawing(self) -> drawenv.Drawing:
        """What was drawn so far."""
        return drawenv.Drawing(
            np.reshape(self.actions, (-1, len(self.spec))), self.env.get_wrapper_attr("renderer")
        )


class Window:
    """A game in a window: target, canvas, and below them what can be done.

    Args:
        game: an episode.
        strokes: of it.
        out: folder in which drawings are saved.
    """

    def __init__(self, game: Game, strokes: int, out: Path):
        import pygame

        self.pygame, self.game, self.strokes, self.out = pygame, game, strokes, out
        self.path, self.chosen = [], 0
        pygame.display.init()
        pygame.font.init()
        pygame.display.set_caption("drawenv: draw what is on the left")
        self.surface = pygame.display.set_mode((2 * PANEL, PANEL + BAR))
        self.font, self.note = pygame.font.Font(None, 22), ""

    def step(self) -> bool:
        """Do what the events say, and show it; False when it is to be closed."""
        going = all(self._handle(event) for event in self.pygame.event.get())
        self._show()
        return going

    def _place(self, position: tuple[int, int]) -> np.ndarray:
        return ((np.array(position, float) - (PANEL, 0)) * (64 / PANEL)).clip(0, 64)

    def _handle(self, event) -> bool:
        pygame, game = self.pygame, self.game
        match event.type:
            case pygame.QUIT:
                return False
            case pygame.MOUSEBUTTONDOWN if event.button == 1 and event.pos[1] < PANEL:
                self.path = [self._place(event.pos)]
                game.pick(*self.path[0])
            case pygame.MOUSEMOTION if self.path:
                self.path.append(self._place(event.pos))
            case pygame.MOUSEBUTTONUP if event.button == 1 and self.path:
                game.do(game.stroke(np.array([*self.path, self._place(event.pos)])))
                self.path = []
            case pygame.MOUSEWHEEL if game.values:
                game.turn([*game.values][self.chosen], event.y / 20)
            case pygame.KEYDOWN:
                return self._press(event.key)
        return True

    def _press(self, key: int) -> bool:
        pygame, game, self.note = self.pygame, self.game, ""
        if key == pygame.K_SPACE:
            stroke = game.help()
            self.note = "" if stroke is not None else "the agent knows no stroke that helps"
            game.do(stroke)
        elif key == pygame.K_z:
            game.undo()
        elif key == pygame.K_n:
            game.new()
        elif key == pygame.K_TAB and game.values:
            self.chosen = (self.chosen + 1) % len(game.values)
        elif key == pygame.K_s:
            file = self.out / f"drawing-{game.seed}.svg"
            self.out.mkdir(parents=True, exist_ok=True)
            game.drawing.save(file)
            self.note = f"saved as {file}"
        return key != pygame.K_ESCAPE

    def _show(self) -> None:
        pygame, game = self.pygame, self.game
        both = pygame.surfarray.make_surface(np.asarray(game.env.render()).swapaxes(0, 1))
        self.surface.fill((24, 24, 24))
        self.surface.blit(pygame.transform.scale(both, (2 * PANEL, PANEL)), (0, 0))
        pygame.draw.line(self.surface, (90, 90, 90), (PANEL, 0), (PANEL, PANEL))
        if len(self.path) > 1:
            points = [tuple(p * (PANEL / 64) + (PANEL, 0)) for p in self.path]
            pygame.draw.lines(self.surface, (255, 140, 0), False, points, 3)
        values = "  ".join(
            f"{'> ' * (k == self.chosen)}{name} {value:.1f}"
            for k, (name, value) in enumerate(game.values.items())
        )
        done = f"stroke {len(game.actions)} of {self.strokes}   reward {game.reward:.3f}"
        state = f"{done}   {values}   {self.note}"
        for row, text in enumerate((state, KEYS)):
            self.surface.blit(self.font.render(text, True, (220, 220, 220)), (10, PANEL + 8 + 22 * row))
        pygame.display.flip()


def find_drawer(recipe: str | None, env: str):
    """The agent that is named, or one whose environment this is, or None."""
    from ..agent import Drawer
    from ..recipes import RECIPES, has_weights

    prepare("cpu", threads=1)
    known = [RECIPES[name] for name in ABOUT]
    fitting = [r.name for r in known if r.env == env and not r.hint and not r.stride and has_weights(r)]
    name = recipe or next(iter(fitting), None)
    return Drawer.from_pretrained(name) if name else None


def main(arguments: Arguments) -> None:
    drawer = find_drawer(arguments.recipe, arguments.env)
    options: dict[str, Any] = {"targets": arguments.targets} if arguments.targets else {}
    options |= {"size": drawer.recipe.size if drawer else 64, "max_strokes": arguments.strokes}
    env = gym.make(arguments.env, render_mode="rgb_array", **options)
    game = Game(env, drawer, arguments.seed)
    window = Window(game, arguments.strokes, arguments.out)
    clock = window.pygame.time.Clock()
    while window.step():
        clock.tick(60)
    env.close()
    window.pygame.quit()
