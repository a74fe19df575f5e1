"""Train the model-free baseline PPO on a recipe's environment."""

from functools import partial

from agents.commands.common import run
from agents.commands.train_baseline import Arguments, main

if __name__ == "__main__":
    run(partial(main, algorithm="ppo"), Arguments)
