"""PPO of Stable-Baselines3 on an environment as it is, and its figures by the same protocol as everyone's."""

import sys

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import drawenv

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
envs = make_vec_env("BezierCanvas-v0", n_envs=16, seed=0, env_kwargs={"targets": "symbols", "max_strokes": 4})
model = PPO("MultiInputPolicy", envs, n_steps=min(steps // 16, 64), batch_size=64, gamma=1.0, device="cpu")
model.learn(steps)
figures = drawenv.evaluate(model, "BezierCanvas-v0", "symbols:test", episodes=200)
print({name: figures[name] for name in ("mean", "iqm", "iqm_95")})
