"""The drawer, PPO, random strokes and the per-picture optimum on one task: error against calls and time."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.commands.common import Device, run, save_sheet, together, versions
from drawenv.files import write_whole

CALLS = (256, 1_024)  # of the renderer, that short runs of the drawer may make


@dataclass
class Arguments:
    """Trains what is not yet trained (run again to go on), measures on the test split, draws figures.

    Where the results are kept already, only prints them and draws the figure.
    """

    recipe: Annotated[str, tyro.conf.Positional] = "mnist-4"
    """Name of a recipe of curves."""
    out: Path | None = None
    """The results (default: results/compare-RECIPE.json)."""
    figure: Path | None = None
    """The figure drawn from them (default: docs/compare-RECIPE.png); where it measures, also
    what seed 0 of each kind drew (compare-RECIPE-drawings.png)."""
    runs: Path = Path("runs/compare")
    """Folder of the trainings."""
    seeds: int = 3
    """Of each kind of run."""
    steps: int = 1_000_000
    """Of PPO: calls of the renderer."""
    pictures: int = 100_000
    """That the drawer is trained on, where it may call the renderer as often as PPO."""
    short: int = 30_000
    """Pictures of the drawers that may call the renderer less often, and fit C in 600 steps."""
    jobs: int = 1
    """Trainings at a time, each with one thread."""
    device: Device = "auto"
    """To train on; auto takes a GPU if there is one."""
    rerun: bool = False
    """Measure again although results are kept."""
    preset: Literal["full", "debug"] = "full"
    """debug: one seed, tiny runs, for seconds."""


def plan(arguments: Arguments) -> dict[str, list[list[str]]]:
    """The commands of each run, by the run's name: KIND-SEED."""
    debug = arguments.preset == "debug"
    size = ["--threads", "1", "--device", arguments.device, *(["--preset", "debug"] if debug else [])]
    runs = {}
    for seed in range(arguments.seeds):
        tail = [arguments.recipe, "--seed", str(seed), *size]
        runs[f"ppo-{seed}"] = [["train_ppo", *tail, "--steps", str(arguments.steps)]]
        for calls in (*CALLS, arguments.steps):
            few = calls != arguments.steps
            fields = ["--train.pictures", str(arguments.short if few else arguments.pictures)]
            fields += ["--canvas.steps", "600"] if few and not debug else []
            runs[f"drawer-{calls}-{seed}"] = [
                ["train_canvas", *tail, "--calls", str(calls), *fields],
                ["train_drawer", *tail, *fields],
            ]
    return runs


def train(name: str, commands: list[list[str]], folder: Path) -> None:
    """Run the commands of a run whose weights are not there yet."""
    for script, *options in commands:
        kind = {"train_ppo": "policy", "train_canvas": "canvas", "train_drawer": "drawer"}[script]
        if (folder / f"{kind}.safetensors").exists():
            continue
        command = [sys.executable, f"scripts/{script}.py", *options, "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def load(folder: Path):
    """What a run trained: a ``Policy`` or a ``Drawer``."""
    from agents import Drawer
    from agents.baselines import Policy

    return (Policy if (folder / "policy.safetensors").exists() else Drawer).from_pretrained(folder)


def measure(folder: Path, limit: int | None) -> dict:
    """A run's curve of validation errors, and its figures on the test split."""
    from agents.evaluate import evaluate
    from agents.weights import read_config

    config, rows = read_config(folder), []
    for line in (folder / "log.jsonl").read_text().splitlines():
        rows.append(json.loads(line))
    figures = evaluate(load(folder), limit=limit)
    if "policy" in config:
        curve = [[row["steps"], row["seconds"], row["mse"]] for row in rows]
        command = [config["policy"]["command"]]
    else:
        fit = config["canvas"]
        curve = [[fit["renderer_calls"], fit["seconds"] + row["seconds"], row["mse"]] for row in rows]
        command = [fit["command"], config["drawer"]["command"]]
    return {"command": command, "curve": curve, **figures}


def by_kind(results: dict) -> dict[str, list[dict]]:
    """The runs of each kind, one for each seed."""
    kinds: dict[str, list[dict]] = {}
    for name, one in results["runs"].items():
        kinds.setdefault(name.rsplit("-", 1)[0], []).append(one)
    return kinds


def summary(results: dict) -> list[tuple[str, str]]:
    """What the results say, line by line: what it is, and the figure; medians over the seeds."""
    import numpy as np

    kinds, lines = by_kind(results), [(name, f"{results[name]:.5f}") for name in ("blank", "random")]
    ends = {
        k: np.median([r["curve"][-1] for r in runs], 0) for k, runs in kinds.items()
    }  # calls, seconds, mse
    for kind, runs in kinds.items():
        mse = np.array([r["mse"] for r in runs])
        calls, seconds, _ = ends[kind]
        spread = f"{np.median(mse):.5f} ({mse.min():.5f} to {mse.max():.5f})"
        lines.append((f"{kind}: {int(calls):,} calls, {int(seconds):,} s", spread))
    if "reference" in results:
        lines.append(("strokes found by gradient per picture", f"{results['reference']:.5f}"))
    calls, seconds, final = ends["ppo"]
    lines.append((f"validation: PPO after {seconds:,.0f} s", f"{final:.5f}"))
    for kind, runs in kinds.items():
        if kind == "ppo":
            continue
        in_time = [[row[2] for row in r["curve"] if row[1] <= seconds] or [np.nan] for r in runs]
        lines.append((f"validation: {kind} in that time", f"{np.median([m[-1] for m in in_time]):.5f}"))
        first = np.median([min([row[1] for row in r["curve"] if row[2] <= final] or [np.inf]) for r in runs])
        share = f"{ends[kind][0] / calls:.2%} of PPO's calls, {first / seconds:.1%} of its time"
        lines.append((f"{kind} reaches PPO's last error with", share if np.isfinite(first) else "never"))
    return lines


def draw_figure(results: dict, path: Path) -> None:
    """Two panels: validation error against calls of the renderer, and against seconds."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = by_kind(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    colors = dict(zip(kinds, ("tab:red", "tab:cyan", "tab:blue", "tab:green"), strict=False))
    for kind, runs in kinds.items():
        calls = int(np.median([r["curve"][-1][0] for r in runs]))
        label = "PPO" if kind == "ppo" else f"drawer, {calls:,} calls"
        for axes, column in ((left, 0), (right, 1)):
            if column == 0 and kind != "ppo":  # all its calls come before the first picture
                last = np.array([r["curve"][-1] for r in runs])
                low, middle, high = np.percentile(last[:, 2], (25, 50, 75))
                bar = [[middle - low], [high - middle]]
                axes.errorbar(np.median(last[:, 0]), middle, bar, fmt="o", color=colors[kind], label=label)
                continue
            ends = max(r["curve"][0][column] for r in runs), min(r["curve"][-1][column] for r in runs)
            at = np.geomspace(max(ends[0], 1), max(ends[1], 2), 100)
            curves = [np.interp(at, *np.array(r["curve"])[:, [column, 2]].T) for r in runs]
            low, middle, high = np.percentile(curves, (25, 50, 75), 0)
            axes.plot(at, middle, color=colors[kind], label=label)
            axes.fill_between(at, low, high, color=colors[kind], alpha=0.3, lw=0)
    for axes, label in ((left, "calls of the renderer"), (right, "seconds, one thread")):
        axes.axhline(results["blank"], color="gray", ls=":", label="blank canvas")
        if "reference" in results:
            axes.axhline(results["reference"], color="black", ls=":", label="found by gradient")
        axes.set(xscale="log", yscale="log", xlabel=label)
    left.set_ylabel("mean squared error under the real renderer")
    left.legend(fontsize="small")
    figure.savefig(path, dpi=100)


def draw_examples(folders: list[Path], split: str, path: Path) -> None:
    """Twenty pictures, and below each what the runs drew."""
    from agents.draw import draw
    from drawenv import load_pictures

    drawers = [load(folder) for folder in folders]
    images = load_pictures(split, drawers[0].recipe.size).images
    images = images[:: max(len(images) // 20, 1)][:20]
    rows = []
    for target, *drawings in zip(images, *(draw(drawer, images) for drawer in drawers), strict=True):
        rows.append(([target, *(drawing.render(128)[None] for drawing in drawings[:-1])], drawings[-1]))
    save_sheet(rows, path, columns=20)


def main(arguments: Arguments) -> None:
    recipe = arguments.recipe
    out = arguments.out or Path("results") / f"compare-{recipe}.json"
    figure = arguments.figure or Path("docs") / f"compare-{recipe}.png"
    figure.parent.mkdir(parents=True, exist_ok=True)
    limit = None
    if arguments.preset == "debug":
        arguments.seeds, arguments.steps, arguments.pictures, arguments.short, limit = 1, 2048, 256, 256, 50
    if out.exists() and not arguments.rerun:
        results = json.loads(out.read_text())
        print(f"kept results of {out}; --rerun measures again")
    else:
        import torch

        from agents import Drawer
        from agents.chance import Chance
        from agents.evaluate import evaluate
        from agents.recipes import get_recipe

        task = get_recipe(recipe)
        commands = plan(arguments)
        folders = {name: arguments.runs / f"{recipe}-{name}" for name in commands}
        todo = {name: partial(train, name, commands[name], folders[name]) for name in commands}
        together("training", todo, arguments.jobs)
        torch.set_num_threads(1)
        random = evaluate(Chance(Drawer.new(task)), limit=limit)
        results = {
            "command": f"scripts/compare.py {recipe}", "targets": f"{task.targets}:test",
            "versions": versions(), "blank": random["mse_blank"], "random": random["mse"],
            "runs": {name: measure(folder, limit) for name, folder in folders.items()},
        }  # fmt: skip
        reference = Path("results") / f"{recipe}-reference.json"
        if reference.exists():
            results["reference"] = json.loads(reference.read_text())["mse"]
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(results) + "\n")
        drawn = figure.with_stem(f"{figure.stem}-drawings")
        draw_examples([folders[name] for name in folders if name.endswith("-0")], results["targets"], drawn)
        print(f"-> {drawn}")
    for label, value in summary(results):
        print(f"{label:60} {value}")
    draw_figure(results, figure)
    print(f"-> {figure}")


if __name__ == "__main__":
    run(main, Arguments)
