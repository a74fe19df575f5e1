"""Write docs/environments.md and its pictures from what the environments say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.commands.common import run

SHOWN = 6  # episodes in a picture
HEAD = """# Environments

`scripts/environments.py` writes this page. Each environment is also there as a native batch,
`gym.make_vec(id, num_envs=64)`. Pictures show targets above what random strokes drew of them.
"""


@dataclass
class Arguments:
    """Write a page on the environments, with a picture of each."""

    out: Path = Path(__file__).parent.parent / "docs"
    """Folder to write environments.md and environments/ID.png to."""
    preset: Literal["full", "debug"] = "full"
    """debug: one episode in a picture."""


def picture(env_id: str, episodes: int):
    """Targets above canvases after so many episodes of random strokes, uint8 ``[H, W, 3]``."""
    import gymnasium as gym
    import numpy as np

    env = gym.make(env_id, render_mode="rgb_array")
    env.action_space.seed(0)
    columns = []
    for episode in range(episodes):
        env.reset(seed=episode)
        while not env.step(env.action_space.sample())[2]:
            pass
        columns.append(np.concatenate(np.split(np.asarray(env.render()), 2, 1)))
    env.close()
    return np.concatenate(columns, 1)


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

![Targets, and what random strokes drew](environments/{env_id}.png)

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
    pictures = arguments.out / "environments"
    pictures.mkdir(parents=True, exist_ok=True)
    common = cleandoc(CanvasEnv.__doc__ or "").partition("\nArgs:")[0].replace("``", "`")
    page = f"{HEAD}\n## All of them\n\n{common.replace('## ', '### ')}"
    for env_id in ENV_IDS:
        page += "\n\n" + section(env_id)
        with whole(pictures / f"{env_id}.png") as beside:
            Image.fromarray(picture(env_id, shown)).save(beside, optimize=True)
    write_whole(arguments.out / "environments.md", page.rstrip() + "\n")
    print(arguments.out / "environments.md")


if __name__ == "__main__":
    run(main, Arguments)
