"""Recipes: one task end to end. Environment, targets, canvas, drawer, training."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import asdict, dataclass, field, replace

import gymnasium as gym

import drawenv  # noqa: F401  registers the environments
from drawenv.renderers import Renderer


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a drawer, in plain numbers and names.

    Attributes:
        name: of the recipe, and of its folder of weights.
        env_id: the environment whose renderer is imitated.
        env_options: its keyword arguments, for instance ``thickness``.
        targets: what to draw; see ``drawenv.load_targets``. The splits ``train``, ``val`` and
            ``test`` are used for just that.
        hint: for targets that are pairs, channels of the hints and the side in pixels at which they are
            seen: a translation. None: the hint is the target itself.
        zooms: for translations: drawn are windows so many times smaller than the picture, and seen so
            many times larger. 1 is the whole.
        strokes: strokes per picture.
        size: side of the canvas in pixels.
        stride: from one window to the next in pixels, for drawers that slide over large pictures;
            0 draws a picture at once.
        levels: the passes over a large picture: for each how many times larger its windows are, and
            what a stroke must be worth to be kept (see ``useful_strokes``).
        symbols: share of each batch that is built-in symbols instead of ``targets``.
        augment: turn, scale, shear and shift training pictures a little at random.
        mirror_until: share of the run during which they are also mirrored and turned by quarters.
        canvas: options of the canvas network.
        canvas_seconds: how long it is fitted.
        glimpse: the drawer is a ``GlimpseNetwork``: for small marks in full pictures.
        drawer: options of the drawer network.
        pictures: how many the drawer is trained on.
        batch: pictures in a step.
        lr: Adam's learning rate at its highest, for biases, convolutions and the head.
        matrix_lr: Muon's, for the other weight matrices.
        step_weight: weight of the loss after each stroke but the last.
        robust: the loss is the distance of colours, not its square; for translations, where the colour
            of a pixel is a guess.
        detail: weight of small shapes and edges beyond their area, see ``drawing_loss``.
        blur_until: share of the run by which the blurred losses have faded out.
        real_from: share of the run after which canvases are the real renderer's, with the
            gradient of C (straight-through). 1: never; C alone measured better.
        exact: train through a differentiable rasteriser of curves instead of C: the oracle that a
            learned C is held against.
        refit: go on fitting C while D trains, on D's own strokes.
        votes: plans are drawn from all eight sides, in windows of all ``zooms``, and rooms kept on which
            this share of the drawings that show them whole agree; 0 draws a picture once.
        start_from: recipe whose drawer (but for a head of another shape) this one starts from.
    """

    name: str
    env_id: str = "BezierCanvas-v0"
    env_options: dict = field(default_factory=lambda: {"thickness": 5.0})
    targets: str = "mnist"
    hint: list[int] | None = None
    zooms: list[int] = field(default_factory=lambda: [1])
    strokes: int = 4
    size: int = 64
    stride: int = 0
    levels: list[list[float]] = field(default_factory=lambda: [[1, 0.0]])
    symbols: float = 0.0
    augment: bool = False
    mirror_until: float = 0.0
    canvas: dict = field(default_factory=dict)
    canvas_seconds: float = 120.0
    glimpse: bool = False
    drawer: dict = field(default_factory=dict)
    pictures: int = 900_000
    batch: int = 64
    lr: float = 1e-3
    matrix_lr: float = 0.02
    step_weight: float = 0.05
    robust: bool = False
    detail: float = 0.0
    blur_until: float = 0.5
    real_from: float = 1.0
    exact: bool = False
    refit: bool = False
    votes: float = 0.0
    start_from: str | None = None

    def renderer(self) -> Renderer:
        """The renderer of the environment."""
        env = gym.make(self.env_id, **self.env_options)
        try:
            return env.get_wrapper_attr("renderer")
        finally:
            env.close()

    @property
    def hint_side(self) -> int:
        """Side in pixels at which the drawer sees hints."""
        return self.hint[1] if self.hint else self.size

    def debug(self) -> Recipe:
        """The same task, so small that everything ends within seconds."""
        return replace(
            self, canvas={**self.canvas, "hidden": 32, "dots": 16}, canvas_seconds=2.0,
            drawer={**self.drawer, "width": 16, "hidden": 32}, pictures=256, batch=16,
            start_from=None, zooms=self.zooms[:2],
        )  # fmt: skip

    def as_dict(self) -> dict:
        return asdict(self)


_SKETCH = Recipe(
    "sketch-10", env_id="BezierThickCanvas-v0", env_options={}, targets="sketches", strokes=10, stride=32,
    levels=[[1, 0.4]], glimpse=True, refit=True, blur_until=0.2,
)  # fmt: skip

_FLOORPLAN = Recipe(
    "floorplan", env_id="RectangleCanvas-v0", env_options={}, targets="floorplans", hint=[1, 128],
    zooms=[1, 2], strokes=16, size=32, canvas={"dots": 16}, canvas_seconds=120, refit=True, robust=True,
    detail=8.0, step_weight=1.0, blur_until=0.1, batch=32,
    drawer={"hidden": 192, "depth": 3, "burst": 4, "attend": True}, pictures=1_800_000, votes=0.3,
)  # fmt: skip

_ALL = (
    Recipe("quickstart", targets="symbols-2", strokes=2, canvas_seconds=40, pictures=120_000),
    Recipe("mnist-4"),
    Recipe(
        "mnist-20", env_id="BezierThickCanvas-v0", env_options={}, strokes=20,
        drawer={"burst": 5}, refit=True, start_from="mnist-4", pictures=300_000,
    ),
    Recipe(
        "omniglot-4", env_options={"thickness": 4.3}, targets="omniglot", symbols=0.25, augment=True,
        mirror_until=0.7, pictures=800_000,
    ),
    _SKETCH,
    replace(_SKETCH, name="sketch-4", strokes=4, pictures=300_000),
    replace(
        _SKETCH, name="sketch-hierarchy", levels=[[2, 0.75], [1, 0.4]], start_from="sketch-10",
        pictures=200_000,
    ),
    Recipe(
        "colormnist-4", env_id="BezierColorCanvas-v0", env_options={}, targets="colormnist", hint=[1, 64],
        canvas_seconds=240, refit=True, drawer={"hidden": 192}, pictures=600_000,
    ),
    _FLOORPLAN,
    replace(_FLOORPLAN, name="plans", targets="plans", pictures=900_000),
    Recipe(
        "prism", env_id="PrismCanvas-v0", env_options={}, targets="prisms", strokes=3,
        size=32, canvas={"dots": 8}, canvas_seconds=400, refit=True, step_weight=0.3, blur_until=0.3,
        drawer={"hidden": 192, "attend": True}, batch=32, pictures=640_000,
    ),
    Recipe(
        "hollow", env_id="HollowRectangleCanvas-v0", env_options={}, targets="frames", strokes=3,
        size=32, canvas={"dots": 16}, canvas_seconds=120, refit=True, step_weight=0.3, blur_until=0.3,
        glimpse=True, drawer={"hidden": 192, "reach": 60.0}, batch=32, pictures=400_000,
    ),
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in _ALL}


def get_recipe(name: str) -> Recipe:
    """A recipe by its name, or ``module:NAME`` for one in a module that Python can import.

    Raises:
        ValueError: no recipe has that name; suggests the nearest.
    """
    if name in RECIPES:
        return RECIPES[name]
    module, _, attribute = name.partition(":")
    if attribute:
        try:
            recipe = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"no recipe {name!r}: {error}") from None
        if not isinstance(recipe, Recipe):
            raise ValueError(f"{name} is no Recipe, but a {type(recipe).__name__}")
        return recipe
    near = difflib.get_close_matches(name, RECIPES, 1, cutoff=0.3)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown recipe {name!r}; {hint}known: {', '.join(RECIPES)}")
