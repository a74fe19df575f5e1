"""Model-free baselines on the same environments: Stable-Baselines3 (extra ``baselines``)."""

from .policy import Policy
from .training import Algorithm, hyperparameters, train_baseline
from .vec_env import CanvasVecEnv

__all__ = ["Algorithm", "CanvasVecEnv", "Policy", "hyperparameters", "train_baseline"]
