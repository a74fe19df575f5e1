"""Train a recipe's drawer through its canvas network; fits that first when it is missing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..recipes import RECIPES, Recipe
from .common import Device, prepare, progress, provenance


@dataclass
class Arguments:
    """Train the drawer D of a recipe; writes OUT/drawer.safetensors, OUT/config.json and a sheet of drawings.

    Run the same command again to go on after an interruption. Fields of the recipe can be given too, for
    instance --strokes 8 --train.lr 5e-4 --targets my_pictures. Several processes:
    torchrun --nproc_per_node=N scripts/train_drawer.py RECIPE.
    """

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    out: Path | None = None
    """Folder for weights, state and logs (default: runs/RECIPE)."""
    seed: int = 0
    """Of the networks and the pictures."""
    device: Device = "auto"
    """To compute on; auto takes a GPU if there is one."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: tiny networks and few pictures, for seconds."""
    fields: Annotated[Recipe, tyro.conf.arg(name="")] = field(default_factory=lambda: RECIPES["mnist-4"])
    """The recipe's fields."""


def main(arguments: Arguments) -> None:
    from .. import processes
    from ..data import make_batches
    from ..states import alone
    from ..train import held_out

    recipe, writes = arguments.fields, processes.rank() == 0
    recipe.check()
    device = prepare(arguments.device, arguments.threads)
    if writes:  # what may be wrong with the pictures is found before minutes are spent
        make_batches(recipe, arguments.seed, device)(0.0)
        held_out(recipe)
    out = arguments.out or Path("runs") / recipe.name
    with alone(out) if writes else nullcontext():
        train(recipe, out, arguments.seed, device, writes)


def train(recipe: Recipe, out: Path, seed: int, device, writes: bool) -> None:
    """Train in a folder; one of several processes ``writes``."""
    import torch

    from .. import Drawer, processes
    from ..agent import SHEET
    from ..train import start_from, train_drawer
    from ..weights import claim, load_weights, save_weights, write_config
    from .evaluate import write_sheet
    from .train_canvas import fit, fit_clean, fit_room_network

    made = provenance(seed)  # of the code that is running: there may be another commit when it ends
    first = Drawer.from_pretrained(recipe.train.start_from) if recipe.train.start_from else None
    if writes:
        claim(out, recipe)
        if not (out / "canvas.safetensors").exists():
            if first and (first.recipe.env, first.recipe.env_options) == (recipe.env, recipe.env_options):
                save_weights(first.canvas, out / "canvas.safetensors")  # the same renderer's
            else:
                fit(recipe, out, seed, device)
        if recipe.clean.crops and not (out / "cleaner.safetensors").exists():
            fit_clean(recipe, out, seed, device)
        if recipe.rooms.plans and not (out / "rooms.safetensors").exists():
            fit_room_network(recipe, out, seed, device)
    device = processes.start(device)  # the others wait here
    processes.wait()
    torch.manual_seed(seed)
    drawer = Drawer.new(recipe).to(device)
    for name, part in drawer.parts.items():
        if name != "drawer":
            load_weights(part, out / f"{name}.safetensors")
    if first:
        start_from(drawer, first)
    with progress(disable=not writes) as bar:
        task = bar.add_task(f"drawer of {recipe.name}", total=recipe.train.pictures, note="")

        def report(row: dict) -> None:
            note = f"val mse {row['mse']:.4f}" if "mse" in row else f"loss {row['loss']:.0f}"
            bar.update(task, completed=row["pictures"], note=note)

        last = train_drawer(drawer, out, seed, report)
    if not writes:
        return
    save_weights(drawer.network, out / "drawer.safetensors")
    save_weights(drawer.canvas, out / "canvas.safetensors")
    made |= {"data": f"{recipe.targets}:train", "processes": processes.count(), "validation": last}
    write_config(out, recipe=recipe.as_dict(), drawer=made)
    sheet = out / SHEET
    write_sheet(drawer, f"{recipe.targets}:val", sheet, most=4 if recipe.stride else 10)
    print(f"{sheet}: pictures that it did not learn from, each with its drawing below")
    print(
        f"{out / 'drawer.safetensors'}: validation mse {last['mse']:.5f} (under C {last['mse_canvas']:.5f})"
    )
