"""Dirt on paper: rulings, stains, shade and whatever else makes lines hard to see, generated.

A kind of dirt is a function of the paper's lightness (float32 ``[H, W]``, 1 is white, lines are dark), a
generator and a strength from 0, none, to 1, much. Lengths are in px: lines are meant to be 1.5 to 8 px wide.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from drawenv.targets.base import ArrayTargets

Kind = Callable[[np.ndarray, np.random.Generator, float], np.ndarray]


def _smooth(shape: tuple[int, ...], cell: float, rng: np.random.Generator) -> np.ndarray:
    """Random values about 0 and mostly within 1, smooth over ``cell`` px: float32 of that shape."""
    grid = rng.standard_normal([int(side / cell) + 3 for side in shape]).astype(np.float32)
    scale = [side / (n - 2) for side, n in zip(shape, grid.shape, strict=True)]
    at = np.ix_(*[np.arange(side, dtype=np.float32) / s + 0.5 for side, s in zip(shape, scale, strict=True)])
    return map_coordinates(grid, np.broadcast_arrays(*at), order=2, mode="nearest", prefilter=False)


def _faint(paper, rng, strength):
    """Less ink: 0.2 of it at 1."""
    return 1 - (1 - paper) * (1 - 0.8 * strength)


def _holes(paper, rng, strength):
    """Squares without ink, of 2 px to 4 at 1, and of these twelve on 64x64."""
    side, paper = round(2 + 2 * strength), paper.copy()
    count = round(12 * strength * paper.size / 64**2)
    for top, left in rng.integers(0, [max(s - side, 1) for s in paper.shape], (count, 2)):
        paper[top : top + side, left : left + side] = 1
    return paper


def _ruled(paper, rng, strength, tilt=0.02, most=36):
    """Parallel lines, two times in five crossing ones too, nearly along the sides, so far apart at most."""
    y, x = np.indices(paper.shape, np.float32)
    turn, space = rng.normal(0, tilt), rng.uniform(8, most)
    width, dark = rng.uniform(0.7, 2.0), strength * rng.uniform(0.5, 0.9)
    both = rng.random() < 0.4
    along = [x, y] if both else [[x, y][rng.random() < 0.7]]
    for a in along:
        across = a + turn * (y if a is x else -x) + rng.uniform(0, space)
        away = np.abs((across + space / 2) % space - space / 2)
        paper = paper * (1 - dark * np.clip(width / 2 + 0.5 - away, 0, 1))
    return paper


def _stained(paper, rng, strength):
    """Blots and rings."""
    y, x = np.indices(paper.shape, np.float32)
    for _ in range(rng.integers(1, 3 + paper.size // 200**2)):
        radius, top, left = rng.uniform(10, 80), *(rng.uniform(0, side) for side in paper.shape)
        away = np.hypot(y - top, x - left) - radius * (1 + 0.15 * _smooth(paper.shape, radius, rng))
        dark = strength * rng.uniform(0.2, 0.7)
        edge, ring = rng.uniform(1, 6), rng.random() < 0.4
        shape = np.exp(-np.square(away / (edge / 2))) if ring else np.clip(0.5 - away / edge, 0, 1)
        paper = paper * (1 - dark * shape)
    return paper


def _shaded(paper, rng, strength):
    """Light that falls from one side, and uneven; at 1 a third of it in the darkest place."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in paper.shape)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x[None] + np.sin(angle) * y[:, None]
    dark = 0.5 + 0.35 * slope + 0.25 * _smooth(paper.shape, max(paper.shape) / rng.uniform(1, 4), rng)
    return paper * (1 - 0.65 * strength * np.clip(dark, 0, 1))


def _bled(paper, rng, strength, other):
    """What is on the other side shows through, mirrored and blurred."""
    through = gaussian_filter(1 - other[:, ::-1], rng.uniform(0.5, 2.0))
    return paper * (1 - 0.6 * strength * through)


def _blurred(paper, rng, strength):
    return gaussian_filter(paper, 1.2 * strength)


def _noisy(paper, rng, strength):
    """Grain, and specks of dust."""
    shape = paper.shape
    grain = rng.standard_normal(shape).astype(np.float32)
    if rng.random() < 0.5:
        grain = 2 * gaussian_filter(grain, 0.7)
    specks = rng.random(shape) < 0.004 * strength * rng.random()
    dust = gaussian_filter(specks.astype(np.float32), 0.6) * 2
    return np.clip((paper + 0.15 * strength * grain) * (1 - np.clip(dust, 0, 0.8)), 0, 1)


def _pressed(paper, rng, strength):
    """JPEG, of quality 10 at 1."""
    file = io.BytesIO()
    pixels = Image.fromarray((np.clip(paper, 0, 1) * 255 + 0.5).astype(np.uint8))
    pixels.save(file, "JPEG", quality=round(90 - 80 * strength))
    return np.asarray(Image.open(file), np.float32) / 255


# In the order in which they come over a drawing.
KINDS: dict[str, Kind] = {
    "faint": _faint, "holes": _holes, "ruled": _ruled, "stained": _stained, "shaded": _shaded,
    "blurred": _blurred, "noisy": _noisy, "pressed": _pressed,
}  # fmt: skip


def soiled(
    ink: np.ndarray, rng: np.random.Generator, strengths: Mapping[str, float], other: np.ndarray | None = None
) -> np.ndarray:
    """A drawing with dirt on its paper.

    Args:
        ink: uint8 ``[H, W]``, light ink on black.
        rng: of the dirt.
        strengths: of each kind, by its name in ``KINDS``, or "lined": rulings that may lie farther apart, and
            aslant, as in photographs. No network here has learned that.
        other: what is on the other side of the paper, as large, if it shows through ("bled").

    Returns:
        uint8 ``[H, W]``, light on black too: paper that is not white becomes gray.
    """
    kinds = KINDS | {"lined": partial(_ruled, tilt=0.06, most=96)}
    if other is not None:
        kinds["bled"] = partial(_bled, other=1 - other / np.float32(255))
    unknown = set(strengths) - set(kinds)
    if unknown:
        raise ValueError(f"no kind of dirt: {', '.join(unknown)}; there are {', '.join(kinds)}")
    paper = 1 - ink / np.float32(255)
    order = ["faint", "holes", "bled", "lined", *list(KINDS)[2:]]
    for name in order:
        if strengths.get(name):
            paper = kinds[name](paper, rng, strengths[name])
    return ((1 - np.clip(paper, 0, 1)) * 255 + 0.5).astype(np.uint8)


def any_dirt(rng: np.random.Generator) -> dict[str, float]:
    """Some kinds of dirt at random, from none of them to nearly half, of any strength; rulings and holes, the
    hardest to tell from lines, more often.
    """
    share, often = rng.choice([0.0, 0.15, 0.3, 0.45]), ("ruled", "holes")
    return {
        name: rng.random() ** 0.5
        for name in (*KINDS, "bled") if rng.random() < share * (1 + (name in often))
    }  # fmt: skip


# Of pictures to measure with, of each name.
MEASURED: dict[str, dict[str, float]] = {
    "ruled": {"ruled": 1.0}, "holes": {"holes": 1.0}, "faint": {"faint": 0.875},
    "shaded": {"shaded": 0.8, "bled": 0.6}, "photographed": {"lined": 1.0, "shaded": 0.6, "noisy": 0.3},
}  # fmt: skip


def load_dirty(split: str, size: int, load: Callable[[str, int], ArrayTargets], name: str) -> ArrayTargets:
    """Pictures of a split, and as their hints the same with dirt, one each time: that of ``MEASURED``, or
    ``"dirty"``: two kinds or more at random.
    """
    pictures, hints = load(split, size), []
    for i, ink in enumerate(pictures.images[:, 0]):
        rng = np.random.default_rng((64_065, i))
        strengths = dict(MEASURED.get(name, {}))
        while len(strengths) < (name == "dirty") * 2:
            strengths = any_dirt(rng)
        hints.append(soiled(ink, rng, strengths, pictures.images[i - 1, 0]))
    return ArrayTargets(pictures.images, pictures.strokes, np.stack(hints)[:, None])
