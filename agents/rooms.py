"""The network that sees the rooms of a plan: their types, and the edges between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import find_objects, label
from skimage import graph
from skimage.segmentation import watershed
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from drawenv.targets.plans import GRID, Plan, Plans, largest_first
from drawenv.tasks.rooms import ROOM_TYPES, Room, room_at

from .canvas import resized
from .optim import bfloat16_is_fast
from .pairs import fit_pairs
from .unet import UNet

FOLD = 4  # px of the hint along each side of a cell of the first level
KINDS = len(ROOM_TYPES) + 1  # outside first
BATCH = 8
LARGE = 4_000  # px of 256x256: pixels of smaller rooms weigh more
# Likelihoods of an edge: rooms grow from what has less than the first; parts of one have less than the other
# between them.
SURE, OPEN = 0.05, 0.45
LEAST = 12  # px of 256x256: what is smaller is no room


class RoomNetwork(UNet):
    """A U-net of plans ``[B, 1, side, side]`` in [0, 1], sides multiples of 32.

    It returns logits ``[B, 1 + KINDS, side, side]``: of an edge, then of what is there. Its cells know where
    on the page they are, and the coarsest ones what all the page is like.

    Args:
        width: channels at a quarter of the resolution.
    """

    def __init__(self, width: int):
        super().__init__(1, 1 + KINDS, FOLD, width, partial(nn.GroupNorm, 1), more=2)
        self.everywhere = nn.Linear(4 * width, 4 * width)

    def cells(self, x: Tensor) -> Tensor:
        x = super().cells(x)
        along = [torch.linspace(-1, 1, side, device=x.device) for side in x.shape[2:]]
        at = torch.stack(torch.meshgrid(*along, indexing="ij")).expand(len(x), -1, -1, -1)
        return torch.cat([x, at], 1)

    def deepest(self, x: Tensor, active: Tensor) -> Tensor:
        return x + self.everywhere(active.mean((2, 3)))[:, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        fast = self.training and bfloat16_is_fast(x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=fast):
            return super().forward(x).float()


@torch.no_grad()
def see_rooms(network: RoomNetwork, hint: Tensor) -> list[Room]:
    """The rooms of a plan ``[1, side, side]`` in [0, 1], light on black, seen from all eight sides.

    A room is what edges enclose, though they leak, of the type that is most likely for all of its pixels.
    """
    x, views = hint[None], []
    for turn, *mirror in product((False, True), repeat=3):  # along the diagonal, x, y
        flips = [axis for axis, flip in zip((3, 2), mirror, strict=True) if flip]
        view = network((x.transpose(2, 3) if turn else x).flip(flips)).flip(flips)
        view = torch.cat([view[:, :1].sigmoid(), view[:, 1:].softmax(1)], 1)
        views.append(view.transpose(2, 3) if turn else view)
    edge, outside, *kinds = torch.stack(views).mean(0)[0].cpu().numpy()
    return enclosed(edge, outside, np.stack(kinds))


def enclosed(edge: np.ndarray, outside: np.ndarray, kinds: np.ndarray) -> list[Room]:
    """Rooms, given how likely an edge, the outside (both ``[side, side]``) and each type of room
    ``[k, side, side]`` are at each pixel.
    """
    inside, least = outside < 0.5, LEAST * (len(edge) / 256) ** 2
    seeds, _ = label(inside & (edge < SURE))
    seeds[(np.bincount(seeds.ravel()) < least)[seeds]] = 0
    if not seeds.any():
        return []
    regions = watershed(edge, seeds, mask=inside)
    beside = graph.rag_boundary(regions, edge)
    beside.remove_edges_from([(0, k) for k in list(beside.adj.get(0, ()))])  # the outside is no room's
    whole = graph.cut_threshold(regions, beside, OPEN)
    regions, rooms = np.where(regions > 0, whole + 1, 0), []
    for k, part in enumerate(find_objects(regions), 1):
        if part:
            own = (regions[part] == k) * kinds[(slice(None), *part)]
            rooms.append(room_at(ROOM_TYPES[int(own.sum((1, 2)).argmax())], part, len(edge)))
    return rooms


def wanted(plan: Plan, side: int) -> np.ndarray:
    """What the network should see of a plan: float32 ``[3, side, side]``, whether an edge is there, what is
    there, and how much that weighs.
    """
    owner = np.full((side, side), -1)
    for k in largest_first(plan.rooms):
        left, top, right, bottom = (plan.rooms[k] * (side / GRID)).round().astype(int)
        owner[top:bottom, left:right] = k
    edge = np.zeros((side, side), bool)
    for rows, own in ((edge, owner), (edge.T, owner.T)):
        ends = np.diff(own, axis=0) != 0
        rows[1:] |= ends
        rows[:-1] |= ends
    areas = np.prod(plan.rooms[:, 2:] - plan.rooms[:, :2], 1) * (256 / GRID) ** 2
    weights = np.append(np.maximum(LARGE / np.maximum(areas, 1), 1) ** 0.5, 1)[owner]
    return np.stack([edge, np.append(plan.types + 1, 0)[owner], weights]).astype(np.float32)


class _Pairs(Dataset):
    """Batches by their number: plans ``[BATCH, 1, side, side]``, and what ``wanted`` gives of each."""

    def __init__(self, plans: Plans, side: int, seed: int):
        self.plans, self.side, self.seed = plans, side, seed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        plans = self.plans.sample_plans(BATCH, rng)
        hints, _ = self.plans.pairs(plans, rng)
        should = np.stack([wanted(plan, self.side) for plan in plans])
        return resized(hints, self.side, torch.device("cpu")), torch.from_numpy(should)


def room_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of edges and of what is there, ``made`` as ``RoomNetwork`` does."""
    edge, kind, weights = wanted.unbind(1)
    wrong = F.binary_cross_entropy_with_logits(made[:, 0], edge, reduction="none")
    wrong = wrong + F.cross_entropy(made[:, 1:], kind.long(), reduction="none")
    return (wrong * weights).sum() / weights.sum()


def fit_rooms(
    network: RoomNetwork, plans: Plans, side: int, total: int, seed: int, state_file: Path,
    report: Callable[[int, float], None] | None = None,
) -> None:  # fmt: skip
    """Teach a network to see the rooms of plans, drawn at so many px a side; see ``fit_pairs``."""
    fit_pairs(network, _Pairs(plans, side, seed), room_loss, total, BATCH, seed, state_file, report)
