"""The paper's tables and figures, ours beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.commands.common import Device, run, together, versions
from drawenv.files import write_whole
from scripts.compare import train

UNIT = 262_144  # pixels of 64 patches, and of a page
PICTURES = {  # the kinds of pictures in the paper's figures 6 to 11
    "digits": "mnist-4", "symbols": "omniglot-4", "sketches": "sketch-10", "colors": "colormnist-4",
    "rooms": "floorplan", "boxes": "prism",
}  # fmt: skip


@dataclass
class Arguments:
    """Prints the paper's rows beside ours, from the results that are kept; draws the figures."""

    what: Annotated[
        Literal["table1", "table2", "ablation", "gradients", "figures", "all"], tyro.conf.Positional
    ] = "all"
    """Tables 1 and 2 of the paper, what to train through (two tables the paper lacks), or the figures."""
    rerun: bool = False
    """Train and measure again: it says first how long that took."""
    seeds: int = 3
    """Of each row."""
    jobs: int = 1
    """Trainings at a time, each with one thread."""
    device: Device = "auto"
    """To train on; auto takes a GPU if there is one."""
    results: Path = Path("results")
    """Folder of the kept results, TABLE.json."""
    runs: Path = Path("runs/tables")
    """Folder of the trainings; run again to go on with them."""
    out: Path = Path("out/figures")
    """Folder of the figures."""
    preset: Literal["full", "debug"] = "full"
    """debug: one seed, tiny networks, few pictures."""


def rerun(table: str, arguments: Arguments) -> dict:
    """Train every row of a table that is not trained, measure all on the test split."""
    from agents.ablations import TABLES
    from agents.recipes import get_recipe
    from agents.weights import read_config, write_config

    debug = arguments.preset == "debug"
    size = ["--threads", "1", "--device", arguments.device, *(["--preset", "debug"] if debug else [])]
    seeds = range(1 if debug else arguments.seeds)
    jobs, canvases = [], {}
    for row in TABLES[table]:
        name = f"agents.ablations:{row.recipe}"
        recipe = get_recipe(name)
        for seed in seeds:
            # Rows with one canvas network share it, so that they differ in what they are about.
            key = (
                f"{recipe.env} {recipe.env_options} {recipe.size} {replace(recipe.canvas, refit=True)} {seed}"
            )
            tail = [name, "--seed", str(seed), *size]
            canvases.setdefault(key, (f"canvas-{row.recipe}-{seed}", [["train_canvas", *tail]]))
            work = [["train_drawer", *tail], ["evaluate", *tail]]
            jobs.append((f"{row.recipe}-{seed}", canvases[key][0], work))

    def draw(name: str, canvas: str, commands: list[list[str]]) -> None:
        folder, source = arguments.runs / name, arguments.runs / canvas
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "canvas.safetensors").exists():
            write_config(folder, canvas=read_config(source)["canvas"])
            shutil.copy(source / "canvas.safetensors", folder)
        train(name, commands, folder)

    fits = {
        name: partial(train, name, commands, arguments.runs / name) for name, commands in canvases.values()
    }
    together("canvas networks", fits, arguments.jobs)
    together("drawers", {job[0]: partial(draw, *job) for job in jobs}, arguments.jobs)
    rows = []
    for row in TABLES[table]:
        figures = []
        for seed in seeds:
            folder = arguments.runs / f"{row.recipe}-{seed}"
            config = read_config(folder)
            seconds = config["drawer"]["validation"]["seconds"] + config["canvas"]["seconds"]
            notes = {"command": config["drawer"]["command"], "training_seconds": seconds}
            notes["canvas_error"] = config["canvas"]["error_of_blank"]
            figures.append(notes | json.loads((folder / "test.json").read_text()))
            print(row.label, f"seed {seed}: mse {figures[-1]['mse']:.5f}", flush=True)
        rows.append({"label": row.label, "seeds": figures})
    again = f"scripts/reproduce.py {table} --rerun --seeds {len(seeds)}"
    results = {"command": again, "versions": versions(), "rows": rows}
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.results / f"{table}.json", json.dumps(results, indent=1) + "\n")
    return results


def show(table: str, results: dict) -> None:
    """Print a table: the paper's row beside ours."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from agents.ablations import TABLES
    from drawenv.scores import ratio

    # The paper's "pixelwise loss (L2)" has no unit. B: the sum of squares over UNIT pixels; A: half of it.
    view = Table("", "paper", "to row 1", "mse if B", "mse if A", title=table)
    for name in (
        "ours: mse",
        "lowest to highest",
        "/ blank",
        "to row 1, 95 %",
        "B",
        "A",
        "under C",
        "gap",
        "C's error",
    ):
        view.add_column(name)
    first = results["rows"][0]
    base = np.array([s["mse"] for s in first["seeds"]])
    papers = {row.label: row.paper for row in TABLES[table]}
    for label, row in zip(papers, results["rows"], strict=True):
        mse = np.array([s["mse"] for s in row["seeds"]])
        imagined, fit = (np.median([s[k] for s in row["seeds"]]) for k in ("mse_canvas", "canvas_error"))
        gap = np.median([s["mse"] / s["mse_canvas"] - 1 for s in row["seeds"]])
        middle, blank, paper = np.median(mse), row["seeds"][0]["mse_blank"], papers[label]
        theirs, against = [""] * 4, "1"
        if row is not first and len(mse) > 1:
            against = "{:.2f} ({:.2f} to {:.2f})".format(*ratio(mse, base))
        if paper:
            times = paper / (TABLES[table][0].paper or 1)
            theirs = [f"{paper:,.2f}", f"{times:.2f}", f"{paper / UNIT:.5f}", f"{2 * paper / UNIT:.5f}"]
        view.add_row(
            label, *theirs, f"{middle:.5f}", f"{mse.min():.5f} to {mse.max():.5f}",
            f"{middle / blank:.3f}", against, f"{middle * UNIT:,.0f}",
            f"{middle * UNIT / 2:,.0f}", f"{imagined:.5f}", f"{gap:+.1%}", f"{fit:.2%}",
        )  # fmt: skip
    Console(width=190).print(view)
    hours = sum(s["training_seconds"] for row in results["rows"] for s in row["seeds"]) / 3600
    print(f"{len(first['seeds'])} seeds; {results['versions']['machine']}; --rerun takes {hours:.1f} hours\n")


def draw_figures(folder: Path, debug: bool) -> None:
    """Pictures of the test split, each with its drawing below, by the pretrained weights."""
    from agents import Drawer
    from agents.commands.evaluate import write_sheet
    from agents.draw import EFFORT

    folder.mkdir(parents=True, exist_ok=True)
    for name, recipe in PICTURES.items():
        drawer = Drawer.from_pretrained(recipe)
        path, most = folder / f"{name}.png", 2 if debug else None
        write_sheet(drawer, f"{drawer.recipe.targets}:test", path, EFFORT, most=most)
        print(f"{name} ({recipe}) -> {path}")


def main(arguments: Arguments) -> None:
    import torch

    from agents.ablations import TABLES

    torch.set_num_threads(1)
    for table in TABLES if arguments.what == "all" else [arguments.what]:
        if table == "figures":
            continue
        kept = arguments.results / f"{table}.json"
        if arguments.rerun:
            show(table, rerun(table, arguments))
        elif kept.exists():
            show(table, json.loads(kept.read_text()))
        else:
            print(f"{table}: no results kept at {kept}; --rerun trains its rows, some hours on one core")
    if arguments.what in ("figures", "all"):
        draw_figures(arguments.out, arguments.preset == "debug")


if __name__ == "__main__":
    run(main, Arguments)
