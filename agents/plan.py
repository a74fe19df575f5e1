"""Propose, judge, redraw: strokes chosen with the renderer's help and without a gradient.

Before each stroke the drawer proposes several, and the renderer shows which one brings the canvas nearest to
the goal. Then each stroke is taken away and proposed anew, the others in place: the first was chosen when
nothing else was there, and a stroke that is worth nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from drawenv import Renderer
from drawenv.drawing import draw_kept
from drawenv.metrics import squared_error

from .canvas import to_unit
from .drawer import Code, DrawerNetwork
from .improve import Strokes, useful_first

Correct = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

PROPOSALS = 4  # strokes judged for each that is drawn, where there is any effort
NUDGES, TRIES = 12, 16  # small moves of each stroke after a round of redrawing; strokes judged for each
FEW_NUDGES = 4  # so many where the gradient of the page does the rest
REACH = 0.05  # of the first small moves, of an action's range from -1 to 1
FAR = 0.2  # of moves in one parameter, where it is not known what hides what; half of them go further
START = 4  # rounds: where there are more, another start finds more than they do


def plan(
    network: DrawerNetwork, renderer: Renderer, code: tuple, before: np.ndarray, strokes: int,
    proposals: int = 1, rounds: int = 0, old: Strokes | None = None, price: float = 0.0,
    nudges: int = NUDGES, correct: Correct | None = None,
) -> Strokes:  # fmt: skip
    """Choose strokes under the real renderer.

    Args:
        network: the drawer D.
        renderer: the judge R.
        code: what ``network.encode`` gave for the hints.
        before: the canvases to draw on, uint8 ``[B, C, H, W]``.
        strokes: how many.
        proposals: how many are judged for each that is drawn; 1 draws what the network says.
        rounds: how often each stroke is redrawn, then nudged. Of eight rounds or more every ``START`` begin
            anew, with other proposals; the best drawing stays.
        old: strokes to redraw; None to choose them first.
        price: squared error of a picture, values in [0, 1], that a stroke must save.
        nudges: small moves of each stroke in a round.
        correct: makes proposals better, given goals, canvases, strokes and thoughts (see ``Corrector``).

    Returns:
        Actions float32 ``[B, strokes, n]`` and which of them are drawn, bool ``[B, strokes]``.
    """
    starts = 1 if old else max(rounds // START, 1)
    parts = network, renderer, Code(*code), before, price
    planners = [Planner(*parts, seed, correct) for seed in range(starts)]
    for seed, planner in enumerate(planners):
        if old:
            planner.actions, planner.keep = (part.copy() for part in old)
        else:
            planner.draw(strokes, proposals)
        for _ in range(seed, rounds, starts):
            planner.redraw(proposals)
            planner.nudge(nudges)
    if starts == 1:
        return planners[0].actions, planners[0].keep
    best, each = np.argmin([planner.cost() for planner in planners], 0), np.arange(len(before))
    return (
        np.stack([planner.actions for planner in planners])[best, each],
        np.stack([planner.keep for planner in planners])[best, each],
    )


class Planner:
    """Draws a batch of pictures by proposing, judging and redrawing.

    Args:
        network: the drawer D.
        renderer: the judge R.
        code: what ``network.encode`` gave for the hints.
        before: the canvases to draw on, uint8 ``[B, C, H, W]``.
        price: squared error of a picture, values in [0, 1], that a stroke must save.
        seed: of the proposals.
        correct: see ``plan``.

    Attributes:
        actions: float32 ``[B, strokes, n]``.
        keep: which of them are drawn, bool ``[B, strokes]``.
    """

    def __init__(
        self, network: DrawerNetwork, renderer: Renderer, code: Code, before: np.ndarray, price: float = 0.0,
        seed: int = 0, correct: Correct | None = None,
    ):  # fmt: skip
        self.network, self.renderer, self.code, self.before = network, renderer, code, before
        self.correct = correct
        goal = code.goal.mul(255).round().byte().cpu().numpy()
        self.goal = np.ascontiguousarray(goal)
        self.price = round(price * 255**2)
        self.device = code.goal.device
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def error(self, canvas: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Squared error of canvases ``[rows * k, C, H, W]``, int64 ``[rows, k]``."""
        shown = np.ascontiguousarray(canvas[:, : self.renderer.shown])
        goal = np.repeat(self.goal[rows], len(canvas) // len(rows), 0)
        return squared_error(shown, goal).reshape(len(rows), -1)

    def cost(self) -> np.ndarray:
        """Squared error of the drawings, price included, int64 ``[B]``."""
        shown = draw_kept(self.renderer, self.actions, self.keep, self.before)
        return self.error(shown, np.arange(len(shown)))[:, 0] + self.price * self.keep.sum(1)

    @torch.no_grad()
    def propose(self, canvas: np.ndarray, rows: np.ndarray, left: int, state, proposals: int):
        """Strokes for some pictures, given their canvases uint8 ``[rows, C, H, W]``: the best of each.

        Returns:
            Actions ``[rows, n]``, their error int64 ``[rows]``, price included, the canvases with them,
            whether the network would draw the first, the network's state.
        """
        code = self.code.rows(torch.from_numpy(rows).to(self.device))
        look, state = self.network.attend(code, to_unit(canvas, self.device), left, state)
        places = look.place[:, None]
        if proposals > 1:
            others = self.network.sampled(look.weights, proposals - 1, self.generator)
            places = torch.cat([places, others], 1)
        strokes, shown, thought = self.network.stroke(code, look, places)
        if self.correct:
            goal = code.goal.repeat_interleave(proposals, 0)
            below = to_unit(np.repeat(canvas, proposals, 0), self.device)
            better = self.correct(goal, below, strokes.flatten(0, 1), thought.flatten(0, 1))
            strokes = better.view_as(strokes)
        wanted = np.ones(len(rows), bool) if shown is None else shown[:, 0].cpu().numpy() > 0.5
        actions = strokes.cpu().numpy()  # [rows, proposals, n]
        drawn = np.repeat(canvas, proposals, 0)
        self.renderer.draw(drawn, actions.reshape(-1, actions.shape[-1]))
        errors = self.error(drawn, rows) + self.price
        best, each = errors.argmin(1), np.arange(len(rows))
        drawn = drawn.reshape(-1, proposals, *canvas.shape[1:])[each, best]
        return actions[each, best], errors[each, best], drawn, wanted, state

    def draw(self, strokes: int, proposals: int) -> None:
        """The first pass, stroke by stroke. One proposal is drawn where the network wants it; of several none
        is, and the drawing ends, where none would bring it nearer to the goal.
        """
        canvas, state, rows = self.before.copy(), None, np.arange(len(self.before))
        shape = (len(canvas), strokes, len(self.renderer.action_spec))
        self.actions, self.keep = np.zeros(shape, np.float32), np.zeros(shape[:2], bool)
        error = self.error(canvas, rows)[:, 0]
        for k in range(strokes):
            proposed = self.propose(canvas[rows], rows, strokes - k, state, proposals)
            action, new_error, drawn, wanted, state = proposed
            better = wanted if proposals == 1 else new_error < error[rows]
            chosen = rows[better]
            self.actions[chosen, k], self.keep[chosen, k] = action[better], True
            canvas[chosen], error[chosen] = drawn[better], new_error[better] - self.price
            if proposals > 1 and not better.all():
                rows, going = chosen, torch.from_numpy(better).to(self.device)
                state = state and tuple(part[going] for part in state)
            if not len(rows):
                break

    def redraw(self, proposals: int) -> None:
        """One round: each stroke is taken away and proposed anew with the others in place, and so is one that
        is not there yet.

        The best proposal stays where it is better than both the old stroke and none; it is drawn last.
        """
        self.actions, self.keep = useful_first(self.actions, self.keep)
        each, strokes = np.arange(len(self.actions)), self.actions.shape[1]
        turns = np.minimum(self.keep.sum(1) + 1, strokes)
        at = np.zeros(len(self.actions), int)  # the stroke to redraw: what is redrawn goes to the end
        last = turns - 1
        error = self.error(draw_kept(self.renderer, self.actions, self.keep, self.before), each)[:, 0]
        for turn in range(turns.max(initial=0)):
            rows = each[turn < turns]
            had = self.keep[rows, at[rows]]
            old = error[rows] + had * self.price
            self.keep[rows, at[rows]] = False
            actions, keep = self.actions[rows], self.keep[rows]
            others = draw_kept(self.renderer, actions, keep, self.before[rows])
            without = self.error(others, rows)[:, 0]
            action, new, _, _, _ = self.propose(others, rows, 1, None, proposals)
            best = np.minimum(np.where(had, old, without), without)
            change = new < best
            self.keep[rows, at[rows]] = had & ~change & (old < without)
            error[rows] = np.where(change, new, best) - (change | self.keep[rows, at[rows]]) * self.price
            for row, drawn in zip(rows[change], action[change], strict=True):
                first, end = at[row], last[row] + 1
                self.actions[row, first:end] = np.roll(self.actions[row, first:end], -1, 0)
                self.keep[row, first:end] = np.roll(self.keep[row, first:end], -1)
                self.actions[row, end - 1], self.keep[row, end - 1] = drawn, True
            at[rows] += ~change

    def nudge(self, rounds: int) -> None:
        """Move each stroke a little at random, again and again; what brings it nearer to the goal stays.

        A descent without a gradient. Each stroke's moves become smaller where they fail, and a move that was
        good is tried again.
        """
        n, strokes, size = self.actions.shape
        last = self.keep.shape[1] - self.keep[:, ::-1].any(0).argmax() if self.keep.any() else 0
        reach = np.full((n, strokes, 1, 1), REACH, np.float32)
        move = np.zeros((n, strokes, size), np.float32)
        each = np.arange(n)
        error = self.error(draw_kept(self.renderer, self.actions, self.keep, self.before), each)[:, 0]
        for k in [k for _ in range(rounds) for k in range(last)]:
            rows = each[self.keep[:, k]]
            if not len(rows):
                continue
            old, keep = self.actions[rows], self.keep[rows]
            below, above = keep.copy(), keep.copy()
            below[:, k:], above[:, : k + 1] = False, False
            if self.renderer.compose == "max":  # in which order does not matter
                below, above = below | above, np.zeros_like(above)
            steps = self.rng.standard_normal((len(rows), TRIES, size), np.float32) * reach[rows, k]
            steps *= self.rng.random(steps.shape) < 0.5
            if self.renderer.compose is None:  # a box may be right but for a face that another one hides
                alone = steps[:, TRIES // 2 :]
                alone[:] = 0
                at = self.rng.integers(size, size=(*alone.shape[:2], 1))
                np.put_along_axis(alone, at, FAR * self.rng.standard_cauchy(at.shape), 2)
            steps[:, 0] = move[rows, k]
            new = (old[:, k, None] + steps).clip(-1, 1)
            drawn = np.repeat(draw_kept(self.renderer, old, below, self.before[rows]), TRIES, 0)
            self.renderer.draw(drawn, new.reshape(-1, size))
            if above.any():
                many = (np.repeat(part, TRIES, 0) for part in (old, above))
                drawn = draw_kept(self.renderer, *many, drawn)
            errors = self.error(drawn, rows)
            best, all_rows = errors.argmin(1), np.arange(len(rows))
            better = errors[all_rows, best] < error[rows]
            chosen = np.where(better[:, None], new[all_rows, best], old[:, k])
            move[rows, k] = chosen - old[:, k]
            self.actions[rows, k] = chosen
            error[rows] = np.where(better, errors[all_rows, best], error[rows])
            reach[rows, k] *= np.where(better, 1.1, 0.7)[:, None, None]
