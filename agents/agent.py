"""A drawer is an agent: trained, saved, loaded, shared, and put to work."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from drawenv import Drawing
from drawenv.targets.pictures import read_channels, squares
from drawenv.tasks.rooms import draw_rooms

from . import weights
from .canvas import CanvasNetwork, make_canvas, resized
from .clean import CleanNetwork, clean
from .correct import Corrector
from .draw import EFFORT, MOST, draw, draw_any_size
from .drawer import DrawerNetwork, make_network
from .imagine import RealCanvas, StraightThrough
from .improve import Strokes, refine_strokes, stacked, useful_first
from .page import moves_at_once
from .plan import FEW_NUDGES, NUDGES, PROPOSALS, plan
from .recipes import PRETRAINED, RECIPES, Recipe, get_recipe, has_weights
from .rooms import RoomNetwork, see_rooms

SHEET = "drawings.png"  # with which a training ends


class Drawer(ModelHubMixin):
    """A drawer network with the canvas network it learned through and the renderer it draws with.

    Made by ``Drawer.from_pretrained``; ``save_pretrained`` and ``push_to_hub`` share it.

    Attributes:
        recipe: the task it was trained for.
        network: the drawer D.
        canvas: the canvas network C.
        renderer: the real renderer R.
        cleaner: of pages, if its recipe wants them cleaned first.
        rooms: what sees the rooms of floor plans, if its recipe draws them.
        corrector: of strokes in one pass, if there is one.
        config: how the weights were made, and what they measured.
        sheet: a PNG of drawings that their training ended with, if it is known.
    """

    sheet: bytes | None = None
    redraws = True

    def __init__(
        self, recipe: Recipe, network: DrawerNetwork, canvas: CanvasNetwork, config: dict | None = None,
        cleaner: CleanNetwork | None = None, rooms: RoomNetwork | None = None,
        corrector: Corrector | None = None,
    ):  # fmt: skip
        self.recipe, self.network, self.canvas = recipe, network, canvas
        self.cleaner, self.rooms, self.corrector = cleaner, rooms, corrector
        self._last: tuple[bytes, list[Drawing]] = b"", []
        self.renderer = recipe.renderer()
        self.config = config or {"version": weights.VERSION, "recipe": recipe.as_dict()}

    @classmethod
    def new(cls, recipe: Recipe) -> Drawer:
        """An untrained drawer for a recipe."""
        canvas = make_canvas(recipe)
        cleaner = CleanNetwork(recipe.clean.width) if recipe.clean.crops else None
        rooms = RoomNetwork(recipe.rooms.width) if recipe.rooms.plans else None
        network = make_network(recipe)
        corrector = Corrector(recipe) if recipe.train.corrections else None
        return cls(recipe, network, canvas, None, cleaner, rooms, corrector)

    def with_recipe(self, **changes) -> Drawer:
        """The same networks, drawing with another recipe: with other ``levels``, or at another ``price``."""
        recipe = replace(self.recipe, **changes)
        config = self.config | {"recipe": recipe.as_dict()}
        return Drawer(recipe, self.network, self.canvas, config, self.cleaner, self.rooms, self.corrector)

    @property
    def parts(self) -> dict[str, torch.nn.Module]:
        """Its networks, by the names of their files."""
        parts: dict[str, torch.nn.Module] = {"drawer": self.network, "canvas": self.canvas}
        if self.cleaner and self.recipe.clean.crops:
            parts["cleaner"] = self.cleaner
        others = {"rooms": self.rooms, "corrector": self.corrector}
        return parts | {name: part for name, part in others.items() if part}

    @property
    def device(self) -> torch.device:
        """Where its networks are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Drawer:
        """Move the networks to a device, in place."""
        for part in self.parts.values():
            part.to(device)
        return self

    @property
    def learned_through(self) -> CanvasNetwork | None:
        """C, unless it was fitted after the drawer: see the weights' record."""
        return None if self.config.get("canvas", {}).get("fitted_afterwards") else self.canvas

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path, device: torch.device | str = "cpu", **options
    ) -> Drawer:
        """A drawer from a recipe's name, a folder, or a Hub repository (``user/name``), on a device.

        Raises:
            FileNotFoundError: a folder without weights.
            ValueError: unknown name (suggests the nearest), damaged or foreign weights.
        """
        name = str(pretrained_model_name_or_path)
        if not Path(name).is_dir() and "/" not in name:
            if not has_weights(get_recipe(name)):
                have = ", ".join(recipe.name for recipe in RECIPES.values() if has_weights(recipe))
                raise FileNotFoundError(
                    f"no pretrained weights for {name!r} (there are: {have}); train them with "
                    f"scripts/train_drawer.py {name}, then give that folder"
                )
            wanted = get_recipe(name)
            drawer = cls._from_pretrained(model_id=str(PRETRAINED / (wanted.weights or wanted.name)))
            return (drawer.with_recipe(**vars(wanted)) if wanted.weights else drawer).to(device)
        if Path(name).is_dir():
            return cls._from_pretrained(model_id=name).to(device)
        try:
            return cls._from_pretrained(model_id=name, **options).to(device)
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
            named = weights.read_config(folder).get("recipe")
            if isinstance(named, dict) and ":" in str(named.get("env")):  # a folder of one's own may
                raise ValueError(f"config.json of {model_id} would import a module: env {named['env']!r}")
        recipe, config = weights.read_recipe(folder), weights.read_config(folder)
        try:
            drawer = cls.new(recipe)
        except Exception as error:  # of a foreign recipe anything may be wrong
            raise ValueError(f"{folder / 'config.json'} describes no drawer: {error}") from None
        drawer.config = config
        for name, part in drawer.parts.items():
            weights.load_weights(part, folder / f"{name}.safetensors")
        if (folder / SHEET).is_file():
            drawer.sheet = (folder / SHEET).read_bytes()
        return drawer

    def generate_model_card(self, *_, **__) -> ModelCard:
        """What a folder of weights, or its page on the Hub, says of itself."""
        recipe, made = self.recipe, self.config.get("drawer", {})
        validation = made.get("validation", {})
        rows = {
            "trained by": f"`{made['command']}`" if "command" in made else None,
            "commit": made.get("commit"), "seed": made.get("seed"), "pictures": validation.get("pictures"),
            "seconds": validation.get("seconds"), "on": made.get("machine"),
            "validation mse, one pass": validation.get("mse"),
        }  # fmt: skip
        table = "\n".join(f"| {name} | {value} |" for name, value in rows.items() if value is not None)
        seen = f"\n![Pictures unknown to it, each with its drawing below]({SHEET})\n" * bool(self.sheet)
        return ModelCard(f"""---
library_name: drawenv
license: mit
tags: [drawing, vectorization, svg, world-model]
---
# {recipe.name}

Give it a picture and it gives back the strokes that draw it. It draws in `{recipe.env}` of
drawenv; it learned from {recipe.targets} through an imitation of that renderer, never from strokes.

```python
from agents import Drawer  # drawenv.agents, if the wheel is installed

Drawer.from_pretrained("this/repository").draw("picture.png").save("picture.svg")
```

{seen}
| | |
|---|---|
{table}

`config.json` says the rest.
""")

    def _save_pretrained(self, save_directory: Path) -> None:
        for name, part in self.parts.items():
            weights.save_weights(part, save_directory / f"{name}.safetensors")
        weights.write_config(save_directory, **self.config)
        if self.sheet:
            (save_directory / SHEET).write_bytes(self.sheet)

    def draw(
        self, image, effort: int = EFFORT, refine: int = 0, invert: str = "auto", strokes: int | None = None,
        **options,
    ) -> Drawing:  # fmt: skip
        """The strokes that draw a picture.

        Args:
            image: a path, a PIL image or an array, of any size; see
                ``drawenv.targets.pictures.read_picture``. A sliding recipe draws it at its own
                size; for the others it is made square with paper, then scaled. Where the canvas is
                in colour, so is the picture, and never inverted; see ``read``.
            effort: rounds in which each stroke is taken away and drawn anew, the best of several proposals
                under the real renderer; 0 is one pass of the network.
            refine: gradient steps on the strokes after drawing, through C, of a page of ink by the renderer's
                own gradient; the better one under the real renderer is kept.
            invert: ``"auto"``, ``"yes"`` or ``"no"``: whether it is dark ink on light paper.
            strokes: at most, of a picture or a window; the recipe's if None.
            options: for sliding recipes ``scale``, ``stride``, ``order`` and ``report``: see
                ``draw_any_size``.

        Returns:
            The drawing; strokes that bring it no closer to the picture are left out. One of ink alone knows
            the picture, so that its pens are settled on it.

        Raises:
            FileNotFoundError: no such picture.
            ValueError: broken picture, or an option out of range or not for this recipe.
        """
        by = self.recipe.name
        if self.recipe.stride or options:
            # No name here holds the picture: it is given up before it is drawn, for the memory.
            drawing = draw_any_size(
                self, self.read(image, invert)[0], effort, refine, strokes=strokes, **options
            )
            return replace(drawing, by=by)
        hint = self.read(image, invert)
        (drawing,) = draw(self, hint[None], effort, refine, strokes=strokes)
        known = not self.recipe.hint and hint.shape == (1, *drawing.sides)
        return replace(drawing, picture=hint[0] if known else None, by=by)

    def policy(self, effort: int = 0) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
        """It as a policy of its environment, for ``drawenv.evaluate``: all strokes are planned on blank
        canvases, then given one at a time; where it draws fewer, the last one again, which changes nothing.

        Args:
            effort: see ``draw``.
        """
        planned: list[np.ndarray] = []

        def act(observation: dict[str, np.ndarray]) -> np.ndarray:
            if not observation["progress"].any():
                wanted = observation["hint" if self.recipe.hint else "target"]
                actions, keep = self.choose(wanted, observation["canvas"], PROPOSALS if effort else 1, effort)
                actions, keep = useful_first(actions, keep)
                turns = np.arange(self.recipe.strokes)[:, None].clip(max=keep.sum(1).clip(min=1) - 1)
                planned[:] = actions[np.arange(len(actions)), turns]
            return planned.pop(0)

        return act

    def read(self, image, invert: str = "auto") -> np.ndarray:
        """A picture as this drawer takes it: uint8 ``[C', side, side]``, or of its own size if it slides.

        Gray drawers take light ink on black. Those in colour take a picture as it is; of a scene, its
        views side by side. See ``draw`` for arguments and errors.
        """
        channels, side = self.recipe.hint or (self.renderer.shown, self.recipe.size)
        paper = [0] if channels % 3 else self.renderer.paper()
        picture = read_channels(image, channels, paper, invert)
        return picture if self.recipe.stride else squares(picture, side, paper)

    @torch.no_grad()
    def goal(self, hints: np.ndarray) -> np.ndarray:
        """See ``Agent.goal``: the hints, or what the networks make of them."""
        if self.cleaner and self.recipe.clean.crops:  # other recipes may draw with these weights
            return np.stack([clean(self.cleaner, hint[0]) for hint in hints])[:, None]
        if self.rooms:
            drawings = self._seen(hints)
            return np.stack([drawing.render(self.recipe.size).transpose(2, 0, 1) for drawing in drawings])
        if not self.recipe.hint:
            return hints
        picture = self.network.encode(resized(hints, self.recipe.hint_side, self.device)).goal
        return picture.mul(255).round().byte().cpu().numpy()

    def _seen(self, hints: np.ndarray) -> list[Drawing]:
        """The rooms that are seen in plans; the last ones are remembered, since they are asked for twice."""
        key = hashlib.sha256(hints.tobytes()).digest()
        if key != self._last[0]:
            plans = resized(hints, self.recipe.hint_side, self.device)
            self._last = key, [draw_rooms(see_rooms(cast(RoomNetwork, self.rooms), plan)) for plan in plans]
        return self._last[1]

    @torch.no_grad()
    def choose(
        self, hints: np.ndarray, before: np.ndarray, proposals: int = 1, rounds: int = 0, refine: int = 0,
        strokes: int | None = None, old: Strokes | None = None,
    ) -> Strokes:  # fmt: skip
        """See ``Agent.choose``.

        Raises:
            ValueError: ``rounds`` or ``refine`` is negative, or ``strokes`` is under 1.
        """
        strokes = self.recipe.strokes if strokes is None else strokes
        for name, value, least in (("effort", rounds, 0), ("refine", refine, 0), ("strokes", strokes, 1)):
            if not least <= value <= MOST:
                raise ValueError(f"{name} must be from {least} to {MOST}, got {value}")
        if self.rooms:
            if rounds and old is None:  # the goal is made of them: none are better
                actions, keep = stacked([drawing.actions[:strokes] for drawing in self._seen(hints)])
                return actions, keep
            hints = self.goal(hints)
        side = self.recipe.hint_side if self.recipe.translates else self.recipe.size
        code = self.network.encode(resized(hints, side, self.device))
        start = resized(before, self.recipe.size, self.device)
        pixels = start.mul(255).round().byte().cpu().numpy()
        # What is redrawn is a window of a page, and a page that can moves all of its strokes at once.
        nudges = FEW_NUDGES if old is not None and moves_at_once(self.renderer) else NUDGES
        # Where strokes are judged and moved afterwards, that does as much in less time.
        correct = None
        if self.corrector and proposals == 1 and not rounds:
            correct = partial(self.corrector, self.network, StraightThrough(self.canvas, self.renderer))
        chosen = plan(
            self.network, self.renderer, code, pixels, strokes, proposals, rounds, old, self.recipe.price,
            nudges, correct,
        )  # fmt: skip
        if refine:
            # Windows overlap: strokes that move far leave their neighbours', which counted on them.
            real, lr = RealCanvas(self.renderer), 0.01 if self.recipe.stride else 0.04
            chosen = refine_strokes(self.canvas, real, code[0], start, chosen, refine, lr)
        return chosen
