"""Pictures in, strokes out, with pretrained weights."""

from agents.commands.common import run
from agents.commands.draw import Arguments, main

if __name__ == "__main__":
    run(main, Arguments)
