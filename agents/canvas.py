"""The canvas network C: a differentiable imitation of the renderer R (paper, section 3.2).

Two forms with one interface, ``canvas(x, y) -> next x``:

- ``MarkCanvas`` learns one mark and composes it as the renderer says it does: ink by max, or paint
  over what is there.
- ``GeneralCanvas`` learns C(x, y) as it is in the paper, for renderers that compose in a way
  of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.optimizers import MuonAdam
from drawenv.renderers import Renderer


class MarkCanvas(nn.Module):
    """A mark as many soft dots whose places, widths and weights an MLP predicts.

    Each dot is a Gaussian, the product of a bump across and a bump down, so that the dots of a
    mark add up in one matrix product. The logarithm of their sum is nearly the squared distance
    to the nearest dot; two more numbers, for slope and height, turn that into logits. Far along
    a long mark or close together in a short one, dots add up to much the same edge. Nothing
    here knows what a curve is.

    Args:
        action_dim: numbers in an action.
        channels: 1 for ink by max; more for paint of a colour, which covers what is there. Dots
            of paint can be flat in the middle, for areas.
        dots: soft dots per action.
        hidden: width of the MLP.
    """

    def __init__(self, action_dim: int, channels: int = 1, dots: int = 64, hidden: int = 256):
        super().__init__()
        self.paint = channels > 1
        shape = [dots, 6 if self.paint else 4]
        self.sizes = [shape[0] * shape[1], 2, channels if self.paint else 0]
        self.shape = shape
        self.mlp = nn.Sequential(
            nn.Linear(action_dim, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, sum(self.sizes)),
        )  # fmt: skip
        # Places that move in proportion to the action (a curve's points do) need no MLP.
        self.skip = nn.Linear(action_dim, sum(self.sizes))

    def mark(self, actions: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Actions ``[B, n]`` to a mark's logits ``[B, 1, size, size]`` and colour ``[B, C, 1, 1]``."""
        p, edge, color = (self.mlp(actions) + self.skip(actions)).split(self.sizes, 1)
        slope, height = edge[:, 0, None, None].exp(), edge[:, 1, None, None]  # [B, 1, 1]
        p = p.view(len(actions), *self.shape)
        centre, width, weight = p[..., 0:2], p[..., 2:3], p[..., 3:4]
        sharp = torch.exp(2.883 - width.clamp(-3, 3))  # 1 / width: 2 px of 64 at first
        at = (torch.arange(size, device=p.device) + 0.5) * (2 / size) - 1
        away = at - centre[..., None]  # [B, dots, 2, size]
        if self.paint:
            away = F.relu(away.abs() - F.softplus(p[..., 4:6, None] - 3))
        # Powers of two: on processors exp is twenty times slower where the result is almost zero.
        bumps = torch.exp2(-(away * sharp[..., None]).square())
        across, down = bumps.unbind(2)  # each [B, dots, size]
        field = torch.bmm((down * weight.clamp(-6, 6).exp()).transpose(1, 2), across)  # [B, H, W]
        logits = (slope * (torch.log(field + 1e-8) + 2) + height).unsqueeze(1)
        return logits, torch.sigmoid(color)[:, :, None, None]

    def forward(self, canvas: Tensor, actions: Tensor) -> Tensor:
        """Canvas ``[B, C, H, W]`` in [0, 1] and actions ``[B, n]`` to the next canvas."""
        logits, color = self.mark(actions, canvas.shape[-1])
        if self.paint:
            return torch.lerp(canvas, color, torch.sigmoid(logits))
        # The maximum of the two, in a form whose gradient costs half of torch.maximum's.
        return canvas + F.relu(torch.sigmoid(logits) - canvas)

    def loss(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """Cross-entropy to what came of ``before``; for ink that is a blank canvas."""
        if self.paint:
            return F.binary_cross_entropy(self(before, actions).clamp(1e-4, 1 - 1e-4), after)
        return F.binary_cross_entropy_with_logits(self.mark(actions, after.shape[-1])[0], after)

    @property
    def steps(self) -> int:
        """Strokes on the canvases it is fitted on: paint must show on what it covers."""
        return 4 if self.paint else 1


class GeneralCanvas(nn.Module):
    """The paper's C(x, y) for any renderer: an action-conditioned encoder-decoder.

    The output is a gated change, ``x + gate * (paint - x)``, so that leaving a pixel alone is
    the easy thing to do.

    Args:
        action_dim: numbers in an action.
        channels: channels of the canvas.
        size: side of the canvas in pixels, a multiple of 16.
        width: channels of the inner layers.
    """

    def __init__(self, action_dim: int, channels: int = 1, size: int = 64, width: int = 64):
        super().__init__()
        self.cells = size // 8
        self.stem = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(16 * channels, width, 3, padding=1))
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.action = nn.Sequential(
            nn.Linear(action_dim, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU(),
            nn.Linear(256, width * self.cells**2),
        )  # fmt: skip
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.up = nn.Conv2d(width, 4 * width, 3, padding=1)
        self.skip = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Conv2d(width, 16 * 2 * channels, 3, padding=1)

    steps = 4  # strokes on the canvases it is fitted on

    def logits(self, canvas: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the paint and of the gate, each ``[B, C, H, W]``."""
        x = F.silu(self.stem(canvas))  # [B, width, H/4, W/4]
        mark = self.action(actions).view(len(actions), -1, self.cells, self.cells)
        y = F.silu(self.mix(F.silu(self.down(x) + mark)))  # [B, width, H/8, W/8]
        y = F.silu(F.pixel_shuffle(self.up(y), 2) + self.skip(x))
        paint, gate = F.pixel_shuffle(self.head(y), 4).chunk(2, 1)
        return paint, gate - 4

    def forward(self, canvas: Tensor, actions: Tensor) -> Tensor:
        """Canvas ``[B, C, H, W]`` in [0, 1] and actions ``[B, n]`` to the next canvas."""
        paint, gate = self.logits(canvas, actions)
        return torch.lerp(canvas, torch.sigmoid(paint), torch.sigmoid(gate))

    def loss(self, before: Tensor, actions: Tensor, after: Tensor) -> Tensor:
        """Cross-entropy of the predicted next canvas."""
        predicted = self(before, actions).clamp(1e-4, 1 - 1e-4)
        return F.binary_cross_entropy(predicted, after)


CanvasNetwork = MarkCanvas | GeneralCanvas


def make_canvas(renderer: Renderer, size: int, general: bool = False, **options) -> CanvasNetwork:
    """The canvas network that suits a renderer."""
    n = len(renderer.action_spec)
    if renderer.compose in ("max", "over") and not general:
        return MarkCanvas(n, renderer.channels, **options)
    return GeneralCanvas(n, renderer.channels, size, **options)


def to_unit(pictures: np.ndarray) -> Tensor:
    """uint8 pictures to a float tensor in [0, 1] of the same shape."""
    return torch.from_numpy(np.divide(pictures, 255, dtype=np.float32))


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
    """

    def __init__(self, renderer, size, batch, steps=1, uniform=False, seed=0):
        self.renderer, self.batch, self.steps, self.uniform = renderer, batch, steps, uniform
        self.rng = np.random.default_rng(seed)
        self.canvas = renderer.blank(batch, size)
        self.age = np.arange(batch) % steps  # so that a batch holds canvases of every age

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Canvas ``[B, C, H, W]``, actions ``[B, n]``, next canvas, floats in [0, 1]."""
        n = len(self.renderer.action_spec)
        if self.uniform:
            actions = self.rng.uniform(-1, 1, (self.batch, n)).astype(np.float32)
        else:
            actions = self.renderer.action_spec.sample(self.batch, self.rng)
        fresh = self.age % self.steps == 0
        self.canvas[fresh] = self.renderer.blank(int(fresh.sum()), self.canvas.shape[-1])
        before = to_unit(self.canvas)
        self.renderer.draw(self.canvas, actions)
        self.age += 1
        return before, torch.from_numpy(actions), to_unit(self.canvas)


@torch.no_grad()
def canvas_error(canvas: nn.Module, renderer: Renderer, size: int = 64, n: int = 2048) -> float:
    """Squared error of C's next canvas, as a share of what changing nothing would cost.

    For marks on blank canvases that share is of the blank canvas' error. Uniform random
    actions that no fit has seen (a seed of their own).
    """
    steps = canvas.steps
    rollouts = Rollouts(renderer, size, 128, steps, uniform=True, seed=987_654_321)
    wrong = nothing = 0.0
    for _ in range(max(n // 128, 1)):
        before, actions, after = rollouts()
        wrong += (canvas(before, actions) - after).square().sum().item()
        nothing += (before - after).square().sum().item()
    return wrong / nothing


def fit_canvas(
    canvas: CanvasNetwork, renderer: Renderer, size: int = 64, seconds: float = 120, lr: float = 5e-3,
    matrix_lr: float = 0.02, batch: int = 128, seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> int:  # fmt: skip
    """Fit C to random rollouts of R for a time; it is frozen afterwards.

    Args:
        canvas: the network, changed in place.
        renderer: what to imitate.
        size: side of the canvases in pixels.
        seconds: wall-clock budget; the learning rate falls to zero with it.
        lr: Adam's learning rate at its highest.
        matrix_lr: Muon's.
        batch: transitions in a step.
        seed: of the rollouts.
        report: called now and then with (step, seconds so far).

    Returns:
        The number of steps made.
    """
    steps = canvas.steps
    rollouts = Rollouts(renderer, size, batch, steps, seed=seed)
    optimizer = MuonAdam(canvas, lr, matrix_lr)
    canvas.requires_grad_(True).train()
    start, step = time.monotonic(), 0
    while (elapsed := time.monotonic() - start) < seconds:
        scale = min((step + 1) / 100, 2 * (1 - elapsed / seconds), 1.0)
        optimizer.step(canvas.loss(*rollouts()), scale)
        step += 1
        if report and step % 50 == 0:
            report(step, elapsed)
    canvas.requires_grad_(False).eval()
    return step
