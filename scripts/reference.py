"""Strokes found for each picture by gradient through the exact renderer, beside what a drawer draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.commands.common import Device, prepare, print_result, progress, provenance, run


@dataclass
class Arguments:
    """Optimise the strokes of N test pictures one by one; prints the mean squared error, and on the same
    pictures that of the drawer in one pass, with effort, and refined.
    """

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe whose renderer, targets, number of strokes and drawer are taken."""
    n: int = 100
    """Pictures: evenly spaced over the split."""
    split: Literal["test", "val"] = "test"
    """Which split."""
    steps: int = 150
    """Gradient steps from each start."""
    starts: int = 5
    """Random starts per picture; the best counts."""
    refine: int = 50
    """Gradient steps of the drawer's refinement."""
    seed: int = 0
    """Of the starts."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    device: Device = "auto"
    """To compute on; auto takes a GPU if there is one."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: two pictures, few steps."""


def main(arguments: Arguments) -> None:

    from agents import Drawer
    from agents.canvas import to_unit
    from agents.evaluate import evaluate
    from agents.oracle import found_errors
    from agents.recipes import PRETRAINED, get_recipe
    from drawenv import ArrayTargets, BezierRenderer, load_pictures

    recipe, device = get_recipe(arguments.recipe), prepare(arguments.device, arguments.threads)
    renderer = recipe.renderer()
    if not isinstance(renderer, BezierRenderer):
        raise ValueError(f"the reference knows Bézier curves only; {recipe.name} draws something else")
    n, steps, starts = arguments.n, arguments.steps, arguments.starts
    if arguments.preset == "debug":
        n, steps, starts = 2, 3, 1
    images = load_pictures(f"{recipe.targets}:{arguments.split}", recipe.size).images
    images = images[:: max(len(images) // n, 1)][:n]
    targets = to_unit(images, device)
    with progress(transient=True) as bar:
        task = bar.add_task("reference", total=None, note="")
        errors = found_errors(
            targets, renderer, recipe.strokes, steps, starts, arguments.seed,
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    mse = errors.mean().item()
    blanks = targets.square().mean((1, 2, 3))
    blank, returns = blanks.mean().item(), 1 - errors / blanks
    result = {
        "recipe": recipe.name, "split": arguments.split, "n": len(targets), "steps": steps,
        "starts": starts, **provenance(arguments.seed), "mse": mse, "mse_blank": blank,
        "mse_over_blank": mse / blank, "mean_return": returns.mean().item(),
    }  # fmt: skip
    if (PRETRAINED / recipe.name).is_dir():
        drawer = Drawer.from_pretrained(recipe.name, device)
        refine = arguments.refine
        for name, effort, steps in (
            ("", 0, 0),
            ("_effort_2", 2, 0),
            (f"_effort_2_refine_{refine}", 2, refine),
        ):
            result[f"mse_drawer{name}"] = evaluate(drawer, ArrayTargets(images), effort, steps)["mse"]
    print_result(result, arguments.json, arguments.out)


if __name__ == "__main__":
    run(main, Arguments)
