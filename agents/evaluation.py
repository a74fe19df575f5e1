"""What a drawer is worth: figures under the real renderer on a whole split."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from agents.canvas import to_unit
from agents.checkpoints import Drawer
from agents.finish import draw_kept
from drawenv import load_pictures
from drawenv.drawing import joined
from drawenv.metrics import iou, mse, psnr, stroke_recovery

AGENTS = ("drawer", "random", "blank")


@torch.no_grad()
def draw_imagined(canvas, actions: np.ndarray, keep: np.ndarray, shape: tuple) -> Tensor:
    """The kept strokes as C imagines them, ``[B, C, H, W]``."""
    x = torch.zeros(shape)
    for k in range(actions.shape[1]):
        kept = torch.from_numpy(keep[:, k]).view(-1, 1, 1, 1)
        x = torch.where(kept, canvas(x, torch.from_numpy(actions[:, k])), x)
    return x


def evaluate(
    drawer: Drawer, agent: str = "drawer", targets=None, refine: int = 0, seed: int = 0,
    limit: int | None = None, report: Callable[[int, int], None] | None = None,
) -> dict:  # fmt: skip
    """Draw every picture of a split and measure.

    Args:
        drawer: whose task it is.
        agent: ``"drawer"``, ``"random"`` (uniform actions) or ``"blank"`` (no strokes).
        targets: what to draw; the recipe's test split if None.
        refine: gradient steps on the strokes after drawing.
        seed: of the random agent.
        limit: only the first so many pictures.
        report: called with (pictures done, of how many).

    Returns:
        ``n``, ``mse`` (mean per pixel, values in [0, 1], real renderer), ``mse_canvas`` (the
        same strokes under C), ``mse_blank``, ``mse_over_blank``, ``psnr``, ``iou``, ``strokes``
        (mean kept), ``seconds_per_image`` (in batches of 100), and stroke recovery where the
        targets know their strokes.
    """
    if agent not in AGENTS:
        raise ValueError(f"agent must be one of {', '.join(AGENTS)}, got {agent!r}")
    recipe, renderer, rng = drawer.recipe, drawer.renderer, np.random.default_rng(seed)
    targets = load_pictures(targets if targets is not None else f"{recipe.targets}:test", recipe.size)
    images = targets.images[:limit]
    polylines = getattr(renderer, "polylines", None)  # a renderer of strokes has it
    sums = dict.fromkeys(("mse", "mse_canvas", "mse_blank", "iou", "strokes", "seconds"), 0.0)
    recovery: list[dict] = []
    for start in range(0, len(images), 100):
        batch = images[start : start + 100]
        begun = time.perf_counter()
        if agent == "drawer":
            actions, keep = drawer.strokes(batch, refine)
        else:
            strokes = recipe.strokes if agent == "random" else 0
            shape = (len(batch), strokes, len(renderer.action_spec))
            actions = rng.uniform(-1, 1, shape).astype(np.float32)
            keep = np.ones(shape[:2], bool)
        sums["seconds"] += time.perf_counter() - begun
        canvas = draw_kept(renderer, actions, keep, recipe.size)
        imagined = draw_imagined(drawer.canvas, actions, keep, canvas.shape)
        sums["mse"] += mse(canvas, batch).sum()
        sums["mse_canvas"] += (imagined - to_unit(batch)).square().mean((1, 2, 3)).sum().item()
        sums["mse_blank"] += mse(renderer.blank(len(batch), recipe.size), batch).sum()
        sums["iou"] += iou(canvas, batch).sum()
        sums["strokes"] += keep.sum()
        if targets.strokes and polylines:
            for i in range(len(batch)):
                pens = joined(polylines(actions[i][keep[i]]))
                recovery.append(stroke_recovery(pens, targets.strokes[start + i]))
        if report:
            report(min(start + 100, len(images)), len(images))
    n = len(images)
    figures = {"n": n} | {k: float(sums[k] / n) for k in ("mse", "mse_canvas", "mse_blank", "iou")}
    figures |= {
        "mse_over_blank": float(sums["mse"] / max(sums["mse_blank"], 1e-12)),
        "psnr": psnr(figures["mse"]),
        "strokes": float(sums["strokes"] / n),
        "seconds_per_image": sums["seconds"] / n,
    }
    if recovery:
        figures |= {k: float(np.mean([r[k] for r in recovery])) for k in recovery[0]}
        errors = [abs(r["stroke_count_error"]) for r in recovery]
        figures["stroke_count_absolute_error"] = float(np.mean(errors))
    return figures
