"""The learners: a canvas network that imitates the renderer, a drawer that learns through it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent import Drawer
    from .draw import Agent
    from .recipes import RECIPES, Recipe, get_recipe

__all__ = ["RECIPES", "Agent", "Drawer", "Recipe", "get_recipe"]

_WHERE = {"Agent": "draw", "Drawer": "agent"}


def __getattr__(name: str):
    """What is asked for is imported then: torch takes a second, which ``--help`` does not need."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE.get(name, 'recipes')}", __name__), name)
