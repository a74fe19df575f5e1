"""What a drawer is worth: figures under the real renderer on a whole split."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from agents.canvas import to_unit
from agents.checkpoints import Drawer, used_strokes
from drawenv import load_pictures
from drawenv.metrics import iou, mse, psnr, stroke_recovery

AGENTS = ("drawer", "random", "blank")


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
        same actions under C), ``mse_blank``, ``mse_over_blank``, ``psnr``, ``iou``, ``strokes``
        (mean used), ``seconds_per_image`` (in batches of 100), and stroke recovery where the
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
            actions = drawer.actions(to_unit(batch), refine).numpy()
        else:
            strokes = recipe.strokes if agent == "random" else 0
            shape = (len(batch), strokes, len(renderer.action_spec))
            actions = rng.uniform(-1, 1, shape).astype(np.float32)
        sums["seconds"] += time.perf_counter() - begun
        canvas = renderer.blank(len(batch), recipe.size)
        imagined = torch.zeros(canvas.shape)
        for k in range(actions.shape[1]):
            action = np.ascontiguousarray(actions[:, k])
            renderer.draw(canvas, action)
            with torch.no_grad():
                imagined = drawer.canvas(imagined, torch.from_numpy(action))
        used = used_strokes(renderer, actions, recipe.size)
        sums["mse"] += mse(canvas, batch).sum()
        sums["mse_canvas"] += (imagined - to_unit(batch)).square().mean((1, 2, 3)).sum().item()
        sums["mse_blank"] += mse(renderer.blank(len(batch), recipe.size), batch).sum()
        sums["iou"] += iou(canvas, batch).sum()
        sums["strokes"] += used.sum()
        if targets.strokes and polylines:
            for i in range(len(batch)):
                drawn = polylines(actions[i][used[i]])
                recovery.append(stroke_recovery(drawn, targets.strokes[start + i]))
        if report:
            report(min(start + 100, len(images)), len(images))
    n = len(images)
    figures = {"n": n} | {k: float(sums[k] / n) for k in ("mse", "mse_canvas", "mse_blank", "iou")}
    figures |= {
        "mse_over_blank": sums["mse"] / max(sums["mse_blank"], 1e-12),
        "psnr": psnr(figures["mse"]),
        "strokes": float(sums["strokes"] / n),
        "seconds_per_image": sums["seconds"] / n,
    }
    if recovery:
        figures |= {k: float(np.mean([r[k] for r in recovery])) for k in recovery[0]}
        errors = [abs(r["stroke_count_error"]) for r in recovery]
        figures["stroke_count_absolute_error"] = float(np.mean(errors))
    return figures
