"""Measure a recipe's drawer under the real renderer, on the whole test split."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
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
    agent: Literal["drawer", "ppo", "random", "blank", "truth"] = "drawer"
    """drawer; policy of train_ppo.py; random strokes; none; the shapes that targets are made of."""
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
    votes: float | None = None
    """Floor plans: what share of drawings must agree on a room; 0 draws once (default: the recipe's)."""
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


def write_sheet(drawer, split: str, path: Path, refine: int = 0, most: int | None = None, **sliding) -> None:
    """A PNG of pictures from all over a split (40, or 10 sketches), each with its drawing below."""
    from agents.sliding import SKETCH_SIZE
    from drawenv import load_pictures

    pages = bool(drawer.recipe.stride)
    most = most or (10 if pages else 40)
    pictures, rows = load_pictures(split, SKETCH_SIZE if pages else drawer.recipe.size), []
    for i in range(0, len(pictures), max(len(pictures) // most, 1))[:most]:
        target = pictures.images[i]
        hints = [] if pictures.hints is None else [pictures.hints[i]]
        if pages:
            drawing = drawer.page(target[0], refine, **sliding)
        else:
            (drawing,) = drawer.drawings((hints or [target])[0][None], refine)
        rows.append(([*hints, target], drawing))
    save_sheet(rows, path, columns=most // 2)


def main(arguments: Arguments) -> None:
    import torch

    from agents import Drawer
    from agents.evaluation import evaluate, evaluate_pages
    from agents.recipes import get_recipe

    get_recipe(arguments.recipe)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.agent == "ppo":
        from agents.baselines import Policy

        drawer = Policy.from_pretrained(arguments.weights or Path("runs") / f"ppo-{arguments.recipe}")
    else:
        drawer = Drawer.from_pretrained(arguments.weights or arguments.recipe)
    agent = "drawer" if arguments.agent == "ppo" else arguments.agent
    if arguments.sheet and agent != "drawer":
        raise ValueError(f"--sheet shows drawings of the agents drawer and ppo, not of {agent}")
    if arguments.votes is not None:
        drawer.recipe = replace(drawer.recipe, votes=arguments.votes)
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
            if agent != "drawer":
                raise ValueError(f"{arguments.recipe} slides over pages: only the agent drawer does that")
            limit = 2 if arguments.preset == "debug" else arguments.limit
            figures = evaluate_pages(drawer, targets, arguments.refine, limit, report, **sliding)
        else:
            limit = 50 if arguments.preset == "debug" else arguments.limit
            figures = evaluate(drawer, agent, targets, arguments.refine, arguments.seed, limit, report)
    result = {
        "recipe": arguments.recipe,
        "agent": arguments.agent,
        "split": split,
        "refine": arguments.refine,
        "seed": arguments.seed,
        **sliding,
        **({} if arguments.votes is None else {"votes": arguments.votes}),
        **({"limit": arguments.limit} if arguments.limit else {}),
        **({"weights": str(arguments.weights)} if arguments.weights else {}),
        **figures,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.sheet:
        write_sheet(drawer, split, arguments.sheet, arguments.refine, **sliding)
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:30} {value:.5g}" if isinstance(value, float) else f"{name:30} {value}")


if __name__ == "__main__":
    run(main, Arguments)
