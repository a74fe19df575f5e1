"""The canvas network C: a differentiable imitation of the renderer R (paper, section 3.2).

It learns the mark that an action makes, and puts it on the canvas as the renderer says it does, ink by
max or paint over what is there; where the renderer says nothing it learns that too, pixel by pixel.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawenv.renderers import Compose, Renderer

from .optim import MuonAdam
from .recipes import Recipe
from .states import SAVES, load_state, remove_state, save_state


class CanvasNetwork(nn.Module):
    """``canvas(x, y) -> next x``: a mark as many soft dots whose places, widths and weights an MLP predicts.

    Each dot is a Gaussian, the product of a bump across and a bump down, so that the dots of a
    mark add up in one matrix product. The logarithm of their sum is nearly the squared distance
    to the nearest dot; two more numbers, for slope and height, turn that into logits. Far along
    a long mark or close together in a short one, dots add up to much the same edge. Nothing
    here knows what a curve is.

    Args:
        action_dim: numbers in an action.
        channels: of the canvas.
        compose: how a mark joins the canvas, as ``Renderer.compose``. ``"max"`` is for ink. Marks
            of paint (``"over"``, None) have a value for each channel, and their dots can be flat
            in the middle, for areas.
        dots: soft dots per field.
        hidden: width of the MLP.
        fields: with ``compose`` None, places that one action may mark at a time (the views of a
            scene); each channel learns which of them it takes, and a small network that gets a
            pixel's canvas, fields and values decides which of them show there.
    """

    def __init__(
        self, action_dim: int, channels: int = 1, compose: Compose = "max", dots: int = 64,
        hidden: int = 256, fields: int = 4,
    ):  # fmt: skip
        super().__init__()
        self.compose: Compose = compose
        self.paint = compose != "max"
        fields = fields if compose is None else 1
        self.shape = [fields, dots, 6 if self.paint else 4]
        self.sizes = [math.prod(self.shape), 2 * fields, channels if self.paint else 0]
        if compose is None:
            self.taken = nn.Parameter(torch.zeros(channels, fields))
            self.encode = nn.Conv2d(channels + fields, 16, 1)
            self.compare = nn.Linear(channels, 16)
            self.decide = nn.Conv2d(16, fields, 1)
            nn.init.constant_(cast(Tensor, self.decide.bias), 2.0)  # at first a mark shows
        self.mlp = nn.Sequential(
            nn.Linear(action_dim, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, sum(self.sizes)),
        )  # fmt: skip
        # Places that move in proportion to the action (a curve's points do) need no MLP.
        self.skip = nn.Linear(action_dim, sum(self.sizes))

    def mark(self, actions: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Actions ``[B, n]`` to a mark's logits ``[B, fields, size, size]`` and values ``[B, C]``."""
        p, edge, values = (self.mlp(actions) + self.skip(actions)).split(self.sizes, 1)
        fields = self.shape[0]
        slope, height = edge[..., None, None].chunk(2, 1)  # [B, fields, 1, 1]
        p = p.reshape(len(actions) * fields, *self.shape[1:])
        centre, width, weight = p[..., 0:2], p[..., 2:3], p[..., 3:4]
        sharp = torch.exp(2.883 - width.clamp(-3, 3))  # 1 / width: 2 px of 64 at first
        at = (torch.arange(size, device=p.device) + 0.5) * (2 / size) - 1
        away = at - centre[..., None]  # [B * fields, dots, 2, size]
        if self.paint:
            away = F.relu(away.abs() - F.softplus(p[..., 4:6, None] - 3))
        # Powers of two: on processors exp is twenty times slower where the result is almost zero.
        bumps = torch.exp2(-(away * sharp[..., None]).square())
        across, down = bumps.unbind(2)  # each [B * fields, dots, size]
        field = torch.bmm((down * weight.clamp(-6, 6).exp()).transpose(1, 2), across)
        logits = slope.exp() * (torch.log(field + 1e-8) + 2).view(-1, fields, size, size) + height
        return logits, torch.sigmoid(values)

    def forward(self, canvas: Tensor, actions: Tensor) -> Tensor:
        """Canvas ``[B, C, H, W]`` in [0, 1] and actions ``[B, n]`` to the next canvas."""
        logits, values = self.mark(actions, canvas.shape[-1])
        if self.compose == "over":
            return torch.lerp(canvas, values[:, :, None, None], torch.sigmoid(logits))
        if self.compose is None:
            fields = torch.sigmoid(logits)
            x = self.encode(torch.cat([canvas, fields], 1)) + self.compare(values)[:, :, None, None]
            fields = fields * torch.sigmoid(self.decide(F.silu(x)))  # [B, fields, H, W]
            share = F.conv2d(fields, torch.softmax(4 * self.taken, 1)[:, :, None, None])
            return torch.lerp(canvas, values[:, :, None, None], share)
        # The maximum of the two, in a form whose gradient costs half of torch.maximum's.
        return canvas + F.relu(torch.sigmoid(logits) - canvas)

    def loss(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """Cross-entropy to what came of ``before``; for ink that is a blank canvas."""
        if self.paint:
            return F.binary_cross_entropy(self(before, actions).clamp(1e-4, 1 - 1e-4), after)
        return F.binary_cross_entropy_with_logits(self.mark(actions, after.shape[-1])[0], after)

    @property
    def steps(self) -> int:
        """Strokes on the canvases of its fit: paint must show on what it covers."""
        return 4 if self.paint else 1


def make_canvas(recipe: Recipe) -> CanvasNetwork:
    """The canvas network that suits a recipe's renderer."""
    renderer, options = recipe.renderer(), recipe.canvas
    return CanvasNetwork(
        len(renderer.action_spec), renderer.channels, renderer.compose, options.dots, options.hidden
    )


def to_unit(pictures: np.ndarray | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """uint8 pictures to a float tensor in [0, 1] of the same shape, on a device."""
    if isinstance(pictures, np.ndarray):
        pictures = torch.from_numpy(np.ascontiguousarray(pictures))
    return pictures.to(device).div(255)


def resized(pictures: np.ndarray | Tensor, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Square pictures uint8 ``[k, C, side, side]`` as a network takes them: ``[k, C, size, size]``."""
    x = to_unit(pictures, device)
    side = x.shape[-1]
    if side <= size:
        return x if side == size else F.interpolate(x, size=size, mode="bilinear")
    return F.adaptive_avg_pool2d(x, size) if side % size else F.avg_pool2d(x, side // size)


class Rollouts:
    """Random rollouts of a renderer: batches of (canvas, action, next canvas).

    Args:
        renderer: the renderer to imitate.
        size: side of the canvases in pixels.
        batch: transitions in a batch.
        steps: strokes before a canvas is blank again; 1 gives marks on blank canvases.
        uniform: actions from the whole box alone, as ``env.action_space.sample()`` gives them;
            otherwise small marks are as common as large ones.
        seed: of the actions.
        calls: how often the renderer may be called, a call for each transition; later batches are
            picked from the last ``KEPT`` that it made until then. None: as often as asked.
        device: of the batches.
    """

    KEPT = 16_384

    def __init__(
        self, renderer: Renderer, size: int, batch: int, steps: int = 1, uniform: bool = False, seed: int = 0,
        calls: int | None = None, device: torch.device | str = "cpu",
    ):  # fmt: skip
        self.renderer, self.batch, self.steps, self.uniform = renderer, batch, steps, uniform
        self.rng, self.device = np.random.default_rng(seed), device
        self.calls, self.made = calls, 0
        self.kept: deque[tuple] = deque(maxlen=max(self.KEPT // batch, 1))  # batches
        self.canvas = renderer.blank(batch, size)
        self.age = np.arange(batch) % steps  # so that a batch holds canvases of every age

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Canvas ``[B, C, H, W]``, actions ``[B, n]``, next canvas, floats in [0, 1]."""
        if self.calls and self.made + self.batch > self.calls:
            parts = self.rng.integers(len(self.kept), size=self.batch)
            rows = self.rng.integers(self.batch, size=self.batch)
            chosen = zip(
                *([x[i] for x in self.kept[k]] for k, i in zip(parts, rows, strict=True)), strict=True
            )
            before, actions, after = map(np.stack, chosen)
        else:
            before, actions, after = self._made()
        return (
            to_unit(before, self.device),
            torch.from_numpy(actions).to(self.device),
            to_unit(after, self.device),
        )

    def _made(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.made += self.batch
        n = len(self.renderer.action_spec)
        if self.uniform:
            actions = self.rng.uniform(-1, 1, (self.batch, n)).astype(np.float32)
        else:
            actions = self.renderer.action_spec.sample(self.batch, self.rng)
        fresh = self.age % self.steps == 0
        self.canvas[fresh] = self.renderer.blank(int(fresh.sum()), self.canvas.shape[-1])
        before = self.canvas.copy()
        self.renderer.draw(self.canvas, actions)
        self.age += 1
        batch = before, actions, self.canvas.copy()
        if self.calls:
            self.kept.append(batch)
        return batch

    def state(self) -> dict[str, Any]:
        """Where it is, to go on from; not with ``calls``, which keeps too much."""
        canvas, age = torch.from_numpy(self.canvas), torch.from_numpy(self.age)
        return {"rng": self.rng.bit_generator.state, "canvas": canvas, "age": age, "made": self.made}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.rng.bit_generator.state, self.made = state["rng"], state["made"]
        self.canvas, self.age = (state[name].cpu().numpy() for name in ("canvas", "age"))


@torch.no_grad()
def canvas_error(canvas: CanvasNetwork, renderer: Renderer, size: int = 64, n: int = 2048) -> float:
    """Squared error of C's next canvas, as a share of what changing nothing would cost.

    For marks on blank canvases that share is of the blank canvas' error. Uniform random
    actions that are in no fit (a seed of their own).
    """
    device = next(canvas.parameters()).device
    rollouts = Rollouts(renderer, size, 128, canvas.steps, uniform=True, seed=987_654_321, device=device)
    wrong = nothing = 0.0
    for _ in range(max(n // 128, 1)):
        before, actions, after = rollouts()
        wrong += (canvas(before, actions) - after).square().sum().item()
        nothing += (before - after).square().sum().item()
    return wrong / nothing


def fit_canvas(
    canvas: CanvasNetwork, renderer: Renderer, size: int = 64, steps: int = 3_700, lr: float = 5e-3,
    matrix_lr: float = 0.02, batch: int | None = None, seed: int = 0, calls: int | None = None,
    state_file: Path | None = None, report: Callable[[int], None] | None = None,
) -> int:  # fmt: skip
    """Fit C to random rollouts of R; it is frozen afterwards. One seed gives one network.

    Args:
        canvas: the network, changed in place, on its device.
        renderer: what to imitate.
        size: side of the canvases in pixels.
        steps: how many; the learning rate falls to zero with them.
        lr: Adam's learning rate at its highest.
        matrix_lr: Muon's.
        batch: transitions in a step; 128, or 32 where composition is learned, if None.
        seed: of the rollouts.
        calls: how often the renderer may be called, at least ``batch``; see ``Rollouts``.
        state_file: what to resume from, if it is there; gone when the fit is done.
        report: called now and then with the steps made.

    Returns:
        The number of calls of the renderer.
    """
    batch = batch or (32 if renderer.compose is None else 128)
    if calls is not None and calls < batch:
        raise ValueError(f"calls must be at least a batch of {batch}, got {calls}")
    device = next(canvas.parameters()).device
    rollouts = Rollouts(renderer, size, batch, canvas.steps, seed=seed, calls=calls, device=device)
    optimizer = MuonAdam(canvas, lr, matrix_lr)
    canvas.requires_grad_(True).train()
    begun, every = 0, max(steps // SAVES, 1)
    if state_file and (state := load_state(state_file, seed, device)):
        canvas.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        rollouts.load_state(state["rollouts"])
        begun = state["steps"]
    for step in range(begun, steps):
        optimizer.step(canvas.loss(*rollouts()), min((step + 1) / 100, 2 * (1 - step / steps), 1.0))
        if report and step % 50 == 49:
            report(step + 1)
        if state_file and step % every == every - 1:
            state = {"network": canvas.state_dict(), "optimizer": optimizer.state_dict(), "steps": step + 1}
            save_state(state_file, seed, state | {"rollouts": rollouts.state()})
    canvas.requires_grad_(False).eval()
    if state_file:
        remove_state(state_file)
    return rollouts.made
