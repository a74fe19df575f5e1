"""The recipes, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass

# Of each recipe what it draws.
ABOUT = {
    "lines": "line pictures of any kind and size, on paper of any kind: the default",
    "sketch-10": "line pictures of any size on clean paper, in at most ten strokes a window of 64 px",
    "sketch-4": "the same, in at most four",
    "sketch-hierarchy": "the same, first in windows of 128 px, at last strokes of any length",
    "omniglot-4": "a symbol in four curves of any width",
    "omniglot-spline": "a symbol, each pen stroke one action",
    "mnist-4": "a digit in four curves, all of them 5 px of 64 wide",
    "mnist-20": "a digit in twenty curves of any width",
    "colormnist-4": "a digit in the colour of its class",
    "floorplan": "a floor plan's rooms, with their types",
    "plans": "the same, trained on plans that are generated",
    "prism": "boxes in space, from their front, side and top",
    "hollow": "frames in colour",
    "quickstart": "a simple symbol in two curves: trained in three minutes",
}


@dataclass
class Arguments:
    """List the recipes."""


def main(arguments: Arguments) -> None:
    from ..recipes import RECIPES, has_weights

    for name, what in ABOUT.items():
        print(f"{name:17} {what}{'' if has_weights(RECIPES[name]) else ' (no weights here)'}")
