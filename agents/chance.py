"""Random strokes, to compare with."""

from __future__ import annotations

import numpy as np

from .draw import Agent
from .improve import Strokes


class Chance:
    """The agent of uniform random strokes, judged as any other.

    Args:
        agent: whose task it is.
        seed: of the strokes.
        strokes: how many; the recipe's if None, 0 draws nothing.
    """

    redraws = False

    def __init__(self, agent: Agent, seed: int = 0, strokes: int | None = None):
        self.agent, self.recipe, self.renderer = agent, agent.recipe, agent.renderer
        self.learned_through = agent.learned_through
        self.rng, self.strokes = np.random.default_rng(seed), strokes

    def goal(self, hints: np.ndarray) -> np.ndarray | None:
        """That of the other agent."""
        return self.agent.goal(hints)

    def choose(
        self, hints: np.ndarray, before: np.ndarray, proposals: int = 1, rounds: int = 0, refine: int = 0,
        strokes: int | None = None, old: Strokes | None = None,
    ) -> Strokes:  # fmt: skip
        """See ``Agent.choose``; nothing is refined."""
        wanted = (self.strokes, strokes, self.recipe.strokes)
        count = next(n for n in wanted if n is not None)
        shape = (len(hints), count, len(self.renderer.action_spec))
        return self.rng.uniform(-1, 1, shape).astype(np.float32), np.ones(shape[:2], bool)
