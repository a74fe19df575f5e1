"""What a drawer is worth: figures under the real renderer on a whole split."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor

from agents.canvas import to_unit
from agents.checkpoints import Drawer
from agents.finish import draw_kept, stacked
from agents.scores import SCORES
from agents.sliding import SKETCH_SIZE, imagine_page
from drawenv import Drawing, load_pictures
from drawenv.drawing import joined
from drawenv.metrics import chamfer, iou, mse, near_iou, psnr, seam_score, stroke_recovery
from drawenv.renderers import PageRenderer

AGENTS = ("drawer", "random", "blank", "truth")


@torch.no_grad()
def draw_imagined(canvas, actions: np.ndarray, keep: np.ndarray, before: np.ndarray) -> Tensor:
    """The kept strokes as C imagines them on canvases uint8 ``[B, C, H, W]``: floats in [0, 1]."""
    x = to_unit(before)
    for k in range(actions.shape[1]):
        kept = torch.from_numpy(keep[:, k]).view(-1, 1, 1, 1)
        x = torch.where(kept, canvas(x, torch.from_numpy(actions[:, k])), x)
    return x


def _means(sums: dict[str, float], n: int) -> dict:
    figures = {"n": n} | {name: float(total / n) for name, total in sums.items() if name != "seconds"}
    return figures | {
        "mse_over_blank": float(sums["mse"] / max(sums["mse_blank"], 1e-12)),
        "psnr": psnr(figures["mse"]),
        "seconds_per_image": sums["seconds"] / n,
    }


def evaluate_pages(
    drawer: Drawer, targets=None, refine: int = 0, limit: int | None = None,
    report: Callable[[int, int], None] | None = None, **sliding,
) -> dict:  # fmt: skip
    """Draw large pictures window by window and measure; see ``evaluate``.

    Args:
        drawer: of a recipe that slides.
        targets: what to draw; the recipe's test split if None.
        refine: gradient steps on the strokes of each window.
        limit: only the first so many pictures.
        report: called with (pictures done, of how many).
        sliding: ``stride``, ``strokes`` per window, ``order`` and ``scale``: see ``draw_page``.

    Returns:
        What ``evaluate`` does, and ``iou_1px`` (ink one pixel off counts), ``stroke_length`` (mean,
        in px), ``seam`` (error near windows' borders over that elsewhere); where the targets know
        their strokes ``chamfer`` in px, ``pens`` (strokes whose ends meet, joined) and ``true_pens``.
    """
    targets = targets if targets is not None else f"{drawer.recipe.targets}:test"
    targets = load_pictures(targets, SKETCH_SIZE)
    images = targets.images[:limit, 0]
    names = ("mse", "mse_canvas", "mse_blank", "iou", "iou_1px", "strokes", "stroke_length", "seconds")
    sums, lengths, pages = dict.fromkeys(names, 0.0), 0.0, []
    traced: list[tuple[float, int, int]] = []
    for i, ink in enumerate(images):
        begun, log = time.perf_counter(), []
        drawing = drawer.page(ink, refine, log=log, **sliding)
        sums["seconds"] += time.perf_counter() - begun
        page, imagined = drawing.render(), imagine_page(drawer.canvas, log, ink.shape)
        pages.append(page)
        sums["mse"] += mse(page[None], ink[None])[0]
        sums["mse_canvas"] += np.square(imagined - ink / np.float32(255)).mean()
        sums["mse_blank"] += mse(np.zeros_like(ink)[None], ink[None])[0]
        sums["iou"] += iou(page[None], ink[None])[0]
        sums["iou_1px"] += near_iou(page[None], ink[None])[0]
        sums["strokes"] += len(drawing)
        lines = cast(PageRenderer, drawing.renderer).polylines(drawing.actions)
        lengths += sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines)
        if targets.strokes:
            true = targets.strokes[i]
            traced.append((chamfer(lines, true), len(joined(lines, reach=3.0)), len(true)))
        if report:
            report(i + 1, len(images))
    figures = _means(sums, len(images))
    figures["stroke_length"] = float(lengths / max(sums["strokes"], 1))
    figures["seam"] = seam_score(np.stack(pages), images, sliding.get("stride") or drawer.recipe.stride)
    if traced:
        figures |= dict(zip(("chamfer", "pens", "true_pens"), np.mean(traced, 0).tolist(), strict=True))
    return figures


def evaluate(
    drawer: Drawer, agent: str = "drawer", targets=None, refine: int = 0, seed: int = 0,
    limit: int | None = None, report: Callable[[int, int], None] | None = None,
) -> dict:  # fmt: skip
    """Draw every picture of a split and measure.

    Args:
        drawer: whose task it is; a ``Policy`` too.
        agent: ``"drawer"``, ``"random"`` (uniform actions), ``"blank"`` (no strokes) or ``"truth"``
            (the shapes that the targets are made of: the best that could be drawn).
        targets: what to draw; the recipe's test split if None.
        refine: gradient steps on the strokes after drawing.
        seed: of the random agent.
        limit: only the first so many pictures.
        report: called with (pictures done, of how many).

    Returns:
        ``n``, ``mse`` (mean per pixel, values in [0, 1], real renderer), ``mse_canvas`` (the
        same strokes under C, if there is one), ``mse_blank``, ``mse_over_blank``, ``psnr``, ``iou``,
        ``strokes`` (mean kept), ``seconds_per_image`` (in batches of 100), stroke recovery where the
        targets know their strokes, and what ``SCORES`` has for the recipe's kind of targets.
    """
    if agent not in AGENTS:
        raise ValueError(f"agent must be one of {', '.join(AGENTS)}, got {agent!r}")
    recipe, renderer, rng = drawer.recipe, drawer.renderer, np.random.default_rng(seed)
    score = SCORES.get(str(targets or recipe.targets).partition(":")[0])
    targets = load_pictures(targets if targets is not None else f"{recipe.targets}:test", recipe.size)
    if agent == "truth" and not targets.shapes:
        raise ValueError("the agent truth needs targets that know what shapes they are made of")
    images = targets.images[:limit]
    drawings: list[Drawing] = []
    polylines = getattr(renderer, "polylines", None)  # a renderer of strokes has it
    names = ("mse", "mse_canvas", "mse_blank", "iou", "strokes", "seconds")
    sums = {name: 0.0 for name in names if drawer.canvas or name != "mse_canvas"}
    recovery: list[dict] = []
    for start in range(0, len(images), 100):
        batch = images[start : start + 100]
        hints = batch if targets.hints is None else targets.hints[start : start + len(batch)]
        blank = renderer.blank(len(batch), recipe.size)
        begun = time.perf_counter()
        if agent == "drawer":
            actions, keep = drawer.strokes(hints, refine)
        elif agent == "truth" and targets.shapes:
            shapes = targets.shapes[start : start + len(batch)]
            actions, keep = stacked([renderer.action_spec.to_action(physical) for physical in shapes])
        else:
            strokes = recipe.strokes if agent == "random" else 0
            shape = (len(batch), strokes, len(renderer.action_spec))
            actions = rng.uniform(-1, 1, shape).astype(np.float32)
            keep = np.ones(shape[:2], bool)
        sums["seconds"] += time.perf_counter() - begun
        canvas = draw_kept(renderer, actions, keep, blank)[:, : batch.shape[1]]
        sums["mse"] += mse(canvas, batch).sum()
        if drawer.canvas:
            imagined = draw_imagined(drawer.canvas, actions, keep, blank)[:, : batch.shape[1]]
            sums["mse_canvas"] += (imagined - to_unit(batch)).square().mean((1, 2, 3)).sum().item()
        sums["mse_blank"] += mse(blank[:, : batch.shape[1]], batch).sum()
        sums["iou"] += iou(canvas, batch).sum()
        sums["strokes"] += keep.sum()
        if score:
            drawings += [Drawing(a[k], renderer) for a, k in zip(actions, keep, strict=True)]
        if targets.strokes and polylines:
            for i in range(len(batch)):
                pens = joined(polylines(actions[i][keep[i]]))
                recovery.append(stroke_recovery(pens, targets.strokes[start + i]))
        if report:
            report(min(start + 100, len(images)), len(images))
    figures = _means(sums, len(images))
    if recovery:
        figures |= {k: float(np.mean([r[k] for r in recovery])) for k in recovery[0]}
        errors = [abs(r["stroke_count_error"]) for r in recovery]
        figures["stroke_count_absolute_error"] = float(np.mean(errors))
    return figures | score(drawings, targets) if score else figures
