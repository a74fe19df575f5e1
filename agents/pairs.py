"""Teaching a network pairs, what it sees and what it should make of it: it draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn
from torch.utils.data import Dataset

from .data import loaded
from .optim import MuonAdam, schedule
from .states import SAVES, load_state, save_state

LR, MATRIX_LR = 1e-3, 0.02  # Adam's and Muon's, at their highest


def fit_pairs(
    network: nn.Module, pairs: Dataset, loss: Callable[[Tensor, Tensor], Tensor], total: int, batch: int,
    seed: int, state_file: Path, report: Callable[[int, float], None] | None = None,
) -> None:  # fmt: skip
    """Teach a network pairs; it is frozen afterwards. Run again it goes on from its last state.

    Args:
        network: changed in place.
        pairs: batches by their number: what the network sees, and what it should make of that.
        loss: of what it makes and what it should.
        total: how many pairs it learns from.
        batch: how many pairs a batch counts as.
        seed: of the pairs.
        state_file: what to go on from, if it is there.
        report: called with how many pairs it has seen, and the loss of the last batch.
    """
    device = next(network.parameters()).device
    network.requires_grad_(True).train()
    optimizer, seen = MuonAdam(network, LR, MATRIX_LR), 0
    if state := load_state(state_file, seed, device):
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        seen = state["seen"]
    every = max(total // SAVES // batch, 1) * batch
    for given, wanted in loaded(pairs, range(seen // batch, -(-total // batch)), device):
        value = loss(network(given.to(device)), wanted.to(device))
        optimizer.step(value, schedule(seen / total, total / batch))
        seen += batch
        if report and seen % (10 * batch) == 0:
            report(seen, value.item())
        if seen % every == 0:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen}
            save_state(state_file, seed, state)
    network.requires_grad_(False).eval()
