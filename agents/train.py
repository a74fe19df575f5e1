"""Training the drawer through the frozen canvas (paper, section 3.3): step, loop, resume."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from drawenv import ArrayTargets, BezierRenderer, load_pictures
from drawenv.drawing import draw_kept

from . import processes
from .agent import Drawer
from .canvas import to_unit
from .correct import BATCH, Corrections
from .data import Batch, make_batches
from .drawer import Code
from .evaluate import evaluate
from .graphs import Replayed, compiled
from .imagine import CanvasFunction, StraightThrough, exactly, imagine, one_stroke
from .loss import drawing_loss
from .optim import MuonAdam, bfloat16_is_fast, schedule
from .oracle import ExactBezier
from .recipes import Recipe
from .refit import Refit, repeated
from .reinforce import Reinforce
from .states import SAVES, load_state, save_state

REDRAW = 0.5  # weight of the error after a stroke is redrawn
REPORT_EVERY = 20  # steps; a report waits for the device


def held_out(recipe: Recipe) -> ArrayTargets:
    """Pictures from all over the validation split: 500, or 8 pages, of which one is as much as a hundred;
    no more than a quarter of those that are trained on.
    """
    val = load_pictures(f"{recipe.targets}:val", recipe.picture_size, recipe.renderer())
    return val.spread(min(8 if recipe.stride else 500, max(recipe.train.pictures // 4, 1)))


class Trainer:
    """The step of training, with all that it changes.

    What the real renderer draws in a step, the next one learns from: so a device computes a whole step
    without waiting, and one that has CUDA graphs replays it.

    Args:
        drawer: its networks are changed in place; the canvas network stays as it is unless its recipe
            says ``refit``.
        seed: of what the canvas network is fitted on.
    """

    def __init__(self, drawer: Drawer, seed: int = 0):
        self.drawer, self.recipe, network = drawer, drawer.recipe, drawer.network
        network.half_precision = bfloat16_is_fast(drawer.device)
        network.requires_grad_(True).train()
        # Under Muon the memory saturates after some thousand pictures.
        adam_only = ("head", "memory", "where")
        train = self.recipe.train
        self.optimizer = MuonAdam(network, train.lr, train.matrix_lr, adam_only)
        batch = -(-train.batch // processes.count())
        self.refit = Refit(drawer, batch) if self.recipe.canvas.refit else None
        self.through = exactly(self._canvas_function())
        alone = drawer.device.type == "cuda" and train.through == "learned" and processes.count() == 1
        self.update = Replayed(self._update, record=alone)
        self.stroke = compiled(one_stroke) if alone and train.pictures > 100_000 else one_stroke
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin anew with what is random and with what the last step left."""
        self.rng = np.random.default_rng((seed, processes.rank()))  # of the strokes that are redrawn
        self.earlier: list[Tensor] = []  # of the last step: targets, drawings that lack a stroke, and codes
        if self.refit:
            self.refit.restart(seed)

    def _canvas_function(self) -> CanvasFunction:
        """What the drawer learns through."""
        drawer = self.drawer
        match self.recipe.train.through:
            case "straight":
                return StraightThrough(drawer.canvas, drawer.renderer)
            case "exact":
                return ExactBezier(cast(BezierRenderer, drawer.renderer))
        return drawer.canvas

    def step(self, batch: Batch, done: float) -> tuple[Tensor, np.ndarray]:
        """One step on a batch, when the share ``done`` of the run is over.

        Args:
            batch: see ``Batch``.
            done: in [0, 1).

        Returns:
            The loss, a scalar on the device until the next step, and the actions ``[B, strokes, n]``.
        """
        recipe, n = self.recipe, len(batch.target)
        strokes = int(self.rng.integers(recipe.train.fewest or recipe.strokes, recipe.strokes + 1))
        blur = max(0.0, 1 - done / recipe.loss.blur_until)
        scale = schedule(done, recipe.train.pictures / recipe.train.batch)
        numbers = [blur, min(2 * done, 1) * recipe.price, scale]
        # Of batches of any size few graphs are wanted: they are filled up to multiples of half a full one.
        half = max(recipe.train.batch // 2, 1)
        rows = -(-n // half) * half if self.update.record else n
        if not self.earlier:
            with torch.no_grad():
                code = self.drawer.network.encode(batch.hint)
            self.earlier = [batch.target, batch.before, *(part for part in code if part is not None)]
        parts = [*batch, *self.earlier]
        inputs = [torch.tensor(numbers, device=self.drawer.device)] + [repeated(x, rows) for x in parts]
        if self.refit:
            inputs += self.refit.inputs(rows)
        loss, actions, code, *chosen = self.update(inputs, strokes, blur > 0)
        drawn = actions[:n].float().cpu().numpy()
        codes = [x[:n] for x in code] or [batch.hint]
        self.earlier = [batch.target, self.with_one_missing(batch.before, drawn), *codes]
        if self.refit:
            self.refit.drawn(*chosen)
        return loss, drawn

    def _update(self, inputs: list[Tensor], strokes: int, blurred: bool) -> tuple:
        """All of a step that the device computes: the loss, the actions, a translation's code and what
        ``Refit.choose`` chose.
        """
        numbers, hint, target, before, earlier_target, others, goal, *more = inputs
        features = more.pop(0) if self.recipe.translates else None
        blur, price, scale = numbers.unbind()
        network, o = self.drawer.network, self.recipe.loss
        with network.autocast():  # the outermost context keeps the weights in half precision
            code = network.encode(hint)
            actions, canvases, shown = imagine(network, self.through, code, before, strokes, self.stroke)
            # One stroke of each earlier drawing anew, at a place drawn by its weights: this is how a drawing
            # is planned (``agents.plan``), and what the network learns it from.
            one, none = others.new_ones(()), network.blank_state(others)
            *_, redrawn = self.stroke(network, self.through, Code(goal, features), others, one, none, True)
        weight = blur if blurred else 0.0
        loss = drawing_loss(canvases, target, o.step_weight, weight, o.robust, o.detail)
        loss = loss + REDRAW * drawing_loss([redrawn], earlier_target, 0.0, weight, o.robust, o.detail)
        if shown:
            loss = loss + price * torch.stack(shown).sum(0).mean()
        if self.recipe.translates:  # the goal should be like the target, too
            loss = loss + F.binary_cross_entropy(code[0], target, reduction="sum") / len(target)
        self.optimizer.step(loss / 100, scale)
        codes = [part.detach() for part in code if part is not None] if self.recipe.translates else []
        if not self.refit:
            return loss.detach(), actions.detach(), codes
        self.refit.step(more, scale)
        return loss.detach(), actions.detach(), codes, *self.refit.choose(before, actions, canvases)

    def with_one_missing(self, before: Tensor, actions: np.ndarray) -> Tensor:
        """Drawings ``[B, C, H, W]`` of the real renderer, each without one of its strokes."""
        n = actions.shape[1]
        keep = self.rng.integers(n, size=(len(actions), 1)) != np.arange(n)
        pixels = before.mul(255).round_().byte().cpu().numpy()
        return to_unit(draw_kept(self.drawer.renderer, actions, keep, pixels), before.device)

    def state(self) -> dict:
        state = {"network": self.drawer.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        if self.refit:
            state["canvas"] = self.drawer.canvas.state_dict()
            state["canvas_optimizer"] = self.refit.optimizer.state_dict()
        return state

    def load_state(self, state: dict) -> None:
        self.drawer.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.refit:
            self.drawer.canvas.load_state_dict(state["canvas"])
            self.refit.optimizer.load_state_dict(state["canvas_optimizer"])


def train_drawer(
    drawer: Drawer, out: Path, seed: int = 0, report: Callable[[dict], None] | None = None,
    corrections: bool = False,
) -> dict:  # fmt: skip
    """Train D through C, or what corrects its strokes; run again with the same ``out`` to go on from the last
    validation. On one device the weights are those of a run that was never stopped.

    Args:
        drawer: its networks are changed in place, see ``Trainer``.
        out: folder for ``training.pt`` (the state to resume from) and ``log.jsonl`` (validation figures
            against pictures and seconds; also as TensorBoard events). Those of a corrector are in the folder
            ``corrector`` there.
        seed: of the pictures.
        report: called every so often with what was measured.
        corrections: train the corrector, of a drawer that is trained.

    Returns:
        The last validation: pictures, seconds, mse (under R), mse_canvas (under C).

    Raises:
        ValueError: the state to resume from is damaged, or of another recipe.
    """
    from torch.utils.tensorboard import SummaryWriter  # slow to import

    recipe, writes = drawer.recipe, processes.rank() == 0
    kind = Corrections if corrections else Reinforce if recipe.train.through == "reinforce" else Trainer
    trainer, validation = kind(drawer, seed), held_out(recipe)
    folder = out / "corrector" if corrections else out
    if corrections:
        train = replace(recipe.train, pictures=recipe.train.corrections, batch=min(BATCH, recipe.train.batch))
        recipe = replace(recipe, train=train)
        folder.mkdir(exist_ok=True)
    state_file, pictures, before = folder / "training.pt", 0, 0.0
    if state := load_state(state_file, seed, drawer.device):
        try:
            trainer.load_state(state)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{state_file} is of another recipe ({type(error).__name__}); "
                "delete it to start again, or choose another folder"
            ) from None
        pictures, before = state["pictures"], state["seconds"]
    rank = processes.rank()
    batches = make_batches(recipe, (seed, pictures, rank), drawer.device)

    def begin() -> None:
        """Forget what was random before: a run that is resumed here ends with the same weights."""
        torch.manual_seed(seed + pictures + 7_919 * rank)
        trainer.restart(seed + pictures)

    begin()
    start, writer = time.monotonic(), SummaryWriter(folder) if writes else None
    begun = pictures
    every = max(recipe.train.pictures // SAVES, min(64, recipe.train.pictures // 4), 1)
    last: dict = {}

    def check() -> None:
        """Validate and save."""
        if not writer:
            return
        seconds = before + time.monotonic() - start
        network = drawer.network
        half_precision, network.half_precision = network.half_precision, False
        figures = evaluate(drawer, validation, prune=False)
        network.half_precision = half_precision
        last.update({"pictures": pictures, "seconds": round(seconds, 1)})
        last.update({name: figures[name] for name in ("mse", "mse_canvas")})
        if pictures == begun:  # it was finished before
            return
        with open(folder / "log.jsonl", "a") as log:
            log.write(json.dumps(last) + "\n")
        for name, under in (("mse", "renderer"), ("mse_canvas", "canvas")):
            writer.add_scalar(f"mse/{under}", figures[name], pictures)
        state = trainer.state() | {"pictures": pictures, "seconds": before + time.monotonic() - start}
        save_state(state_file, seed, state)

    step = 0
    while pictures < recipe.train.pictures:
        batch = batches(pictures / recipe.train.pictures)
        loss, drawn = trainer.step(batch, pictures / recipe.train.pictures)
        batches.drawn(drawn)
        checked, step = pictures // every, step + 1
        pictures += processes.total(len(batch.target), drawer.device)
        if pictures // every > checked and pictures < recipe.train.pictures:
            check()
            batches.restart((seed, pictures, rank))
            begin()
        if report and writer and step % REPORT_EVERY == 0:
            report({**last, "pictures": pictures, "loss": loss.item()})
    check()
    if writer:
        writer.close()
        if report:
            report({"pictures": pictures, **last})
    processes.wait()
    drawer.network.half_precision = False
    for part in drawer.parts.values():
        part.requires_grad_(False).eval()
    return last


def start_from(drawer: Drawer, other: Drawer) -> None:
    """Take over another drawer's weights, but for a head of another shape.

    Raises:
        ValueError: most of them do not fit: it is another kind of network.
    """
    own, theirs = drawer.network.state_dict(), other.network.state_dict()
    fits = {name: value for name, value in theirs.items() if name in own and value.shape == own[name].shape}
    if len(fits) < len(own) / 2:
        raise ValueError(
            f"{drawer.recipe.name} cannot start from {other.recipe.name}: their networks are of two kinds"
        )
    drawer.network.load_state_dict(own | fits)
