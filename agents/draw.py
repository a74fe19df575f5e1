"""What every agent can be asked for: drawings of a batch of pictures, and of a picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from drawenv import Drawing, Renderer
from drawenv.drawing import draw_kept
from drawenv.targets.pictures import MAX_PIXELS

from .canvas import CanvasNetwork
from .improve import Strokes, useful_strokes
from .page import Order, at_its_scale, draw_page, moves_at_once, shrink
from .plan import PROPOSALS
from .recipes import Recipe

EFFORT = 2  # rounds of redrawing, if nothing else is said
MOST = 1_000  # rounds, gradient steps or strokes that can be asked for
SETTLED = 1 << 23  # pixels of the picture on which pens are settled, at most


class Agent(Protocol):
    """Whatever chooses strokes: a drawer, a policy of PPO, chance.

    Attributes:
        recipe: the task.
        renderer: the real renderer R.
        learned_through: the canvas network C that it learned through; None if there is none.
        redraws: whether it can draw a stroke anew with the others in place; else no effort is made.
    """

    recipe: Recipe
    renderer: Renderer

    @property
    def learned_through(self) -> CanvasNetwork | None: ...

    @property
    def redraws(self) -> bool: ...

    def choose(
        self, hints: np.ndarray, before: np.ndarray, proposals: int = 1, rounds: int = 0, refine: int = 0,
        strokes: int | None = None, old: Strokes | None = None,
    ) -> Strokes:  # fmt: skip
        """The strokes that it chooses: float32 ``[n, strokes, action_dim]``, and which of them it draws.

        Args:
            hints: uint8 ``[n, C', side, side]``; resized to what the recipe says.
            before: the canvases to draw on, uint8 ``[n, C, size, size]``.
            proposals: how many strokes are judged for each that is drawn, by an agent that redraws.
            rounds: how often each stroke is redrawn.
            refine: gradient steps on the strokes afterwards.
            strokes: how many; the recipe's if None.
            old: strokes to redraw; None to choose them first.
        """
        ...

    def goal(self, hints: np.ndarray) -> np.ndarray | None:
        """What the drawing of hints uint8 ``[n, C', side, side]`` should look like, as far as the agent
        knows: uint8 ``[n, c, size, size]``, or None if it does not. Of pages of any size, likewise.
        """
        ...


def draw(
    agent: Agent, hints: np.ndarray, effort: int = 0, refine: int = 0, prune: bool = True,
    strokes: int | None = None,
) -> list[Drawing]:  # fmt: skip
    """Drawings of a batch of pictures uint8 ``[n, C', side, side]``, light ink on black.

    ``effort`` is the number of rounds in which each stroke is redrawn, by an agent that can; 0 is one pass.
    ``refine`` gradient steps on the strokes follow. With ``prune`` strokes are left out that bring the
    drawing no closer to the agent's goal, or, where it has none, that do not show.
    """
    blank = agent.renderer.blank(len(hints), agent.recipe.size)
    actions, keep = agent.choose(hints, blank, PROPOSALS if effort else 1, effort, refine, strokes)
    if prune:
        goal = agent.goal(hints)
        if goal is None:
            goal = draw_kept(agent.renderer, actions, keep, blank)[:, : agent.renderer.shown]
        keep = useful_strokes(agent.renderer, actions, goal, blank, keep=keep, price=agent.recipe.price)
    return [Drawing(a[k], agent.renderer) for a, k in zip(actions, keep, strict=True)]


def draw_any_size(
    agent: Agent, ink: np.ndarray, effort: int = 0, refine: int = 0, scale: float | None = None,
    stride: int | None = None, strokes: int | None = None, order: Order = "phased",
    report: Callable[[int, int], None] | None = None, log: list | None = None,
) -> Drawing:  # fmt: skip
    """The drawing of a picture of any size, uint8 ``[H, W]``, window by window.

    Args:
        agent: of a recipe that slides.
        ink: the picture.
        effort: rounds in which each stroke is redrawn.
        refine: gradient steps on all strokes at once, by the renderer's own gradient; if that is not known,
            on those of each window in the last round, through C.
        scale: how many times smaller the picture is drawn: above 1 for lines thicker than about 3 px, below
            for thinner ones; what suits them if None, see ``at_its_scale``.
        stride: the recipe's if None.
        strokes: of a window; the recipe's if None.
        order: of windows.
        report: called with (windows done, of how many).
        log: for ``imagine_page``.

    Returns:
        The drawing, on a page of the picture's own size. It knows the picture as the agent saw it, at most as
        large as ``SETTLED``.

    Raises:
        ValueError: the recipe does not slide, or an option is out of range.
    """
    recipe = agent.recipe
    if not recipe.stride:
        raise ValueError(f"{recipe.name} draws a picture at once, not window by window")

    at_once = agent.redraws and moves_at_once(agent.renderer)

    def choose(targets: np.ndarray, before: np.ndarray, old: Strokes | None, last: bool) -> Strokes:
        rounds, steps = int(old is not None), refine if last and not at_once else 0
        return agent.choose(targets, before, PROPOSALS if effort else 1, rounds, steps, strokes, old)

    for name, value in (("effort", effort), ("refine", refine)):
        if not 0 <= value <= MOST:
            raise ValueError(f"{name} must be from 0 to {MOST}, got {value}")
    least, most = (ink.size / MAX_PIXELS) ** 0.5, max(ink.shape)
    if scale is not None and not least <= scale <= most:
        raise ValueError(f"scale must be from {least:.2g} to {most} for this picture, got {scale}")

    def look(ink: np.ndarray) -> np.ndarray:
        goal = agent.goal(ink[None, None])
        return ink if goal is None else goal[0, 0]

    goal, seen = at_its_scale(look, ink) if scale is None else [look(shrink(ink, scale))] * 2
    # Pens of larger pages would fill the memory.
    seen, sides = shrink(seen, max((seen.size / SETTLED) ** 0.5, 1)), ink.shape
    del ink  # likewise: the caller may have no use for it
    drawing = draw_page(
        choose, agent.renderer, goal, recipe.stride if stride is None else stride, recipe.levels,
        effort if agent.redraws else 0, refine * at_once, order, recipe.size, recipe.price,
        recipe.merge * recipe.price, sides, report, log,
    )  # fmt: skip
    return replace(drawing, picture=seen)
