"""Several processes that train one network: ``torchrun --nproc_per_node=N scripts/train_drawer.py RECIPE``.

Each draws pictures of its own; gradients are averaged. Without ``torchrun`` there is one process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
from torch import Tensor, distributed

LONG = timedelta(hours=12)  # the first process may fit a canvas network and a cleaner before it joins


def start(device: torch.device) -> torch.device:
    """Join the processes that ``torchrun`` started, if it did; returns the device of this one.

    Until then each works alone: gradients are averaged over those that have joined.
    """
    if "WORLD_SIZE" not in os.environ or distributed.is_initialized():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    env, store = os.environ, None
    if env.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and env["GROUP_WORLD_SIZE"] == "1":
        # When torchrun starts all again, its store still has the addresses of those that died: who reads one
        # waits for ever (github.com/pytorch/pytorch/issues/135712).
        store = distributed.TCPStore(
            env["MASTER_ADDR"], int(env["MASTER_PORT"]), is_master=False, timeout=LONG
        )
        store = distributed.PrefixStore(env["TORCHELASTIC_RESTART_COUNT"], store)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=store, rank=rank(), world_size=int(env["WORLD_SIZE"]), timeout=LONG,
    )  # fmt: skip
    return device


def rank() -> int:
    """Which process this is, also before they have joined; 0 writes files."""
    return int(os.environ.get("RANK", 0))


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def total(n: int, device: torch.device) -> int:
    """The sum of a number over all processes."""
    if count() == 1:
        return n
    sums = torch.tensor(n, device=device)
    distributed.all_reduce(sums)
    return int(sums)


def average(gradients: Sequence[Tensor]) -> None:
    """Replace gradients by their means over all processes, in place: one message for all of them."""
    if count() == 1:
        return
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    for g, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(mean.view_as(g))


def wait() -> None:
    """Until all processes are here."""
    if count() > 1:
        distributed.barrier()
