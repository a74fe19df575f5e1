"""Training batches: pictures, and windows of pages, behind one interface, on a device."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from agents import processes
from agents.canvas import resized, to_unit
from agents.page import INK, Page
from agents.recipes import Recipe
from drawenv import Symbols, load_pictures, load_targets

Seed = int | tuple[int, ...]


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

    def drawn(self, actions: Tensor) -> None:
        """What was drawn in the last batch, ``[B, strokes, n]``."""
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


def augmented(pictures: Tensor, mirror: bool) -> Tensor:
    """Pictures ``[B, C, H, W]`` each turned, scaled, sheared and shifted a little at random.

    Args:
        pictures: in [0, 1].
        mirror: also mirrored and turned by quarters: an unseen alphabet's strokes look like the
            known ones' from another side.
    """
    n = len(pictures)
    device = pictures.device
    u = torch.rand(5, n, device=device) * 2 - 1
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


class Pictures:
    """Batches of a recipe that draws a picture at once.

    Args:
        recipe: says which targets, how many symbols among them, and how to vary them.
        seed: of the choice and the variation.
        device: of the batches.
    """

    def __init__(self, recipe: Recipe, seed: Seed, device: torch.device):
        renderer = recipe.renderer()
        self.recipe, self.rng, self.device = recipe, np.random.default_rng(seed), device
        self.size = -(-recipe.train.batch // processes.count())
        self.targets = load_targets(f"{recipe.targets}:train", recipe.size * max(recipe.data.zooms), renderer)
        self.symbols = Symbols(recipe.size, thickness=(3.5, 5.5)).in_color(renderer.shown)
        blank = to_unit(renderer.blank(1, recipe.size), device)
        self.before = blank.expand(self.size, -1, -1, -1)

    def __call__(self, done: float) -> Batch:
        data = self.recipe.data
        built_in = round(data.symbols * self.size)
        hints, targets = self.targets.sample_pairs(self.size - built_in, self.rng)
        if hints is not None:
            return Batch(*self._windows(hints, targets), self.before)
        pictures = to_unit(targets, self.device)
        if data.augment:
            pictures = augmented(pictures, mirror=done < data.mirror_until)
        if data.widths:
            pictures = any_width(pictures)
        if built_in:
            symbols = to_unit(self.symbols.sample(built_in, self.rng), self.device)
            pictures = torch.cat([pictures, symbols])
        return Batch(pictures, pictures, self.before)

    def _windows(self, hints: np.ndarray, targets: np.ndarray) -> tuple[Tensor, Tensor]:
        """A window of one of the recipe's zooms, anywhere in each hint and in its target."""
        whole, ratio = targets.shape[-1], hints.shape[-1] / targets.shape[-1]
        parts: dict[int, list[tuple[int, ...]]] = {}  # zoom: index, top and left of windows of targets
        for i in range(len(targets)):
            zoom = int(self.rng.choice(self.recipe.data.zooms))
            corner = self.rng.integers(whole - whole // zoom + 1, size=2).tolist()
            parts.setdefault(zoom, []).append((i, *corner))

        def cut(pictures: np.ndarray, side: float, times: float, zoom: int) -> np.ndarray:
            windows = []
            for i, *corner in parts[zoom]:
                top, left = (round(at * times) for at in corner)
                windows.append(pictures[i, :, top : top + round(side), left : left + round(side)])
            return np.stack(windows)

        hint, target = [], []
        for zoom in parts:
            side = whole // zoom
            hint.append(resized(cut(hints, side * ratio, ratio, zoom), self.recipe.hint_side, self.device))
            target.append(resized(cut(targets, side, 1, zoom), self.recipe.size, self.device))
        return torch.cat(hint), torch.cat(target)

    def drawn(self, actions: Tensor) -> None:
        """Of no use here."""


class Windows:
    """Batches of a recipe that slides: windows as drawing meets them, with the neighbours' ink on their
    canvases.

    Crops of training pictures are drawn phase by phase by the drawer that is being trained; the windows of
    a phase are a batch. While a step goes on, its strokes are drawn in a thread of their own.

    Args:
        recipe: says which pictures, stride and levels; about its ``batch`` windows make a batch.
        seed: of the choice and the variation.
        device: of the batches.
    """

    def __init__(self, recipe: Recipe, seed: Seed, device: torch.device):
        self.recipe, self.rng, self.device = recipe, np.random.default_rng(seed), device
        self.renderer = recipe.renderer()
        self.pictures = load_pictures(f"{recipe.targets}:train", recipe.picture_size, self.renderer).images
        largest = max(level for level, _ in recipe.levels)
        self.side = int(recipe.size * (1 + 2 * largest))  # of a crop: a few windows of each level
        # Of the windows of a phase about half have ink in them.
        batch = -(-recipe.train.batch // processes.count())
        self.crops = max(2 * batch // (self.side // recipe.size) ** 2, 1)
        self.phases, self.thread = self._generate(), ThreadPoolExecutor(1)
        self.next: Future = self.thread.submit(self._cut, None)

    def crop(self) -> np.ndarray:
        """One crop with ink in it, mirrored, turned by quarters and scaled at random, uint8."""
        for _ in range(10_000):
            picture = self.pictures[self.rng.integers(len(self.pictures)), 0]
            zoom = np.exp(self.rng.uniform(-0.35, 0.35))
            cut = min(round(self.side * zoom), *picture.shape)
            top, left = (self.rng.integers(side - cut + 1) for side in picture.shape)
            part = picture[top : top + cut, left : left + cut]
            if part.mean() < 255 * INK:
                continue
            filter = Image.Resampling.BILINEAR
            part = np.asarray(Image.fromarray(part).resize((self.side, self.side), filter))
            part = np.rot90(part, int(self.rng.integers(4)))
            return np.ascontiguousarray(part[:, ::-1] if self.rng.random() < 0.5 else part)
        raise ValueError(f"the pictures of {self.recipe.targets} have almost no ink (light on black)")

    def _generate(self):
        size, stride = self.recipe.size, self.recipe.stride
        while True:
            inks = [self.crop() for _ in range(self.crops)]
            strokes: list[np.ndarray | None] = [None] * len(inks)
            for level, least in self.recipe.levels:
                pages = [
                    Page(ink, self.renderer, int(size * level), int(stride * level), old)
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
                    for page, windows in parts:
                        own, actions = np.split(actions, [len(windows)])
                        page.paint(windows, own, None, least, self.recipe.price)
                strokes = [page.strokes for page in pages]

    def _cut(self, actions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Draw the last phase's strokes, and cut the next one's windows: targets and canvases, uint8."""
        parts = self.phases.send(actions)
        targets = np.concatenate([page.cut(page.ink, windows) for page, windows in parts])
        return targets, np.concatenate([page.cut(page.canvas, windows) for page, windows in parts])

    def __call__(self, done: float) -> Batch:
        target, before = (resized(x, self.recipe.size, self.device) for x in self.next.result())
        return Batch(target, target, before)

    def drawn(self, actions: Tensor) -> None:
        """The next batch's canvases show what was drawn in the last one."""
        self.next = self.thread.submit(self._cut, actions.cpu().numpy())
