"""Train a recipe's drawer through its canvas network; fits that first when it is missing."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..recipes import RECIPES, Recipe
from .common import Device, prepare, progress, provenance


@dataclass
class Arguments:
    """Train the drawer D of a recipe and what belongs to it; writes OUT/drawer.safetensors and others,
    OUT/config.json and a sheet of drawings.

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
    device = prepare(arguments.device, arguments.threads, train=True)
    if writes:  # what may be wrong with the pictures is found before minutes are spent
        make_batches(recipe, arguments.seed, device)(0.0)
        held_out(recipe)
    out = arguments.out or Path("runs") / recipe.name
    with alone(out) if writes else nullcontext():
        train(recipe, out, arguments.seed, device, writes)


def train(recipe: Recipe, out: Path, seed: int, device, writes: bool) -> None:
    """Train in a folder what is not there yet; one of several processes ``writes``."""
    from .. import Drawer, processes
    from ..agent import SHEET
    from ..weights import claim, read_config, save_weights
    from .evaluate import write_sheet
    from .train_canvas import fit, fit_clean, fit_room_network

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
    made, corrector = read_config(out).get("drawer", {}), out / "corrector.safetensors"
    learned_from = made.get("validation", {}).get("pictures", 0) if made.get("seed") == seed else 0
    if learned_from < recipe.train.pictures or not (out / "drawer.safetensors").exists():
        train_part("drawer", recipe, out, seed, device, writes, first)
        if writes:
            corrector.unlink(missing_ok=True)  # another drawer's
            shutil.rmtree(out / "corrector", ignore_errors=True)
    processes.wait()
    if recipe.train.corrections and not corrector.exists():
        train_part("corrector", recipe, out, seed, device, writes)
    if writes:
        sheet, most = out / SHEET, 4 if recipe.stride else 10
        write_sheet(Drawer.from_pretrained(out, device), f"{recipe.targets}:val", sheet, most=most)
        print(f"{sheet}: pictures that it did not learn from, each with its drawing below")


def train_part(
    name: Literal["drawer", "corrector"], recipe: Recipe, out: Path, seed: int, device, writes: bool,
    first=None,
) -> None:  # fmt: skip
    """Train the drawer, which may go on from another one, or its corrector; the other parts are there."""
    import torch

    from .. import Drawer, processes
    from ..train import start_from, train_drawer
    from ..weights import load_weights, save_weights, write_config

    made = provenance(seed)  # of the code that is running: there may be another commit when it ends
    torch.manual_seed(seed)
    drawer, corrections = Drawer.new(recipe).to(device), name == "corrector"
    if not corrections:
        drawer.corrector = None
    for part, network in drawer.parts.items():
        if part != name:
            load_weights(network, out / f"{part}.safetensors")
    if first:
        start_from(drawer, first)
    total = recipe.train.corrections if corrections else recipe.train.pictures
    with progress(disable=not writes) as bar:
        task = bar.add_task(f"{name} of {recipe.name}", total=total, note="")

        def report(row: dict) -> None:
            note = f"val mse {row['mse']:.4f}" if "mse" in row else f"loss {row['loss']:.0f}"
            bar.update(task, completed=row["pictures"], note=note)

        last = train_drawer(drawer, out, seed, report, corrections)
    if not writes:
        return
    for part in [name] if corrections else ["drawer", "canvas"]:  # which may have been fitted on
        save_weights(drawer.parts[part], out / f"{part}.safetensors")
    made |= {"data": f"{recipe.targets}:train", "processes": processes.count(), "validation": last}
    write_config(out, recipe=recipe.as_dict(), **{name: made})
    file = out / f"{name}.safetensors"
    print(f"{file}: validation mse {last['mse']:.5f} (under C {last['mse_canvas']:.5f})")
