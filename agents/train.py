"""Training the drawer through the frozen canvas (paper, section 3.3): step, loop, resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from agents import processes
from agents.agent import Drawer
from agents.canvas import Rollouts, to_unit
from agents.data import Batch, make_batches
from agents.drawer import Code
from agents.evaluate import evaluate
from agents.imagine import CanvasFunction, RealCanvas, StraightThrough, exactly, imagine
from agents.loss import drawing_loss
from agents.optim import MuonAdam
from agents.oracle import ExactBezier
from agents.recipes import Recipe
from drawenv import ArrayTargets, BezierRenderer, load_pictures
from drawenv.drawing import draw_kept

REDRAW = 0.5  # weight of the error after a stroke is redrawn
CHECK_EVERY = 20_000  # pictures from one validation to the next at most
REPORT_EVERY = 20  # steps; a report waits for the device


def held_out(recipe: Recipe) -> ArrayTargets:
    """Pictures from all over the validation split: 500, or 8 pages, of which one is as much as a hundred;
    no more than are trained on.
    """
    val = load_pictures(f"{recipe.targets}:val", recipe.picture_size, recipe.renderer())
    return val.spread(min(8 if recipe.stride else 500, recipe.train.pictures))


class Refit:
    """Fits C on while D trains, half on D's own strokes: random ones rarely look like them.

    The paper's "iteratively updating canvas" (section 3.2).

    Args:
        drawer: whose canvas network is changed in place.
        batch: strokes of each half.
        seed: of the choice and of the random strokes.
    """

    def __init__(self, drawer: Drawer, batch: int, seed: int):
        self.canvas, self.real = drawer.canvas, RealCanvas(drawer.renderer)
        self.marks = self.canvas.steps == 1
        self.rollouts = Rollouts(
            drawer.renderer, drawer.recipe.size, batch, self.canvas.steps,
            seed=seed + 1 + 1_000 * processes.rank(), device=drawer.device,
        )  # fmt: skip
        self.optimizer = MuonAdam(self.canvas, lr=1e-3, matrix_lr=5e-3)

    def step(self, start: Tensor, actions: Tensor, canvases: list[Tensor], scale: float) -> None:
        """One step, given the first canvas, actions ``[B, strokes, n]`` and the canvas after each."""
        each = torch.arange(len(actions), device=actions.device)
        k = torch.randint(actions.shape[1], (len(actions),), device=actions.device)
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


class Trainer:
    """The step of training, with all that it changes.

    Args:
        drawer: its networks are changed in place; the canvas network stays as it is unless its recipe
            says ``refit``.
        seed: of what the canvas network is fitted on.
    """

    def __init__(self, drawer: Drawer, seed: int = 0):
        self.drawer, self.recipe, network = drawer, drawer.recipe, drawer.network
        self.rng = np.random.default_rng((seed, processes.rank()))  # of the strokes that are redrawn
        network.half_precision = bfloat16_is_fast(drawer.device)
        network.requires_grad_(True).train()
        # Under Muon the memory saturates after some thousand pictures.
        adam_only = ("head", "memory", "where")
        train = self.recipe.train
        self.optimizer = MuonAdam(network, train.lr, train.matrix_lr, adam_only)
        batch = -(-train.batch // processes.count())
        self.refit = Refit(drawer, batch, seed) if self.recipe.canvas.refit else None
        self.through = exactly(self._canvas_function())

    def _canvas_function(self) -> CanvasFunction:
        """What the drawer learns through."""
        drawer = self.drawer
        match self.recipe.train.through:
            case "straight":
                return StraightThrough(drawer.canvas, drawer.renderer)
            case "exact":
                return ExactBezier(cast(BezierRenderer, drawer.renderer))
        return drawer.canvas

    def step(self, batch: Batch, done: float, drawn: Callable[[Tensor], None] | None = None) -> Tensor:
        """One step on a batch, when the share ``done`` of the run is over.

        Args:
            batch: see ``Batch``.
            done: in [0, 1).
            drawn: called with the actions ``[B, strokes, n]`` before the gradient is computed.

        Returns:
            The loss, a scalar on the device.
        """
        recipe, network = self.recipe, self.drawer.network
        hint, target, before = batch
        strokes = int(self.rng.integers(recipe.train.fewest or recipe.strokes, recipe.strokes + 1))
        with network.autocast():  # the outermost context keeps the weights in half precision
            code = network.encode(hint)
            actions, canvases, shown = imagine(network, self.through, code, before, strokes)
            if drawn:
                drawn(actions.detach())
            redrawn = self.redraw(cast(Code, code), before, actions.detach())
        o = recipe.loss
        blur = max(0.0, 1 - done / o.blur_until)
        loss = drawing_loss(canvases, target, o.step_weight, blur, o.robust, o.detail)
        loss = loss + REDRAW * drawing_loss([redrawn], target, 0.0, blur, o.robust, o.detail)
        if shown:
            loss = loss + min(2 * done, 1) * recipe.price * torch.stack(shown).sum(0).mean()
        if recipe.hint and code[0] is not None:  # the goal should be like the target, too
            loss = loss + F.binary_cross_entropy(code[0], target, reduction="sum") / len(target)
        warm = min((done * recipe.train.pictures / recipe.train.batch + 1) / 100, 1.0)
        scale = warm * 0.5 * (1 + math.cos(math.pi * done))
        self.optimizer.step(loss / 100, scale)
        if self.refit:
            self.refit.step(before, actions, canvases, scale)
        return loss.detach()

    def redraw(self, code: Code, before: Tensor, actions: Tensor) -> Tensor:
        """Take one stroke of each drawing away and draw it anew, at a place drawn by its weights.

        This is how a drawing is planned (``agents.plan``), and what the network learns it from.

        Returns:
            The canvases ``[B, C, H, W]``, under the canvas function.
        """
        n, renderer = actions.shape[1], self.drawer.renderer
        keep = self.rng.integers(n, size=(len(actions), 1)) != np.arange(n)
        pixels = before.mul(255).round_().byte().cpu().numpy()
        others = to_unit(draw_kept(renderer, actions.float().cpu().numpy(), keep, pixels), actions.device)
        action, _, _ = self.drawer.network(code, others, 1, None, sample=True)
        return self.through(others, action)

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
    drawer: Drawer, out: Path, seed: int = 0, report: Callable[[dict], None] | None = None
) -> dict:
    """Train D through C; run again with the same ``out`` to go on where it stopped.

    Args:
        drawer: its networks are changed in place, see ``Trainer``.
        out: folder for ``training.pt`` (the state to resume from) and ``log.jsonl`` (validation
            figures against pictures and seconds; also as TensorBoard events).
        seed: of the pictures.
        report: called every so often with what was measured.

    Returns:
        The last validation: pictures, seconds, mse (under R), mse_canvas (under C).

    Raises:
        ValueError: the state to resume from is damaged, or of another recipe.
    """
    from torch.utils.tensorboard import SummaryWriter  # slow to import

    recipe, writes = drawer.recipe, processes.rank() == 0
    validation = held_out(recipe)
    trainer = Trainer(drawer, seed)
    state_file, pictures, before = out / "training.pt", 0, 0.0
    if state_file.exists():
        try:
            state = torch.load(state_file, map_location=drawer.device, weights_only=True)
            trainer.load_state(state)
        except Exception as error:  # torch raises many kinds for a damaged or foreign file
            raise ValueError(
                f"{state_file} is damaged or of another recipe ({type(error).__name__}); "
                "delete it to start again, or choose another folder"
            ) from None
        pictures, before = state["pictures"], state["seconds"]
    rank = processes.rank()
    batches = make_batches(recipe, (seed, pictures, rank) if pictures or rank else seed, drawer.device)
    torch.manual_seed(seed + pictures + 7_919 * rank)
    start, writer = time.monotonic(), SummaryWriter(out) if writes else None
    every = min(CHECK_EVERY, max(recipe.train.pictures // 4, 1))
    last: dict = {}

    def check() -> None:
        """Validate and save."""
        if not writer:
            return
        seconds = before + time.monotonic() - start
        network = drawer.network
        half_precision, network.half_precision = network.half_precision, False
        figures = evaluate(drawer.with_recipe(votes=0.0), validation, prune=False)
        network.half_precision = half_precision
        last.update({"pictures": pictures, "seconds": round(seconds, 1)})
        last.update({name: figures[name] for name in ("mse", "mse_canvas")})
        with open(out / "log.jsonl", "a") as log:
            log.write(json.dumps(last) + "\n")
        for name, under in (("mse", "renderer"), ("mse_canvas", "canvas")):
            writer.add_scalar(f"mse/{under}", figures[name], pictures)
        state = trainer.state() | {"pictures": pictures, "seconds": before + time.monotonic() - start}
        torch.save(state, state_file.with_suffix(".tmp"))
        state_file.with_suffix(".tmp").replace(state_file)

    step = 0
    while pictures < recipe.train.pictures:
        batch = batches(pictures / recipe.train.pictures)
        loss = trainer.step(batch, pictures / recipe.train.pictures, batches.drawn)
        checked, step = pictures // every, step + 1
        pictures += processes.total(len(batch.target), drawer.device)
        if pictures // every > checked and pictures < recipe.train.pictures:
            check()
        if report and writer and step % REPORT_EVERY == 0:
            report({**last, "pictures": pictures, "loss": loss.item()})
    check()
    if writer:
        writer.close()
        if report:
            report({"pictures": pictures, **last})
    processes.wait()
    drawer.network.half_precision = False
    drawer.network.requires_grad_(False).eval()
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


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private: may go away
    return bool(supported and supported())
