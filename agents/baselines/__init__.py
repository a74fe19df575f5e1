"""Model-free baselines on the same environments: Stable-Baselines3 (extra ``baselines``)."""

from .policy import Policy
from .ppo import hyperparameters, train_ppo
from .vec_env import CanvasVecEnv

__all__ = ["CanvasVecEnv", "Policy", "hyperparameters", "train_ppo"]
