"""How well an agent draws: figures under the real renderer on a whole split."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from drawenv import Drawing, load_pictures
from drawenv.drawing import draw_kept
from drawenv.metrics import chamfer, hidden, iou, mse, near_iou, psnr, seam_score, stroke_recovery
from drawenv.pens import Pen, in_strokes, ink_on_paper, pens_of_ink
from drawenv.plot import in_order, travel
from drawenv.settle import settled
from drawenv.tasks.rooms import between_lines, draw_rooms

from .autotrace import pens_of_autotrace
from .canvas import CanvasNetwork, to_unit
from .draw import Agent, draw, draw_any_size
from .imagine import imagine_page
from .improve import stacked
from .page import Order

BATCH = 100  # pictures drawn at a time
Rival = Literal["truth", "regions", "skeleton", "skeleton-of-clean", "autotrace"]
TOLERANCE = 2.0  # px: so near is a stroke found


@torch.no_grad()
def draw_imagined(canvas: CanvasNetwork, actions: np.ndarray, keep: np.ndarray, before: np.ndarray) -> Tensor:
    """The kept strokes as C imagines them on canvases uint8 ``[B, C, H, W]``: floats in [0, 1]."""
    device = next(canvas.parameters()).device
    x = to_unit(before, device)
    for k in range(actions.shape[1]):
        kept = torch.from_numpy(keep[:, k]).to(device).view(-1, 1, 1, 1)
        x = torch.where(kept, canvas(x, torch.from_numpy(actions[:, k]).to(device)), x)
    return x


def evaluate(
    agent: Agent, targets=None, effort: int = 0, refine: int = 0, limit: int | None = None,
    rival: Rival | None = None, prune: bool = True,
    report: Callable[[int, int], None] | None = None,
    stride: int | None = None, strokes: int | None = None, order: Order = "phased", pens: bool = False,
    settle: bool = True, size: int | None = None,
) -> dict:  # fmt: skip
    """Draw every picture of a split and measure.

    Args:
        agent: draws; see ``agents.draw.draw`` for which strokes it keeps.
        targets: what to draw, see ``load_targets``; the recipe's test split if None.
        effort: rounds in which each stroke is redrawn, see ``agents.plan``.
        refine: gradient steps on the strokes after drawing.
        limit: number of pictures, from the first; all if None.
        prune: leave out strokes that do not help; of pages it is always done.
        rival: draws instead: the shapes that the targets are made of, what a perfect agent would get; or what
            a plan's lines enclose; or the pens that the picture's own middle lines suggest
            (``drawenv.pens.pens_of_ink``), or those of what the agent takes for the clean picture; or
            AutoTrace.
        report: called with (pictures done, of how many).
        stride: of sliding recipes, from one window to the next in pixels; the recipe's if None.
        strokes: at most, of a picture or a window; the recipe's if None.
        order: of sliding recipes, of the windows.
        pens: measure the drawings' pens, too; where the targets know theirs it is always done.
        settle: settle pens first (``drawenv.settle``) on what their drawing was made of, the rival's, too.
        size: of sliding recipes, side of the pictures in px; 512 if None.

    Returns:
        ``n``, ``mse`` (mean per pixel, values in [0, 1], real renderer), ``mse_canvas`` (the same strokes
        under the C that was learned through; None without one), ``mse_blank``, ``mse_over_blank``,
        ``psnr``, ``iou``, ``strokes`` (mean used), ``seconds_per_image``; of pages also ``iou_1px`` (ink one
        pixel off counts), ``stroke_length`` (mean, in px) and ``seam`` (error near windows' borders over
        that elsewhere); of pens what ``pen_scores`` gives, ``pen_seconds`` (mean, beyond
        ``seconds_per_image``), and where the targets know theirs ``stroke_scores``; and what the targets'
        own ``score`` does.

    Raises:
        ValueError: the targets know no shapes for ``truth``, or the task is to translate and they have no
            hints: then there is nothing to compare a drawing with.
    """
    recipe, renderer = agent.recipe, agent.renderer
    targets = load_pictures(
        f"{recipe.targets}:test" if targets is None else targets, size or recipe.picture_size, renderer
    )
    if size and not recipe.stride:
        raise ValueError(f"{recipe.name} draws pictures of {recipe.size} px, not of any size")
    if recipe.hint and targets.hints is None:
        raise ValueError(
            f"{recipe.name} translates, and these pictures come without what is to be made of them: "
            "there is nothing to compare a drawing with (draw.py draws them)"
        )
    middle = rival not in (None, "truth", "regions")
    if middle and not renderer.has_paths:
        raise ValueError(f"a {rival} is drawn in strokes of a pen, and {recipe.name} has none")
    if rival == "regions" and not (recipe.rooms.plans and targets.hints is not None):
        raise ValueError(f"regions are those of floor plans, which {recipe.name} does not draw")
    if rival == "truth" and not targets.shapes:
        raise ValueError("the agent truth needs targets that know what shapes they are made of")
    n = len(targets.images[:limit])
    sums: dict[str, float] = defaultdict(float)
    drawings: list[Drawing] = []
    measured = (pens or bool(targets.strokes)) and renderer.has_paths and renderer.channels == 1
    own: list[list[Pen]] = []
    canvas = None if middle else agent.learned_through
    for start in range(0, n, 1 if recipe.stride else BATCH):
        part = slice(start, min(start + (1 if recipe.stride else BATCH), n))
        begun, log = time.perf_counter(), []
        wanted = targets.wanted[part]
        if middle:
            goals = agent.goal(wanted) if rival == "skeleton-of-clean" else None
            inks = (wanted if goals is None else goals)[:, 0]
            if targets.hints is not None and goals is None:
                inks = np.stack([ink_on_paper(ink) for ink in inks])
            own += pens_of_autotrace(inks) if rival == "autotrace" else map(pens_of_ink, inks)
            page = renderer.on_page(inks.shape[1:]) if recipe.stride else renderer
            drawn = [replace(in_strokes(p, page), picture=i) for p, i in zip(own[start:], inks, strict=True)]
        elif rival == "regions":
            drawn = [draw_rooms(between_lines(plan)) for plan in wanted[:, 0]]
        elif rival and targets.shapes:
            spec = renderer.action_spec
            drawn = [Drawing(spec.to_action(s).clip(-1, 1), renderer) for s in targets.shapes[part]]
        elif recipe.stride:
            scale = recipe.measured_scale
            drawn = [
                draw_any_size(agent, wanted[0, 0], effort, refine, scale, stride, strokes, order, log=log)
            ]
        else:
            drawn = draw(agent, wanted, effort, refine, prune, strokes)
            if wanted.shape[2:] == drawn[0].sides and wanted.shape[1] == 1:
                drawn = [replace(d, picture=ink) for d, ink in zip(drawn, wanted[:, 0], strict=True)]
        sums["seconds"] += time.perf_counter() - begun
        for name, value in _errors(agent, canvas, drawn, log, targets.images[part]).items():
            sums[name] += value
        drawings += drawn
        if measured:
            begun = time.perf_counter()
            if not middle:
                own += [(d if settle else replace(d, picture=None)).pens() for d in drawn]
            elif settle:
                each = zip(own[start:], drawn, strict=True)
                own[start:] = [settled(some, cast(np.ndarray, d.picture), d.renderer) for some, d in each]
            sums["pen_seconds"] += time.perf_counter() - begun
        if report:
            report(part.stop, n)
    figures = _means(sums, n, canvas is not None)
    if recipe.stride:
        figures |= page_scores(drawings, targets.images[:n, 0], stride or recipe.stride)
    if measured:
        figures |= pen_scores(own, drawings, targets.images[:n])
        figures["pen_seconds"] = sums["pen_seconds"] / n
    if targets.strokes and renderer.has_paths:
        figures |= stroke_scores(own, targets.strokes[:n], max(drawings[0].sides))
    return figures | targets.score(drawings)


def _errors(
    agent: Agent, canvas: CanvasNetwork | None, drawings: list[Drawing], log: list, images: np.ndarray
) -> dict[str, float]:
    """Sums over pictures uint8 ``[k, C, H, W]`` of what their drawings cost."""
    renderer = agent.renderer
    blank = np.ascontiguousarray(np.broadcast_to(
        np.array(renderer.paper(), np.uint8)[:, None, None], images.shape
    ))  # fmt: skip
    if agent.recipe.stride:
        shown = drawings[0].render()[None, None]
        device = next(canvas.parameters()).device if canvas else "cpu"
        imagined = None
        if canvas:
            page = Image.fromarray(imagine_page(canvas, log, device))
            imagined = np.asarray(page.resize(images.shape[:1:-1], Image.Resampling.BILINEAR))[None, None]
    else:
        actions, keep = stacked([drawing.actions for drawing in drawings])
        before = renderer.blank(len(images), images.shape[-1])
        shown = draw_kept(renderer, actions, keep, before)[:, : renderer.shown]
        imagined = None
        if canvas:
            imagined = draw_imagined(canvas, actions, keep, before)[:, : renderer.shown].cpu().numpy()
    shown = np.ascontiguousarray(shown)
    sums = {"mse": mse(shown, images).sum(), "mse_blank": mse(blank, images).sum()}
    if imagined is not None:
        sums["mse_canvas"] = np.square(imagined - images / np.float32(255)).mean((1, 2, 3)).sum()
    return sums | {"iou": iou(shown, images).sum(), "strokes": sum(map(len, drawings))}


def _means(sums: dict[str, float], n: int, imagined: bool) -> dict:
    means = {name: float(total / n) for name, total in sums.items()}
    return {
        "n": n, "mse": means["mse"], "mse_canvas": means["mse_canvas"] if imagined else None,
        "mse_blank": means["mse_blank"], "mse_over_blank": means["mse"] / max(means["mse_blank"], 1e-12),
        "psnr": psnr(means["mse"]), "iou": means["iou"], "strokes": means["strokes"],
        "seconds_per_image": means["seconds"],
    }  # fmt: skip


def page_scores(drawings: Sequence[Drawing], images: np.ndarray, stride: int) -> dict[str, float]:
    """Figures of pages uint8 ``[n, H, W]`` drawn in windows: ``iou_1px``, ``stroke_length``, ``seam``."""
    pages = np.stack([drawing.render() for drawing in drawings])
    lengths = [
        np.hypot(*np.diff(line, axis=0).T).sum()
        for drawing in drawings for line in drawing.renderer.polylines(drawing.actions)
    ]  # fmt: skip
    return {
        "iou_1px": float(near_iou(pages, images).mean()),
        "stroke_length": float(np.mean(lengths)) if lengths else 0.0,
        "seam": seam_score(pages, images, stride),
    }


def pen_scores(
    pens: Sequence[list[Pen]], drawings: Sequence[Drawing], images: np.ndarray
) -> dict[str, float]:
    """Figures of drawings' pens, as the real renderer shows them on pictures uint8 ``[n, 1, H, W]``.

    Returns:
        Means over the drawings: ``pens``, ``pen_curves``, how many cubic ones they have, ``pen_travel``, the
        way from one to the next in px, in the order of a plotter, and ``pens_mse_over_blank``.
    """
    shown = [
        in_strokes(p, d.renderer).render(max(images.shape[2:])) for p, d in zip(pens, drawings, strict=True)
    ]
    error = mse(np.stack(shown)[:, None], images).sum() / max(mse(np.zeros_like(images), images).sum(), 1e-12)
    return {
        "pens": float(np.mean([len(own) for own in pens])),
        "pen_curves": float(np.mean([sum(len(pen.curves) for pen in own) for own in pens])),
        "pen_travel": float(np.mean([travel(in_order(own)) for own in pens])),
        "pens_mse_over_blank": float(error),
    }


def stroke_scores(
    drawings: Sequence[list[Pen]], true: Sequence[list[np.ndarray]], side: int
) -> dict[str, float]:
    """How well the pens of drawings recover the true ones.

    Returns:
        Means over the drawings: what ``stroke_recovery`` gives, ``pens`` and ``pens_true``, of these
        ``pens_hidden`` under others, ``pens_exact`` (share of drawings with the right number),
        ``stroke_count_absolute_error``, and ``chamfer`` in px (of an empty drawing, the side of the canvas).
    """
    rows = []
    for drawing, strokes in zip(drawings, true, strict=True):
        pens = [pen.points() for pen in drawing]
        row = stroke_recovery(pens, strokes, TOLERANCE)
        row["stroke_count_absolute_error"] = abs(row["stroke_count_error"])
        row |= {"pens": len(pens), "pens_true": len(strokes), "pens_exact": len(pens) == len(strokes)}
        row["pens_hidden"] = hidden(strokes, TOLERANCE)
        rows.append(row | {"chamfer": min(chamfer(pens, strokes), float(side))})
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
