"""A stroke is tried before it is drawn, and corrected.

The real renderer shows what is wrong with it, C (paper, section 3.2) how that changes with each of its
parameters: the slope of the error. A small network, trained after the drawer and with the same loss, says how
far to follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import processes
from .data import Batch
from .drawer import DrawerNetwork
from .imagine import CanvasFunction, StraightThrough, exactly, imagine
from .loss import drawing_loss
from .optim import MuonAdam, bfloat16_is_fast, schedule
from .recipes import Recipe

if TYPE_CHECKING:
    from .agent import Drawer

LOOKS = 3  # how often a stroke is tried and corrected
WIDTH, BATCH = 64, 64  # of its layers; pictures in a step of its training
REACH = 0.1  # how far a look may move a stroke, as a share of how far from a crop's middle it may be


class Corrector(nn.Module):
    """Moves strokes along the slope of the error, by a matrix that depends on what the drawer saw.

    Args:
        recipe: whose drawer's strokes are corrected.
    """

    def __init__(self, recipe: Recipe):
        super().__init__()
        n = len(recipe.renderer().action_spec)
        self.from_thought, self.from_slope = nn.Linear(recipe.drawer.width, WIDTH), nn.Linear(2 * n, WIDTH)
        self.mix = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(2)])
        self.head = nn.Linear(WIDTH, n + n * n)
        nn.init.zeros_(self.head.weight)  # at first nothing is changed
        nn.init.zeros_(self.head.bias)

    def forward(
        self, network: DrawerNetwork, tried: CanvasFunction, goal: Tensor, canvas: Tensor, first: Tensor,
        thought: Tensor,
    ) -> Tensor:  # fmt: skip
        """Better strokes.

        Args:
            network: the drawer, which knows how far parameters reach.
            tried: R, with C's gradient.
            goal: what the drawing should look like, ``[B, c, H, W]``.
            canvas: what the strokes would be drawn on, ``[B, C, H, W]``.
            first: the strokes, ``[B, n]`` in [-1, 1].
            thought: see ``DrawerNetwork.stroke``, ``[B, width]``.

        Returns:
            ``[B, n]`` in [-1, 1].
        """
        action, canvas = first, canvas.detach()
        with network.autocast():
            known = self.from_thought(thought)
        for _ in range(LOOKS):
            slope = torch.asinh(slope_of_error(tried, canvas, goal, action) / network.scale / 4)
            moved = (action - first).detach() / network.scale
            with network.autocast():
                x = known + self.from_slope(torch.cat([moved, slope], 1))
                for layer in self.mix:
                    x = layer(F.silu(x))
            with network.autocast(False):
                x = self.head(F.silu(x.float())).unflatten(1, (-1, slope.shape[1]))  # [B, 1 + n, n]
                step = x[:, 0] + (x[:, 1:] @ slope[..., None])[..., 0]
                action = (action + REACH * torch.tanh(step) * network.scale).clamp(-1, 1)
        return action


def slope_of_error(tried: CanvasFunction, canvas: Tensor, goal: Tensor, action: Tensor) -> Tensor:
    """Of a picture's squared error, values in [0, 1], how it grows with each parameter: ``[B, n]``."""
    with torch.enable_grad(), torch.autocast(canvas.device.type, enabled=False):
        action = action.detach().requires_grad_()
        shown = tried(canvas, action)[:, : goal.shape[1]]
        return torch.autograd.grad((shown - goal).square().sum(), action)[0]


class Corrections:
    """A step of a corrector's training, as ``Trainer`` is of a drawer's; all other networks stay as they are.

    Args:
        drawer: its corrector is changed in place.
        seed: unused: ``restart`` says where to begin.
    """

    def __init__(self, drawer: Drawer, seed: int = 0):
        assert drawer.corrector is not None
        self.drawer, self.recipe, self.corrector = drawer, drawer.recipe, drawer.corrector
        drawer.network.half_precision = bfloat16_is_fast(drawer.device)
        self.corrector.requires_grad_(True).train()
        self.optimizer = MuonAdam(self.corrector, 1e-3, 0.02, ("head",))
        self.through = exactly(StraightThrough(drawer.canvas, drawer.renderer))

    def restart(self, seed: int) -> None:
        """Begin anew with what is random."""
        self.rng = np.random.default_rng((seed, processes.rank()))

    def stroke(
        self, network: DrawerNetwork, canvas: CanvasFunction, code, before: Tensor, left: Tensor, state,
        sample: bool,
    ) -> tuple:  # fmt: skip
        """See ``one_stroke``."""
        with torch.no_grad():
            look, state = network.attend(code, before, left, state)
            first, shown, thought = network.stroke(code, look, look.place[:, None])
        action = self.corrector(network, canvas, code.goal, before, first[:, 0], thought[:, 0])
        return action, None if shown is None else shown[:, 0], state, canvas(before, action)

    def step(self, batch: Batch, done: float) -> tuple[Tensor, np.ndarray]:
        """One step on a batch, when the share ``done`` of the run is over.

        Returns:
            The loss, and the actions ``[B, strokes, n]``.
        """
        recipe, network, o = self.recipe, self.drawer.network, self.recipe.loss
        strokes = int(self.rng.integers(recipe.train.fewest or recipe.strokes, recipe.strokes + 1))
        with network.autocast():
            with torch.no_grad():
                code = network.encode(batch.hint)
            actions, canvases, _ = imagine(network, self.through, code, batch.before, strokes, self.stroke)
        loss = drawing_loss(canvases, batch.target, o.step_weight, 0.0, o.robust, o.detail)
        self.optimizer.step(loss / 100, schedule(done, recipe.train.corrections / BATCH))
        return loss.detach(), actions.detach().float().cpu().numpy()

    def state(self) -> dict:
        return {"network": self.corrector.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict) -> None:
        self.corrector.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
