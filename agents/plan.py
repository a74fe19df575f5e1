"""Propose, judge, redraw: strokes chosen with the renderer's help and without a gradient.

Before each stroke the drawer proposes several, and the renderer shows which one brings the canvas nearest to
the goal. Then each stroke is taken away and proposed anew, the others in place: the first was chosen when
nothing else was there, and a stroke that is worth nothing is left out.
"""

from __future__ import annotations

import numpy as np
import torch

from agents.canvas import to_unit
from agents.drawer import Code, DrawerNetwork, Network
from agents.imagine import RealCanvas, imagine
from agents.improve import Strokes, useful_first
from drawenv import Renderer
from drawenv.drawing import draw_kept
from drawenv.metrics import squared_error

PROPOSALS = 4  # strokes judged for each that is drawn, where there is any effort


def plan(
    network: Network, renderer: Renderer, code: tuple, before: np.ndarray, strokes: int,
    proposals: int = 1, rounds: int = 0, old: Strokes | None = None,
) -> Strokes:  # fmt: skip
    """Choose strokes under the real renderer.

    Args:
        network: the drawer D.
        renderer: the judge R.
        code: what ``network.encode`` gave for the hints.
        before: the canvases to draw on, uint8 ``[B, C, H, W]``.
        strokes: how many.
        proposals: how many are judged for each that is drawn; 1 draws what the network says.
        rounds: how often each stroke is redrawn.
        old: strokes to redraw; None to choose them first.

    Returns:
        Actions float32 ``[B, strokes, n]`` and which of them are drawn, bool ``[B, strokes]``.
    """
    if not isinstance(network, DrawerNetwork):  # of weights up to version 2: it has no places to propose
        if old:
            return old
        start = to_unit(before, code[0].device if code[0] is not None else "cpu")
        actions, _ = imagine(network, RealCanvas(renderer), code, start, strokes)
        return actions.cpu().numpy(), np.ones(actions.shape[:2], bool)
    planner = Planner(network, renderer, Code(*code), before)
    if old:
        planner.actions, planner.keep = (part.copy() for part in old)
    else:
        planner.draw(strokes, proposals)
    for _ in range(rounds):
        planner.redraw(proposals)
    return planner.actions, planner.keep


class Planner:
    """Draws a batch of pictures by proposing, judging and redrawing.

    Args:
        network: the drawer D.
        renderer: the judge R.
        code: what ``network.encode`` gave for the hints.
        before: the canvases to draw on, uint8 ``[B, C, H, W]``.
        seed: of the proposals.

    Attributes:
        actions: float32 ``[B, strokes, n]``.
        keep: which of them are drawn, bool ``[B, strokes]``.
    """

    def __init__(
        self, network: DrawerNetwork, renderer: Renderer, code: Code, before: np.ndarray, seed: int = 0
    ):
        self.network, self.renderer, self.code, self.before = network, renderer, code, before
        goal = code.goal.mul(255).round().byte().cpu().numpy()
        self.goal = np.ascontiguousarray(goal)
        self.device = code.goal.device
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def error(self, canvas: np.ndarray) -> np.ndarray:
        """Squared error of canvases ``[B * k, C, H, W]``, int64 ``[B, k]``."""
        shown = np.ascontiguousarray(canvas[:, : self.renderer.shown])
        times = len(canvas) // len(self.goal)
        goal = np.repeat(self.goal, times, 0) if times > 1 else self.goal
        return squared_error(shown, goal).reshape(-1, times)

    @torch.no_grad()
    def propose(self, canvas: np.ndarray, left: int, state, proposals: int):
        """Strokes for canvases uint8 ``[B, C, H, W]``, the best of ``proposals`` each.

        Returns:
            Actions ``[B, n]``, their error int64 ``[B]``, the canvases with them, and the network's state.
        """
        look, state = self.network.attend(self.code, to_unit(canvas, self.device), left, state)
        places = look.place[:, None]
        if proposals > 1:
            others = self.network.sampled(look.weights, proposals - 1, self.generator)
            places = torch.cat([places, others], 1)
        actions = self.network.stroke(self.code, look, places).cpu().numpy()  # [B, proposals, n]
        drawn = np.repeat(canvas, proposals, 0)
        self.renderer.draw(drawn, actions.reshape(-1, actions.shape[-1]))
        errors = self.error(drawn)
        best, each = errors.argmin(1), np.arange(len(canvas))
        drawn = drawn.reshape(-1, proposals, *canvas.shape[1:])[each, best]
        return actions[each, best], errors[each, best], drawn, state

    def draw(self, strokes: int, proposals: int) -> None:
        """The first pass, stroke by stroke; with one proposal every stroke is drawn."""
        canvas, state = self.before.copy(), None
        shape = (len(canvas), strokes, len(self.renderer.action_spec))
        self.actions, self.keep = np.empty(shape, np.float32), np.ones(shape[:2], bool)
        error = self.error(canvas)[:, 0]
        for k in range(strokes):
            action, new_error, drawn, state = self.propose(canvas, strokes - k, state, proposals)
            better = new_error < error
            if proposals == 1:
                better[:] = True
            self.actions[:, k], self.keep[:, k] = action, better
            canvas[better], error[better] = drawn[better], new_error[better]

    def redraw(self, proposals: int) -> None:
        """One round: each stroke is taken away and proposed anew with the others in place.

        The best proposal stays where it is better than both the old stroke and none; it is drawn last.
        """
        # Those that are drawn first, and one that is not: a stroke may be missing.
        self.actions, self.keep = useful_first(self.actions, self.keep)
        strokes = min(int(self.keep.sum(1).max()) + 1, self.keep.shape[1])
        rest = self.actions[:, strokes:], self.keep[:, strokes:]
        self.actions, self.keep = self.actions[:, :strokes], self.keep[:, :strokes]
        each = np.arange(len(self.actions))
        at = np.zeros(len(self.actions), int)  # the stroke to redraw: what is redrawn goes to the end
        error = self.error(draw_kept(self.renderer, self.actions, self.keep, self.before))[:, 0]
        for _ in range(strokes):
            had = self.keep[each, at]
            self.keep[each, at] = False
            others = draw_kept(self.renderer, self.actions, self.keep, self.before)
            without = self.error(others)[:, 0]
            action, new_error, _, _ = self.propose(others, 1, None, proposals)
            old = np.where(had, error, without)
            drop = had & (without <= np.minimum(old, new_error))
            change = ~drop & (new_error < old)
            self.keep[each, at] = had & ~drop & ~change
            error = np.where(change, new_error, np.where(drop, without, error))
            rows = np.flatnonzero(change)
            order = np.argsort(np.arange(strokes)[None] == at[rows, None], axis=1, kind="stable")
            self.actions[rows] = np.take_along_axis(self.actions[rows], order[..., None], 1)
            self.keep[rows] = np.take_along_axis(self.keep[rows], order, 1)
            self.actions[rows, -1], self.keep[rows, -1] = action[rows], True
            at += ~change
        self.actions = np.concatenate([self.actions, rest[0]], 1)
        self.keep = np.concatenate([self.keep, rest[1]], 1)
