"""Train a recipe's drawer through its canvas network; fits that first when it is missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from scripts.common import machine, progress, run


@dataclass
class Arguments:
    """Train the drawer D of a recipe; writes OUT/drawer.safetensors and OUT/config.json.

    Run the same command again to go on after an interruption.
    """

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    out: Path | None = None
    """Folder for weights, state and logs (default: runs/RECIPE)."""
    seed: int = 0
    """Of the networks and the pictures."""
    pictures: int | None = None
    """How many pictures to train on (default: the recipe's)."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: tiny networks and few pictures, for seconds."""


def main(arguments: Arguments) -> None:
    import torch

    from agents.checkpoints import Drawer, load_weights, save_weights, write_config
    from agents.recipes import get_recipe
    from agents.training import train_drawer
    from scripts.train_canvas import fit

    recipe = get_recipe(arguments.recipe)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    out = arguments.out or Path("runs") / recipe.name
    command = f"scripts/train_drawer.py {arguments.recipe} --seed {arguments.seed}"
    if arguments.preset == "debug":
        recipe = recipe.debug()
        command += " --preset debug"
    if arguments.pictures:
        recipe = replace(recipe, pictures=arguments.pictures)
        command += f" --pictures {arguments.pictures}"
    if not (out / "canvas.safetensors").exists():
        fit(recipe, out, arguments.seed, command)
    torch.manual_seed(arguments.seed)
    drawer = Drawer.new(recipe)
    load_weights(drawer.canvas, out / "canvas.safetensors")
    if recipe.start_from:
        start = Drawer.from_pretrained(recipe.start_from).network.state_dict()
        own = drawer.network.state_dict()
        fits = {name: value for name, value in start.items() if value.shape == own[name].shape}
        drawer.network.load_state_dict(own | fits)  # the head may be of another shape
    with progress() as bar:
        task = bar.add_task(f"drawer of {recipe.name}", total=recipe.pictures, note="")

        def report(row: dict) -> None:
            note = f"val mse {row['mse']:.4f}" if "mse" in row else f"loss {row['loss']:.0f}"
            bar.update(task, completed=row["pictures"], note=note)

        last = train_drawer(drawer.network, drawer.canvas, recipe, out, arguments.seed, report)
    save_weights(drawer.network, out / "drawer.safetensors")
    if recipe.refit:
        save_weights(drawer.canvas, out / "canvas.safetensors")
    write_config(
        out,
        recipe=recipe.as_dict(),
        drawer={
            "command": command,
            "seed": arguments.seed,
            "data": f"{recipe.targets}:train",
            "machine": machine(),
            "validation": last,
        },
    )
    print(
        f"{out / 'drawer.safetensors'}: validation mse {last['mse']:.5f} (under C {last['mse_canvas']:.5f})"
    )


if __name__ == "__main__":
    run(main, Arguments)
