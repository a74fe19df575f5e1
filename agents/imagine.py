"""The differentiable rollout: a drawer draws in imagination, on any canvas.

A canvas is a function ``(x [B, C, H, W], y [B, n]) -> next x``: the learned C, C with the real
renderer's values (straight-through), or an exact soft rasteriser.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from drawenv import Renderer
from drawenv.actions import ActionSpec
from drawenv.curves import blossom

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


def in_pieces(strokes: np.ndarray, spec: ActionSpec, size: int, sides: tuple[int, ...]) -> list:
    """Quadratic curves of any length in pieces that C can draw, each in a window of its own.

    Args:
        strokes: physical values ``[k, n]`` in px of a page, from ``spec``.
        spec: of a window's actions.
        size: side of a window in px.
        sides: of the page.

    Returns:
        What ``draw_page`` logs.
    """
    curves = strokes[:, :6].reshape(-1, 3, 2).swapaxes(0, 1)  # [3, k, 2]
    longest = np.abs(np.diff(curves, axis=0)).max((0, 2))
    counts = np.maximum(np.ceil(4 * longest / size), 1).astype(int)
    row = np.repeat(np.arange(len(strokes)), counts)
    t = ((np.arange(len(row)) - (counts.cumsum() - counts)[row]) / counts[row])[:, None]
    u, whole = t + 1 / counts[row, None], curves[:, row]
    points = np.stack([blossom(whole, *at) for at in ((t, t), (t, u), (u, u))], 1)  # [pieces, 3, 2]
    middle = (points.min(1) + points.max(1)) / 2
    corners = np.clip(middle[:, ::-1] - size / 2, 0, np.array(sides) - size).astype(int)  # [pieces, 2]
    pieces = np.concatenate([points.reshape(-1, 6), strokes[row, 6:]], 1)
    top, left = -corners.T
    actions = spec.to_action(spec.scaled(spec.shifted(pieces, left, top), 64 / size)).clip(-1, 1)
    each = zip(corners[:, None], actions.astype(np.float32)[:, None, None], strict=True)
    return [(corner, size, action, np.ones((1, 1), bool)) for corner, action in each]


@torch.no_grad()
def imagine_page(canvas: CanvasFunction, log: list, device: torch.device | str = "cpu") -> np.ndarray:
    """The page as a canvas function imagines it: what ``draw_page`` logged, drawn with that.

    Returns:
        float32 ``[H, W]`` in [0, 1].
    """
    shape, *groups = log
    margin = max((side for _, side, _, _ in groups), default=0)
    x = torch.zeros(shape[0] + margin, shape[1] + margin, device=device)
    for corners, side, actions, keep in groups:
        views = [x[top : top + side, left : left + side] for top, left in corners]
        part = torch.stack(views).unsqueeze(1)
        for k in range(actions.shape[1]):
            kept = torch.from_numpy(keep[:, k]).to(device).view(-1, 1, 1, 1)
            part = torch.where(kept, canvas(part, torch.from_numpy(actions[:, k]).to(device)), part)
        for view, new in zip(views, part[:, 0], strict=True):
            view.copy_(new)
    return x[: shape[0], : shape[1]].cpu().numpy()
