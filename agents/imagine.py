"""The differentiable rollout: a drawer draws in imagination, on any canvas.

A canvas is a function ``(x [B, C, H, W], y [B, n]) -> next x``: the learned C, C with the real
renderer's values (straight-through), or an exact soft rasteriser.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from drawenv import Renderer

from .canvas import to_unit
from .drawer import DrawerNetwork

CanvasFunction = Callable[[Tensor, Tensor], Tensor]


def one_stroke(
    network: DrawerNetwork, canvas: CanvasFunction, code: tuple, before: Tensor, left: Tensor, state,
    sample: bool,
) -> tuple:  # fmt: skip
    """The next stroke and the canvas it would make: what ``network`` returns, then ``[B, C, H, W]``."""
    action, shown, state = network(code, before, left, state, sample)
    return action, shown, state, canvas(before, action)


def imagine(
    network: DrawerNetwork, canvas: CanvasFunction, code: tuple, before: Tensor, strokes: int,
    stroke: Callable[..., tuple] = one_stroke,
) -> tuple[Tensor, list[Tensor], list[Tensor]]:  # fmt: skip
    """Draw ``strokes`` strokes after a hint (paper, section 3.3).

    Args:
        network: the drawer D.
        canvas: any canvas function.
        code: what ``network.encode`` gave for the hint.
        before: the canvases to begin on, ``[B, C, H, W]``.
        strokes: how many.
        stroke: ``one_stroke``, or the same compiled.

    Returns:
        Actions ``[B, strokes, n]`` in [-1, 1], the canvas after each stroke, a list of ``[B, C, H, W]``,
        and, of a network that decides it, which strokes are drawn, a list of ``[B]``.
    """
    x, state, actions, canvases, drawn = before, network.blank_state(before), [], [], []
    for k in range(strokes):
        left = before.new_full((), strokes - k)
        action, shown, state, new = stroke(network, canvas, code, x, left, state, False)
        if shown is not None:
            drawn.append(shown)
            new = x + shown[:, None, None, None] * (new - x)
        x = new
        actions.append(action)
        canvases.append(x)
    return torch.stack(actions, 1), canvases, drawn


class RealCanvas:
    """R as a canvas function, without a gradient: what is drawn is what counts."""

    def __init__(self, renderer: Renderer):
        self.renderer = renderer

    @torch.no_grad()
    def __call__(self, canvas: Tensor, actions: Tensor) -> Tensor:
        pixels = canvas.mul(255).round_().byte().cpu().numpy()
        self.renderer.draw(pixels, actions.float().cpu().numpy())
        return to_unit(pixels, canvas.device)


class StraightThrough:
    """The value from R, the gradient from C: ``C + (R - C).detach()``."""

    def __init__(self, learned: CanvasFunction, renderer: Renderer):
        self.learned, self.real = learned, RealCanvas(renderer)

    def __call__(self, canvas: Tensor, actions: Tensor) -> Tensor:
        imagined = self.learned(canvas, actions)
        return imagined + (self.real(canvas, actions) - imagined).detach()


def exactly(function: CanvasFunction) -> CanvasFunction:
    """A canvas function in full precision, whatever that of the network which calls it."""

    def exact(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return function(x, y)

    return exact
