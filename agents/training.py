"""Training the drawer through the frozen canvas (paper, section 3.3), with resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.canvas import CanvasNetwork, Rollouts, to_unit
from agents.drawer import DrawerNetwork, GlimpseNetwork
from agents.imagine import CanvasFunction, ExactBezier, RealCanvas, StraightThrough, imagine
from agents.optimizers import MuonAdam
from agents.recipes import Recipe
from agents.sliding import SKETCH_SIZE, Windows, draw_page, fitted, imagine_page
from drawenv import Symbols, load_pictures, load_targets
from drawenv.renderers import BezierRenderer, PageRenderer, Renderer, shown

Network = DrawerNetwork | GlimpseNetwork


def augmented(pictures: Tensor, mirror: bool) -> Tensor:
    """Pictures ``[B, C, H, W]`` each turned, scaled, sheared and shifted a little at random.

    Args:
        pictures: in [0, 1].
        mirror: also mirrored and turned by quarters: an unseen alphabet's strokes look like the
            known ones' from another side.
    """
    n = len(pictures)
    u = torch.rand(5, n) * 2 - 1
    turn, scale, shear, shift = u[0] * 0.35, torch.exp(u[1] * 0.2), u[2] * 0.2, u[3:5] * 0.08
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    linear = torch.stack([cos, shear - sin, sin, cos], 1).view(n, 2, 2)
    if mirror:
        linear = linear * (torch.randint(0, 2, (n, 1, 2)) * 2 - 1)  # along either axis
        linear = torch.where(torch.rand(n, 1, 1) < 0.5, linear.flip(2), linear)  # along a diagonal
    theta = torch.cat([linear, shift.T.unsqueeze(2)], 2)  # [B, 2, 3]
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)


class Pictures:
    """Training batches of a recipe.

    Args:
        recipe: says which targets, how many symbols among them, and how to vary them.
        seed: of the choice and the variation.
    """

    def __init__(self, recipe: Recipe, seed: int):
        self.targets = load_targets(recipe.targets, recipe.size * max(recipe.zooms))
        self.symbols = Symbols(recipe.size, thickness=(3.5, 5.5))
        self.recipe, self.rng = recipe, np.random.default_rng(seed)
        renderer = recipe.renderer()
        self.blank, self.shown = to_unit(renderer.blank(1, recipe.size)), shown(renderer)

    def __call__(self, batch: int, done: float) -> tuple[Tensor, Tensor, Tensor]:
        """Hints ``[batch, C', H, W]`` and targets ``[batch, C, H, W]``, the same unless the task is
        to translate, and blank canvases, in [0, 1].

        Args:
            batch: how many.
            done: what share of the run is over.
        """
        before = self.blank.expand(batch, -1, -1, -1)
        if self.recipe.hint:
            pairs = zip(*self.targets.sample_pairs(batch, self.rng), strict=True)  # ty: ignore
            hint, target = map(torch.cat, zip(*(self._window(*pair) for pair in pairs), strict=True))
            return hint, target, before
        built_in = round(self.recipe.symbols * batch)
        pictures = to_unit(self.targets.sample(batch - built_in, self.rng))
        if self.recipe.augment:
            pictures = augmented(pictures, mirror=done < self.recipe.mirror_until)
        if built_in:
            pictures = torch.cat([pictures, to_unit(self.symbols.sample(built_in, self.rng))])
        pictures = pictures.expand(-1, self.shown, -1, -1)  # gray ones in colour, where it paints
        return pictures, pictures, before

    def _window(self, hint: np.ndarray, target: np.ndarray) -> tuple[Tensor, Tensor]:
        """A window of one of the recipe's zooms, anywhere in a hint and in its target: ``[1, C, H, W]``."""
        zoom = int(self.rng.choice(self.recipe.zooms))
        side = target.shape[1] // zoom
        top, left = self.rng.integers(target.shape[1] - side + 1, size=2)

        def cut(picture: np.ndarray, size: int) -> Tensor:
            times = picture.shape[1] // target.shape[1]
            rows, columns = (slice(times * at, times * (at + side)) for at in (top, left))
            return fitted(picture[None, :, rows, columns], size)

        return cut(hint, self.recipe.hint_side), cut(target, self.recipe.size)

    def drawn(self, actions: Tensor) -> None:
        """What was drawn in the last batch: of no use here."""


def drawing_loss(
    canvases: list[Tensor], target: Tensor, step_weight: float, blur: float, robust: bool = False,
    detail: float = 0.0,
) -> Tensor:  # fmt: skip
    """Error per picture of the final canvas, with help: a scalar.

    Args:
        canvases: the canvas after each stroke, each ``[B, C, H, W]``.
        target: ``[B, c, H, W]``, compared with the first c channels of a canvas.
        step_weight: weight of the mean error after the earlier strokes.
        blur: weight of the errors of pictures averaged over 2, 4, 8 and 16 px: a stroke that does
            not touch the target gets a gradient from these alone.
        robust: the distance of each pixel's colour instead of its square. Squares are least for the
            mean of all colours that a pixel may have, distances for the likeliest of them.
        detail: how much more a pixel weighs for each unit of distance from the mean colour of the
            9x9 px around it: small shapes and edges would else count for as little as their area.
    """
    canvases = [x[:, : target.shape[1]] for x in canvases]
    weight = None
    if detail:
        around = F.avg_pool2d(target, 9, 1, 4, count_include_pad=False)
        weight = 1 + detail * (target - around).square().sum(1).sqrt()  # [B, H, W]

    def cost(error: Tensor, weight: Tensor | None = None) -> Tensor:  # [B, c, H, W]
        errors = error.square().sum(1)
        if robust:
            errors = (errors + 1e-4).sqrt()
        return (errors if weight is None else errors * weight).sum((1, 2)).mean()

    error = canvases[-1] - target
    loss = cost(error, weight)
    earlier = canvases[:-1]
    if step_weight and earlier:
        each = [cost(x - target, weight) for x in earlier]
        loss = loss + step_weight * torch.stack(each).mean()
    if blur > 0:
        for side in (2, 4, 8, 16):
            coarse = F.avg_pool2d(error, side)  # weight `side`: between mean and sum of a square
            loss = loss + blur * side * cost(coarse)
    return loss


def exactly(function: CanvasFunction) -> CanvasFunction:
    """A canvas function in full precision, whatever that of the network which calls it."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return function(x, y)

    return exact


def held_out(recipe: Recipe, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Hints and what is to be made of them, uint8, from all over the validation split."""
    pictures = load_pictures(f"{recipe.targets}:val", SKETCH_SIZE if recipe.stride else recipe.size)
    some = np.arange(0, len(pictures), max(len(pictures) // most, 1))[:most]
    images = pictures.images[some]
    return images if pictures.hints is None else pictures.hints[some], images


@torch.no_grad()
def validate(
    network: Network, canvas: nn.Module, recipe: Recipe, hints: np.ndarray, pictures: np.ndarray
) -> tuple[float, float]:
    """Mean squared error per pixel of drawings under R, and under C.

    Hints are uint8 ``[N, C', H, W]``, what is to be made of them ``[N, C, H, W]``.
    """
    half_precision, network.half_precision = network.half_precision, False
    real = RealCanvas(recipe.renderer())
    sums = np.zeros(2)
    if recipe.stride:

        def choose(targets: np.ndarray, before: np.ndarray) -> np.ndarray:
            target, start = fitted(targets, recipe.size), fitted(before, recipe.size)
            actions, _ = imagine(network, real, target, start, recipe.strokes)
            return actions.numpy()

        for ink in pictures[:, 0]:
            log: list = []
            renderer = cast(PageRenderer, real.renderer)
            drawing = draw_page(choose, renderer, ink, recipe.stride, recipe.levels, log=log)
            imagined = imagine_page(canvas, log, ink.shape)
            target = to_unit(ink).numpy()
            sums += [np.square(x - target).sum() for x in (to_unit(drawing.render()).numpy(), imagined)]
    else:
        for at in range(0, len(pictures), 100):
            hint, target = fitted(hints[at : at + 100], recipe.hint_side), to_unit(pictures[at : at + 100])
            before = to_unit(real.renderer.blank(len(target), recipe.size))
            for i, function in enumerate((real, canvas)):
                _, canvases = imagine(network, function, hint, before, recipe.strokes)
                sums[i] += (canvases[-1][:, : target.shape[1]] - target).square().sum().item()
    network.half_precision = half_precision
    return tuple(sums / pictures.size)


class Refit:
    """Fits C on while D trains, half on D's own strokes: random ones rarely look like them.

    The paper's "iteratively updating canvas" (section 3.2).

    Args:
        canvas: the canvas network, changed in place.
        renderer: what it imitates.
        size: side of the canvases in pixels.
        batch: strokes of each half.
        seed: of the choice and of the random strokes.
    """

    def __init__(self, canvas: CanvasNetwork, renderer: Renderer, size: int, batch: int, seed: int):
        self.canvas, self.real = canvas, RealCanvas(renderer)
        self.marks = canvas.steps == 1
        self.rollouts = Rollouts(renderer, size, batch, canvas.steps, seed=seed + 1)
        self.optimizer = MuonAdam(canvas, lr=1e-3, matrix_lr=5e-3)

    def step(self, start: Tensor, actions: Tensor, canvases: list[Tensor], scale: float) -> None:
        """One step, given the first canvas, actions ``[B, strokes, n]`` and the canvas after each."""
        each = torch.arange(len(actions))
        k = torch.randint(actions.shape[1], (len(actions),))
        own = actions.detach()[each, k]
        own = (own + 0.03 * torch.randn_like(own)).clamp(-1, 1)
        before = torch.zeros_like(start)
        if not self.marks:
            earlier = torch.stack([start, *canvases[:-1]]).detach()
            before = earlier[k, each].mul(255).round().div(255)
        after = self.real(before, own)
        random = self.rollouts()
        self.canvas.requires_grad_(True)
        both = [torch.cat(pair) for pair in zip((before, own, after), random, strict=True)]
        self.optimizer.step(self.canvas.loss(*both), scale)
        self.canvas.requires_grad_(False)


def train_drawer(
    network: Network, canvas: CanvasNetwork, recipe: Recipe, out: Path, seed: int = 0,
    report: Callable[[dict], None] | None = None, checkpoint_seconds: float = 60.0,
) -> dict:  # fmt: skip
    """Train D through the frozen C; run again with the same ``out`` to go on where it stopped.

    Args:
        network: the drawer, changed in place.
        canvas: the fitted canvas network; left as it is unless the recipe says ``refit``.
        recipe: the task and the schedule.
        out: folder for ``training.pt`` (the state to resume from) and ``log.jsonl`` (validation
            figures against pictures and seconds; also as TensorBoard events).
        seed: of the pictures.
        report: called after each step with what was measured.
        checkpoint_seconds: between two states.

    Returns:
        The last validation: pictures, seconds, mse (under R), mse_canvas (under C).
    """
    from torch.utils.tensorboard import SummaryWriter  # slow to import

    renderer = recipe.renderer()
    real = StraightThrough(canvas, renderer)
    oracle = ExactBezier(cast(BezierRenderer, renderer)) if recipe.exact else None
    hints, pictures = held_out(recipe, 8 if recipe.stride else 500)  # a page is as much as a hundred
    batches = Windows(recipe, seed) if recipe.stride else Pictures(recipe, seed)
    # The memory under Muon saturates after some thousand pictures; the layer that reads a glimpse
    # learns faster under Adam.
    adam_only = ("head", "memory", "where", "read", "query")
    optimizer = MuonAdam(network, recipe.lr, recipe.matrix_lr, adam_only)
    refit = Refit(canvas, renderer, recipe.size, recipe.batch, seed) if recipe.refit else None
    network.half_precision = _bfloat16_is_fast()
    network.requires_grad_(True).train()

    state_file, seen, before = out / "training.pt", 0, 0.0
    if state_file.exists():
        try:
            state = torch.load(state_file, weights_only=True)
            network.load_state_dict(state["network"])
            optimizer.load_state_dict(state["optimizer"])
            if refit:
                canvas.load_state_dict(state["canvas"])
                refit.optimizer.load_state_dict(state["canvas_optimizer"])
        except Exception as error:  # torch raises many kinds for a damaged or foreign file
            raise ValueError(
                f"{state_file} is damaged or of another recipe ({type(error).__name__}); "
                "delete it to start again, or choose another folder"
            ) from None
        seen, before = state["seen"], state["seconds"]
        batches.rng = np.random.default_rng((seed, seen))
    torch.manual_seed(seed + seen)
    start = saved_at = checked_at = time.monotonic()
    writer = SummaryWriter(out)
    last: dict = {}

    def check() -> dict:
        mse, mse_canvas = validate(network, canvas, recipe, hints, pictures)
        seconds = before + time.monotonic() - start
        row = {"pictures": seen, "seconds": round(seconds, 1), "mse": mse, "mse_canvas": mse_canvas}
        with open(out / "log.jsonl", "a") as log:
            log.write(json.dumps(row) + "\n")
        writer.add_scalar("mse/renderer", mse, seen)
        writer.add_scalar("mse/canvas", mse_canvas, seen)
        return row

    def save() -> None:
        state = {
            "network": network.state_dict(), "seen": seen, "optimizer": optimizer.state_dict(),
            "seconds": before + time.monotonic() - start,
        }  # fmt: skip
        if refit:
            state |= {"canvas": canvas.state_dict(), "canvas_optimizer": refit.optimizer.state_dict()}
        torch.save(state, state_file.with_suffix(".tmp"))
        state_file.with_suffix(".tmp").replace(state_file)

    while seen < recipe.pictures:
        done = seen / recipe.pictures
        hint, target, start_canvas = batches(recipe.batch, done)
        function = oracle or (real if done >= recipe.real_from else canvas)
        with network.autocast():  # the outermost context keeps the weights in half precision
            plan = network.look(hint)
            actions, canvases = imagine(network, exactly(function), hint, start_canvas, recipe.strokes, plan)
        blur = max(0.0, 1 - done / recipe.blur_until)
        loss = drawing_loss(canvases, target, recipe.step_weight, blur, recipe.robust, recipe.detail)
        if recipe.hint and plan[0] is not None:  # the goal should be like the target, too
            loss = loss + F.binary_cross_entropy(plan[0], target, reduction="sum") / len(target)
        warm = min((seen / recipe.batch + 1) / 100, 1.0)
        scale = warm * 0.5 * (1 + math.cos(math.pi * done))
        optimizer.step(loss / 100, scale)
        if refit:
            refit.step(start_canvas, actions, canvases, scale)
        batches.drawn(actions.detach())
        seen += len(target)
        now = time.monotonic()
        if now - checked_at > 30:
            last, checked_at = check(), time.monotonic()
        if now - saved_at > checkpoint_seconds:
            save()
            saved_at = time.monotonic()
        if report:
            report({"pictures": seen, "loss": loss.item(), **last})
    last = check()
    save()
    writer.close()
    network.half_precision = False
    network.requires_grad_(False).eval()
    return last


def _bfloat16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16 matrices natively (twice as fast, then)."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private: may go away
    return bool(supported and supported())
