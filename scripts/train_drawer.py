"""Train a recipe's drawer through its canvas network; fits that first when it is missing."""

from agents.commands.common import run, with_recipe
from agents.commands.train import Arguments, main

if __name__ == "__main__":
    run(main, Arguments, with_recipe)
