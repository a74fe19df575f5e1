"""Fit a recipe's canvas network to random rollouts of its renderer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..recipes import RECIPES, Recipe
from .common import Device, prepare, progress, provenance


@dataclass
class Arguments:
    """Fit the canvas network C of a recipe; writes OUT/canvas.safetensors. Run again to go on after an
    interruption.

    Fields of the recipe can be given too, for instance --canvas.steps 600.
    """

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    out: Path | None = None
    """Folder for the weights (default: runs/RECIPE)."""
    seed: int = 0
    """Of the network and the rollouts."""
    calls: int | None = None
    """Calls of the renderer at most, one for each stroke; later batches repeat what they gave."""
    device: Device = "auto"
    """To compute on; auto takes a GPU if there is one."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: a tiny network, for seconds."""
    fields: Annotated[Recipe, tyro.conf.arg(name="")] = field(default_factory=lambda: RECIPES["mnist-4"])
    """The recipe's fields."""


def fit(recipe: Recipe, out: Path, seed: int, device, calls: int | None = None) -> None:
    """Fit C and write it with its figures."""
    import time

    import torch

    from ..canvas import canvas_error, fit_canvas, make_canvas
    from ..weights import save_weights, write_config

    renderer, steps = recipe.renderer(), recipe.canvas.steps
    torch.manual_seed(seed)
    canvas = make_canvas(recipe).to(device)
    start = time.monotonic()
    with progress() as bar:
        task = bar.add_task(f"canvas of {recipe.name}", total=steps, note="")
        made = fit_canvas(
            canvas, renderer, recipe.size, steps, seed=seed, calls=calls,
            state_file=None if calls else out / "canvas.pt",
            report=lambda step: bar.update(task, completed=step, note=f"{step} steps"),
        )  # fmt: skip
    error = canvas_error(canvas, renderer, recipe.size)
    save_weights(canvas, out / "canvas.safetensors")
    write_config(
        out,
        canvas={
            **provenance(seed),
            "steps": steps,
            "renderer_calls": made,
            "seconds": round(time.monotonic() - start, 1),
            "error_of_blank": error,
        },
    )
    print(f"{out / 'canvas.safetensors'}: error {100 * error:.2f} % of a blank canvas'")


def fit_clean(recipe: Recipe, out: Path, seed: int, device) -> None:
    """Train the network that cleans pages, and write it with its figures."""
    import torch

    from drawenv import load_pictures

    from ..clean import CleanNetwork, clean_error, fit_cleaner

    pictures, held_out = (
        load_pictures(f"{recipe.clean.targets}:{split}", recipe.picture_size).images
        for split in ("train", "val")
    )
    torch.manual_seed(seed)
    network = CleanNetwork(recipe.clean.width).to(device)
    fit = partial(fit_cleaner, network, pictures)
    measure = partial(clean_error, network, held_out)
    _fit_beside("cleaner", recipe.clean.crops, fit, network, measure, "error over blank", out, seed)


def fit_room_network(recipe: Recipe, out: Path, seed: int, device) -> None:
    """Train the network that sees the rooms of plans, and write it with its figures."""
    import torch

    from drawenv import load_pictures, load_targets
    from drawenv.targets.plans import Plans
    from drawenv.tasks.rooms import draw_rooms

    from ..canvas import resized
    from ..rooms import RoomNetwork, fit_rooms, see_rooms

    plans, held_out = load_targets(f"{recipe.targets}:train"), load_pictures(f"{recipe.targets}:val")
    if not isinstance(plans, Plans) or held_out.hints is None:
        raise ValueError(f"rooms are learned from floor plans, which {recipe.targets!r} are not")
    torch.manual_seed(seed)
    network = RoomNetwork(recipe.rooms.width).to(device)
    hints = resized(held_out.hints[:100], recipe.hint_side, device)

    def f1() -> float:
        return held_out.score([draw_rooms(see_rooms(network, hint)) for hint in hints])["room_f1"]

    fit = partial(fit_rooms, network, plans, recipe.hint_side)
    _fit_beside("rooms", recipe.rooms.plans, fit, network, f1, "F1", out, seed)


def _fit_beside(
    name: str, total: int, fit: Callable, network, measure: Callable[[], float], figure: str, out: Path,
    seed: int,
) -> None:  # fmt: skip
    """Train what a drawer has beside D and C; write NAME.safetensors and its record."""
    import time

    from ..weights import save_weights, write_config

    made, start = provenance(seed), time.monotonic()
    with progress() as bar:
        task = bar.add_task(f"{name} network", total=total, note="")
        fit(
            total, seed, out / f"{name}.pt",
            report=lambda seen, loss: bar.update(task, completed=seen, note=f"loss {loss:.3f}"),
        )  # fmt: skip
    seconds, validation = round(time.monotonic() - start, 1), measure()
    save_weights(network, out / f"{name}.safetensors")
    write_config(out, **{name: made | {"learned_from": total, "seconds": seconds, "validation": validation}})
    print(f"{out / f'{name}.safetensors'}: {figure} {validation:.3f} on validation pictures")


def main(arguments: Arguments) -> None:
    from ..states import alone
    from ..weights import claim

    recipe, device = arguments.fields, prepare(arguments.device, arguments.threads, train=True)
    recipe.check()
    out = arguments.out or Path("runs") / recipe.name
    with alone(out):
        claim(out, recipe)
        fit(recipe, out, arguments.seed, device, arguments.calls)
