"""Error against time: one pass, rounds of redrawing, gradient steps, and strokes found from random starts."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from agents.commands.common import Device, prepare, progress, provenance, run
from drawenv.files import write_whole

# Rounds of redrawing and gradient steps after them.
SETTINGS = (
    (0, 0), (1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (32, 0),
    (0, 10), (0, 50), (0, 200), (2, 10), (2, 50), (2, 200),
)  # fmt: skip


@dataclass
class Arguments:
    """Draws test pictures with every setting; run again, it measures what is missing.

    Times are of one picture in a batch of 100, or of one page; compare them within one run only.
    """

    recipes: Annotated[tuple[str, ...], tyro.conf.Positional] = (
        "mnist-4", "omniglot-4", "sketch-10", "prism",
    )  # fmt: skip
    """Names of recipes with weights."""
    n: int = 500
    """Test pictures, evenly from all of them; of pages a fiftieth."""
    starts: int = 4
    """Random starts per picture, of strokes found by gradient through the exact renderer (curves alone)."""
    seed: int = 0
    """Of the random starts."""
    out: Path = field(default_factory=lambda: Path("results/frontier.json"))
    """The results."""
    figure: Path = field(default_factory=lambda: Path("docs/frontier.png"))
    """The figure drawn from them."""
    device: Device = "cpu"
    """To compute on, with one thread of the processor."""
    preset: Literal["full", "debug"] = "full"
    """debug: a few pictures and settings."""


def found(recipe, images: np.ndarray, starts: int, seed: int, device) -> dict:
    """What gradient descent finds from random starts."""
    from agents.canvas import to_unit
    from agents.oracle import found_errors

    targets, begun = to_unit(images, device), time.perf_counter()
    mse = found_errors(targets, recipe.renderer(), recipe.strokes, 150, starts, seed).mean().item()
    milliseconds = (time.perf_counter() - begun) / len(images) * 1e3
    return {"mse_over_blank": mse / targets.square().mean().item(), "milliseconds": milliseconds}


def draw_figure(results: dict, path: Path) -> None:
    """A panel for each recipe."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(results["recipes"])
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 4), squeeze=False)
    for panel, name in zip(axes[0], names, strict=True):
        rows = {tuple(map(int, k.split("+"))): r for k, r in results["recipes"][name].items() if "+" in k}
        for label, mine in (
            ("rounds of redrawing", lambda e, r: r == 0),
            ("gradient steps after one pass", lambda e, r: e == 0),
            ("gradient steps after two rounds", lambda e, r: e == 2),
        ):  # fmt: skip
            keys = sorted(key for key in rows if mine(*key))
            at = [(rows[k]["milliseconds"], rows[k]["mse_over_blank"]) for k in keys]
            panel.plot(*zip(*at, strict=True), "o-", label=label)
        if "random starts" in results["recipes"][name]:
            row = results["recipes"][name]["random starts"]
            panel.plot(row["milliseconds"], row["mse_over_blank"], "kx", label="found from random starts")
        panel.set(xscale="log", title=name, xlabel="milliseconds a picture, one thread")
    axes[0, 0].set_ylabel("error / that of an empty page, real renderer")
    axes[0, 0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main(arguments: Arguments) -> None:
    from agents import Drawer
    from agents.evaluate import evaluate
    from drawenv import BezierRenderer, load_pictures

    debug = arguments.preset == "debug"
    device = prepare(arguments.device, threads=1)
    options = {"n": arguments.n, "starts": arguments.starts, "seed": arguments.seed}
    results: dict = {"recipes": {}} | options
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())
        if any(results[name] != value for name, value in options.items()):
            raise ValueError(f"{arguments.out} holds results of other settings: choose another --out")
    results |= provenance(arguments.seed)
    settings = SETTINGS[:2] if debug else SETTINGS
    with progress(transient=True) as bar:
        task = bar.add_task("", total=len(arguments.recipes) * (len(settings) + 1), note="")
        for name in arguments.recipes:
            drawer = Drawer.from_pretrained(name, device)
            recipe, rows = drawer.recipe, results["recipes"].setdefault(name, {})
            n = 4 if debug else arguments.n
            pictures = load_pictures(f"{recipe.targets}:test", recipe.picture_size, drawer.renderer)
            pictures = pictures.spread(max(n // 50, 1) if recipe.stride else n)
            evaluate(drawer, pictures.spread(1), 1, 1)  # what compiles, compiles now
            for effort, refine in settings:
                bar.update(task, advance=1, note=f"{name}, {effort} rounds, {refine} steps")
                if (key := f"{effort}+{refine}") in rows:
                    continue
                figures = evaluate(drawer, pictures, effort, refine)
                rows[key] = {
                    "mse_over_blank": figures["mse_over_blank"], "strokes": figures["strokes"],
                    "milliseconds": figures["seconds_per_image"] * 1e3,
                }  # fmt: skip
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                write_whole(arguments.out, json.dumps(results, indent=1) + "\n")
            bar.update(task, advance=1, note=f"{name}, random starts")
            curves = isinstance(drawer.renderer, BezierRenderer) and not recipe.stride
            if curves and "random starts" not in rows:
                few, starts = (2, 1) if debug else (50, arguments.starts)
                images = pictures.spread(few).images
                rows["random starts"] = found(recipe, images, starts, arguments.seed, device)
                write_whole(arguments.out, json.dumps(results, indent=1) + "\n")
    for name, rows in results["recipes"].items():
        for key, row in rows.items():
            print(f"{name:12} {key:14} {row['mse_over_blank']:.4f} of blank, {row['milliseconds']:.1f} ms")
    draw_figure(results, arguments.figure)
    print(f"{arguments.figure}, {arguments.out}")


if __name__ == "__main__":
    run(main, Arguments)
