"""What the renderer of curves allows: an exact, differentiable rasteriser, and strokes found through it.

No network and no learning: strokes are found for each picture by gradient, from random starts. The error that
remains is what this pen, this number of strokes and gradient descent leave; it is no lower bound.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from drawenv import BezierRenderer

from .imagine import RealCanvas
from .loss import drawing_loss


class ExactBezier:
    """A differentiable rasteriser of quadratic curves: the oracle a learned C is held against.

    It repeats ``BezierRenderer`` in torch (distance to chords, the same antialiasing).

    Args:
        renderer: the ``BezierRenderer`` to repeat.
        segments: chords of a curve.
    """

    def __init__(self, renderer: BezierRenderer, segments: int = 12):
        self.renderer, self.segments = renderer, segments

    def __call__(self, canvas: Tensor, actions: Tensor) -> Tensor:
        spec, size = self.renderer.action_spec, canvas.shape[-1]
        middle, half_range = (torch.from_numpy(v).to(actions) for v in (spec.middle, spec.half_range))
        physical = (actions * half_range + middle) * (size / 64)
        p0, p1, p2 = physical[:, None, 0:2], physical[:, None, 2:4], physical[:, None, 4:6]
        if self.renderer.thickness is None:
            radius = physical[:, 6].view(-1, 1, 1) / 2
        else:
            radius = physical.new_tensor(self.renderer.thickness * size / 128)
        t = torch.linspace(0, 1, self.segments + 1, device=actions.device)[None, :, None]
        points = (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2  # [B, S+1, 2]
        a, chord = points[:, :-1], points[:, 1:] - points[:, :-1]  # [B, S, 2]
        at = torch.arange(size, device=actions.device) + 0.5
        px = at.view(1, 1, 1, -1) - a[:, :, 0, None, None]  # [B, S, 1, W]
        py = at.view(1, 1, -1, 1) - a[:, :, 1, None, None]  # [B, S, H, 1]
        cx, cy = chord[:, :, 0, None, None], chord[:, :, 1, None, None]
        u = ((px * cx + py * cy) / (cx * cx + cy * cy + 1e-6)).clamp(0, 1)  # [B, S, H, W]
        d = ((px - u * cx).square() + (py - u * cy).square()).amin(1).add(1e-6).sqrt()  # [B, H, W]
        ink = torch.minimum(radius, d + 0.5) - torch.maximum(-radius, d - 0.5)
        return torch.maximum(canvas, ink.clamp(0, 1).unsqueeze(1))


def random_starts(target: Tensor, renderer: BezierRenderer, strokes: int, length: float = 10.0) -> Tensor:
    """Short random strokes on the ink of each target ``[B, 1, H, W]``: actions ``[B, strokes, n]``."""
    batch, size = len(target), target.shape[-1]
    at = torch.multinomial(target.flatten(1) + 1e-6, strokes, replacement=True)  # [B, strokes]
    centre = torch.stack([at % size, at // size], -1) * 64 / size + 0.5  # px of 64
    physical = target.new_full((batch, strokes, len(renderer.action_spec)), 3.0)  # thickness, if any
    offset = torch.randn(batch, strokes, 2, device=target.device) * length / 2
    physical[..., 0:2], physical[..., 2:4], physical[..., 4:6] = centre - offset, centre, centre + offset
    spec = renderer.action_spec
    middle, half_range = (torch.from_numpy(v).to(target) for v in (spec.middle, spec.half_range))
    return ((physical - middle) / half_range).clamp(-1, 1)


def found_errors(
    target: Tensor, renderer: BezierRenderer, strokes: int, steps: int, starts: int, seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> Tensor:  # fmt: skip
    """The mse ``[B]`` that ``found_strokes`` leaves, in small batches, which stay in the cache."""
    batches, errors = target.split(10), []
    for i, batch in enumerate(batches):

        def said(done: int, total: int, i: int = i) -> None:
            if report:
                report(i * total + done, len(batches) * total)

        errors.append(found_strokes(batch, renderer, strokes, steps, starts, seed=seed + i, report=said)[1])
    return torch.cat(errors) / target[0].numel()


def found_strokes(
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
    best = random_starts(target, renderer, strokes)
    best_error = target.new_full((len(target),), torch.inf)
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
