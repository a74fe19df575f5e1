"""Train the model-free baseline, Stable-Baselines3's PPO, on a recipe's environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agents.commands.common import Device, prepare, progress, provenance, run


@dataclass
class Arguments:
    """Writes OUT/policy.safetensors; run again to go on after an interruption."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe whose environment and targets are taken, for instance mnist-4."""
    out: Path | None = None
    """Folder for weights, state and logs (default: runs/ppo-RECIPE)."""
    seed: int = 0
    """Of the policy and the pictures."""
    steps: int | None = None
    """Steps of the environment, all canvases together (default: as in the file)."""
    hyperparameters: Path | None = None
    """YAML file in RL Zoo's form (default: agents/baselines/ppo.yml)."""
    device: Device = "cpu"
    """To compute on; for so small a network a GPU gains little."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: few steps, for seconds."""


def main(arguments: Arguments) -> None:
    from agents.baselines.ppo import HYPERPARAMETERS, hyperparameters, train_ppo
    from agents.recipes import get_recipe
    from agents.states import alone
    from agents.weights import claim, write_config

    recipe = get_recipe(arguments.recipe)
    if recipe.stride:
        raise ValueError(f"{recipe.name} slides over pages: PPO draws a picture at once")
    device = prepare(arguments.device, arguments.threads)
    out = arguments.out or Path("runs") / f"ppo-{recipe.name}"
    options = hyperparameters(recipe.env, arguments.hyperparameters or HYPERPARAMETERS)
    if arguments.steps:
        options["n_timesteps"] = arguments.steps
    if arguments.preset == "debug":
        options |= {"n_timesteps": 512, "n_envs": 4, "n_steps": 16, "batch_size": 32}
    with alone(out), progress() as bar:
        claim(out, recipe)
        task = bar.add_task(f"PPO on {recipe.name}", total=options["n_timesteps"], note="")

        def report(row: dict) -> None:
            bar.update(task, completed=row["steps"], note=f"val mse {row['mse']:.4f}" if "mse" in row else "")

        last = train_ppo(recipe, options, out, arguments.seed, report, str(device))
    made = {"data": f"{recipe.targets}:train", "validation": last}
    write_config(out, hyperparameters=options, policy=provenance(arguments.seed) | made)
    print(f"{out / 'policy.safetensors'}: validation mse {last['mse']:.5f} after {last['steps']} steps")


if __name__ == "__main__":
    run(main, Arguments)
