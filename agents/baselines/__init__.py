"""Model-free baselines on the same environments: Stable-Baselines3 (extra ``baselines``)."""

from agents.baselines.policy import Policy
from agents.baselines.ppo import hyperparameters, train_ppo
from agents.baselines.vec_env import CanvasVecEnv

__all__ = ["CanvasVecEnv", "Policy", "hyperparameters", "train_ppo"]
