"""Random scenes of a few coloured shapes, endless, with nothing to download: prisms and frames."""

from __future__ import annotations

import numpy as np

from drawenv.compiled import compiled
from drawenv.drawing import draw_kept
from drawenv.renderers import HollowRectangleRenderer, PrismRenderer, RectangleRenderer, Renderer
from drawenv.renderers.color import rgb_to_lab
from drawenv.renderers.prism import VIEWS
from drawenv.targets.base import ArrayTargets, Targets, check_split
from drawenv.tasks.boxes import box_scores

_TEST_SIZE, _TEST_SEED = 1000, 3_333


@compiled
def _stack(rng: np.random.Generator, most: int) -> np.ndarray:
    """``most`` touching boxes at most, low and high corners ``[k, 6]``: see ``Blocks``."""
    boxes = np.empty((most, 6))
    for i in range(3):
        boxes[0, 3 + i] = rng.uniform(6, 30)
    for i in range(3):
        boxes[0, i] = rng.uniform(12, 52 - boxes[0, 3 + i])
        boxes[0, 3 + i] += boxes[0, i]
    k, flush, sides, new = 1, np.empty(3), np.empty(3), np.empty(6)
    for _ in range(40 * most):
        if k == most:
            break
        base, axis = boxes[rng.integers(0, k)], rng.integers(0, 3)
        for i in range(3):
            flush[i] = rng.random()
        for i in range(3):
            side = rng.uniform(6, 30)
            sides[i] = base[3 + i] - base[i] if flush[i] < 0.5 else side
        for i in range(3):
            middle = rng.uniform(base[i], base[3 + i])
            new[i] = base[i] if flush[i] < 0.5 else middle - sides[i] / 2
        new[axis] = base[3 + axis] if rng.random() < 0.5 else base[axis] - sides[axis]
        new[3:] = new[:3] + sides
        fits = new.min() >= 2 and new.max() <= 62
        for other in boxes[:k]:
            fits = fits and ((other[3:] <= new[:3] + 1e-6) | (new[3:] <= other[:3] + 1e-6)).any()
        if fits:
            boxes[k] = new
            k += 1
    return boxes[:k]


class Scenes(Targets):
    """An endless generator of scenes.

    Args:
        size: side of the pictures in pixels.
        fewest: shapes of a scene at least.
        most: and at most.
    """

    renderer: Renderer
    score = None  # drawings and shapes to figures, of scenes that have any

    def __init__(self, size: int = 64, fewest: int = 1, most: int = 3):
        self.size, self.fewest, self.most = size, fewest, most
        self.shape = (self.renderer.shown, size, size)

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Physical values of ``n`` scenes' shapes without their colours, ``[n, most, k]``."""
        raise NotImplementedError

    def scenes(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Physical values of ``n`` scenes, float32 ``[n, most, action_dim]``, and how many shapes each has.

        Colours are uniform in sRGB, with at least one channel over 90, so that they show on black.
        """
        places = self.places(n, rng)
        rgb = rng.uniform(0, 255, (n, self.most, 3))
        brightest = rng.integers(3, size=(n, self.most, 1))
        np.put_along_axis(rgb, brightest, rng.uniform(90, 255, (n, self.most, 1)), 2)
        scenes = np.concatenate([places, rgb_to_lab(rgb)], 2).astype(np.float32)
        return scenes, rng.integers(self.fewest, self.most + 1, n)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.draw(*self.scenes(n, rng))

    def draw(self, scenes: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Pictures of scenes, uint8 ``[n, C, size, size]``."""
        actions = self.renderer.action_spec.to_action(scenes)
        live, blank = np.arange(self.most) < counts[:, None], self.renderer.blank(len(scenes), self.size)
        canvas = draw_kept(self.renderer, actions, live, blank)
        return np.ascontiguousarray(canvas[:, : self.shape[0]])


class Prisms(Scenes):
    """Boxes in three views, sides 10 to 36 px of 64; they may hide and even pierce one another."""

    renderer = PrismRenderer()
    score = staticmethod(box_scores)

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        sides = rng.uniform(10, 36, (n, self.most, 3))
        low = rng.uniform(2, 62 - sides)
        return np.concatenate([low, low + sides], 2)


class Blocks(Prisms):
    """Boxes that touch, sides 6 to 30 px of 64: each stands on a face of another, often flush with it. They
    share no space, and at least a part of each is seen.
    """

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.stack([self.assembly(rng) for _ in range(n)])

    def assembly(self, rng: np.random.Generator) -> np.ndarray:
        """Low and high corners of one scene's boxes, ``[most, 6]``."""
        while True:
            boxes = _stack(rng, self.most)
            if len(boxes) == self.most and all_seen(boxes):
                return boxes


class Boxes(Scenes):
    """Scenes of ``Prisms`` and of ``Blocks``, as many of each."""

    renderer = PrismRenderer()
    score = staticmethod(box_scores)

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        parts = Prisms(self.size, 1, self.most), Blocks(self.size, 1, self.most)
        return np.concatenate(
            [part.places(k, rng) for part, k in zip(parts, (n // 2, n - n // 2), strict=True)]
        )


def all_seen(boxes: np.ndarray, least: int = 12) -> bool:
    """Whether at least so many cells of 2x2 px of each box ``[k, 6]`` are seen from one of the sides."""
    cells, seen = np.arange(1, 64, 2), np.zeros(len(boxes), int)
    for across, down, deep in VIEWS:
        in_x = (boxes[:, None, across] <= cells) & (cells < boxes[:, None, across + 3])  # [k, 32]
        in_y = (boxes[:, None, down] <= cells) & (cells < boxes[:, None, down + 3])
        covers = in_y[:, :, None] & in_x[:, None]
        nearest = np.where(covers, boxes[:, deep, None, None], np.inf).argmin(0)
        counts = np.bincount(nearest[covers.any(0)], minlength=len(boxes))
        seen = np.maximum(seen, counts)
    return bool((seen >= least).all())


class Rectangles(Scenes):
    """Rectangles, sides 10 to 40 px of 64, those drawn later over the others."""

    renderer = RectangleRenderer()

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        sides = rng.uniform(10, 40, (n, self.most, 2))
        low = rng.uniform(2, 62 - sides)
        return np.concatenate([low, low + sides], 2)


class Frames(Scenes):
    """Hollow rectangles, sides 12 to 48 px of 64, lines 1.5 to 4 px wide."""

    renderer = HollowRectangleRenderer()

    def places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        sides = rng.uniform(12, 48, (n, self.most, 2))
        low = rng.uniform(2, 62 - sides)
        return np.concatenate([low, low + sides, rng.uniform(1.5, 4, (n, self.most, 1))], 2)


def load_scenes(split: str, size: int, kind: type[Scenes], fewest: int = 1, most: int = 3) -> Targets:
    """``train`` is the endless generator; ``val`` and ``test`` are 1,000 fixed scenes each, which come with
    their shapes.
    """
    check_split(kind.__name__.lower(), split)
    scenes = kind(size, fewest, most)
    if split == "train":
        return scenes
    shapes, counts = scenes.scenes(_TEST_SIZE, np.random.default_rng(_TEST_SEED + (split == "val")))
    each, score = [scene[:count] for scene, count in zip(shapes, counts, strict=True)], kind.score
    return ArrayTargets(
        scenes.draw(shapes, counts), shapes=each,
        score=None if score is None else lambda drawn: score(drawn, each[: len(drawn)]),
    )  # fmt: skip
