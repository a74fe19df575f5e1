"""What is done to strokes after they are chosen: better places, and no more than are needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from drawenv import Renderer
from drawenv.metrics import squared_error

from .imagine import CanvasFunction

# Actions float32 [B, strokes, n] and which of them are drawn, bool [B, strokes].
Strokes = tuple[np.ndarray, np.ndarray]


def useful_first(actions: np.ndarray, keep: np.ndarray) -> Strokes:
    """Strokes with those that are drawn before those that are not, in their order."""
    order = np.argsort(~keep, axis=1, kind="stable")
    return np.take_along_axis(actions, order[..., None], 1), np.take_along_axis(keep, order, 1)


def refine_strokes(
    canvas: CanvasFunction, real: CanvasFunction, target: Tensor, before: Tensor, strokes: Strokes,
    steps: int, lr: float,
) -> Strokes:  # fmt: skip
    """``refine_actions`` of those strokes that are drawn: ``(actions, keep)``, those drawn first."""
    actions, keep = useful_first(*strokes)
    drawn = keep.any(0).sum()
    rest = actions[:, drawn:]
    moved = torch.from_numpy(actions[:, :drawn]).to(target.device)
    kept = torch.from_numpy(keep[:, :drawn]).to(target.device)
    if drawn:
        moved = refine_actions(canvas, real, target, before, moved, steps, kept, lr)
    return np.concatenate([moved.cpu().numpy(), rest], 1), keep


def refine_actions(
    canvas: CanvasFunction, real: CanvasFunction, target: Tensor, before: Tensor, actions: Tensor,
    steps: int, keep: Tensor | None = None, lr: float = 0.04,
) -> Tensor:  # fmt: skip
    """Gradient descent on the actions themselves, picture by picture.

    Args:
        canvas: a differentiable canvas function, for the gradient: the learned C.
        real: the canvas function whose error counts: C says only how it changes. Where the error was C's too,
            strokes moved to where C errs in their favour.
        target: ``[B, c, H, W]`` in [0, 1], compared with the first c channels of a canvas.
        before: the canvas that the strokes are drawn on, ``[B, C, H, W]``.
        actions: ``[B, strokes, n]``, where to start.
        steps: how many.
        keep: which of them are drawn, bool ``[B, strokes]``; all if None.
        lr: Adam's learning rate, falling to zero.

    Returns:
        For each picture the best actions met, by ``real``; never worse than ``actions``.
    """

    def drawn(function: CanvasFunction, moving: Tensor) -> Tensor:
        x = before
        for k in range(moving.shape[1]):
            new = function(x, moving[:, k])
            x = new if keep is None else torch.where(keep[:, k, None, None, None], new, x)
        return x[:, : target.shape[1]]

    def error(x: Tensor) -> Tensor:
        return (x - target).square().sum((1, 2, 3))  # [B]

    moving = actions.clone().requires_grad_()
    optimizer = torch.optim.Adam([moving], lr=lr, betas=(0.9, 0.95))
    shown = drawn(real, actions)
    best, best_error = actions.clone(), error(shown)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.zero_grad()
        with torch.enable_grad():
            ((shown - target) * drawn(canvas, moving)).sum().backward()
        optimizer.step()
        now = moving.detach().clamp_(-1, 1)
        shown = drawn(real, now)
        now_error = error(shown)
        better = now_error < best_error
        best[better], best_error[better] = now[better], now_error[better]
    return best


def useful_strokes(
    renderer: Renderer, actions: np.ndarray, targets: np.ndarray, before: np.ndarray, least: float = 0.0,
    keep: np.ndarray | None = None, price: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Which strokes a drawing needs: without any one of them it would be further from its target.

    One after the other the stroke of least gain is left out. A stroke's gain is by how much more than its
    price it reduces the squared error, as a share of its own squared change to the canvas: 1 where all its
    ink is right, 0 where as much is wrong, below where it does harm.

    Args:
        renderer: draws them.
        actions: float32 ``[B, strokes, n]``.
        targets: uint8 ``[B, c, size, size]``, compared with the first c channels of a canvas.
        before: the canvases that they are drawn on, uint8 ``[B, C, size, size]``.
        keep: which of them are drawn, bool ``[B, strokes]``; all if None.
        least: strokes of at most this gain are left out; those that change nothing always.
        price: squared error of a picture, values in [0, 1], that a stroke must save.

    Returns:
        bool ``[B, strokes]``.
    """
    keep = np.ones(actions.shape[:2], bool) if keep is None else keep.copy()
    shown = slice(targets.shape[1])
    strokes = actions.shape[1]
    open_rows = np.arange(len(actions)) if strokes else np.empty(0, int)
    while len(open_rows):  # drawings from which one more may be left out
        a, t, b, kept = actions[open_rows], targets[open_rows], before[open_rows], keep[open_rows]
        # The whole drawing, then without each stroke: [open, 1 + strokes, C, size, size].
        layers = np.empty((len(b), strokes + 1, *b.shape[1:]), np.uint8)
        layers[:, 0] = b
        for k in range(strokes):
            layers[:, k + 1] = layers[:, 0]
            rows = kept[:, k]
            part = layers[rows, : k + 1]
            renderer.draw(part.reshape(-1, *b.shape[1:]), np.repeat(a[rows, k], k + 1, 0))
            layers[rows, : k + 1] = part
        full = layers[:, 0, shown]
        error = squared_error(full, t)
        value = np.full(kept.shape, np.inf)
        for k in range(strokes):
            without = layers[:, k + 1, shown]
            change = squared_error(full, without)
            saved = squared_error(without, t) - error - price * 255**2
            share = saved / np.maximum(change, 1)
            value[:, k] = np.where(change > 0, share, -np.inf)
        value[~kept] = np.inf
        worst = value.argmin(1)
        drop = value[np.arange(len(worst)), worst] <= least
        open_rows, worst = open_rows[drop], worst[drop]
        keep[open_rows, worst] = False
    return keep


def stacked(drawings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Actions ``[k, n]`` of each drawing as one array ``[B, strokes, n]``, bool ``[B, strokes]`` to keep."""
    most = max(map(len, drawings))
    actions = np.stack([np.pad(a, ((0, most - len(a)), (0, 0))) for a in drawings]).astype(np.float32)
    return actions, np.arange(most) < np.array([len(a) for a in drawings])[:, None]
