"""The drawer and model-free learners on the tasks of the benchmark: scores against calls and seconds."""

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

Task = Literal["symbols", "digits", "frames", "boxes"]  # of drawenv.protocol.TASKS
TASKS = get_args(Task)
FEW = 256  # calls that one of the drawers may make; its canvas network is fitted in 600 steps
KINDS = {
    "ppo": "PPO (Stable-Baselines3)",
    "sac": "SAC (Stable-Baselines3)",
    "reinforce": "the drawer's network by REINFORCE",
    "drawer-few": f"drawer, {FEW} calls",
    "drawer": "drawer",
}
MARK = "<!-- What follows is written by scripts/compare.py. -->"
COLUMNS = ("calls", "seconds", "gradient_steps", "mse")  # of a curve
MAKES = {  # what a script leaves in a folder
    "train_ppo": "policy.safetensors",
    "train_sac": "policy.safetensors",
    "train_canvas": "canvas.safetensors",
    "train_drawer": "drawer.safetensors",
    "evaluate": "test.json",
}


@dataclass
class Arguments:
    """Trains and measures on the test splits the runs that are not in the results (run again to go on), and
    writes the page and the figure of all tasks that have results.
    """

    tasks: Annotated[list[Task], tyro.conf.Positional] = field(default_factory=lambda: list(TASKS))
    """All of them, or some: symbols and digits in four curves, frames in three hollow rectangles, a box in
    one prism."""
    out: Path = Path("results")
    """Folder of the results, compare-TASK.json."""
    page: Path = Path("docs/leaderboard.md")
    """The page; beside it leaderboard.png, and compare-TASK.png of a task whose runs are here."""
    runs: Path = Path("runs/compare")
    """Folder of the trainings."""
    seeds: int = 5
    """Of each kind of run."""
    calls: int = 200_000
    """Of the renderer, for model-free learners, and at most for the drawer."""
    jobs: int = 1
    """Trainings at a time, each with one thread."""
    device: Device = "cpu"
    """To train on."""
    rerun: bool = False
    """Begin anew although there are results."""
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
        for algorithm in ("ppo", "sac"):
            runs[f"{algorithm}-{seed}"] = [[f"train_{algorithm}", *tail, "--steps", str(calls)]]
        model_free = ["--canvas.steps", "0", "--train.through", "reinforce"]
        model_free += ["--train.pictures", str(drawings), "--train.batch", str(BATCH)]
        runs[f"reinforce-{seed}"] = [["train_drawer", *tail, *model_free]]
        few = ["train_canvas", *tail, "--calls", str(FEW)]
        short = [] if debug else ["--canvas.steps", "600"]
        runs[f"drawer-few-{seed}"] = [[*few, *short], ["train_drawer", *tail, *short]]
        fit = ["train_canvas", *tail, "--calls", str(calls)]
        runs[f"drawer-{seed}"] = [fit, ["train_drawer", *tail]]
    return runs


def train(name: str, commands: list[list[str]], folder: Path) -> None:
    """Run those commands of a run that have not left in its folder what they make."""
    for script, *options in commands:
        made = folder / MAKES[script]
        if made.exists():
            continue
        files = ["--weights", folder, "--out", made] if script == "evaluate" else ["--out", folder]
        command = [sys.executable, f"scripts/{script}.py", *options, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"{name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def load(folder: Path):
    """What a run trained: a ``Policy`` or a ``Drawer``."""
    from agents import Drawer
    from agents.baselines import Policy

    return (Policy if (folder / "policy.safetensors").exists() else Drawer).from_pretrained(folder)


def curve_of(folder: Path) -> dict:
    """A run's commands, its commit, and its validation errors in rows of COLUMNS."""
    from agents.reinforce import SAMPLES
    from agents.weights import read_config, read_recipe

    config, recipe, curve = read_config(folder), read_recipe(folder), []
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "policy" in config:
            o, commands = config["hyperparameters"], [config["policy"]["command"]]
            calls, before = row["steps"], 0.0
            if config.get("algorithm") == "sac":
                since = max(calls - o["learning_starts"], 0)
                updates = since // o["n_envs"] // o["train_freq"] * o["gradient_steps"]
            else:
                updates = calls * o["n_epochs"] // o["batch_size"]
        elif recipe.train.through == "reinforce":
            commands, before = [config["drawer"]["command"]], 0.0
            calls = row["pictures"] * SAMPLES * recipe.strokes
            updates = row["pictures"] // recipe.train.batch
        else:
            fit = config["canvas"]
            commands = [fit["command"], config["drawer"]["command"]]
            calls, before = fit["renderer_calls"], fit["seconds"]
            updates = fit["steps"] + row["pictures"] // recipe.train.batch
        curve.append([calls, round(before + row["seconds"], 1), updates, row["mse"]])
    made = config.get("policy") or config["drawer"]
    return {"command": commands, "commit": made["commit"], "machine": made["machine"], "curve": curve}


def measure(task: str, folder: Path, limit: int | None) -> dict:
    """A run's curve, and its figures by the protocol of ``drawenv.evaluate``."""
    import drawenv

    figures = drawenv.evaluate(load(folder).policy(), task, episodes=limit)
    kept = ("score", "mean", "iqm", "iqm_95", "episodes")
    return curve_of(folder) | {name: figures[name] for name in kept}


def measured(task: str, arguments: Arguments) -> dict:
    """A task's results: those that are kept, and those of the runs that they lack."""
    import torch

    kept = arguments.out / f"compare-{task}.json"
    results: dict = json.loads(kept.read_text()) if kept.exists() and not arguments.rerun else {"runs": {}}
    commands, limit = plan(arguments, task), 20 if arguments.preset == "debug" else None
    folders = {name: arguments.runs / f"{task}-{name}" for name in commands}
    lacking = [name for name in commands if name not in results["runs"]]
    if not lacking:
        return results
    todo = {name: partial(train, name, commands[name], folders[name]) for name in lacking}
    together(f"training on {task}", todo, arguments.jobs)
    torch.set_num_threads(1)
    if "random" not in results:
        results |= {
            "command": f"scripts/compare.py {task} --rerun", "versions": versions(), "columns": COLUMNS,
            "random": random_score(task, limit),
        }  # fmt: skip
    results["runs"] |= {name: measure(task, folders[name], limit) for name in lacking}
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(results) + "\n")
    first_ones = [folders[f"{kind}-0"] for kind in KINDS]
    if all(folder.exists() for folder in first_ones):
        drawn = arguments.page.with_name(f"compare-{task}.png")
        draw_examples(first_ones, drawn)
        print(f"-> {drawn}")
    return results


def random_score(task: str, limit: int | None) -> float:
    """What strokes at random get."""
    import numpy as np

    import drawenv
    from agents.recipes import get_recipe

    rng, width = np.random.default_rng(0), len(get_recipe(recipe_of(task)).renderer().action_spec)
    return drawenv.evaluate(
        lambda seen: rng.uniform(-1, 1, (len(seen["canvas"]), width)).astype(np.float32), task, episodes=limit
    )["score"]


def runs_of(results: dict, kind: str) -> list[dict]:
    """The runs of a kind, one for each seed."""
    return [one for name, one in results["runs"].items() if name.rsplit("-", 1)[0] == kind]


def kinds_of(results: dict[str, dict]) -> dict[str, str]:
    """Those of KINDS of which every task has runs."""
    return {kind: label for kind, label in KINDS.items() if all(runs_of(r, kind) for r in results.values())}


def scores_of(results: dict[str, dict], kind: str) -> list:
    """Of each task, the scores of a kind's runs as an array."""
    import numpy as np

    return [np.array([run["score"] for run in runs_of(one, kind)]) for one in results.values()]


def page(results: dict[str, dict]) -> str:
    """What the results say, in Markdown."""
    import numpy as np

    from drawenv.scores import bootstrap, improvement, interquartile_mean

    def spread(values, form: str) -> str:
        values = np.sort(values)
        return f"{values[len(values) // 2]:{form}} ({values[0]:{form}} to {values[-1]:{form}})"

    kinds = kinds_of(results)
    each = {kind: scores_of(results, kind) for kind in kinds}
    seeds = max(len(scores) for scores in each["ppo"])
    lines = ["", f"| all tasks, {seeds} seeds | interquartile mean, 95 % | better than PPO, 95 % |"]
    lines += ["|---|---|---|"]
    for kind, label in kinds.items():
        low, high = bootstrap(each[kind])
        against = ""
        if kind != "ppo":
            least, most = bootstrap(each[kind], each["ppo"], statistic=improvement)
            against = f"{improvement(each[kind], each['ppo']):.2f} ({least:.2f} to {most:.2f})"
        mean = interquartile_mean(each[kind])
        lines.append(f"| {label} | **{mean:.3f}** ({low:.3f} to {high:.3f}) | {against} |")
    for task, one in results.items():
        lines += ["", f"| {task} | score | calls | gradient steps | seconds | where PPO ends, after |"]
        lines += ["|---|---|---|---|---|---|", f"| random strokes | {one['random']:.3f} | | | | |"]
        ends = [run["curve"][-1] for run in runs_of(one, "ppo")]
        for kind, label in kinds.items():
            runs = runs_of(one, kind)
            scores = spread([run["score"] for run in runs], ".3f")
            calls, seconds, updates, _ = np.median([run["curve"][-1] for run in runs], 0)
            after = ""
            if kind != "ppo":
                starts = [first(run["curve"], end[3]) for run, end in zip(runs, ends, strict=True)]
                shares = [(s[0] / e[0], s[1] / e[1]) for s, e in zip(starts, ends, strict=True)]
                low, (calls_share, time), high = np.sort(shares, 0)[[0, len(shares) // 2, -1]]
                after = (
                    f"{calls_share:.2%} of its calls, {time:.1%} ({low[1]:.1%} to {high[1]:.1%}) of its time"
                )
                after = after if np.isfinite(time) else "not reached"
            lines.append(f"| {label} | {scores} | {calls:,.0f} | {updates:,.0f} | {seconds:,.0f} | {after} |")
    return "\n".join(lines) + "\n"


def first(curve: list, error: float) -> tuple[float, float]:
    """Calls and seconds until a curve's error is at most that; infinite if it never is."""
    reached = [row for row in curve if row[3] <= error]
    return (reached[0][0], reached[0][1]) if reached else (float("inf"), float("inf"))


def draw_figure(results: dict[str, dict], path: Path) -> None:
    """For each task the validation error against calls and against seconds; over all, profiles of scores."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from drawenv.scores import profile

    kinds, size = kinds_of(results), (3.2 * len(results) + 3.2, 6)
    figure, axes = plt.subplots(2, len(results) + 1, figsize=size, layout="constrained")
    colors = dict(zip(KINDS, ("tab:red", "tab:purple", "tab:orange", "tab:cyan", "tab:blue"), strict=True))
    for (upper, lower), (task, one) in zip(axes.T, results.items(), strict=False):
        for kind, label in kinds.items():
            color, curves = colors[kind], [np.array(run["curve"]) for run in runs_of(one, kind)]
            for panel, column in ((upper, 0), (lower, 1)):
                if column == 0 and kind.startswith("drawer"):  # all its calls come before the first picture
                    ends = np.array([curve[-1] for curve in curves])
                    panel.plot(ends[:, 0], ends[:, 3], "o", color=color, label=label, ms=4)
                    continue
                span = max(curve[0, column] for curve in curves), min(curve[-1, column] for curve in curves)
                at = np.geomspace(max(span[0], 1), max(span[1], 2), 100)
                values = [np.interp(at, *curve[:, [column, 3]].T) for curve in curves]
                panel.plot(at, np.median(values, 0), color=color, label=label)
                panel.fill_between(at, np.min(values, 0), np.max(values, 0), color=color, alpha=0.3, lw=0)
        for panel, label in ((upper, "calls of the renderer"), (lower, "seconds")):
            panel.set(xscale="log", yscale="log", xlabel=label)
            panel.xaxis.set_minor_formatter("")
        upper.set_title(task)
    for panel in axes[:, 0]:
        panel.set_ylabel("mean squared error, validation")
    at = np.linspace(0, 1, 201)
    for kind, label in kinds.items():
        shares = profile(scores_of(results, kind), at)
        axes[0, -1].plot(at, shares, color=colors[kind], label=label)
    axes[0, -1].set(title="all tasks", xlabel="score", ylabel="share of runs above it")
    axes[1, -1].legend(*axes[0, -1].get_legend_handles_labels(), fontsize="small", loc="upper left")
    axes[1, -1].axis("off")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def draw_examples(folders: list[Path], path: Path) -> None:
    """Twenty pictures of the test split, and below each what the runs drew."""
    import numpy as np

    from agents.draw import draw
    from drawenv import load_pictures

    agents = [load(folder) for folder in folders]
    recipe, views = agents[0].recipe, len(agents[0].renderer.views)
    images = load_pictures(f"{recipe.targets}:test", recipe.size, agents[0].renderer).spread(20).images
    rows = []
    for target, *drawings in zip(
        images, *(draw(agent, images, prune=False) for agent in agents), strict=True
    ):
        parts = [np.atleast_3d(drawing.render(128)).transpose(2, 0, 1) for drawing in drawings[:-1]]
        shown = [np.concatenate(np.split(part, views, 2)) for part in parts]
        rows.append(([target, *shown], drawings[-1]))
    save_sheet(rows, path, columns=20)


def main(arguments: Arguments) -> None:
    results: dict[str, dict] = {}
    for task in TASKS:
        kept = arguments.out / f"compare-{task}.json"
        if task in arguments.tasks:
            results[task] = measured(task, arguments)
        elif kept.exists():
            results[task] = json.loads(kept.read_text())
    tables = page(results)
    print(tables)
    before = arguments.page.read_text().split(MARK)[0] if arguments.page.exists() else ""
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.page, before + MARK + "\n" + tables)
    draw_figure(results, arguments.page.with_name("leaderboard.png"))
    print(f"-> {arguments.page}")


if __name__ == "__main__":
    run(main, Arguments)
