"""Weights and their record as files: safetensors, and ``config.json`` beside them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

from drawenv.files import whole, write_whole

from .recipes import Recipe

VERSION = 3  # of config.json and of what weights mean
LARGEST = 4_096  # of any number in a recipe that says how large something is
DIGEST = "sha256"  # in a file's metadata
_LARGE = 30_000  # numbers in a tensor that is stored as int8


def save_weights(module: nn.Module, path: Path) -> None:
    """A module's parameters as safetensors; an interrupted write leaves the old file.

    float16, but large matrices and convolutions as int8 with a ``.scale`` for each output and
    ``.columns``, one for each input: half the size. Without the latter an input with a few large weights took
    all precision from the others, and a drawer of boxes was 15 % worse.
    """
    tensors = {}
    for name, value in module.state_dict().items():
        value = value.cpu()
        if value.ndim > 1 and value.numel() > _LARGE:
            inner = tuple(range(2, value.ndim))
            columns = value.abs().amax((0, *inner), keepdim=True).clamp(min=1e-8).sqrt()
            even = value / columns
            scale = even.abs().amax((1, *inner), keepdim=True).clamp(min=1e-8) / 127
            tensors[name] = (even / scale).round().to(torch.int8).contiguous()
            tensors[f"{name}.scale"], tensors[f"{name}.columns"] = scale, columns
        else:
            tensors[name] = value.half().contiguous()
    with whole(path) as beside:
        save_file(tensors, beside, {DIGEST: _digest(tensors)})


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of what tensors hold: the format has no checksum of its own."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


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
        with safe_open(path, "pt") as file:
            wanted = (file.metadata() or {}).get(DIGEST)
        if wanted and wanted != _digest(tensors):
            raise ValueError(f"{path} is damaged: its numbers have changed since it was written")
        for name in [name for name in tensors if name.endswith((".scale", ".columns"))]:
            matrix, _, _ = name.rpartition(".")
            tensors[matrix] = tensors[matrix].float() * tensors.pop(name)
        module.load_state_dict(tensors)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from None
    except (KeyError, RuntimeError) as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise ValueError(f"{path} holds another network's weights: {first[0].strip()}") from None
    for name, value in module.state_dict().items():
        if not value.isfinite().all():
            raise ValueError(f"{path} is damaged: {name} holds NaN or infinity")
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


def read_recipe(folder: Path) -> Recipe:
    """The recipe of a folder of weights.

    Raises:
        ValueError: its ``config.json`` is missing, damaged or of another version.
    """
    config = read_config(folder)
    if "recipe" not in config:
        raise ValueError(f"{folder} holds no weights of a drawer: no config.json that names a recipe")
    try:
        values = dict(config["recipe"])
        if not values.get("votes") and "data" in values:  # fields that are gone, and said nothing
            values.pop("votes", None)
            values["data"] = {k: v for k, v in values["data"].items() if (k, v) != ("zooms", [1])}
        recipe = Recipe.from_dict(values)
        _check(recipe, values)
        recipe.check()
        return recipe
    except Exception as error:  # of a foreign recipe anything may be wrong
        raise ValueError(f"{folder / 'config.json'} describes no recipe of this version: {error}") from None


def _check(group, values: dict, within: str = "") -> None:
    """Refuse what a recipe, or a group of its options, from a stranger must not say: other types, or what
    would fill the memory.
    """
    hints = get_type_hints(type(group))
    for name, value in values.items():
        part = getattr(group, name)
        if is_dataclass(part):
            _check(part, value, name)
            continue
        try:
            check_type(part, hints[name], collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
            if isinstance(part, bool) != (hints[name] is bool):
                raise TypeCheckError("")
        except TypeCheckError:
            raise TypeError(f"{name} is {value!r}, which is no {hints[name]}") from None
        length = within == "train" or name in ("steps", "crops", "plans")  # of trainings alone
        for number in np.ravel(value) if isinstance(value, (int, float, list)) and not length else ():
            if not 0 <= number <= LARGEST:
                raise ValueError(f"{name} is {value}; the least is 0, the most {LARGEST}")


def write_config(folder: Path, **sections) -> None:
    """Put sections into ``config.json``, keeping its others; but for recipes, figures have six digits."""
    for name in sections.keys() - {"recipe"}:
        short = json.dumps(sections[name])
        sections[name] = json.loads(short, parse_float=lambda figure: float(f"{float(figure):.6g}"))
    config = {"version": VERSION} | read_config(folder) | sections
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "config.json", json.dumps(config, indent=1) + "\n")


def claim(folder: Path, recipe: Recipe) -> None:
    """Make a folder that of a recipe's run, or make sure that it is: only its length may differ.

    Raises:
        ValueError: it holds a run of another recipe.
    """
    if "recipe" in read_config(folder):
        old = read_recipe(folder)
        now = recipe.train
        length = replace(old.train, pictures=now.pictures, corrections=now.corrections)
        same_length = replace(old, train=length)
        if same_length != recipe:
            ours, theirs = recipe.as_dict(), same_length.as_dict()
            other = next(
                f"{name} {theirs[name]}, not {ours[name]}" for name in ours if ours[name] != theirs[name]
            )
            raise ValueError(f"{folder} holds a run of another recipe ({other}): choose another --out")
    write_config(folder, recipe=recipe.as_dict())
