"""The drawer and model-free learners on four tasks: error against calls of the renderer and seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from agents.commands.common import Device, run, save_sheet, together, versions
from drawenv.files import write_whole

Task = Literal["symbols", "digits", "frames", "boxes"]
TASKS = get_args(Task)
KINDS = {
    "ppo": "PPO",
    "reinforce": "the drawer by REINFORCE",
    "drawer-few": "drawer, 256 calls",
    "drawer": "drawer",
}
COLUMNS = ("calls", "seconds", "gradient_steps", "mse")


@dataclass
class Arguments:
    """Trains what is not yet trained (run again to go on), measures on the test splits, draws figures.

    Tasks whose results are kept already are only printed, and drawn.
    """

    tasks: Annotated[list[Task], tyro.conf.Positional] = field(default_factory=lambda: list(TASKS))
    """All of them, or some: symbols and digits in four curves, frames in three hollow rectangles, a box in
    one prism."""
    out: Path = Path("results")
    """Folder of the results, compare-TASK.json."""
    figures: Path = Path("docs")
    """Folder of the figures: compare.png; of a task that is measured, compare-TASK.png shows drawings."""
    runs: Path = Path("runs/compare")
    """Folder of the trainings."""
    seeds: int = 5
    """Of each kind of run."""
    calls: int = 200_000
    """Of the renderer, for PPO and REINFORCE, and at most for the drawer."""
    few: int = 256
    """Calls that the other drawer may make; its canvas network is fitted in 600 steps."""
    jobs: int = 1
    """Trainings at a time, each with one thread."""
    device: Device = "cpu"
    """To train on."""
    rerun: bool = False
    """Measure again although results are kept."""
    preset: Literal["full", "debug"] = "full"
    """debug: one seed, tiny runs, for seconds."""


def recipe_of(task: str) -> str:
    """The name of a task's recipe."""
    return f"agents.ablations:bench_{task}"


def plan(arguments: Arguments, task: str) -> dict[str, list[list[str]]]:
    """The commands of each run, by the run's name: KIND-SEED."""
    from agents.recipes import get_recipe
    from agents.reinforce import BATCH, SAMPLES

    debug = arguments.preset == "debug"
    size = ["--threads", "1", "--device", arguments.device, *(["--preset", "debug"] if debug else [])]
    calls, runs = 256 if debug else arguments.calls, {}
    drawings = calls // (get_recipe(recipe_of(task)).strokes * SAMPLES)
    for seed in range(1 if debug else arguments.seeds):
        tail = [recipe_of(task), "--seed", str(seed), *size]
        test = ["evaluate", *tail]
        runs[f"ppo-{seed}"] = [["train_ppo", *tail, "--steps", str(calls)], [*test, "--agent", "ppo"]]
        model_free = ["--canvas.steps", "0", "--train.through", "reinforce"]
        model_free += ["--train.pictures", str(drawings), "--train.batch", str(BATCH)]
        runs[f"reinforce-{seed}"] = [["train_drawer", *tail, *model_free], test]
        few = ["train_canvas", *tail, "--calls", str(arguments.few)]
        short = [] if debug else ["--canvas.steps", "600"]
        runs[f"drawer-few-{seed}"] = [[*few, *short], ["train_drawer", *tail, *short], test]
        fit = ["train_canvas", *tail, "--calls", str(calls)]
        runs[f"drawer-{seed}"] = [fit, ["train_drawer", *tail], test]
    return runs


MAKES = {  # what a script leaves in a folder
    "train_ppo": "policy.safetensors",
    "train_canvas": "canvas.safetensors",
    "train_drawer": "drawer.safetensors",
    "evaluate": "test.json",
}


def train(name: str, commands: list[list[str]], folder: Path) -> None:
    """Run those commands of a run that have not left in its folder what they make."""
    for script, *options in commands:
        made = folder / MAKES[script]
        if made.exists():
            continue
        files = (
            ["--weights", str(folder), "--out", str(made)] if script == "evaluate" else ["--out", str(folder)]
        )
        command = [sys.executable, f"scripts/{script}.py", *options, *files]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def load(folder: Path):
    """What a run trained: a ``Policy`` or a ``Drawer``."""
    from agents import Drawer
    from agents.baselines import Policy

    return (Policy if (folder / "policy.safetensors").exists() else Drawer).from_pretrained(folder)


def measure(folder: Path) -> dict:
    """A run's curve of validation errors, rows of COLUMNS, and its figures on the test split."""
    from agents.reinforce import SAMPLES
    from agents.weights import read_config, read_recipe

    config, recipe, curve = read_config(folder), read_recipe(folder), []
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "policy" in config:
            o, commands = config["hyperparameters"], [config["policy"]["command"]]
            calls, before = row["steps"], 0.0
            updates = calls * o["n_epochs"] // o["batch_size"]
        else:
            fit = config["canvas"]
            calls, before, updates = (
                fit["renderer_calls"],
                fit["seconds"],
                row["pictures"] // recipe.train.batch,
            )
            commands = [fit["command"], config["drawer"]["command"]]
            if recipe.train.through == "reinforce":
                calls, before = row["pictures"] * SAMPLES * recipe.strokes, 0.0
                commands = commands[1:]
            else:
                updates += fit["steps"]
        curve.append([calls, round(before + row["seconds"], 1), updates, row["mse"]])
    return {"command": commands, "curve": curve, **json.loads((folder / "test.json").read_text())}


def measured(task: str, arguments: Arguments) -> dict:
    """Train a task's runs and measure them, beside random strokes."""
    import torch

    from agents import Drawer
    from agents.chance import Chance
    from agents.evaluate import evaluate
    from agents.recipes import get_recipe

    commands = plan(arguments, task)
    folders = {name: arguments.runs / f"{task}-{name}" for name in commands}
    todo = {name: partial(train, name, commands[name], folders[name]) for name in commands}
    together(f"training on {task}", todo, arguments.jobs)
    torch.set_num_threads(1)
    limit = 50 if arguments.preset == "debug" else None
    random = evaluate(Chance(Drawer.new(get_recipe(recipe_of(task)))), limit=limit)
    results = {
        "command": f"scripts/compare.py {task} --rerun", "versions": versions(), "columns": COLUMNS,
        "best": best(task), "blank": random["mse_blank"], "random": random["mse"],
        "runs": {name: measure(folder) for name, folder in folders.items()},
    }  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out / f"compare-{task}.json", json.dumps(results) + "\n")
    drawn = arguments.figures / f"compare-{task}.png"
    draw_examples([folders[f"{kind}-0"] for kind in KINDS], drawn)
    print(f"-> {drawn}")
    return results


def best(task: str) -> float:
    """The least error that is known, over that of a blank canvas: of curves, found for each of 50 pictures by
    gradient; frames and boxes are made of the renderer's own marks.
    """
    names = {"symbols": "symbols", "digits": "mnist-4"}
    found = Path("results") / f"{names.get(task)}-reference.json"
    return json.loads(found.read_text())["mse_over_blank"] if found.exists() else 0.0


def scores(results: dict, kind: str):
    """Of each run of a kind: 0 is a blank canvas, 1 the best that is known."""
    import numpy as np

    runs = [one for name, one in results["runs"].items() if name.rsplit("-", 1)[0] == kind]
    return np.array([(1 - one["mse"] / results["blank"]) / (1 - results["best"]) for one in runs])


def curves(results: dict, kind: str) -> list:
    """Of each run of a kind, rows of COLUMNS, the error over that of a blank canvas."""
    import numpy as np

    runs = [one for name, one in results["runs"].items() if name.rsplit("-", 1)[0] == kind]
    return [np.array(one["curve"]) / [1, 1, 1, results["blank"]] for one in runs]


def show(results: dict[str, dict]) -> None:
    """Print what the results say."""
    import numpy as np

    from drawenv.scores import bootstrap, improvement, interquartile_mean

    for task, one in results.items():
        random = one["random"] / one["blank"]
        print(f"{task}: mse / blank on the test split, lowest to highest; random {random:.3f}")
        ends = {kind: curves(one, kind) for kind in KINDS}
        last = [row[-1] for row in ends["ppo"]]
        for kind, label in KINDS.items():
            mse = np.sort([1 - score * (1 - one["best"]) for score in scores(one, kind)])
            calls, seconds, updates, _ = np.median([curve[-1] for curve in ends[kind]], 0)
            print(
                f"  {label:24} {np.median(mse):.3f} ({mse[0]:.3f} to {mse[-1]:.3f}); "
                f"{calls:,.0f} calls, {seconds:,.0f} s, {updates:,.0f} gradient steps"
            )
            if kind.startswith("drawer"):  # run by run: when it is where PPO ends
                shares = [
                    (c[-1, 0] / p[0], first(c, p[3]) / p[1]) for c, p in zip(ends[kind], last, strict=True)
                ]
                low, middle, high = np.sort(shares, 0)[[0, len(shares) // 2, -1]]
                print(
                    f"  {'':24} PPO's last error with {middle[0]:.2%} of its calls and {middle[1]:.1%} "
                    f"({low[1]:.1%} to {high[1]:.1%}) of its time"
                )
    every = {kind: [scores(one, kind) for one in results.values()] for kind in KINDS}
    print(f"scores (0 blank, 1 best known), {', '.join(results)}: interquartile mean, 95 % interval")
    for kind, label in KINDS.items():
        low, high = bootstrap(every[kind])
        line = f"  {label:24} {interquartile_mean(every[kind]):.3f} ({low:.3f} to {high:.3f})"
        if kind != "ppo":
            low, high = bootstrap(every[kind], every["ppo"], statistic=improvement)
            line += f"; better than PPO with probability {improvement(every[kind], every['ppo']):.2f}"
            line += f" ({low:.2f} to {high:.2f})"
        print(line)


def first(curve, error: float) -> float:
    """Seconds until a curve's error is at most that; infinite if it never is."""
    reached = curve[curve[:, 3] <= error]
    return reached[0, 1] if len(reached) else float("inf")


def draw_figure(results: dict[str, dict], path: Path) -> None:
    """For each task the validation error against calls and against seconds; over all, profiles of scores."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from drawenv.scores import profile

    figure, axes = plt.subplots(
        2, len(results) + 1, figsize=(3.2 * len(results) + 3.2, 6), layout="constrained"
    )
    colors = dict(zip(KINDS, ("tab:red", "tab:orange", "tab:cyan", "tab:blue"), strict=True))
    for (upper, lower), (task, one) in zip(axes.T, results.items(), strict=False):
        for kind, label in KINDS.items():
            runs = curves(one, kind)
            for panel, column in ((upper, 0), (lower, 1)):
                if column == 0 and kind.startswith("drawer"):  # all its calls come before the first picture
                    ends = np.array([run[-1] for run in runs])
                    panel.plot(ends[:, 0], ends[:, 3], "o", color=colors[kind], label=label, ms=4)
                    continue
                span = max(run[0, column] for run in runs), min(run[-1, column] for run in runs)
                at = np.geomspace(max(span[0], 1), max(span[1], 2), 100)
                values = [np.interp(at, *run[:, [column, 3]].T) for run in runs]
                panel.plot(at, np.median(values, 0), color=colors[kind], label=label)
                panel.fill_between(
                    at, np.min(values, 0), np.max(values, 0), color=colors[kind], alpha=0.3, lw=0
                )
        for panel, label in ((upper, "calls of the renderer"), (lower, "seconds")):
            panel.set(xscale="log", yscale="log", xlabel=label)
        upper.set_title(task)
    for panel in axes[:, 0]:
        panel.set_ylabel("error / that of a blank canvas")
    axes[0, 0].legend(fontsize="small")
    at = np.linspace(0, 1, 201)
    for kind in KINDS:
        shares = profile([scores(one, kind) for one in results.values()], at)
        axes[0, -1].plot(at, shares, color=colors[kind])
    axes[0, -1].set(title="all tasks", xlabel="score", ylabel="share of runs above it")
    axes[1, -1].axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def draw_examples(folders: list[Path], path: Path) -> None:
    """Twenty pictures of the test split, and below each what the runs drew."""
    import numpy as np

    from agents.draw import draw
    from drawenv import load_pictures

    agents = [load(folder) for folder in folders]
    recipe = agents[0].recipe
    images = load_pictures(f"{recipe.targets}:test", recipe.size, recipe.renderer()).spread(20).images
    rows = []
    for target, *drawings in zip(images, *(draw(agent, images) for agent in agents), strict=True):
        parts = [np.atleast_3d(drawing.render(128)).transpose(2, 0, 1) for drawing in drawings[:-1]]
        shown = [np.concatenate(np.split(part, len(agents[0].renderer.views), 2)) for part in parts]
        rows.append(([target, *shown], drawings[-1]))
    save_sheet(rows, path, columns=20)


def main(arguments: Arguments) -> None:
    results: dict[str, dict] = {}
    for task in arguments.tasks:
        kept = arguments.out / f"compare-{task}.json"
        if kept.exists() and not arguments.rerun:
            print(f"kept results of {kept}; --rerun measures again")
            results[task] = json.loads(kept.read_text())
        else:
            results[task] = measured(task, arguments)
    show(results)
    draw_figure(results, arguments.figures / "compare.png")
    print(f"-> {arguments.figures / 'compare.png'}")


if __name__ == "__main__":
    run(main, Arguments)
