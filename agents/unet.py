"""A U-net, and how one is taught by pairs: what goes from picture to picture and draws nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from .data import loaded
from .states import SAVES, load_state, save_state

LR = 1e-3  # Adam's, at its highest


class _Two(nn.Sequential):
    """Two convolutions."""

    def __init__(self, given: int, width: int):
        super().__init__(
            nn.Conv2d(given, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()
        )


class UNet(nn.Module):
    """From pictures ``[B, given, H, W]`` to ``[B, made, H * 2 / fold, W * 2 / fold]``.

    Args:
        given: channels of what it sees.
        made: channels of what it makes.
        fold: squares of so many pixels a side are a cell of its first level.
        widths: channels of its levels, each of which has half the resolution of the one before. Sides are
            multiples of ``fold * 2 ** (levels - 1)``.
    """

    def __init__(self, given: int, made: int, fold: int, widths: Sequence[int]):
        super().__init__()
        self.fold = fold
        self.down = nn.ModuleList(map(_Two, [given * fold**2, *widths], widths))
        self.up = nn.ModuleList(_Two(w + v, v) for v, w in pairwise(widths))
        self.last = nn.Conv2d(widths[0], 4 * made, 3, padding=1)
        cast(Any, self).to(memory_format=torch.channels_last)  # on processors a quarter faster

    def forward(self, x: Tensor) -> Tensor:
        x, seen = F.pixel_unshuffle(x, self.fold), []
        x = x.contiguous(memory_format=torch.channels_last)
        for level, layer in enumerate(self.down):
            x = layer(F.max_pool2d(x, 2) if level else x)
            seen.append(x)
        for layer, beside in zip(reversed(self.up), reversed(seen[:-1]), strict=True):
            x = layer(torch.cat([F.interpolate(x, scale_factor=2.0), beside], 1))
        return F.pixel_shuffle(self.last(x), 2)


def fit_pairs(
    network: nn.Module, pairs: Dataset, loss: Callable[[Tensor, Tensor], Tensor], batch: int, total: int,
    seed: int, state_file: Path, report: Callable[[int, float], None] | None = None,
) -> None:  # fmt: skip
    """Teach a network pairs; it is frozen afterwards.

    Args:
        network: changed in place.
        pairs: batches by their number, what the network sees and what it should make of it.
        loss: of what it makes and what it should.
        batch: how many a batch counts as.
        total: how many it learns from.
        seed: of the pairs; of what is resumed from.
        state_file: what to resume from, if it is there.
        report: called with how many it has seen and the loss of the last batch.
    """
    device = next(network.parameters()).device
    network.requires_grad_(True).train()
    optimizer, seen = torch.optim.Adam(network.parameters(), lr=LR), 0
    if state := load_state(state_file, seed, device):
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        seen = state["seen"]
    every = max(total // SAVES // batch, 1) * batch
    for given, wanted in loaded(pairs, range(seen // batch, -(-total // batch)), device):
        value = loss(network(given.to(device)), wanted.to(device))
        optimizer.param_groups[0]["lr"] = LR * min(seen / batch / 200 + 0.01, 1.0, 1.5 * (1 - seen / total))
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen += batch
        if report and seen % (10 * batch) == 0:
            report(seen, value.item())
        if seen % every == 0:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "seen": seen}
            save_state(state_file, seed, state)
    network.requires_grad_(False).eval()
