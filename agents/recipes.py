"""Recipes: one task end to end. Environment, targets, canvas, drawer, training."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym

import drawenv  # noqa: F401  registers the environments
from drawenv.renderers import RectangleRenderer, Renderer

PAGE = 512  # side in pixels at which pictures of any size are trained on and measured


@dataclass(frozen=True)
class CanvasOptions:
    """The canvas network and its fit."""

    dots: int = 64
    """Soft dots of a mark."""
    hidden: int = 256
    """Width of its MLP."""
    steps: int = 3_700
    """Steps of its fit: about two minutes on one core."""
    refit: bool = True
    """Go on fitting it while the drawer trains, half on the drawer's own strokes (paper, 3.2)."""


@dataclass(frozen=True)
class DrawerOptions:
    """The drawer network."""

    width: int = 256
    """Of the layers that choose a stroke."""
    hidden: int = 256
    """Size of the LSTM."""
    lstm: bool = True
    """False leaves the memory out."""
    look: int = 16
    """Squares along each side of a view in whose means the LSTM sees goal and canvas; divides the side."""
    depth: int = 0
    """Of translations: residual convolutions more, on the hint."""
    side: int = 32
    """Of a crop in pixels, a multiple of 4."""
    reach: float = 24.0
    """How far from a crop's middle a stroke may start or end, in px."""
    gate: bool = False
    """Learn to draw only strokes that are worth their price: how many there are is the drawer's decision."""


@dataclass(frozen=True)
class LossOptions:
    """See ``agents.loss.drawing_loss``."""

    step_weight: float = 0.05
    """Weight of the error after each stroke but the last."""
    robust: bool = False
    """The distance of colours, not its square: for translations, where a pixel's colour is a guess."""
    detail: float = 0.0
    """Weight of small shapes and edges beyond their area."""
    blur_until: float = 0.5
    """Share of the run by which the errors of blurred pictures have faded out."""


@dataclass(frozen=True)
class DataOptions:
    """How training pictures vary."""

    symbols: float = 0.0
    """Share of each batch that is built-in symbols."""
    augment: float = 0.0
    """How much pictures are turned, scaled, sheared and shifted at random, see ``agents.data.augmented``."""
    widths: bool = False
    """Make the lines of some pictures thinner or thicker."""
    mirror_until: float = 0.0
    """Share of the run during which they are also mirrored and turned by quarters."""


@dataclass(frozen=True)
class CleanOptions:
    """The network that cleans pages before they are drawn; see ``agents.clean``."""

    crops: int = 0
    """How many it is trained on; 0: pages are drawn as they are."""
    targets: str = "lines"
    """What is soiled to train it, see ``drawenv.load_targets``."""
    width: int = 16
    """Channels at half the page's resolution."""


@dataclass(frozen=True)
class RoomOptions:
    """The network that sees the rooms of floor plans; see ``agents.rooms``."""

    plans: int = 0
    """How many it is trained on; 0: there is none."""
    width: int = 32
    """Channels at a quarter of the hint's resolution."""


@dataclass(frozen=True)
class TrainOptions:
    """The drawer's training."""

    pictures: int = 900_000
    """How many pictures it is trained on."""
    corrections: int = 0
    """How many what corrects its strokes is trained on afterwards (``agents.correct``); 0: there is none."""
    fewest: int | None = None
    """Draw at random from so many strokes to the recipe's; all of them if None."""
    batch: int = 64
    """Pictures in a step, of all processes together."""
    lr: float = 1e-3
    """Adam's learning rate at its highest, for biases, convolutions and the head."""
    matrix_lr: float = 0.02
    """Muon's, for the other weight matrices."""
    start_from: str | None = None
    """Recipe or folder of weights to go on from: its drawer (but for a head of another shape) and, if it is
    of the same environment, its canvas network."""
    through: Literal["learned", "straight", "exact", "reinforce"] = "learned"
    """Canvases of training: C's; R's with C's gradient; an exact rasteriser's; R's, for rewards alone."""


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a drawer, in plain numbers and names."""

    name: str
    """Of the recipe, and of its folder of weights."""
    env: str = "BezierCanvas-v0"
    """The environment whose renderer is imitated."""
    env_options: dict[str, float] = field(default_factory=dict)
    """Its keyword arguments, for instance ``thickness``."""
    targets: str = "mnist"
    """What to draw, see ``drawenv.load_targets``; its splits train, val and test are used for just that."""
    hint: tuple[int, int] | None = None
    """Of targets that are pairs, channels of the hints and the side in pixels at which they are encoded: a
    translation. None: the hint is the target itself."""
    strokes: int = 4
    """Strokes per picture."""
    size: int = 64
    """Side of the canvas in pixels."""
    stride: int = 0
    """Pixels from one window to the next, to slide over pictures of any size; 0 draws a picture at once."""
    levels: tuple[tuple[float, float], ...] = ((1, 0.0),)
    """Passes over a picture: times larger windows are, and what a stroke must gain (``useful_strokes``)."""
    price: float = 0.0
    """What a stroke must save of the squared error of a picture or window, values in [0, 1], to be drawn."""
    merge: float = 0.0
    """So many times the price is a page's where two of its strokes may become one; 0: none do."""
    weights: str | None = None
    """Recipe that it draws with the weights of; its own if None."""
    canvas: CanvasOptions = field(default_factory=CanvasOptions)
    drawer: DrawerOptions = field(default_factory=DrawerOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    data: DataOptions = field(default_factory=DataOptions)
    clean: CleanOptions = field(default_factory=CleanOptions)
    rooms: RoomOptions = field(default_factory=RoomOptions)
    train: TrainOptions = field(default_factory=TrainOptions)

    def renderer(self) -> Renderer:
        """The renderer of the environment."""
        options: dict[str, Any] = dict(self.env_options)
        env = gym.make(self.env, **options)
        try:
            return env.get_wrapper_attr("renderer")
        finally:
            env.close()

    @property
    def translates(self) -> bool:
        """Whether the drawer network makes the goal of the hint, and no other network does."""
        return bool(self.hint) and not self.rooms.plans

    @property
    def hint_side(self) -> int:
        """Side in pixels at which the drawer encodes hints."""
        return self.hint[1] if self.hint else self.size

    @property
    def picture_size(self) -> int:
        """Side in pixels at which pictures are trained on and measured."""
        return PAGE if self.stride else self.size

    @property
    def measured_scale(self) -> float | None:
        """The scale at which pages are measured: their own; of clean lines on any paper, what suits them."""
        return None if self.clean.crops else 1.0

    def check(self) -> None:
        """Refuse, with a ValueError, what no drawer could be."""
        renderer, sides = self.renderer(), [self.size, self.hint_side]
        gray = self.hint is not None and self.hint[0] == 1 and self.hint[1] % 32 == 0
        levels, look = [level for level, _ in self.levels], self.drawer.look
        counts = [*levels, self.strokes, self.canvas.dots, self.canvas.hidden, self.drawer.width, look]
        counts += [self.drawer.hidden, self.drawer.side, self.clean.width, self.rooms.width, self.train.batch]
        rules = {
            "sizes, strokes and widths must be 1 or more": levels and min(counts) >= 1,
            "size and the hint's side must be multiples of 16": not any(x < 16 or x % 16 for x in sides),
            "drawer.look must divide size": not look or self.size % look == 0,
            "stride must be from 0 to size": 0 <= self.stride <= self.size,
            "a drawer that slides over pages draws ink, with no hint": not self.stride
            or (renderer.compose == "max" and not self.hint),
            "rooms are filled rectangles, seen in gray hints of 32, 64, 96, ... px": not self.rooms.plans
            or (type(renderer) is RectangleRenderer and gray),
        }
        for rule in (rule for rule, holds in rules.items() if not holds):
            raise ValueError(rule)

    def debug(self) -> Recipe:
        """The same task, so small that everything ends within seconds."""
        return replace(
            self, canvas=replace(self.canvas, hidden=32, dots=16, steps=100),
            drawer=replace(self.drawer, width=16, hidden=32),
            clean=replace(self.clean, crops=min(self.clean.crops, 64), width=4),
            rooms=replace(self.rooms, plans=min(self.rooms.plans, 64), width=8),
            train=replace(
                self.train, pictures=256, corrections=min(self.train.corrections, 64), batch=16,
                start_from=None,
            ),
        )  # fmt: skip

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Recipe:
        """A recipe from what ``as_dict`` gave, also by way of JSON.

        Raises:
            TypeError: a field is missing, unknown or a group is none.
        """
        groups = {f.name: f.default_factory for f in fields(cls) if is_dataclass(f.default_factory)}
        made: dict[str, Any] = _tuples(values)
        if "augment" in made.get("data", {}):  # older weights say yes or no
            made["data"]["augment"] = float(made["data"]["augment"])
        for name, group in groups.items():
            made[name] = group(**made.get(name, {}))
        return cls(**made)


def _tuples(value):
    """Lists as tuples, wherever they are."""
    if isinstance(value, dict):
        return {name: _tuples(part) for name, part in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


_CORRECTED = TrainOptions(corrections=60_000)

_LINES = Recipe(
    "lines", env="BezierThickCanvas-v0", targets="sketches", strokes=10, stride=32, levels=((1, 0.4),),
    loss=LossOptions(blur_until=0.2), train=replace(_CORRECTED, pictures=400_000, fewest=4),
)  # fmt: skip

_SKETCH = replace(_LINES, name="sketch-10", weights="lines")

_OMNIGLOT = Recipe(
    "omniglot-4", env="BezierThickCanvas-v0", targets="omniglot", canvas=CanvasOptions(refit=False),
    drawer=DrawerOptions(hidden=384, side=40, reach=50.0), loss=LossOptions(blur_until=0.3),
    data=DataOptions(symbols=0.25, augment=1.0, widths=True, mirror_until=0.7), train=_CORRECTED,
)  # fmt: skip

_FLOORPLAN = Recipe(
    "floorplan", env="RectangleCanvas-v0", targets="floorplans", hint=(1, 256), strokes=20, price=2.0,
    canvas=CanvasOptions(dots=16, steps=6_200), rooms=RoomOptions(plans=60_000),
    drawer=DrawerOptions(width=192, hidden=128, look=8, reach=64.0),
    loss=LossOptions(robust=True, detail=8.0, step_weight=1.0, blur_until=0.1),
    train=TrainOptions(pictures=160_000, batch=32, fewest=4, lr=5e-4, matrix_lr=0.01),
)  # fmt: skip

_ALL = (
    Recipe(
        "quickstart", env="BezierThickCanvas-v0", targets="symbols-2", strokes=2,
        canvas=CanvasOptions(steps=1_200, refit=False),
        drawer=DrawerOptions(width=128, hidden=128, reach=50.0), loss=LossOptions(blur_until=0.3),
        data=DataOptions(widths=True), train=TrainOptions(pictures=120_000),
    ),
    Recipe(
        "mnist-4", env_options={"thickness": 5.0}, canvas=CanvasOptions(refit=False),
        drawer=DrawerOptions(reach=40.0), loss=LossOptions(blur_until=0.3),
        train=replace(_CORRECTED, pictures=4_500_000, batch=256, lr=5e-4, matrix_lr=0.01),
    ),
    Recipe(
        "mnist-20", env="BezierThickCanvas-v0", strokes=20, data=DataOptions(augment=0.5, widths=True),
        canvas=CanvasOptions(refit=False), drawer=DrawerOptions(reach=40.0), loss=LossOptions(blur_until=0.3),
        train=replace(_CORRECTED, pictures=1_400_000, fewest=4, batch=128, lr=5e-4, matrix_lr=0.01),
    ),
    _OMNIGLOT,
    replace(
        _OMNIGLOT, name="omniglot-spline", env="SplineCanvas-v0", price=8.0,
        canvas=CanvasOptions(steps=6_000), train=TrainOptions(pictures=300_000, fewest=1),
    ),
    replace(_LINES, price=2.0, merge=1.0, clean=CleanOptions(crops=800_000)),
    _SKETCH,
    replace(_SKETCH, name="sketch-4", strokes=4),
    replace(_SKETCH, name="sketch-hierarchy", levels=((2, 0.75), (1, 0.4)), price=2.0, merge=3.0),
    Recipe(
        "colormnist-4", env="BezierColorCanvas-v0", targets="colormnist", hint=(1, 64),
        canvas=CanvasOptions(steps=3_600), drawer=DrawerOptions(hidden=192, depth=3, reach=40.0),
        loss=LossOptions(blur_until=0.3), train=replace(_CORRECTED, pictures=1_250_000, batch=128),
    ),
    _FLOORPLAN,
    replace(_FLOORPLAN, name="plans", targets="plans"),
    Recipe(
        "prism", env="PrismCanvas-v0", targets="boxes", strokes=6, size=32, price=4.0,
        canvas=CanvasOptions(dots=8, steps=9_300), loss=LossOptions(step_weight=0.3, blur_until=0.3),
        drawer=DrawerOptions(hidden=192, look=8, reach=40.0, gate=True),
        train=replace(_CORRECTED, pictures=2_700_000, batch=128, fewest=1, lr=2e-4, matrix_lr=0.004),
    ),
    Recipe(
        "hollow", env="HollowRectangleCanvas-v0", targets="frames", strokes=3, size=32,
        canvas=CanvasOptions(dots=16, steps=6_200), drawer=DrawerOptions(hidden=192, look=8, reach=60.0),
        loss=LossOptions(step_weight=0.3, blur_until=0.3),
        train=replace(_CORRECTED, pictures=2_600_000, batch=128, lr=5e-4, matrix_lr=0.01),
    ),
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in _ALL}
PRETRAINED = Path(__file__).parent / "pretrained"  # folders of weights, by their recipe's name


def has_weights(recipe: Recipe) -> bool:
    """Whether this repository holds weights that it draws with."""
    return (PRETRAINED / (recipe.weights or recipe.name)).is_dir()


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
