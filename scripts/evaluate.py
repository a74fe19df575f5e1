"""Measure a recipe's drawer under the real renderer, on the whole test split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from scripts.common import progress, run, save_sheet

SLIDING = ("stride", "strokes", "order")


@dataclass
class Arguments:
    """Metrics of an agent on a recipe's test split (or other pictures)."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    agent: Literal["drawer", "random", "blank", "truth"] = "drawer"
    """drawer; uniform random strokes; none at all; the shapes the targets are made of."""
    targets: str | None = None
    """Other pictures: a targets' name with its split (mnist:test, omniglot:val)."""
    images: Path | None = None
    """Other pictures: a folder of them."""
    weights: Path | None = None
    """Folder of weights (default: the pretrained ones)."""
    refine: int = 0
    """Gradient steps on the strokes through C after drawing."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    sheet: Path | None = None
    """Also write a PNG of 40 of the pictures (10 sketches), each with its drawing below."""
    seed: int = 0
    """Of the random agent."""
    limit: int | None = None
    """Only the first so many pictures."""
    stride: int | None = None
    """Sliding recipes: pixels from one window to the next (default: the recipe's)."""
    strokes: int | None = None
    """Sliding recipes: strokes per window at most (default: the recipe's)."""
    order: Literal["phased", "raster", "flood"] | None = None
    """Sliding recipes: in which order windows are drawn (default: phased)."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: the first 50 pictures only."""


def main(arguments: Arguments) -> None:
    import torch

    from agents import Drawer
    from agents.evaluation import evaluate, evaluate_pages
    from agents.recipes import get_recipe
    from agents.sliding import SKETCH_SIZE
    from drawenv import load_pictures

    get_recipe(arguments.recipe)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    drawer = Drawer.from_pretrained(arguments.weights or arguments.recipe)
    targets = str(arguments.images) if arguments.images else arguments.targets
    sliding = {name: value for name in SLIDING if (value := getattr(arguments, name)) is not None}
    if sliding and not drawer.recipe.stride:
        raise ValueError(
            f"{arguments.recipe} draws a picture at once: {', '.join(sliding)} is for sliding recipes"
        )
    split = str(arguments.images or arguments.targets or f"{drawer.recipe.targets}:test")
    with progress(transient=True) as bar:
        task = bar.add_task(f"{arguments.agent} on {split}", total=None, note="")

        def report(done: int, n: int) -> None:
            bar.update(task, completed=done, total=n, note=f"{done}/{n}")

        if drawer.recipe.stride:
            if arguments.agent != "drawer":
                raise ValueError(f"{arguments.recipe} slides over pages: only the agent drawer does that")
            limit = 2 if arguments.preset == "debug" else arguments.limit
            figures = evaluate_pages(drawer, targets, arguments.refine, limit, report, **sliding)
        else:
            limit = 50 if arguments.preset == "debug" else arguments.limit
            figures = evaluate(
                drawer, arguments.agent, targets, arguments.refine, arguments.seed, limit, report
            )
    result = {
        "recipe": arguments.recipe,
        "agent": arguments.agent,
        "split": split,
        "refine": arguments.refine,
        "seed": arguments.seed,
        **sliding,
        **({"limit": arguments.limit} if arguments.limit else {}),
        **({"weights": str(arguments.weights)} if arguments.weights else {}),
        **figures,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.sheet:
        pages = bool(drawer.recipe.stride)
        size, most = (SKETCH_SIZE, 10) if pages else (drawer.recipe.size, 40)
        pictures = load_pictures(split, size)
        some = range(0, len(pictures), max(len(pictures) // most, 1))[:most]
        rows = []
        for i in some:
            target = pictures.images[i]
            hints = [] if pictures.hints is None else [pictures.hints[i]]
            if pages:
                drawing = drawer.page(target[0], arguments.refine, **sliding)
            else:
                (drawing,) = drawer.drawings((hints or [target])[0][None], arguments.refine)
            rows.append(([*hints, target], drawing))
        save_sheet(rows, arguments.sheet, columns=most // 2)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:30} {value:.5g}" if isinstance(value, float) else f"{name:30} {value}")


if __name__ == "__main__":
    run(main, Arguments)
