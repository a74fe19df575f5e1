"""The differentiable rollout: a drawer draws in imagination, on any canvas.

A canvas is a function ``(x [B, C, H, W], y [B, n]) -> next x``: the learned C, C with the real
renderer's values (straight-through), or an exact soft rasteriser.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.canvas import to_unit
from drawenv.renderers import BezierRenderer, Renderer

CanvasFunction = Callable[[Tensor, Tensor], Tensor]


def imagine(
    drawer, canvas: CanvasFunction, hint: Tensor, before: Tensor, strokes: int, plan: tuple | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Draw ``strokes`` strokes after a hint (paper, section 3.3).

    Args:
        drawer: the network D.
        canvas: any canvas function.
        hint: pictures in [0, 1], ``[B, C', H', W']``: the target itself, or what is to be translated.
        before: the canvases to begin on, ``[B, C, H, W]``.
        strokes: how many.
        plan: what ``drawer.look`` gave for the hint, if that was asked before.

    Returns:
        Actions ``[B, strokes, n]`` in [-1, 1] and the canvas after each stroke, a list of
        ``[B, C, H, W]``.
    """
    x, plan = before, plan or drawer.look(hint)
    state, actions, canvases = None, [], []
    while len(actions) < strokes:
        burst, state = drawer(plan, x, state)
        for action in burst.unbind(1)[: strokes - len(actions)]:
            x = canvas(x, action)
            actions.append(action)
            canvases.append(x)
    return torch.stack(actions, 1), canvases


class RealCanvas:
    """R as a canvas function, without a gradient: what is drawn is what counts."""

    def __init__(self, renderer: Renderer):
        self.renderer = renderer

    @torch.no_grad()
    def __call__(self, canvas: Tensor, actions: Tensor) -> Tensor:
        pixels = canvas.mul(255).round_().byte().cpu().numpy()
        self.renderer.draw(pixels, actions.float().cpu().numpy())
        return to_unit(pixels).to(canvas.device)


class StraightThrough:
    """The value from R, the gradient from C: ``C + (R - C).detach()``."""

    def __init__(self, learned: CanvasFunction, renderer: Renderer):
        self.learned, self.real = learned, RealCanvas(renderer)

    def __call__(self, canvas: Tensor, actions: Tensor) -> Tensor:
        imagined = self.learned(canvas, actions)
        return imagined + (self.real(canvas, actions) - imagined).detach()


class ExactBezier:
    """A differentiable rasteriser of quadratic curves: the oracle a learned C is held against.

    It repeats ``BezierRenderer`` in torch (distance to chords, the same antialiasing), so that
    tests and the reference figure know the best that any canvas network could allow.

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
