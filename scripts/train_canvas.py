"""Fit a recipe's canvas network to random rollouts of its renderer."""

from agents.commands.common import run, with_recipe
from agents.commands.train_canvas import Arguments, main

if __name__ == "__main__":
    run(main, Arguments, with_recipe)
