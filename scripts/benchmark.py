"""Speed, each figure beside a named reference measured in the same run."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.common import machine, run


@dataclass
class Arguments:
    """Time the renderer, the environments, drawing and a training step on one core."""

    recipe: str = "mnist-4"
    """Whose drawer draws and trains (pretrained or not makes no difference to the time)."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    seed: int = 0
    """Of actions and pictures."""
    preset: Literal["full", "debug"] = "full"
    """debug: a fraction of the repetitions."""


def best_time(work: Callable[[], object], seconds: float) -> float:
    """The fastest of as many calls as fit: what the work costs when nothing disturbs it."""
    work()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def renderer_rows(seconds: float, rng) -> list[dict]:
    import numpy as np
    from PIL import Image, ImageDraw

    from drawenv import BezierRenderer

    renderer = BezierRenderer(5.0)
    actions = rng.uniform(-1, 1, (64, 6)).astype(np.float32)
    canvas, curves = renderer.blank(64, 64), renderer.curves(actions)
    t = np.linspace(0, 1, 17)[:, None]

    def pillow() -> None:
        """The common way: Pillow lines at four times the size, shrunk."""
        for curve in curves:
            p0, p1, p2 = curve[:6].reshape(3, 2) * 4
            points = (1 - t) ** 2 * p0 + 2 * t * (1 - t) * p1 + t**2 * p2
            large = Image.new("L", (256, 256))
            ImageDraw.Draw(large).line([tuple(p) for p in points], fill=255, width=20, joint="curve")
            large.resize((64, 64), Image.Resampling.BOX)

    ours = 64 / best_time(lambda: renderer.draw(canvas, actions), seconds)
    theirs = 64 / best_time(pillow, seconds)
    return [row("renderer", "strokes/s", ours, "Pillow, 4x supersampled", theirs)]


def environment_rows(seconds: float, seed: int) -> list[dict]:
    import gymnasium as gym

    import drawenv

    def speed(env) -> float:
        env.reset(seed=seed)
        actions = env.action_space.sample()

        def episode() -> None:
            for _ in range(4):
                env.step(actions)

        return 4 * env.num_envs / best_time(episode, seconds)

    rows = []
    for env_id, name in (
        ("BezierCanvas-v0", "symbols"),
        ("RectangleCanvas-v0", "symbols"),
        ("PrismCanvas-v0", "prisms"),
    ):
        images = drawenv.load_pictures(f"{name}:test").images
        single = functools.partial(gym.make, env_id, targets=images)
        reference = speed(gym.vector.SyncVectorEnv([single] * 8))
        for n in (8, 64):
            native = speed(gym.make_vec(env_id, num_envs=n, targets=images))
            what = f"native vector env of {n}, {env_id.removesuffix('-v0')}"
            rows.append(row(what, "steps/s", native, "SyncVectorEnv(8)", reference))
    return rows


def agent_rows(seconds: float, recipe_name: str, rng) -> list[dict]:
    from agents import Drawer, get_recipe
    from agents.canvas import to_unit
    from agents.imagine import imagine
    from agents.optimizers import MuonAdam
    from agents.training import drawing_loss, exactly
    from drawenv import Symbols

    recipe = get_recipe(recipe_name)
    drawer = Drawer.new(recipe)
    drawer.canvas.requires_grad_(False)
    pictures = Symbols(recipe.size).sample(64, rng)
    latency = best_time(lambda: drawer.drawings(pictures[:1]), seconds)
    batched = best_time(lambda: drawer.drawings(pictures), seconds) / 64
    rows = [row("drawing one picture", "pictures/s", 1 / latency, "the same in a batch of 64", 1 / batched)]

    target = to_unit(pictures)
    blank = target.new_zeros(target.shape)
    optimizer = MuonAdam(drawer.network, recipe.lr, recipe.matrix_lr, adam_only=("head", "memory"))

    def step() -> None:
        with drawer.network.autocast():
            _, canvases = imagine(drawer.network, exactly(drawer.canvas), target, blank, recipe.strokes)
        optimizer.step(drawing_loss(canvases, target, 0.1, 0.5) / 100, 1e-6)

    speeds = []
    for half in (True, False):
        drawer.network.half_precision = half
        speeds.append(64 / best_time(step, 2 * seconds))
    return [*rows, row("training, bfloat16 encoder", "pictures/s", speeds[0], "float32 encoder", speeds[1])]


def page_rows(seconds: float, side: int) -> list[dict]:
    """Large pictures: the time must grow with the number of windows, no faster."""
    import numpy as np

    from agents import Drawer, get_recipe
    from drawenv.targets.pictures import read_picture

    drawer = Drawer.new(get_recipe("sketch-10"))
    small = read_picture(Path(__file__).parent.parent / "examples/pictures/sketch/harbour.png")[:side, :side]
    large = np.tile(small, (3, 3))
    speeds = []
    for ink in (small, large):
        windows: list = []
        drawer.page(ink, log=windows)
        n = sum(len(corners) for corners, *_ in windows)
        speeds.append(n / best_time(functools.partial(drawer.page, ink), seconds))
    return [
        row(f"drawing a {side}x{side} page", "windows/s", speeds[0], "a page nine times as large", speeds[1])
    ]


def row(what: str, unit: str, value: float, reference: str, reference_value: float) -> dict:
    return {
        "what": what, "unit": unit, "value": value, "reference": reference,
        "reference_value": reference_value, "ratio": value / reference_value,
    }  # fmt: skip


def main(arguments: Arguments) -> None:
    import numpy as np
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    seconds = 0.05 if arguments.preset == "debug" else 3.0
    rows = renderer_rows(seconds, rng) + environment_rows(seconds, arguments.seed)
    rows += agent_rows(seconds, arguments.recipe, rng) + page_rows(
        seconds, 128 if arguments.preset == "debug" else 512
    )
    result = {"machine": machine(), "rows": rows}
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"one core of {result['machine']}; the best of many repetitions")
    for r in rows:
        print(
            f"{r['what']:40} {r['value']:>10,.0f} {r['unit']:10} "
            f"{r['ratio']:6.2f} x {r['reference']} ({r['reference_value']:,.0f})"
        )


if __name__ == "__main__":
    run(main, Arguments)
