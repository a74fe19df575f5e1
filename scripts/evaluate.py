"""Measure a recipe's drawer under the real renderer, on the whole test split."""

from agents.commands.common import run
from agents.commands.evaluate import Arguments, main

if __name__ == "__main__":
    run(main, Arguments)
