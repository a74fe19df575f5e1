"""Training batches: pictures, and windows of pages, behind one interface, on a device."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from drawenv import Symbols, load_pictures, load_targets

from . import processes
from .canvas import resized, to_unit
from .page import Page, worth_painting
from .recipes import Recipe

Seed = int | tuple[int, ...]
LEAST_INK = 0.02  # share of a window or a crop that is worth learning from
WORKERS = 4  # that make batches: for a GPU processes


def forks(device: torch.device) -> bool:
    """Whether batches come from processes: a GPU would wait for them, and Linux forks them in no time."""
    return device.type == "cuda" and sys.platform == "linux"


def loaded(batches: Dataset, order: Iterable[int], device: torch.device) -> DataLoader:
    """Batches by their numbers, one after the other; on Linux a GPU gets them from processes of their own."""
    workers = min(WORKERS, os.cpu_count() or 1) if forks(device) else 0
    context = "fork" if workers else None
    return DataLoader(batches, None, sampler=order, num_workers=workers, multiprocessing_context=context)


class Batch(NamedTuple):
    """What a step of training takes, in [0, 1]: hints ``[B, C', H', W']``, targets ``[B, C, H, W]``, the same
    unless the task is to translate, and the canvases to draw on.
    """

    hint: Tensor
    target: Tensor
    before: Tensor


class Batches(Protocol):
    """Where training batches come from."""

    def __call__(self, done: float) -> Batch:
        """The next batch, when the share ``done`` of the run is over."""
        ...

    def drawn(self, actions: np.ndarray) -> None:
        """What was drawn in the last batch, ``[B, strokes, n]``; to be called after each."""
        ...

    def restart(self, seed: Seed) -> None:
        """Begin anew, with another seed."""
        ...


def make_batches(recipe: Recipe, seed: Seed, device: torch.device) -> Batches:
    """The training batches of a recipe: this process' share of them."""
    return (Windows if recipe.stride else Pictures)(recipe, seed, device)


def any_width(pictures: Tensor) -> Tensor:
    """Pictures ``[B, 1, H, W]`` of light lines on black: of each four one with lines 2 px thinner, one 2 px
    and one 4 px thicker; as they are where little would be left.
    """
    n = len(pictures) // 4
    thin, thick, thicker, rest = pictures.split([n, n, n, len(pictures) - 3 * n])
    worn = -F.max_pool2d(-thin, 3, 1, 1)
    enough = worn.sum((1, 2, 3), keepdim=True) > 0.2 * thin.sum((1, 2, 3), keepdim=True)
    thin = torch.where(enough, worn, thin)
    thick = F.max_pool2d(thick, 3, 1, 1)
    thicker = F.max_pool2d(thicker, 3, 1, 1)  # then by a cross: nearly round
    thicker = torch.maximum(
        F.max_pool2d(thicker, (3, 1), 1, (1, 0)), F.max_pool2d(thicker, (1, 3), 1, (0, 1))
    )
    return torch.cat([thin, thick, thicker, rest])


def augmented(pictures: Tensor, mirror: bool, much: float = 1.0) -> Tensor:
    """Pictures ``[B, C, H, W]`` each turned, scaled, sheared and shifted a little at random.

    Args:
        pictures: in [0, 1].
        mirror: also mirrored and turned by quarters: an unseen alphabet's strokes look like the
            known ones' from another side.
        much: 1: by up to 20 degrees, a fifth, a fifth and a twelfth.
    """
    n, device = len(pictures), pictures.device
    u = (torch.rand(5, n, device=device) * 2 - 1) * much
    turn, scale, shear, shift = u[0] * 0.35, torch.exp(u[1] * 0.2), u[2] * 0.2, u[3:5] * 0.08
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    linear = torch.stack([cos, shear - sin, sin, cos], 1).view(n, 2, 2)
    if mirror:
        linear = linear * (torch.randint(0, 2, (n, 1, 2), device=device) * 2 - 1)  # along either axis
        turned = torch.rand(n, 1, 1, device=device) < 0.5
        linear = torch.where(turned, linear.flip(2), linear)  # along a diagonal
    theta = torch.cat([linear, shift.T.unsqueeze(2)], 2)  # [B, 2, 3]
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)


class Pictures(Dataset):
    """Batches of a recipe that draws a picture at once; on Linux a GPU gets them from processes of their own.

    Args:
        recipe: says which targets, how many symbols among them, and how to vary them.
        seed: of the choice and the variation.
        device: of the batches.
    """

    def __init__(self, recipe: Recipe, seed: Seed, device: torch.device):
        renderer = recipe.renderer()
        self.recipe, self.device = recipe, device
        self.size = -(-recipe.train.batch // processes.count())
        self.targets = load_targets(f"{recipe.targets}:train", recipe.size, renderer)
        self.symbols = Symbols(recipe.size, thickness=(3.5, 5.5)).in_color(renderer.shown)
        blank = to_unit(renderer.blank(1, recipe.size), device)
        self.before = blank.expand(self.size, -1, -1, -1)
        self.restart(seed)

    def restart(self, seed: Seed) -> None:
        """Begin anew, with another seed."""
        self.seed = seed if isinstance(seed, tuple) else (seed,)
        self.batches = iter(loaded(self, itertools.count(), self.device))

    def __getitem__(self, index: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Hints and targets of a batch, uint8 ``[k, C, H, W]``; symbols apart."""
        rng = np.random.default_rng((*self.seed, index))
        built_in = round(self.recipe.data.symbols * self.size)
        hints, targets = self.targets.sample_pairs(self.size - built_in, rng)
        if hints is not None and self.recipe.translates:
            return [(hints, targets)]
        parts = [(targets, targets)]
        if built_in:
            symbols = self.symbols.sample(built_in, rng)
            parts.append((symbols, symbols))
        return parts

    def __call__(self, done: float) -> Batch:
        data, parts = self.recipe.data, next(self.batches)
        if self.recipe.translates:
            ((hints, targets),) = parts
            hint = resized(hints, self.recipe.hint_side, self.device)
            return Batch(hint, resized(targets, self.recipe.size, self.device), self.before)
        pictures, *symbols = (to_unit(targets, self.device) for _, targets in parts)
        if data.augment:
            pictures = augmented(pictures, done < data.mirror_until, data.augment)
        if data.widths:
            pictures = any_width(pictures)
        pictures = torch.cat([pictures, *symbols])
        return Batch(pictures, pictures, self.before)

    def drawn(self, actions: np.ndarray) -> None:
        """Of no use here."""


def random_crop(
    pictures: np.ndarray, side: int, rng: np.random.Generator, spread: float = 0.35
) -> np.ndarray:
    """A part of a picture with ink in it, mirrored, turned by quarters and scaled at random.

    Args:
        pictures: uint8 ``[N, C, H, W]``; of the first channel.
        side: of the part in pixels.
        rng: of the choice.
        spread: of the logarithm of the scale.

    Returns:
        uint8 ``[side, side]``.

    Raises:
        ValueError: the pictures have almost no ink.
    """
    for _ in range(10_000):
        picture = pictures[rng.integers(len(pictures)), 0]
        zoom = np.exp(rng.uniform(-spread, spread))
        cut = min(round(side * zoom), *picture.shape)
        top, left = (rng.integers(across - cut + 1) for across in picture.shape)
        part = picture[top : top + cut, left : left + cut]
        if part.mean() < 255 * LEAST_INK:
            continue
        part = np.asarray(Image.fromarray(part).resize((side, side), Image.Resampling.BILINEAR))
        part = np.rot90(part, int(rng.integers(4)))
        return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)
    raise ValueError("the pictures to draw have almost no ink (light on black)")


class Crops:
    """Crops of training pictures, drawn phase by phase by the drawer that is being trained.

    Args:
        recipe: says which stride and levels; about its ``batch`` windows make a phase of all crops.
        pictures: uint8 ``[N, C, H, W]``.
        seed: of the choice and the variation.
    """

    def __init__(self, recipe: Recipe, pictures: np.ndarray, seed: tuple[int, ...]):
        self.recipe, self.pictures, self.rng = recipe, pictures, np.random.default_rng(seed)
        self.renderer = recipe.renderer()
        largest = max(level for level, _ in recipe.levels)
        self.side = int(recipe.size * (1 + 2 * largest))  # of a crop: a few windows of each level
        # Of the windows of a phase about half have ink in them.
        batch = -(-recipe.train.batch // processes.count())
        self.crops = max(2 * batch // (self.side // recipe.size) ** 2, 1)
        self.phases = self._phases()

    def _phases(self) -> Generator[list, Any, None]:
        size, stride = self.recipe.size, self.recipe.stride
        while True:
            inks = [random_crop(self.pictures, self.side, self.rng) for _ in range(self.crops)]
            strokes: list[np.ndarray | None] = [None] * len(inks)
            for level, least in self.recipe.levels:
                pages = [
                    Page(ink, self.renderer, int(size * level), int(stride * level), old, LEAST_INK)
                    for ink, old in zip(inks, strokes, strict=True)
                ]
                # Once after the other, then once more with all the neighbours in place.
                phases = list(zip(*(page.phases() for page in pages), strict=True))
                for turn, together in [(turn, phase) for turn in range(2) for phase in phases]:
                    parts = [(p, w) for p, w in zip(pages, together, strict=True) if len(w)]
                    if not parts:
                        continue
                    for page, windows in parts if turn else []:
                        page.erase(windows)
                    actions = yield parts
                    keep = worth_painting(parts, actions, None, least)
                    ends = np.cumsum([len(windows) for _, windows in parts])[:-1]
                    each = zip(parts, np.split(actions, ends), np.split(keep, ends), strict=True)
                    for (page, windows), own, kept in each:
                        page.paint(windows, own, kept)
                strokes = [page.strokes for page in pages]

    def next(self, actions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Draw the last phase's strokes, and cut the next one's windows: targets and canvases, uint8."""
        parts = self.phases.send(actions)
        targets = np.concatenate([page.cut(page.ink, windows) for page, windows in parts])
        return targets, np.concatenate([page.cut(page.canvas, windows) for page, windows in parts])


_worker = threading.local()  # the crops of a worker, be it a thread or a process


def _begin(*arguments) -> None:
    _worker.crops = Crops(*arguments)


def _next(actions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    return _worker.crops.next(actions)


class Windows:
    """Batches of a recipe that slides: windows as drawing meets them, with the neighbours' ink on their
    canvases.

    Several groups of crops take turns: while a step goes on with one, workers draw the others' strokes.

    Args:
        recipe: says which pictures; see ``Crops``.
        seed: of the choice and the variation.
        device: of the batches.
    """

    def __init__(self, recipe: Recipe, seed: Seed, device: torch.device):
        self.recipe, self.device = recipe, device
        targets = load_pictures(f"{recipe.targets}:train", recipe.picture_size, recipe.renderer())
        self.pictures, self.groups = targets.images, deque[tuple[Executor, Future]]()
        self.restart(seed)

    def restart(self, seed: Seed) -> None:
        """Begin anew, with another seed."""
        for worker, windows in self.groups:
            windows.cancel()
            worker.shutdown(wait=False)
        self.groups.clear()
        seeds = seed if isinstance(seed, tuple) else (seed,)
        for k in range(WORKERS):
            begin = self.recipe, self.pictures, (*seeds, k)
            if forks(self.device):
                context = multiprocessing.get_context("fork")
                worker = ProcessPoolExecutor(1, context, _begin, begin)
            else:
                worker = ThreadPoolExecutor(1, initializer=_begin, initargs=begin)
            self.groups.append((worker, worker.submit(_next, None)))

    def __call__(self, done: float) -> Batch:
        _, windows = self.groups[0]
        target, before = (resized(x, self.recipe.size, self.device) for x in windows.result())
        return Batch(target, target, before)

    def drawn(self, actions: np.ndarray) -> None:
        """The next batch of the same crops has canvases that show what was drawn in their last one."""
        worker, _ = self.groups.popleft()
        self.groups.append((worker, worker.submit(_next, actions)))
