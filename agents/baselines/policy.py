"""A trained policy as an agent that draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.policies import ActorCriticCnnPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import CnnPolicy as SACPolicy
from torch import Tensor, nn

from ..improve import Strokes
from ..recipes import Recipe
from ..weights import load_weights, read_config, read_recipe
from .vec_env import stacked_channels


class SmallCNN(BaseFeaturesExtractor):
    """Two strided convolutions and a linear layer: three times as fast here as SB3's NatureCNN.

    Args:
        observation_space: uint8 pictures ``[C, H, W]``; SB3 divides by 255.
        features_dim: size of the output.
        width: channels of the first convolution; the second has twice as many.
    """

    def __init__(self, observation_space, features_dim: int = 256, width: int = 32):
        super().__init__(observation_space, features_dim)
        channels, height, _ = observation_space.shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 8, stride=4, padding=2), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 8) ** 2, features_dim), nn.ReLU(),
        )  # fmt: skip

    def forward(self, observations: Tensor) -> Tensor:
        return self.layers(observations)


def policy_options(hyperparameters: dict) -> dict:
    """``policy_kwargs`` of a YAML file, with ``width`` and ``features_dim`` handed to the CNN."""
    options = dict(hyperparameters.get("policy_kwargs") or {})
    cnn = {name: options.pop(name) for name in ("width", "features_dim") if name in options}
    return {**options, "features_extractor_class": SmallCNN, "features_extractor_kwargs": cnn}


class Policy:
    """An SB3 policy as an ``Agent``: its mean action at each stroke.

    It has no canvas network: nothing refines its strokes, and it has no goal where the task is to translate.

    Args:
        policy: what SB3 trained.
        recipe: the task.
    """

    learned_through = None
    redraws = False

    def __init__(self, policy: BasePolicy, recipe: Recipe):
        self.network, self.recipe, self.renderer = policy, recipe, recipe.renderer()

    @classmethod
    def from_pretrained(cls, folder: Path, device: torch.device | str = "cpu") -> Policy:
        """A policy from a folder that ``train_ppo.py`` or ``train_sac.py`` wrote.

        Raises:
            FileNotFoundError: it holds none.
            ValueError: damaged or foreign weights.
        """
        config = read_config(folder)
        if "hyperparameters" not in config:
            raise FileNotFoundError(f"{folder} holds no policy of scripts/train_ppo.py or train_sac.py")
        recipe = read_recipe(folder)
        renderer = recipe.renderer()
        channels = renderer.channels + (recipe.hint or [renderer.shown])[0] + 1
        picture = Box(0, 255, (channels, recipe.size, recipe.size), np.uint8)  # as CanvasVecEnv's
        options = policy_options(config["hyperparameters"])
        options["use_sde"] = config["hyperparameters"].get("use_sde", False)  # SB3 adds it to these
        make = SACPolicy if config.get("algorithm") == "sac" else ActorCriticCnnPolicy
        policy = make(picture, renderer.action_spec.box, lambda _: 0.0, **options)
        load_weights(policy, folder / "policy.safetensors")
        policy.set_training_mode(False)
        return cls(policy.to(device), recipe)

    def goal(self, hints: np.ndarray) -> np.ndarray | None:
        """The hints uint8 ``[n, C', size, size]`` themselves; None where the task is to translate."""
        return None if self.recipe.hint else hints

    def policy(self) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        """It as a policy of its environment, for ``drawenv.evaluate``."""
        return self.act

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        """Its mean actions after observations."""
        wanted = observation["hint" if self.recipe.hint else "target"]
        stacked = stacked_channels(observation["canvas"], wanted, observation["progress"])
        return self.network.predict(stacked, deterministic=True)[0]

    @torch.no_grad()
    def choose(
        self, hints: np.ndarray, before: np.ndarray, proposals: int = 1, rounds: int = 0, refine: int = 0,
        strokes: int | None = None, old: Strokes | None = None,
    ) -> Strokes:  # fmt: skip
        """Every stroke that the policy chooses: see ``Agent.choose``.

        Raises:
            ValueError: ``refine`` is not 0.
        """
        if refine:
            raise ValueError(f"refine must be 0: a policy learns no canvas to refine through, got {refine}")
        canvas, strokes = before.copy(), strokes or self.recipe.strokes
        actions = []
        for k in range(strokes):
            progress = np.full((len(hints), 1), k / strokes, np.float32)
            wanted = "hint" if self.recipe.hint else "target"
            action = self.act({"canvas": canvas, wanted: hints, "progress": progress})
            self.renderer.draw(canvas, action)
            actions.append(action)
        return np.stack(actions, 1), np.ones((len(hints), strokes), bool)
