"""The network that cleans a page: what its lines would be on white paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_dilation, grey_opening
from scipy.signal import find_peaks
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from drawenv.middle_lines import inkiest
from drawenv.targets.dirt import any_dirt, soiled

from .data import random_crop
from .page import shrink
from .pairs import fit_pairs
from .unet import PixelNorm, UNet

# Of the crops it learns from; of other sides so many as have as many pixels.
SIDE, BATCH = 128, 16
SIDES = (SIDE, SIDE // 2, SIDE, 2 * SIDE)  # of one batch and the next
THICK = 33  # px: what is thinner is a line, what is not is paper
TILE, MARGIN = 1024, 96  # px: of larger pages parts of half that side are cleaned, and see so much around
LARGER = 5 / 4  # times the copy is in which a dirty page without rulings is cleaned, too
AGAIN = 2  # times a dirty page is cleaned again at most, until it stays as it is
# Of pages with rulings.
FAR, ASLANT = 36, 3  # px, degrees: from so far apart and aslant on they were not learned
SMALLER = 5 / 3  # times the copy is in which those far apart are seen, too
AROUND = 9  # px there: of so many ink must be one that stays
TURN = 12  # degrees: so far aslant they are looked for
CLEARLY = 3.0  # times more than usual differ rows or columns of a page whose rulings lie straight
FAINT = 0.2  # of the ink: rulings are as dark, or darker
SAME = 0.02  # a page that would change by less, as a share of its squared ink, is clean and stays as it is


class CleanNetwork(UNet):
    """A U-net of what ``levelled`` gives, ``[B, 2, H, W]``, sides multiples of 16: logits of the clean ink.

    It says what to change: at first a page stays as it is, its ink made full. It sees ``MARGIN`` px around
    each, and nothing of the rest of the page.

    Args:
        width: channels at half the page's resolution.
    """

    def __init__(self, width: int):
        super().__init__(2, 1, 2, width, PixelNorm)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 4 * (x[:, 1:] - 0.5)


def _paper(page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of a page ``[H, W]`` in [0, 1] what is thin, and what is not."""
    thin = gaussian_filter(page, 0.7)
    paper = grey_opening(thin, THICK)
    thin -= paper
    return thin, paper


def _level(page: np.ndarray, lines: np.ndarray, paper: np.ndarray) -> float:
    """How strong the ink of a page in [0, 1] is, given what ``_paper`` gave."""
    strong = lines >= 0.7 * np.quantile(lines, 0.9995)  # not rulings, nor what shows through from behind
    return max(float(np.median(page[strong] - paper[strong])), 1 / 255)


def levelled(ink: np.ndarray, level: float | None = None) -> np.ndarray:
    """A page uint8 ``[H, W]``, light on black, as float32 ``[2, H, W]``: as it is, and without its paper and
    with its ink made full. How faint ink is shows in the whole page, not in what a network sees of it: of a
    part of one the page's ``level`` is given.
    """
    page = ink / np.float32(255)
    lines, paper = _paper(page)
    level = _level(page, lines, paper) if level is None else level
    return np.stack([page, np.clip((page - paper) / level, 0, 1.25)])


def full(ink: np.ndarray) -> np.ndarray:
    """A clean page uint8 ``[H, W]`` with its ink made full, likewise: a crop of gray lines alone could be of
    faint ones.
    """
    page = ink / np.float32(255)
    return (np.clip(page / _level(page, *_paper(page)), 0, 1) * 255 + 0.5).astype(np.uint8)


def _turned(ink: np.ndarray, angle: int, filter=Image.Resampling.BICUBIC) -> np.ndarray:
    return np.asarray(Image.fromarray(ink).rotate(angle, filter))


def rulings(ink: np.ndarray) -> tuple[int, float] | None:
    """How rulings lie on a page uint8 ``[H, W]``, light on black; None if it seems to have none.

    Returns:
        By how many degrees, counter-clockwise, it is to be turned until they lie along its sides; and how
        many px they are apart.
    """
    scale = max(max(ink.shape) / 256, 1.0)
    faint = levelled(shrink(ink, scale))[1].clip(0, FAINT)  # ink counts no more
    faint = (faint * 255 / FAINT).astype(np.uint8)

    def rough(sums: np.ndarray) -> float:
        return float(np.square(np.diff(sums)).sum())

    profiles = []  # sums of rows, or of columns: where rulings lie straight they differ most from the next
    for angle in range(-TURN, TURN + 1):
        turned = _turned(faint, angle, Image.Resampling.BILINEAR)
        profiles.append(max((turned.sum(axis, float) for axis in (0, 1)), key=rough))
    best = max(range(len(profiles)), key=lambda k: rough(profiles[k]))
    if rough(profiles[best]) <= CLEARLY * np.median(list(map(rough, profiles))):
        return None
    lines, _ = find_peaks(profiles[best], prominence=0.35 * profiles[best].max())
    return best - TURN, scale * float(np.median(np.diff(lines))) if len(lines) > 1 else float(max(ink.shape))


def clean(network: CleanNetwork, ink: np.ndarray) -> np.ndarray:
    """The lines of a page uint8 ``[H, W]``, light on black, without the dirt: likewise. What was dirty is
    cleaned again, until it stays. A page without rulings is also seen larger. Rulings farther apart than the
    network learned, or aslant, it does not know: where such are, it also sees the page smaller, or turned.
    """
    once = _cleaned(network, ink)
    if once is ink:
        return ink
    angle, apart = rulings(ink) or (0, 0.0)
    if not apart:
        once = _also_larger(network, ink, once)
    if abs(angle) < ASLANT:
        once = _also_smaller(network, ink, once, apart)
    else:
        edge = int(max(ink.shape) * np.sin(np.deg2rad(abs(angle))) / 2) + 2
        turned = _turned(np.pad(ink, edge, "edge"), angle)
        lines = _turned(_also_smaller(network, turned, _cleaned(network, turned), apart), -angle)
        once = np.minimum(once, lines[edge:-edge, edge:-edge])
    for _ in range(AGAIN):
        # Ink is full by now; else what is left of dirt on blank paper would be made as dark.
        before, once = once, _cleaned(network, once, 1.0)
        if once is before:
            break
    return once


def _also_larger(network: CleanNetwork, ink: np.ndarray, once: np.ndarray) -> np.ndarray:
    """The mean of a page that was cleaned ``once`` and of a larger copy, cleaned upside down: what is
    doubtful may look otherwise there.
    """
    lines = Image.fromarray(_cleaned(network, shrink(ink[::-1, ::-1], 1 / LARGER))).rotate(180)
    lines = lines.resize(ink.shape[::-1], Image.Resampling.BICUBIC)
    return np.asarray(Image.blend(Image.fromarray(once), lines, 0.5))


def _also_smaller(network: CleanNetwork, ink: np.ndarray, once: np.ndarray, apart: float) -> np.ndarray:
    """Of a page that was cleaned ``once`` that which is ink in a smaller copy, too, if its rulings are so far
    apart that the copy shows them as the network learned them.
    """
    if apart <= FAR:
        return once
    lines = grey_dilation(_cleaned(network, shrink(ink, SMALLER)), (AROUND, AROUND))
    lines = Image.fromarray(lines).point(lambda v: 2.5 * v)
    return np.minimum(once, np.asarray(lines.resize(ink.shape[::-1], Image.Resampling.BICUBIC)))


@torch.no_grad()
def _cleaned(network: CleanNetwork, ink: np.ndarray, level: float | None = None) -> np.ndarray:
    """``clean``, once, of a page whose ink is so strong; a page that is clean is given back itself."""
    device, out = next(network.parameters()).device, np.empty_like(ink)
    side = TILE
    if max(ink.shape) > TILE:
        side = TILE // 2  # for the memory
        if level is None:  # the inkiest part tells for all
            page = inkiest(ink) / np.float32(255)
            level = _level(page, *_paper(page))
    change = whole = 0.0  # squared
    for top in range(0, ink.shape[0], side):
        for left in range(0, ink.shape[1], side):
            first = [max(at - MARGIN, 0) for at in (top, left)]
            part = levelled(ink[first[0] : top + side + MARGIN, first[1] : left + side + MARGIN], level)
            right, below = -part.shape[2] % 16, -part.shape[1] % 16
            padded = np.pad(part, ((0, 0), (0, below), (0, right)), "edge")[None]
            shown = torch.sigmoid(network(torch.from_numpy(padded).to(device)))
            pixels = shown.mul(255).round().byte().cpu().numpy()[0, 0]
            own = out[top : top + side, left : left + side]
            own[:] = pixels[top - first[0] :, left - first[1] :][: own.shape[0], : own.shape[1]]
            before = ink[top : top + side, left : left + side].astype(np.float32)
            change, whole = change + np.square(own - before).sum(), whole + np.square(before).sum()
    return ink if change < SAME * whole else out


def dirty_crop(
    pictures: np.ndarray, rng: np.random.Generator, side: int = SIDE
) -> tuple[np.ndarray, np.ndarray]:
    """A part of a picture uint8 ``[N, 1, H, W]`` with dirt, and without, each uint8 ``[side, side]``; one in
    twelve is blank paper, on both sides: ink that shows through it alone could be faint ink.
    """
    blank = rng.random() < 1 / 12
    ink = np.zeros((side, side), np.uint8) if blank else random_crop(pictures, side, rng, 0.5)
    strengths = max(any_dirt(rng), any_dirt(rng), key=len)  # clean pages are soon learned
    if blank:
        strengths.pop("bled", None)
    other = random_crop(pictures, side, rng, 0.5) if "bled" in strengths else None
    return soiled(ink, rng, strengths, other), full(ink)


class _Crops(Dataset):
    """Batches of ``dirty_crop`` by their number: what a network sees, ``[k, 2, side, side]``, and what it
    should see, ``[k, 1, side, side]``.
    """

    def __init__(self, pictures: np.ndarray, seed: int):
        self.pictures, self.seed = pictures, seed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng, side = np.random.default_rng((self.seed, index)), SIDES[index % len(SIDES)]
        pairs = [dirty_crop(self.pictures, rng, side) for _ in range(max(BATCH * SIDE**2 // side**2, 1))]
        dirty, clean = map(np.stack, zip(*((levelled(crop), ink[None]) for crop, ink in pairs), strict=True))
        return torch.from_numpy(dirty), torch.from_numpy(clean)


def clean_error(network: CleanNetwork, pictures: np.ndarray, n: int = 256) -> float:
    """Squared error of cleaned crops of pictures uint8 ``[N, 1, H, W]``, as a share of blank paper's."""
    rng, wrong, blank = np.random.default_rng(987_654_321), 0.0, 0.0
    for _ in range(n):
        dirty, wanted = dirty_crop(pictures, rng)
        wrong += float(np.square(clean(network, dirty) - wanted.astype(np.float32)).sum())
        blank += float(np.square(wanted, dtype=np.float32).sum())
    return wrong / blank


def fit_cleaner(
    network: CleanNetwork, pictures: np.ndarray, crops: int, seed: int, state_file: Path,
    report: Callable[[int, float], None] | None = None,
) -> None:  # fmt: skip
    """Teach a network to clean crops of pictures that were soiled; it is frozen afterwards.

    Args:
        network: changed in place.
        pictures: clean ones, uint8 ``[N, 1, H, W]``, light ink on black.
        crops: how many it learns from; larger and smaller ones count by their pixels.
        seed: of crops and dirt.
        state_file: what to resume from, if it is there.
        report: called with the crops seen and the loss of the last batch.
    """

    def loss(made: Tensor, wanted: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(made, wanted / 255)

    fit_pairs(network, _Crops(pictures, seed), loss, crops, BATCH, seed, state_file, report)
