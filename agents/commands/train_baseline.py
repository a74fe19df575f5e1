"""Train a model-free baseline of Stable-Baselines3 on a recipe's environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from .common import Device, prepare, progress, provenance

if TYPE_CHECKING:
    from ..baselines import Algorithm

TINY = {
    "ppo": {"n_timesteps": 512, "n_envs": 4, "n_steps": 16, "batch_size": 32},
    "sac": {"n_timesteps": 512, "n_envs": 4, "batch_size": 32, "learning_starts": 64, "buffer_size": 512},
}


@dataclass
class Arguments:
    """Writes OUT/policy.safetensors; run again to go on after an interruption."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe whose environment and targets are taken, for instance mnist-4."""
    out: Path | None = None
    """Folder for weights, state and logs (default: runs/ALGORITHM-RECIPE)."""
    seed: int = 0
    """Of the policy and the pictures."""
    steps: int | None = None
    """Steps of the environment, all canvases together (default: as in the file)."""
    hyperparameters: Path | None = None
    """YAML file in RL Zoo's form (default: the algorithm's in agents/baselines)."""
    device: Device = "cpu"
    """To compute on; for so small a network a GPU gains little."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: few steps, for seconds."""


def main(arguments: Arguments, algorithm: Algorithm) -> None:
    from ..baselines import hyperparameters, train_baseline
    from ..recipes import get_recipe
    from ..states import alone
    from ..weights import claim, write_config

    recipe = get_recipe(arguments.recipe)
    if recipe.stride:
        raise ValueError(f"{recipe.name} slides over pages: {algorithm.upper()} draws a picture at once")
    device = prepare(arguments.device, arguments.threads, train=True)
    out = arguments.out or Path("runs") / f"{algorithm}-{recipe.name}"
    options = hyperparameters(recipe.env, algorithm, arguments.hyperparameters)
    if arguments.steps:
        options["n_timesteps"] = arguments.steps
    if arguments.preset == "debug":
        options |= TINY[algorithm]
    with alone(out), progress() as bar:
        claim(out, recipe)
        label = f"{algorithm.upper()} on {recipe.name}"
        task = bar.add_task(label, total=options["n_timesteps"], note="")

        def report(row: dict) -> None:
            bar.update(task, completed=row["steps"], note=f"val mse {row['mse']:.4f}" if "mse" in row else "")

        last = train_baseline(algorithm, recipe, options, out, arguments.seed, report, str(device))
    made = {"data": f"{recipe.targets}:train", "validation": last}
    write_config(out, algorithm=algorithm, hyperparameters=options, policy=provenance(arguments.seed) | made)
    print(f"{out / 'policy.safetensors'}: validation mse {last['mse']:.5f} after {last['steps']} steps")
