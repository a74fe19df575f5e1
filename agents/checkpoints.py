"""A trained drawer: saved, loaded, shared, and put to work."""

from __future__ import annotations

import json
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from agents.canvas import CanvasNetwork, make_canvas
from agents.drawer import DrawerNetwork, GlimpseNetwork
from agents.finish import draw_kept, from_all_sides, refine_actions, stacked, useful_strokes
from agents.imagine import RealCanvas, imagine
from agents.recipes import RECIPES, Recipe, get_recipe
from agents.sliding import Order, draw_page, fitted
from drawenv import Drawing
from drawenv.renderers import PageRenderer, shown
from drawenv.targets.pictures import read_color, read_picture, square

PRETRAINED = Path(__file__).parent / "pretrained"


_LARGE = 30_000  # numbers in a tensor that is stored as int8


def save_weights(module: nn.Module, path: Path) -> None:
    """A module's parameters as safetensors; an interrupted write leaves the old file.

    float16, but large matrices and convolutions as int8 with a ``.scale`` for each output: half the
    size, and drawings of sketches were about 1 % worse.
    """
    tensors = {}
    for name, value in module.state_dict().items():
        if value.ndim > 1 and value.numel() > _LARGE:
            scale = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True).clamp(min=1e-8) / 127
            whole = (value / scale).round().to(torch.int8).contiguous()
            tensors[name], tensors[f"{name}.scale"] = whole, scale.contiguous()
        else:
            tensors[name] = value.half().contiguous()
    temporary = path.with_suffix(".tmp")
    save_file(tensors, temporary)
    temporary.replace(path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Read safetensors into a module and freeze it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, or holds another network's weights.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    try:
        tensors = load_file(path)
        scales = {name: tensors.pop(name) for name in list(tensors) if name.endswith(".scale")}
        for name, scale in scales.items():
            matrix = name.removesuffix(".scale")
            tensors[matrix] = tensors[matrix].float() * scale
        module.load_state_dict(tensors)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from None
    except (KeyError, RuntimeError) as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise ValueError(f"{path} holds another network's weights: {first[0].strip()}") from None
    module.requires_grad_(False).eval()


def read_config(folder: Path) -> dict:
    """``config.json`` of a folder of weights, or an empty one.

    Raises:
        ValueError: it is no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object")
    return config


def write_config(folder: Path, **sections) -> None:
    """Put sections into ``config.json``, keeping its others."""
    config = read_config(folder) | sections
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


class Drawer(ModelHubMixin):
    """A drawer network with the canvas it learned through and the renderer it draws with.

    Made by ``Drawer.from_pretrained``; ``save_pretrained`` and ``push_to_hub`` share it.

    Attributes:
        recipe: the task it was trained for.
        network: the drawer D.
        canvas: the canvas network C.
        renderer: the real renderer R.
        config: how the weights were made, and what they measured.
    """

    def __init__(
        self, recipe: Recipe, network: DrawerNetwork | GlimpseNetwork, canvas: CanvasNetwork, config=None
    ):
        self.recipe, self.network, self.canvas = recipe, network, canvas
        self.renderer = recipe.renderer()
        self.config = config or {"recipe": recipe.as_dict()}

    @classmethod
    def new(cls, recipe: Recipe) -> Drawer:
        """An untrained drawer for a recipe."""
        renderer = recipe.renderer()
        canvas = make_canvas(renderer, **recipe.canvas)
        options: dict = {"channels": renderer.channels, "size": recipe.size, **recipe.drawer}
        if recipe.glimpse:
            network = GlimpseNetwork(renderer.action_spec, **options)
        else:
            network = DrawerNetwork(renderer.action_spec, shown=shown(renderer), hint=recipe.hint, **options)
        return cls(recipe, network, canvas)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **options) -> Drawer:
        """A drawer from a recipe's name, a folder, or a Hub repository (``user/name``).

        Raises:
            FileNotFoundError: a folder without weights.
            ValueError: unknown name (suggests the nearest), damaged or foreign weights.
        """
        name = pretrained_model_name_or_path
        if Path(name).is_dir():
            # Looked at here first: the mix-in's own errors say less.
            if "recipe" not in read_config(Path(name)):
                raise ValueError(f"{name} holds no weights of a drawer: no config.json that names a recipe")
            return super().from_pretrained(str(name), **options)
        if "/" not in str(name):
            if not (PRETRAINED / get_recipe(str(name)).name).is_dir():
                have = ", ".join(r for r in RECIPES if (PRETRAINED / r).is_dir())
                raise FileNotFoundError(
                    f"no pretrained weights for {name!r} (there are: {have}); train them with "
                    f"scripts/train_drawer.py {name}, then give that folder"
                )
            return super().from_pretrained(str(PRETRAINED / name), **options)
        try:
            return super().from_pretrained(str(name), **options)
        except (OSError, ValueError) as error:  # what the Hub's client raises, offline too
            raise FileNotFoundError(
                f"{name} is no folder here, and not to be had from the Hub ({type(error).__name__})"
            ) from None

    @classmethod
    def _from_pretrained(cls, *, model_id, revision=None, cache_dir=None, force_download=False,
                         local_files_only=False, token=None, **_) -> Drawer:  # fmt: skip
        folder = Path(model_id)
        if not folder.is_dir():
            downloaded = snapshot_download(
                model_id,
                revision=revision,
                cache_dir=cache_dir,
                token=token,
                force_download=force_download,
                local_files_only=local_files_only,
                allow_patterns=["*.safetensors", "config.json"],
            )
            folder = Path(downloaded)
        config = read_config(folder)
        try:
            drawer = cls.new(Recipe(**config["recipe"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{folder / 'config.json'} describes no recipe of this version: {error}"
            ) from None
        drawer.config = config
        load_weights(drawer.canvas, folder / "canvas.safetensors")
        load_weights(drawer.network, folder / "drawer.safetensors")
        return drawer

    def _save_pretrained(self, save_directory: Path) -> None:
        save_weights(self.canvas, save_directory / "canvas.safetensors")
        save_weights(self.network, save_directory / "drawer.safetensors")
        write_config(save_directory, **self.config)

    def draw(self, image, refine: int = 0, invert: str = "auto", **sliding) -> Drawing:
        """The strokes that draw a picture.

        Args:
            image: a path, a PIL image or an array, of any size; see
                ``drawenv.targets.pictures.read_picture``. A sliding recipe draws it at its own
                size; for the others it is made square with paper, then scaled. Where the canvas is
                in colour, so is the picture, and never inverted; see ``read``.
            refine: gradient steps on the strokes through C after drawing; the better one under
                the real renderer is kept.
            invert: ``"auto"``, ``"yes"`` or ``"no"``: whether it is dark ink on light paper.
            sliding: for sliding recipes ``scale`` (above 1 for lines thicker than about 3 px),
                ``stride``, ``strokes`` (per window), ``order`` and ``report``: see ``draw_page``.

        Returns:
            The drawing; strokes that bring it no closer to the picture are left out.

        Raises:
            FileNotFoundError: no such picture.
            ValueError: broken picture, or an option out of range or not for this recipe.
        """
        hint = self.read(image, invert)
        if self.recipe.stride or sliding:
            return self.page(hint[0], refine, **sliding)
        return self.drawings(hint[None], refine)[0]

    def read(self, image, invert: str = "auto") -> np.ndarray:
        """A picture as this drawer sees it: uint8 ``[C', side, side]``, or of its own size if it slides;
        larger where the recipe zooms in.

        Gray drawers see light ink on black. Those in colour see a picture as it is; of a scene, its
        views side by side. See ``draw`` for arguments and errors.
        """
        channels, side = self.recipe.hint or (shown(self.renderer), self.recipe.size)
        if channels % 3:
            picture, paper = read_picture(image, invert)[None], [0]
        else:
            paper = self.renderer.blank(1, 1)[0, :3, 0, 0].tolist()
            picture = read_color(image, channels // 3, tuple(paper))
        if self.recipe.stride:
            return picture
        side *= max(self.recipe.zooms)
        return np.stack([square(c, side, paper[i % len(paper)]) for i, c in enumerate(picture)])

    def page(
        self, ink: np.ndarray, refine: int = 0, scale: float = 1.0, stride: int | None = None,
        strokes: int | None = None, order: Order = "phased", report=None, log: list | None = None,
    ) -> Drawing:  # fmt: skip
        """A picture of any size, uint8 ``[H, W]``, window by window: see ``draw`` and ``draw_page``.

        Raises:
            ValueError: this drawer's recipe does not slide.
        """
        if not self.recipe.stride:
            raise ValueError(f"{self.recipe.name} draws a picture at once, not window by window")
        renderer, recipe = cast(PageRenderer, self.renderer), self.recipe

        def choose(targets: np.ndarray, before: np.ndarray) -> np.ndarray:
            return self.actions(targets, before, refine, strokes)

        return draw_page(
            choose, renderer, ink,
            recipe.stride if stride is None else stride, recipe.levels, order, scale, recipe.size,
            report, log,
        )  # fmt: skip

    def drawings(self, hints: np.ndarray, refine: int = 0) -> list[Drawing]:
        """Drawings of a batch of pictures, uint8 ``[n, C', size, size]``, light ink on black."""
        actions, keep = self.strokes(hints, refine)
        return [Drawing(a[k], self.renderer) for a, k in zip(actions, keep, strict=True)]

    def strokes(self, hints: np.ndarray, refine: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The same as arrays: actions float32 ``[n, strokes, action_dim]``, bool ``[n, strokes]`` to keep.

        Strokes are kept that bring the drawing closer to its goal: the hint, or what the network
        imagines the target to be; where it imagines nothing, those that show. If the recipe asks for
        votes, strokes are the rooms agreed upon, see ``from_all_sides``.
        """
        if self.recipe.votes:
            once = copy(self)
            once.recipe = replace(self.recipe, votes=0)
            drawings = from_all_sides(
                lambda seen: once.drawings(seen, refine), hints, self.recipe.votes, self.recipe.zooms
            )
            return stacked([drawing.actions for drawing in drawings])
        blank = self.renderer.blank(len(hints), self.recipe.size)
        actions = self.actions(hints, blank, refine)
        return actions, self.worth_keeping(hints, actions)

    def worth_keeping(self, hints: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Which strokes ``[n, strokes, action_dim]`` bring the drawings of hints closer to their goals."""
        blank, wanted = self.renderer.blank(len(hints), self.recipe.size), self.goal(hints)
        if wanted is None:
            everything = np.ones(actions.shape[:2], bool)
            wanted = draw_kept(self.renderer, actions, everything, blank)[:, : shown(self.renderer)]
        return useful_strokes(self.renderer, actions, wanted, blank)

    @torch.no_grad()
    def goal(self, hints: np.ndarray) -> np.ndarray | None:
        """What the drawing of hints uint8 ``[n, C', side, side]`` should look like, as far as the drawer
        knows: uint8 ``[n, c, size, size]``, or None if it imagines nothing.
        """
        if not self.recipe.hint:
            return hints
        picture = self.network.look(fitted(hints, self.recipe.hint_side))[0]
        return None if picture is None else picture.mul(255).round().byte().numpy()

    @torch.no_grad()
    def actions(
        self, hints: np.ndarray, before: np.ndarray, refine: int = 0, strokes: int | None = None
    ) -> np.ndarray:
        """Every stroke that the drawer chooses: float32 ``[n, strokes, action_dim]``.

        Args:
            hints: uint8 ``[n, C', size, size]``, or a multiple of that size: shrunk, then.
            before: the canvases to draw on, uint8 ``[n, C, size, size]``, of the hints' size.
            refine: gradient steps on the strokes.
            strokes: how many; the recipe's if None.

        Raises:
            ValueError: ``refine`` is negative, or asked of a translation that imagines no target;
                ``strokes`` under 1.
        """
        if refine < 0:
            raise ValueError(f"refine must be 0 or more steps, got {refine}")
        strokes = self.recipe.strokes if strokes is None else strokes
        if strokes < 1:
            raise ValueError(f"strokes must be at least 1, got {strokes}")
        hint, start = fitted(hints, self.recipe.hint_side), fitted(before, self.recipe.size)
        plan = self.network.look(hint)
        goal = plan[0]
        if refine and goal is None:
            raise ValueError(f"{self.recipe.name} translates without imagining a target to refine to")
        real = RealCanvas(self.renderer)
        actions, _ = imagine(self.network, real, hint, start, strokes, plan)
        if refine and goal is not None:
            actions = refine_actions(self.canvas, real, goal, start, actions, refine)
        return actions.numpy()
