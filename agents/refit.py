"""Fitting the canvas network on while a drawer learns through it (paper, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from . import processes
from .agent import Drawer
from .canvas import Rollouts
from .imagine import RealCanvas
from .optim import MuonAdam


class Refit:
    """Fits C on while D trains, half on D's own strokes: random ones rarely look like them.

    The paper's "iteratively updating canvas" (section 3.2).

    Args:
        drawer: whose canvas network is changed in place.
        batch: strokes of each half.
    """

    def __init__(self, drawer: Drawer, batch: int):
        self.drawer, self.batch = drawer, batch
        self.canvas, self.real = drawer.canvas, RealCanvas(drawer.renderer)
        self.optimizer = MuonAdam(self.canvas, lr=1e-3, matrix_lr=5e-3)

    def restart(self, seed: int) -> None:
        """Begin with what is random: before the first step, and wherever a run may be resumed."""
        drawer = self.drawer
        self.rollouts = Rollouts(
            drawer.renderer, drawer.recipe.size, self.batch, self.canvas.steps,
            seed=seed + 1 + 1_000 * processes.rank(), device=drawer.device,
        )  # fmt: skip
        self.own = self.rollouts()  # canvases, actions and next canvases of the last step's drawings

    def choose(self, start: Tensor, actions: Tensor, canvases: list[Tensor]) -> tuple[Tensor, Tensor]:
        """One stroke of each drawing and the canvas under it, given the first canvas, actions
        ``[B, strokes, n]`` and the canvas after each.
        """
        each = torch.arange(len(actions), device=actions.device)
        k = torch.randint(actions.shape[1], (len(actions),), device=actions.device)
        own = actions.detach()[each, k]
        own = (own + 0.03 * torch.randn_like(own)).clamp(-1, 1)
        if self.canvas.steps == 1:  # marks
            return torch.zeros_like(start), own
        earlier = torch.stack([start, *canvases[:-1]]).detach()
        return earlier[k, each].mul(255).round().div(255), own

    def drawn(self, before: Tensor, own: Tensor) -> None:
        """What ``choose`` chose, for the next step: the renderer draws it."""
        before, own = before.clone(), own.clone()
        self.own = before, own, self.real(before, own)

    def inputs(self, rows: int) -> list[Tensor]:
        """Canvases, actions and next canvases to fit C to, ``rows`` of its own and as many random ones."""
        pairs = zip(self.own, self.rollouts(), strict=True)
        return [torch.cat([repeated(own, rows), random]) for own, random in pairs]

    def step(self, inputs: list[Tensor], scale: Tensor) -> None:
        """Take one step on what ``inputs`` gave."""
        self.canvas.requires_grad_(True)
        self.optimizer.step(self.canvas.loss(*inputs), scale)
        self.canvas.requires_grad_(False)


def repeated(x: Tensor, rows: int) -> Tensor:
    """So many rows of a tensor, from the first again where it has fewer."""
    return x if len(x) == rows else x[torch.arange(rows, device=x.device) % len(x)]
