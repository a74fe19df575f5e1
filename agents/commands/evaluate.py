"""Measure a recipe's drawer under the real renderer, on the whole test split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import tyro

from .common import Device, prepare, print_result, progress, provenance, save_sheet

SLIDING = ("stride", "order", "size")
OF_RECIPE = ("price",)


@dataclass
class Arguments:
    """Metrics of an agent on a recipe's test split (or other pictures)."""

    recipe: Annotated[str, tyro.conf.Positional]
    """Name of the recipe, for instance mnist-4."""
    agent: Literal[
        "drawer", "ppo", "sac", "random", "blank", "truth", "regions", "skeleton", "skeleton-of-clean",
        "autotrace",
    ] = "drawer"  # fmt: skip
    """drawer; policy of train_ppo.py or train_sac.py; random strokes, judged as a drawer's; none; the shapes
    that targets are made of; what a plan's lines enclose; the pens that a picture's middle lines suggest,
    without a drawer; those of the picture as the recipe's network cleaned it; those of AutoTrace, if it is
    installed."""
    targets: str | None = None
    """Other pictures: a targets' name with its split (mnist:test, omniglot:val)."""
    images: Path | None = None
    """Other pictures: a folder of them."""
    size: int | None = None
    """Sliding recipes: side of the pictures in px (default: 512)."""
    weights: Path | None = None
    """Folder of weights (default: the pretrained ones)."""
    effort: int = 0
    """Rounds in which each stroke is drawn anew, the others in place; 0 is one pass."""
    refine: int = 0
    """Gradient steps on the strokes after drawing: through C, or the renderer's own of pages of ink."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    out: Path | None = None
    """Also write that object to this file."""
    sheet: Path | None = None
    """Also write a PNG of 40 of the pictures (10 sketches or plans), each with its drawing below."""
    seed: int = 0
    """Of the random agent."""
    limit: int | None = None
    """Number of pictures, from the first (default: all)."""
    spread: int | None = None
    """Number of pictures, evenly from all, without the figures that only some targets have."""
    price: float | None = None
    """What a stroke must save of the squared error of a picture or window (default: the recipe's)."""
    stride: int | None = None
    """Sliding recipes: pixels from one window to the next (default: the recipe's)."""
    prune: bool = True
    """Leave out strokes that do not help, as draw.py does; of pages it is always done."""
    pens: bool = False
    """Also measure the few long strokes as which SVGs are written; where the true ones are known, always."""
    settle: bool = True
    """Settle pens on the pictures before they are measured, as draw.py does."""
    strokes: int | None = None
    """At most, of a picture or a window (default: the recipe's)."""
    order: Literal["phased", "raster", "flood"] | None = None
    """Sliding recipes: in which order windows are drawn (default: phased)."""
    device: Device = "auto"
    """To compute on; auto takes a GPU if there is one."""
    threads: int | None = None
    """Processor threads (default: all)."""
    preset: Literal["full", "debug"] = "full"
    """debug: the first 50 pictures only, or 10 plans, or 2 sketches."""


def write_sheet(
    agent, split: str, path: Path, effort: int = 0, refine: int = 0, most: int | None = None,
    strokes: int | None = None, **sliding,
) -> None:  # fmt: skip
    """A PNG of pictures from all over a split (40, or 10 sketches or plans), each with its drawing below."""
    from drawenv import load_pictures

    from ..draw import draw, draw_any_size

    recipe, size = agent.recipe, sliding.pop("size", agent.recipe.picture_size)
    most = most or (10 if recipe.stride or recipe.rooms.plans else 40)
    pictures, rows = load_pictures(split, size, agent.renderer), []
    for i in range(0, len(pictures), max(len(pictures) // most, 1))[:most]:
        wanted = pictures.wanted[i]
        if recipe.stride:
            scale = recipe.measured_scale
            drawing = draw_any_size(agent, wanted[0], effort, refine, scale, strokes=strokes, **sliding)
        else:
            (drawing,) = draw(agent, wanted[None], effort, refine, strokes=strokes)
        hints = [] if pictures.hints is None else [wanted]
        rows.append(([*hints, pictures.images[i]], drawing))
    save_sheet(rows, path, columns=most // 2)


def given(arguments: Arguments, names: tuple[str, ...]) -> dict:
    """Those of some arguments that were given."""
    return {name: value for name in names if (value := getattr(arguments, name)) is not None}


def make_agent(arguments: Arguments, device):
    """The agent that the arguments name, and the recipe that its weights are of."""
    from .. import Drawer, get_recipe
    from ..chance import Chance

    get_recipe(arguments.recipe)
    if arguments.agent in ("ppo", "sac"):
        from ..baselines import Policy
        from ..weights import read_config

        folder = arguments.weights or Path("runs") / f"{arguments.agent}-{arguments.recipe}"
        if (made := read_config(folder).get("algorithm", "ppo")) != arguments.agent:
            raise ValueError(f"{folder} holds a policy of {made}, not of {arguments.agent}")
        return Policy.from_pretrained(folder, device)
    drawer = Drawer.from_pretrained(arguments.weights or arguments.recipe, device)
    drawer = drawer.with_recipe(**given(arguments, OF_RECIPE))
    if arguments.agent in ("random", "blank"):
        return Chance(drawer, arguments.seed, strokes=0 if arguments.agent == "blank" else None)
    return drawer


def main(arguments: Arguments) -> None:
    from drawenv import load_pictures

    from ..evaluate import Rival, evaluate

    agent = make_agent(arguments, prepare(arguments.device, arguments.threads))
    recipe = agent.recipe
    rival = cast(Rival, arguments.agent) if arguments.agent in get_args(Rival) else None
    if arguments.sheet and rival:
        raise ValueError(f"--sheet shows drawings, and the agent {rival} makes none")
    sliding = given(arguments, SLIDING)
    if sliding and not recipe.stride:
        raise ValueError(
            f"{recipe.name} draws a picture at once: {', '.join(sliding)} is for sliding recipes"
        )
    split = str(arguments.images or arguments.targets or f"{recipe.targets}:test")
    limit = arguments.limit
    if arguments.preset == "debug":
        limit = 2 if recipe.stride else 10 if recipe.rooms.plans else 50
    targets = split
    if arguments.spread:
        pictures = load_pictures(split, arguments.size or recipe.picture_size, agent.renderer)
        targets = pictures.spread(arguments.spread, strokes=True)
    with progress(transient=True) as bar:
        task = bar.add_task(f"{arguments.agent} on {split}", total=None, note="")

        def report(done: int, n: int) -> None:
            bar.update(task, completed=done, total=n, note=f"{done}/{n}")

        figures = evaluate(
            agent, targets, arguments.effort, arguments.refine, limit, rival, arguments.prune, report,
            strokes=arguments.strokes, pens=arguments.pens, settle=arguments.settle, **sliding,
        )  # fmt: skip
    result = {
        "recipe": recipe.name,
        "agent": arguments.agent,
        "split": split,
        "effort": arguments.effort,
        "refine": arguments.refine,
        **provenance(arguments.seed),
        **sliding,
        **({"strokes_at_most": arguments.strokes} if arguments.strokes else {}),
        **given(arguments, OF_RECIPE),
        **given(arguments, ("limit", "spread")),
        **({} if arguments.prune else {"prune": False}),
        **({"weights": str(arguments.weights)} if arguments.weights else {}),
        **figures,
    }
    if arguments.sheet:
        write_sheet(
            agent,
            split,
            arguments.sheet,
            arguments.effort,
            arguments.refine,
            strokes=arguments.strokes,
            **sliding,
        )
    print_result(result, arguments.json, arguments.out)
