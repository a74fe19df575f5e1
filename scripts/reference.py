"""The best strokes per picture by gradient through the exact renderer: what a drawer could reach."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from scripts.common import progress, run


@dataclass
class Arguments:
    """Optimise the strokes of N test pictures one by one; prints the mean squared error."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe whose renderer, targets and number of strokes are taken."""
    n: int = 100
    """Pictures: evenly spaced over the split."""
    split: Literal["test", "val"] = "test"
    """Which split."""
    steps: int = 150
    """Gradient steps from each start."""
    starts: int = 5
    """Random starts per picture; the best counts."""
    seed: int = 0
    """Of the starts."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: two pictures, few steps."""


def main(arguments: Arguments) -> None:
    import torch

    from agents.canvas import to_unit
    from agents.recipes import get_recipe
    from agents.reference import best_strokes
    from drawenv import BezierRenderer, load_pictures

    recipe = get_recipe(arguments.recipe)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    renderer = recipe.renderer()
    if not isinstance(renderer, BezierRenderer):
        raise ValueError(f"the reference knows Bézier curves only; {recipe.name} draws something else")
    n, steps, starts = arguments.n, arguments.steps, arguments.starts
    if arguments.preset == "debug":
        n, steps, starts = 2, 3, 1
    images = load_pictures(f"{recipe.targets}:{arguments.split}", recipe.size).images
    targets = to_unit(images[:: max(len(images) // n, 1)][:n])
    errors = []
    with progress(transient=True) as bar:
        batches = targets.split(10)  # small batches stay in the cache
        task = bar.add_task("reference", total=len(batches) * steps * starts, note="")
        for i, batch in enumerate(batches):
            _, error = best_strokes(
                batch, renderer, recipe.strokes, steps, starts, seed=arguments.seed + i,
                report=lambda done, total, i=i: bar.update(task, completed=i * total + done),
            )  # fmt: skip
            errors.append(error)
    pixels = recipe.size**2
    mse = torch.cat(errors).mean().item() / pixels
    blank = targets.square().mean().item()
    result = {
        "recipe": recipe.name, "split": arguments.split, "n": len(targets), "steps": steps,
        "starts": starts, "seed": arguments.seed, "mse": mse, "mse_blank": blank,
        "mse_over_blank": mse / blank,
    }  # fmt: skip
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"best of {starts} starts, {len(targets)} pictures: mse {mse:.5f} ({mse / blank:.3f} of blank)")


if __name__ == "__main__":
    run(main, Arguments)
