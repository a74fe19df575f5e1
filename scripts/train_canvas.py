"""Fit a recipe's canvas network to random rollouts of its renderer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from scripts.common import machine, progress, run


@dataclass
class Arguments:
    """Fit the canvas network C of a recipe; writes OUT/canvas.safetensors."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    out: Path | None = None
    """Folder for the weights (default: runs/RECIPE)."""
    seed: int = 0
    """Of the network and the rollouts."""
    seconds: float | None = None
    """Wall-clock budget (default: the recipe's)."""
    calls: int | None = None
    """Calls of the renderer at most, one for each stroke; later batches repeat what they gave."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: a tiny network, for seconds."""


def fit(recipe, out: Path, seed: int, command: str, seconds=None, calls: int | None = None) -> None:
    """Fit C and write it with its figures."""
    import time

    import torch

    from agents.canvas import canvas_error, fit_canvas, make_canvas
    from agents.checkpoints import save_weights, write_config

    renderer = recipe.renderer()
    torch.manual_seed(seed)
    canvas = make_canvas(renderer, **recipe.canvas)
    budget = seconds or recipe.canvas_seconds
    start = time.monotonic()
    with progress() as bar:
        task = bar.add_task(f"canvas of {recipe.name}", total=budget, note="")
        steps, made = fit_canvas(
            canvas, renderer, recipe.size, budget, seed=seed, calls=calls,
            report=lambda step, elapsed: bar.update(task, completed=elapsed, note=f"{step} steps"),
        )  # fmt: skip
        bar.update(task, completed=budget)
    error = canvas_error(canvas, renderer, recipe.size)
    out.mkdir(parents=True, exist_ok=True)
    save_weights(canvas, out / "canvas.safetensors")
    write_config(
        out,
        recipe=recipe.as_dict(),
        canvas={
            "command": command,
            "seed": seed,
            "steps": steps,
            "renderer_calls": made,
            "seconds": round(time.monotonic() - start, 1),
            "machine": machine(),
            "error_of_blank": error,
        },
    )
    print(f"{out / 'canvas.safetensors'}: error {100 * error:.2f} % of a blank canvas'")


def main(arguments: Arguments) -> None:
    import torch

    from agents.recipes import get_recipe

    recipe = get_recipe(arguments.recipe)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    out = arguments.out or Path("runs") / recipe.name
    command = f"scripts/train_canvas.py {arguments.recipe} --seed {arguments.seed}"
    if arguments.preset == "debug":
        recipe = recipe.debug()
        command += " --preset debug"
    if arguments.seconds:
        command += f" --seconds {arguments.seconds:g}"
    if arguments.calls:
        command += f" --calls {arguments.calls}"
    fit(recipe, out, arguments.seed, command, arguments.seconds, arguments.calls)


if __name__ == "__main__":
    run(main, Arguments)
