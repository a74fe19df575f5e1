"""Write docs/environments.md and its pictures from what the environments say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.commands.common import run

SHOWN = 6  # episodes in a picture
TRIED = 2_000  # random strokes, of which the best is drawn
PAUSE = 700  # ms from one stroke to the next
HEAD = """# Environments

`scripts/environments.py` writes this page. Each environment is also there as a native batch,
`gym.make_vec(id, num_envs=64)`. Pictures show targets above what search draws of them: each
stroke is the best of 2,000 random ones.
"""


@dataclass
class Arguments:
    """Write a page on the environments, with a picture of each."""

    out: Path = Path(__file__).parent.parent / "docs"
    """Folder to write environments.md and environments/ID.gif to."""
    preset: Literal["full", "debug"] = "full"
    """debug: one episode in a picture."""


def pictures(env_id: str, episodes: int) -> list:
    """Targets above canvases of so many episodes, one picture after each stroke: uint8 ``[H, W, 3]``."""
    import gymnasium as gym
    import numpy as np

    from drawenv import CanvasEnv
    from drawenv.metrics import mse

    env, rng, columns = gym.make(env_id, render_mode="rgb_array"), np.random.default_rng(0), []
    assert isinstance(env.unwrapped, CanvasEnv)
    renderer = env.unwrapped.renderer
    for episode in range(episodes):
        (observation, _), over = env.reset(seed=episode), False
        shots = [env.render()]
        while not over:
            actions = rng.uniform(-1, 1, (TRIED, len(renderer.action_spec))).astype(np.float32)
            tried, wanted = (np.repeat(observation[name][None], TRIED, 0) for name in ("canvas", "target"))
            renderer.draw(tried, actions)
            best = mse(tried, wanted).argmin()
            observation, _, over, _, _ = env.step(actions[best])
            shots.append(env.render())
        columns.append([np.concatenate(np.split(np.asarray(shot), 2, 1)) for shot in shots])
    env.close()
    return [np.concatenate(shots, 1) for shots in zip(*columns, strict=True)]


def section(env_id: str) -> str:
    """What there is to say of an environment."""
    import gymnasium as gym

    from drawenv import ENVIRONMENTS

    env, about = gym.make(env_id), ENVIRONMENTS[env_id]
    assert isinstance(env.observation_space, gym.spaces.Dict)
    spaces = "\n".join(
        f"| `{name}` | {space.shape} | {space.dtype} | {space.low.min():g} to {space.high.max():g} |"
        for name, space in env.observation_space.items()
        if isinstance(space, gym.spaces.Box)
    )
    options = ", ".join(f"`{name}={value!r}`" for name, value in gym.spec(env_id).kwargs.items())
    env.close()
    return f"""## {env_id}

![Targets, and below them what is drawn stroke by stroke](environments/{env_id}.gif)

{about.doc.replace("## Action", "### Action").replace("``", "`")}

### Observation

| | shape | dtype | values |
|---|---|---|---|
{spaces}

### Options

Of `gym.make`, and what they are if not given: {options}, `size=64`, `max_strokes=4`, `render_mode=None`.
"""


def main(arguments: Arguments) -> None:
    from inspect import cleandoc

    from PIL import Image

    from drawenv import ENV_IDS, CanvasEnv
    from drawenv.files import whole, write_whole

    shown = 1 if arguments.preset == "debug" else SHOWN
    folder = arguments.out / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    common = cleandoc(CanvasEnv.__doc__ or "").partition("\nArgs:")[0].replace("``", "`")
    page = f"{HEAD}\n## All of them\n\n{common.replace('## ', '### ')}"
    for env_id in ENV_IDS:
        page += "\n\n" + section(env_id)
        first, *others = map(Image.fromarray, pictures(env_id, shown))
        with whole(folder / f"{env_id}.gif") as beside:
            pauses = [PAUSE] * len(others) + [4 * PAUSE]
            first.save(beside, save_all=True, append_images=others, duration=pauses, loop=0)
    write_whole(arguments.out / "environments.md", page.rstrip() + "\n")
    print(arguments.out / "environments.md")


if __name__ == "__main__":
    run(main, Arguments)
