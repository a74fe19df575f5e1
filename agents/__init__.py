"""The learners: a canvas network that imitates the renderer, a drawer that learns through it."""

from agents.agent import Drawer
from agents.draw import Agent
from agents.recipes import RECIPES, Recipe, get_recipe

__all__ = ["RECIPES", "Agent", "Drawer", "Recipe", "get_recipe"]
