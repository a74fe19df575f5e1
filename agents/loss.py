"""What training makes small: the error of a drawing, with help (paper, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def drawing_loss(
    canvases: list[Tensor], target: Tensor, step_weight: float, blur: float | Tensor,
    robust: bool = False, detail: float = 0.0,
) -> Tensor:  # fmt: skip
    """Error per picture of the final canvas, with help: a scalar.

    Args:
        canvases: the canvas after each stroke, each ``[B, C, H, W]``.
        target: ``[B, c, H, W]``, compared with the first c channels of a canvas.
        step_weight: weight of the mean error after the earlier strokes.
        blur: weight of the errors of pictures averaged over 2, 4, 8 and 16 px, 0 for none: a stroke that
            does not touch the target gets a gradient from these alone. A tensor is not asked for its value.
        robust: the distance of each pixel's colour instead of its square. Squares are least for the
            mean of all colours that a pixel may have, distances for the likeliest of them.
        detail: how much more a pixel weighs for each unit of distance from the mean colour of the
            9x9 px around it: small shapes and edges would else count for as little as their area.
    """
    weight = None
    if detail:
        around = F.avg_pool2d(target, 9, 1, 4, count_include_pad=False)
        weight = 1 + detail * (target - around).square().sum(1).sqrt()  # [B, H, W]

    def cost(error: Tensor, weight: Tensor | None = None) -> Tensor:  # [..., c, H, W]
        errors = error.square().sum(-3)
        if robust:
            errors = (errors + 1e-4).sqrt()
        return (errors if weight is None else errors * weight).sum((-2, -1)).mean()

    error = canvases[-1][:, : target.shape[1]] - target
    loss = cost(error, weight)
    if step_weight and len(canvases) > 1:
        earlier = torch.stack(canvases[:-1])[:, :, : target.shape[1]]  # at once: a GPU waits for each kernel
        loss = loss + step_weight * cost(earlier - target, weight)
    if isinstance(blur, Tensor) or blur > 0:
        for side in (2, 4, 8, 16):
            coarse = F.avg_pool2d(error, side)  # weight `side`: between mean and sum of a square
            loss = loss + blur * side * cost(coarse)
    return loss
