"""Whether a renderer keeps its promises: what is silently wrong costs a training otherwise."""

from __future__ import annotations

import json
from typing import get_args
from xml.etree import ElementTree

import numpy as np

from drawenv.actions import ActionSpec
from drawenv.renderers.base import Compose, Renderer

N, SIZE = 64, 64  # actions that are tried, on canvases of so many px
NEAR = 4  # grey levels by which rounding may differ


def check_renderer(renderer: Renderer, seed: int = 0) -> None:
    """Try a renderer on random actions and canvases.

    Args:
        renderer: of your own, before you train with it.
        seed: of the actions and canvases.

    Raises:
        TypeError: something has not the type that ``Renderer`` says.
        ValueError: ``draw`` does not draw in place, always the same, each canvas for itself and as
            ``compose`` says; nothing of what it draws shows; another size shows something else;
            ``config`` does not make it again; ``to_svg`` is no SVG.
    """
    rng, spec = np.random.default_rng(seed), renderer.action_spec
    if not isinstance(spec, ActionSpec):
        raise TypeError(f"action_spec must be an ActionSpec, got {spec!r}")
    # None is one of Compose's, but as a type it stands beside the other two.
    known = [*get_args(get_args(Compose)[0]), None]
    if renderer.compose not in known:
        raise ValueError(f"compose must be one of {known}, got {renderer.compose!r}")
    actions = spec.sample(N, rng)
    blank = _blank(renderer, N)
    marks = _drawn(renderer, blank, actions)
    if (marks == blank).all():
        raise ValueError(f"draw changes nothing: {N} random actions left blank canvases blank")
    if (_drawn(renderer, blank, actions) != marks).any():
        raise ValueError("draw is not deterministic: the same actions drew something else the second time")
    alone = np.concatenate([_drawn(renderer, blank[:1], action[None]) for action in actions[:8]])
    if (alone != marks[:8]).any():
        raise ValueError("draw mixes up its canvases: one action alone draws something else than in a batch")
    _check_compose(renderer, actions, marks, rng)
    _check_size(renderer, actions, marks)
    _check_config(renderer, actions, marks)
    _check_files(renderer, actions)


def _blank(renderer: Renderer, n: int, size: int = SIZE) -> np.ndarray:
    blank = renderer.blank(n, size)
    wanted = (n, renderer.channels, size, size)
    if not isinstance(blank, np.ndarray) or blank.dtype != np.uint8:
        raise TypeError(f"blank must return uint8 canvases, got {getattr(blank, 'dtype', type(blank))}")
    if blank.shape != wanted:
        raise ValueError(f"blank({n}, {size}) must have shape {wanted}, got {blank.shape}")
    return blank


def _drawn(renderer: Renderer, canvas: np.ndarray, actions: np.ndarray) -> np.ndarray:
    canvas, given = np.ascontiguousarray(canvas).copy(), actions.copy()
    returned = renderer.draw(canvas, given)
    if returned is not None:
        raise ValueError("draw must change the canvas that it gets, and return nothing: it returned another")
    if (given != actions).any():
        raise ValueError("draw must leave the actions as they are")
    return canvas


def _check_compose(renderer: Renderer, actions: np.ndarray, marks: np.ndarray, rng) -> None:
    if renderer.compose == "max":
        canvas = rng.integers(0, 256, marks.shape, np.uint8)
        if (_drawn(renderer, canvas, actions) != np.maximum(canvas, marks)).any():
            raise ValueError('compose is "max", but draw does not keep the larger value of canvas and mark')
    if renderer.compose == "over":
        black, gray, white = (
            _drawn(renderer, np.full_like(marks, value), actions).astype(float) for value in (0, 128, 255)
        )
        if np.abs(gray - black - (white - black) * (128 / 255)).max() > NEAR:
            raise ValueError('compose is "over", but draw is no paint: it hides not one share of any canvas')


def _check_size(renderer: Renderer, actions: np.ndarray, marks: np.ndarray) -> None:
    large = _drawn(renderer, _blank(renderer, N, 2 * SIZE), actions).astype(float)
    halved = large.reshape(N, -1, SIZE, 2, SIZE, 2).mean((3, 5))
    changed = np.square(marks - _blank(renderer, N).astype(float)).sum()
    if np.square(halved - marks).sum() > 0.5 * changed:
        raise ValueError(
            f"on canvases of {2 * SIZE} px draw shows something else than on {SIZE} px: "
            "actions are in px of 64, whatever the canvas' size"
        )


def _check_config(renderer: Renderer, actions: np.ndarray, marks: np.ndarray) -> None:
    try:
        again = type(renderer)(**json.loads(json.dumps(renderer.config())))
    except TypeError as error:
        raise TypeError(f"config must be JSON-able keyword arguments of {renderer.name}: {error}") from None
    if (_drawn(again, _blank(renderer, N), actions) != marks).any():
        raise ValueError(f"config {renderer.config()} makes a {renderer.name} that draws something else")


def _check_files(renderer: Renderer, actions: np.ndarray) -> None:
    svg = renderer.to_svg(actions)
    if not isinstance(svg, str):
        raise TypeError(f"to_svg must return a string, got {type(svg).__name__}")
    try:
        ElementTree.fromstring(f"<svg>{svg}</svg>")
    except ElementTree.ParseError as error:
        raise ValueError(f"to_svg is no XML: {error}") from None
    if renderer.has_paths:
        lines = renderer.polylines(actions)
        if len(lines) != N or any(np.ndim(line) != 2 or np.shape(line)[1] != 2 for line in lines):
            raise ValueError(f"polylines must be [points, 2] for each of {N} actions")
        if np.shape(renderer.widths(actions)) != (N,):
            raise ValueError(f"widths must be [{N}] of {N} actions, got {np.shape(renderer.widths(actions))}")
