"""How well canvas networks imitate their renderers, against the calls that they were fitted on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.commands.common import Device, prepare, progress, provenance, run
from drawenv.files import write_whole

BATCH = 64  # calls at least
CALLS = tuple(BATCH * 4**k for k in range(8))  # to 1,048,576
STEPS = 1_024  # of a fit on up to 65,536 calls, a batch each
LARGE = 128  # calls in a batch of longer fits, which see each once: in colour, more steps of 64 end at 25 %


@dataclass
class Arguments:
    """Fits canvas networks on 64 to 1,048,576 calls; run again, it adds what is missing.

    Their error is that on random strokes they never saw, as a share of what changing nothing would cost.
    """

    recipes: Annotated[tuple[str, ...], tyro.conf.Positional] = (
        "mnist-4", "omniglot-4", "colormnist-4", "hollow", "prism",
    )  # fmt: skip
    """Names of recipes, for their renderers and canvas networks."""
    seeds: int = 3
    """Of each fit."""
    out: Path = Path("results/calls.json")
    """The results."""
    figure: Path = Path("docs/calls.png")
    """The figure drawn from them."""
    device: Device = "cpu"
    """To compute on, with one thread of the processor."""
    preset: Literal["full", "debug"] = "full"
    """debug: tiny networks, one seed."""


def error_after(recipe, calls: int, steps: int, batch: int, seed: int, device) -> float:
    """Of a canvas network fitted on so many calls."""
    import torch

    from agents.canvas import canvas_error, fit_canvas, make_canvas

    torch.manual_seed(seed)
    canvas, renderer = make_canvas(recipe).to(device), recipe.renderer()
    fit_canvas(canvas, renderer, recipe.size, steps, batch=batch, seed=seed, calls=calls)
    return canvas_error(canvas, renderer, recipe.size)


def draw_figure(results: dict, path: Path) -> None:
    """One line for each renderer: the median, and from the lowest to the highest."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panel = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, rows in results["renderers"].items():
        calls = sorted(map(int, rows))
        errors = np.array([rows[str(n)] for n in calls])
        line = panel.plot(calls, np.median(errors, 1), "o-", label=name)[0]
        panel.fill_between(calls, errors.min(1), errors.max(1), color=line.get_color(), alpha=0.3, lw=0)
    panel.set(xscale="log", yscale="log", xlabel="calls of the renderer", ylabel="error / changing nothing")
    panel.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def main(arguments: Arguments) -> None:
    from agents.recipes import get_recipe

    debug = arguments.preset == "debug"
    device, seeds, steps = prepare(arguments.device, threads=1), arguments.seeds, STEPS
    if debug:
        seeds, steps = 1, 4
    results: dict = {"renderers": {}, "steps": steps}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())
        if results["steps"] != steps:
            raise ValueError(f"{arguments.out} holds results of other settings: choose another --out")
    results |= provenance(0)
    with progress(transient=True) as bar:
        task = bar.add_task("fits", total=len(arguments.recipes) * len(CALLS) * seeds, note="")
        for name in arguments.recipes:
            recipe = get_recipe(name).debug() if debug else get_recipe(name)
            rows = results["renderers"].setdefault(recipe.env, {})
            for calls in CALLS:
                errors = rows.setdefault(str(calls), [])
                for seed in range(seeds):
                    bar.update(task, advance=1, note=f"{recipe.env}, {calls} calls")
                    if seed >= len(errors):
                        long = calls > BATCH * STEPS and not debug
                        fit = (calls // LARGE, LARGE) if long else (steps, BATCH)
                        errors.append(error_after(recipe, calls, *fit, seed, device))
                        arguments.out.parent.mkdir(parents=True, exist_ok=True)
                        write_whole(arguments.out, json.dumps(results) + "\n")
    for name, rows in results["renderers"].items():
        shares = ", ".join(f"{calls}: {sorted(e)[len(e) // 2]:.2%}" for calls, e in rows.items())
        print(f"{name:25} {shares}")
    draw_figure(results, arguments.figure)
    print(f"{arguments.figure}, {arguments.out}")


if __name__ == "__main__":
    run(main, Arguments)
