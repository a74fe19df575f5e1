"""PPO in one file, without a library of agents: a starting point for your own.

python examples/ppo.py BezierCanvas-v0 --steps 1000000 --out ppo.safetensors
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import gymnasium as gym
import numpy as np
import torch
import tyro
from gymnasium.vector import AutoresetMode
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

import drawenv


@dataclass
class Arguments:
    """Train a policy, and measure it on test pictures."""

    env: Annotated[str, tyro.conf.Positional] = "BezierCanvas-v0"
    """Its id."""
    targets: str = "symbols"
    """What to draw; its test split is measured."""
    strokes: int = 4
    """Of an episode."""
    steps: int = 1_000_000
    """Strokes in all."""
    envs: int = 64
    """Drawn in at a time."""
    episodes: int = 4
    """Of each environment between two updates."""
    epochs: int = 4
    """Passes over what was drawn since the last update."""
    batch: int = 256
    """Strokes in a gradient step."""
    lr: float = 3e-4
    """Of Adam, at first; it falls to nothing."""
    gae: float = 0.95
    """Lambda of the advantages; rewards are not discounted, episodes are short."""
    clip: float = 0.2
    """How far the probability of a stroke may change in an update."""
    entropy: float = 1e-3
    """Weight of the entropy."""
    seed: int = 0
    """Of everything."""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    """To compute on."""
    out: Path | None = None
    """Where to write the weights."""


class Policy(nn.Module):
    """Observations to a distribution of strokes and their value: canvas, target and progress as channels."""

    def __init__(self, channels: int, actions: int):
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(channels, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(),
            nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 4 * 4, 512), nn.ReLU(),
        )  # fmt: skip
        self.mean, self.value = nn.Linear(512, actions), nn.Linear(512, 1)
        self.spread = nn.Parameter(torch.full((actions,), -0.7))  # logarithm of the standard deviation
        for layer, gain in ((self.mean, 0.01), (self.value, 1.0)):
            nn.init.orthogonal_(layer.weight, gain)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> tuple[Normal, Tensor]:
        """Pictures ``[n, C, 64, 64]`` in [0, 1] to strokes ``[n, actions]`` and values ``[n]``."""
        seen = self.seen(x)
        return Normal(self.mean(seen), self.spread.exp()), self.value(seen).squeeze(1)


def pictures(observation: dict[str, np.ndarray], device: str) -> Tensor:
    """A batch of observations as channels of one picture each."""
    canvas, target = (torch.from_numpy(observation[name]).to(device) / 255 for name in ("canvas", "target"))
    progress = torch.from_numpy(observation["progress"]).to(device)
    return torch.cat([canvas, target, progress[:, :, None, None].expand(-1, -1, *canvas.shape[2:])], 1)


def advantages(rewards: Tensor, values: Tensor, over: Tensor, gae: float) -> Tensor:
    """Generalised advantages ``[steps, envs]``; every episode is over at its end, so nothing follows it."""
    out, last = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    following = torch.cat([values[1:], torch.zeros_like(values[:1])])
    for t in reversed(range(len(rewards))):
        goes_on = 1 - over[t]
        last = rewards[t] + goes_on * following[t] - values[t] + gae * goes_on * last
        out[t] = last
    return out


def train(a: Arguments) -> Policy:
    """The policy that PPO finds."""
    torch.manual_seed(a.seed)
    env = gym.make_vec(
        a.env, num_envs=a.envs, targets=a.targets, max_strokes=a.strokes,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )  # fmt: skip
    x = pictures(env.reset(seed=a.seed)[0], a.device)
    policy = Policy(x.shape[1], env.action_space.sample().shape[1]).to(a.device)
    optimizer = torch.optim.Adam(policy.parameters(), a.lr, eps=1e-5)
    rng, length = np.random.default_rng(a.seed), a.strokes * a.episodes
    updates = max(a.steps // (a.envs * length), 1)
    for update in range(updates):
        kept: list[tuple[Tensor, ...]] = []
        for _ in range(length):
            with torch.no_grad():
                strokes, value = policy(x)
                action = strokes.sample()
            observation, reward, over, _, _ = env.step(action.clamp(-1, 1).cpu().numpy())
            numbers = (torch.as_tensor(v, dtype=torch.float32, device=a.device) for v in (reward, over))
            kept.append((x, action, strokes.log_prob(action).sum(1), value, *numbers))
            x = pictures(observation, a.device)
        seen, actions, before, values, rewards, ends = map(torch.stack, zip(*kept, strict=True))
        better = advantages(rewards, values, ends, a.gae)
        flat = [part.flatten(0, 1) for part in (seen, actions, before, better, better + values)]
        optimizer.param_groups[0]["lr"] = a.lr * (1 - update / updates)
        for _ in range(a.epochs):
            for rows in np.array_split(rng.permutation(len(flat[0])), max(len(flat[0]) // a.batch, 1)):
                pics, acts, old, gain, returns = (part[rows] for part in flat)
                strokes, value = policy(pics)
                ratio = (strokes.log_prob(acts).sum(1) - old).exp()
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                clipped = torch.minimum(ratio * gain, ratio.clamp(1 - a.clip, 1 + a.clip) * gain)
                entropy = strokes.entropy().sum(1).mean()
                loss = F.mse_loss(value, returns) / 2 - clipped.mean() - a.entropy * entropy
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()
        if update % max(updates // 20, 1) == 0:
            done, mean = (update + 1) * a.envs * length, rewards.sum() / ends.sum()
            print(f"{done:9} strokes: return {mean:.3f}", flush=True)
    env.close()
    return policy


def main(a: Arguments) -> None:
    policy = train(a)

    @torch.no_grad()
    def act(observation: dict[str, np.ndarray]) -> np.ndarray:
        return policy(pictures(observation, a.device))[0].mean.clamp(-1, 1).cpu().numpy()

    figures = drawenv.evaluate(act, a.env, f"{a.targets}:test", max_strokes=a.strokes, episodes=500)
    low, high = figures["iqm_95"]
    print(f"test: return {figures['mean']:.3f}, interquartile {figures['iqm']:.3f} ({low:.3f} to {high:.3f})")
    if a.out:
        save_file({name: value.contiguous() for name, value in policy.state_dict().items()}, a.out)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
