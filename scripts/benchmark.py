"""Speed, each figure beside a named reference measured in the same run."""

from __future__ import annotations

import functools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.commands.common import Device, prepare, provenance, run
from drawenv.files import write_whole


@dataclass
class Arguments:
    """Time renderer, environments, drawing and training: medians, for one thread of a quiet machine."""

    recipe: str = "mnist-4"
    """Whose drawer draws single pictures and trains."""
    device: Device = "cpu"
    """Of the networks that draw and train."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    seed: int = 0
    """Of actions and pictures."""
    preset: Literal["full", "debug"] = "full"
    """debug: a fraction of the repetitions."""


def median_time(work: Callable[[], object], seconds: float) -> float:
    """The median of as many calls as fit, after one to warm up."""
    work()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or not times:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


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

    ours = 64 / median_time(lambda: renderer.draw(canvas, actions), seconds)
    theirs = 64 / median_time(pillow, seconds)
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

        return 4 * env.num_envs / median_time(episode, seconds)

    def sustained(env) -> tuple[float, float]:
        """Steps a second with all that they wait for, and the 99th percentile of a step over the median."""
        env.reset(seed=seed)
        actions, times, end = env.action_space.sample(), [], time.perf_counter() + 2 * seconds
        for _ in range(16):
            env.step(actions)
        while time.perf_counter() < end or not times:
            start = time.perf_counter()
            env.step(actions)
            times.append(time.perf_counter() - start)
        speed = env.num_envs / statistics.fmean(times)
        return speed, statistics.quantiles(times, n=100)[98] / statistics.median(times) if times[1:] else 1.0

    rows = []
    for env_id in ("BezierCanvas-v0", "PrismCanvas-v0"):
        native, tail = sustained(gym.make_vec(env_id, num_envs=64))
        reference, own = sustained(gym.vector.SyncVectorEnv([functools.partial(gym.make, env_id)] * 8))
        what = f"gym.make_vec of 64, {env_id.removesuffix('-v0')}, sustained"
        rows.append(row(what, "steps/s", native, "SyncVectorEnv(8)", reference))
        rows.append(row(what, "p99/median", tail, "SyncVectorEnv(8)", own))
    for env_id, name in (
        ("BezierCanvas-v0", "symbols"),
        ("RectangleCanvas-v0", "rectangles"),
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


def agent_rows(seconds: float, recipe_name: str, rng, device) -> list[dict]:
    from agents import Drawer, get_recipe
    from agents.canvas import to_unit
    from agents.data import Batch
    from agents.draw import draw
    from agents.train import Trainer
    from drawenv import Symbols

    recipe = get_recipe(recipe_name)
    drawer = Drawer.new(recipe).to(device)
    pictures = Symbols(recipe.size).sample(64, rng)
    latency = median_time(lambda: draw(drawer, pictures[:1]), seconds)
    batched = median_time(lambda: draw(drawer, pictures), seconds) / 64
    rows = [row("drawing one picture", "pictures/s", 1 / latency, "the same in a batch of 64", 1 / batched)]

    drawer.canvas.requires_grad_(False)
    trainer, target = Trainer(drawer), to_unit(pictures, device)
    batch = Batch(target, target, to_unit(drawer.renderer.blank(64, recipe.size), device))
    speeds = []
    for half in (True, False):
        drawer.network.half_precision = half
        speeds.append(64 / median_time(lambda: trainer.step(batch, 0.1), 2 * seconds))
    return [*rows, row("training, bfloat16 encoder", "pictures/s", speeds[0], "float32 encoder", speeds[1])]


def page_rows(seconds: float, side: int, device) -> list[dict]:
    """Large pictures: the time must grow with the number of windows, no faster; and all that draw.py does."""
    import numpy as np

    from agents import Drawer
    from agents.draw import EFFORT, draw_any_size
    from drawenv import BezierRenderer
    from drawenv.pens import pens_of_ink
    from drawenv.settle import settled
    from drawenv.targets.pictures import read_picture

    drawer = Drawer.from_pretrained("sketch-10", device)
    small = read_picture(Path(__file__).parent.parent / "examples/pictures/sketch/harbour.png")[:side, :side]
    large = np.tile(small, (3, 3))
    times, counts = [], []
    for ink in (small, large):
        windows: list = []
        draw_any_size(drawer, ink, scale=1.0, log=windows)
        counts.append(sum(len(corners) for corners, *_ in windows[1:]))  # after the page's sides
        times.append(median_time(functools.partial(draw_any_size, drawer, ink, scale=1.0), seconds))
    refined = median_time(functools.partial(draw_any_size, drawer, small, 0, 50, 1.0), seconds)
    speeds = [n / t for n, t in zip(counts, times, strict=True)]
    lines, page = Drawer.from_pretrained("lines", device), BezierRenderer(None).on_page(small.shape)
    drawn = median_time(lambda: draw_any_size(lines, small, EFFORT).to_svg(), seconds)
    skeleton = median_time(lambda: settled(pens_of_ink(small), small, page), seconds)
    to_svg, what = (f"a {side}x{side} page {end}" for end in ("to SVG, by lines", f"of {counts[0]} windows"))
    return [
        row(to_svg, "pages/s", 1 / drawn, "its skeleton's pens", 1 / skeleton),
        row(what, "windows/s", speeds[0], "a page nine times as large", speeds[1]),
        row(what, "pages/s", 1 / times[0], "with --refine 50", 1 / refined),
    ]


def row(what: str, unit: str, value: float, reference: str, reference_value: float) -> dict:
    return {
        "what": what, "unit": unit, "value": value, "reference": reference,
        "reference_value": reference_value, "ratio": value / reference_value,
    }  # fmt: skip


def main(arguments: Arguments) -> None:
    import numpy as np

    device = prepare(arguments.device, threads=1)
    rng = np.random.default_rng(arguments.seed)
    seconds = 0.05 if arguments.preset == "debug" else 3.0
    rows = renderer_rows(seconds, rng) + environment_rows(seconds, arguments.seed)
    rows += agent_rows(seconds, arguments.recipe, rng, device) + page_rows(
        seconds, 128 if arguments.preset == "debug" else 512, device
    )
    result = {**provenance(arguments.seed), "rows": rows}
    if arguments.out:
        write_whole(arguments.out, json.dumps(result, indent=1) + "\n")
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"one thread; {result['machine']}; medians")
    for r in rows:
        print(
            f"{r['what']:44} {r['value']:>12,.4g} {r['unit']:10} "
            f"{r['ratio']:6.2f} x {r['reference']} ({r['reference_value']:,.4g})"
        )


if __name__ == "__main__":
    run(main, Arguments)
