"""The drawer without a model: REINFORCE on the renderer's rewards, so that only the gradient differs.

Several drawings of each picture are sampled around the network's strokes; a stroke that saved more of the
error than the others' of that picture becomes likelier (the baseline of Kool, van Hoof & Welling 2019).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .agent import Drawer
from .data import Batch
from .imagine import RealCanvas
from .optim import MuonAdam, schedule

SAMPLES = 4  # drawings of a picture: so many calls of the renderer for each stroke
BATCH = 16  # pictures in a step: in larger ones it makes too few
WIDEST, NARROWEST = 0.1, 0.03  # deviation of a stroke's entries, of [-1, 1], at the beginning and the end


class Reinforce:
    """The step of training, with all that it changes; see ``agents.train.Trainer``.

    Args:
        drawer: its drawer network is changed in place.
        seed: unused, for everything random is torch's.
    """

    def __init__(self, drawer: Drawer, seed: int = 0):
        self.drawer, self.recipe, self.real = drawer, drawer.recipe, RealCanvas(drawer.renderer)
        network, train = drawer.network, drawer.recipe.train
        network.requires_grad_(True).train()
        self.optimizer = MuonAdam(network, train.lr, train.matrix_lr, ("head", "memory", "where"))

    def restart(self, seed: int) -> None:
        """Nothing is left of the step before."""

    def step(self, batch: Batch, done: float) -> tuple[Tensor, np.ndarray]:
        """One step on a batch, when the share ``done`` of the run is over.

        Returns:
            The loss, and the actions of one drawing of each picture ``[B, strokes, n]``.
        """
        network, train, strokes = self.drawer.network, self.recipe.train, self.recipe.strokes
        width = WIDEST + done * (NARROWEST - WIDEST)
        hint, target, canvas = (x.repeat_interleave(SAMPLES, 0) for x in batch)
        code, state, n = network.encode(hint), network.blank_state(canvas), len(batch.target)
        error, loss, actions = self.error(canvas, target), target.new_zeros(()), []
        blank = error.clamp(min=1)
        for k in range(strokes):
            mean, _, state = network(code, canvas, strokes - k, state)
            action = mean.detach() + width * torch.randn_like(mean)
            canvas = self.real(canvas, action.clamp(-1, 1))
            before, error = error, self.error(canvas, target)
            reward = ((before - error) / blank).view(n, SAMPLES)
            others = (reward.sum(1, keepdim=True) - reward) / (SAMPLES - 1)
            unlikely = ((action - mean) / width).square().sum(1) / 2
            loss = loss + ((reward - others).flatten() * unlikely).mean()
            actions.append(action)
        self.optimizer.step(loss, schedule(done, train.pictures / train.batch))
        return loss.detach(), torch.stack(actions, 1)[::SAMPLES].cpu().numpy()

    def error(self, canvas: Tensor, target: Tensor) -> Tensor:
        """Squared error of each drawing, ``[B]``."""
        return (canvas[:, : target.shape[1]] - target).square().sum((1, 2, 3))

    def state(self) -> dict:
        return {"network": self.drawer.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state(self, state: dict) -> None:
        self.drawer.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
