"""The reference: the best strokes for one picture, found by gradient through the exact renderer.

No network and no learning: what remains is what so many strokes of this pen cannot draw (and
what gradient descent does not find). A drawer's one pass is held against it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.imagine import ExactBezier, RealCanvas
from agents.training import drawing_loss
from drawenv.renderers import BezierRenderer


def random_starts(target: Tensor, renderer: BezierRenderer, strokes: int, length: float = 10.0) -> Tensor:
    """Short random strokes on the ink of each target ``[B, 1, H, W]``: actions ``[B, strokes, n]``."""
    batch, size = len(target), target.shape[-1]
    at = torch.multinomial(target.flatten(1) + 1e-6, strokes, replacement=True)  # [B, strokes]
    centre = torch.stack([at % size, at // size], -1) * 64 / size + 0.5  # px of 64
    physical = torch.full((batch, strokes, len(renderer.action_spec)), 3.0)  # thickness, if any
    offset = torch.randn(batch, strokes, 2) * length / 2
    physical[..., 0:2], physical[..., 2:4], physical[..., 4:6] = centre - offset, centre, centre + offset
    spec = renderer.action_spec
    return ((physical - torch.from_numpy(spec.middle)) / torch.from_numpy(spec.half_range)).clamp(-1, 1)


def best_strokes(
    target: Tensor, renderer: BezierRenderer, strokes: int = 4, steps: int = 150, starts: int = 5,
    lr: float = 0.05, seed: int = 0, report: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Gradient descent on the strokes of each picture, the best of several random starts.

    Args:
        target: pictures in [0, 1], ``[B, 1, H, W]``.
        renderer: a ``BezierRenderer``.
        strokes: how many strokes.
        steps: of Adam, for each start.
        starts: how many random starts.
        lr: Adam's learning rate, falling to zero.
        seed: of the starts.
        report: called with (steps done, of how many).

    Returns:
        Actions ``[B, strokes, n]`` and their squared error under the real renderer ``[B]``.
    """
    torch.manual_seed(seed)
    exact, real = ExactBezier(renderer), RealCanvas(renderer)
    best, best_error = random_starts(target, renderer, strokes), torch.full((len(target),), torch.inf)
    for start in range(starts):
        actions = random_starts(target, renderer, strokes).requires_grad_()
        optimizer = torch.optim.Adam([actions], lr=lr, betas=(0.9, 0.95))
        for step in range(steps):
            done = step / steps
            optimizer.param_groups[0]["lr"] = lr * (1 - done)
            x = torch.zeros_like(target)
            for k in range(strokes):
                x = exact(x, actions[:, k])
            # drawing_loss is a mean over pictures; each picture's own gradient is wanted.
            loss = drawing_loss([x], target, 0.0, max(0.0, 1 - 2 * done)) * len(target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                actions.clamp_(-1, 1)
            if report:
                report(start * steps + step + 1, starts * steps)
        x = torch.zeros_like(target)
        for k in range(strokes):
            x = real(x, actions.detach()[:, k])
        error = (x - target).square().sum((1, 2, 3))
        better = error < best_error
        best[better], best_error[better] = actions.detach()[better], error[better]
    return best, best_error
