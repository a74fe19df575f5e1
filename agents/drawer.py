"""The drawer network D: from the hint and the canvas so far, the next stroke (paper, 3.3)."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawenv import Renderer

from .recipes import DrawerOptions, Recipe

CELLS = 8  # along each side of a view: where the next stroke may be
PATCH, EMBED = 4, 16  # a crop is read in patches of 4x4 px, each as 16 numbers


class Code(NamedTuple):
    """What is needed of a hint at every stroke."""

    goal: Tensor
    """What the drawing should look like, ``[B, c, H, W]``."""
    features: Tensor | None
    """Of a translation's hint, ``[B, width, CELLS * CELLS]``."""

    def rows(self, index: Tensor) -> Code:
        """Those of some pictures."""
        return Code(self.goal[index], None if self.features is None else self.features[index])


class Look(NamedTuple):
    """What the network makes of a canvas before it chooses a stroke."""

    memory: Tensor
    """``[B, hidden]``."""
    weights: Tensor
    """Of places, ``[B, CELLS ** axes]``."""
    place: Tensor
    """Their mean, ``[B, axes]`` in pixels."""
    pair: Tensor
    """See ``DrawerNetwork.compare``."""


class DrawerNetwork(nn.Module):
    """An LSTM chooses a place, and a crop around it, in full detail, decides the stroke.

    The goal is the hint itself where that is the target; of another hint convolutions make it, trained to be
    like the target. Before each stroke the LSTM gets goal and canvas coarsely and how many strokes are left,
    and weighs a grid of places, drawn to those where the goal is missing. A head gets a crop around the
    weights' mean, and predicts the stroke relative to it: what a line looks like is learned once for all
    places.

    A canvas may show several views of a space. Each view weighs places along its own two axes; what they
    agree on is a place in space, and the crop is one from each view.

    Args:
        renderer: says what an action is and what a canvas shows.
        o: see ``DrawerOptions``.
        size: side of the canvas in pixels, a multiple of 16.
        hint: channels of the hint, and its side in pixels, a multiple of 16; None if the hint is the target.
    """

    centres: Tensor
    offsets: Tensor
    to_coarse: Tensor
    to_cells: Tensor
    pull: Tensor
    shift: Tensor
    scale: Tensor
    place: Tensor
    middle: Tensor
    at: Tensor
    view_axes: Tensor

    def __init__(self, renderer: Renderer, o: DrawerOptions, size: int, hint: tuple[int, int] | None = None):
        super().__init__()
        spec, views = renderer.action_spec, renderer.views
        axes = sorted({axis for view in views for axis in view})
        self.views = [(axes.index(across), axes.index(down)) for across, down in views]
        self.register_buffer("view_axes", torch.tensor(self.views), persistent=False)  # [views, 2]
        self.shown, self.size, self.side, self.lstm = renderer.shown, size, o.side, o.lstm
        self.ink = renderer.compose == "max"
        self.half_precision = False
        channels, width, hidden = renderer.channels, o.width, o.hidden
        per_view = (self.shown + channels) // len(views)

        self.fold = hint[1] // 16 if hint else 0  # hints become 16x16 cells
        if hint:
            self.stem = nn.Conv2d(self.fold**2 * hint[0] + 2, 64, 3, padding=1)
            self.down = nn.Conv2d(64, 128, 3, stride=2, padding=1)
            self.residual = nn.ModuleList([nn.Conv2d(128, 128, 3, padding=1) for _ in range(o.depth)])
            self.everywhere = nn.Linear(128, 128)
            self.norms = nn.ModuleList([nn.GroupNorm(1, 128) for _ in range(o.depth + 2)])
            self.up = nn.Conv2d(64, 128, 1)
            self.paint_goal = nn.Conv2d(128, self.shown * (size // 16) ** 2, 1)
            self.from_features = nn.Linear(128, width)

        self.look = nn.Linear((self.shown + channels) * o.look**2 + 1, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if o.lstm else nn.Linear(hidden, hidden)
        self.where = nn.Linear(hidden, len(views) * CELLS**2)
        self.sharpness = nn.Parameter(torch.tensor(4.0))  # how strongly what is missing draws the place
        self.embed = nn.Linear(per_view * PATCH**2, EMBED)
        self.from_crop = nn.Linear(len(views) * (o.side // PATCH) ** 2 * EMBED, width)
        self.from_memory = nn.Linear(hidden, width)
        self.mix = nn.ModuleList([nn.Linear(width, width) for _ in range(5)])
        self.gate = o.gate
        self.head = nn.Linear(width, len(spec) + o.gate)

        cells = (torch.arange(CELLS) + 0.5) * (size / CELLS)  # in pixels
        grid = torch.meshgrid(*[cells] * len(axes), indexing="ij")
        self.register_buffer("centres", torch.stack(grid, -1).view(-1, len(axes)), persistent=False)
        # Of a crop's pixels from its middle, patch by patch, across and down, on a picture with a margin.
        self.margin = o.side // 2
        along = torch.arange(2 * self.margin).view(-1, PATCH)
        offsets = along[None, :, None] + (size + 2 * self.margin) * along[:, None, :, None]
        self.register_buffer("offsets", offsets.flatten(), persistent=False)
        for name, cells in (("to_coarse", o.look), ("to_cells", CELLS)):
            share = torch.eye(cells).repeat_interleave(size // cells, 0) * (cells / size)
            self.register_buffer(name, share, persistent=False)  # [size, cells]
        at = (torch.arange(16) + 0.5) / 8 - 1
        self.register_buffer("at", torch.stack(torch.meshgrid(at, at, indexing="ij")), persistent=False)
        # From offsets around a place, and the place itself in pixels, to actions.
        half, along = torch.from_numpy(spec.half_range), torch.from_numpy(spec.places(axes))
        pull, shift = map(torch.from_numpy, spec.relative())
        scale = torch.where(torch.from_numpy(spec.lengths), o.reach / half, 1.0)
        middle = torch.where(along.any(0), -torch.from_numpy(spec.middle) / half, 0.0)
        buffers = {"pull": pull, "shift": shift, "scale": scale, "middle": middle}
        buffers["place"] = along * (64 / size) / half  # [axes, n]
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def autocast(self, wanted: bool = True):
        """bfloat16 while training where that is faster; never for what becomes coordinates."""
        if not self.half_precision:
            return nullcontext()
        return torch.autocast(self.place.device.type, torch.bfloat16, enabled=wanted)

    def encode(self, hint: Tensor) -> Code:
        """What is needed of the hint ``[B, C', side, side]`` at every stroke."""
        if not self.fold:
            return Code(hint, None)
        with self.autocast():
            x = F.pixel_unshuffle(hint, self.fold)  # [B, fold * fold * C', 16, 16]
            fine = F.silu(self.stem(torch.cat([x, self.at.expand(len(x), -1, -1, -1)], 1)))
            x = self.down(fine)
            *norms, last, painting = self.norms
            for norm, convolution in zip(norms, self.residual, strict=True):
                x = x + convolution(F.silu(norm(x)))
            x = x + self.everywhere(F.silu(last(x)).mean((2, 3)))[:, :, None, None]  # which digit it is, say
            fine = painting(self.up(fine) + F.interpolate(x, scale_factor=2.0))
            painted = self.paint_goal(F.silu(fine))
        goal = torch.sigmoid(F.pixel_shuffle(painted.float(), self.size // 16))
        return Code(goal, x.float().flatten(2))

    def blank_state(self, canvas: Tensor) -> tuple[Tensor, Tensor] | None:
        """Of the memory, before the first stroke on canvases ``[B, C, H, W]``."""
        zeros = canvas.new_zeros(len(canvas), self.from_memory.in_features)
        return (zeros, zeros) if self.lstm else None

    def forward(self, code: Code, canvas: Tensor, left: int | Tensor, state=None, sample: bool = False):
        """The next stroke.

        Args:
            code: what ``encode`` gave for the hint.
            canvas: the canvas so far, ``[B, C, H, W]`` in [0, 1].
            left: how many strokes are left, this one among them.
            state: what the last call gave, None at the first stroke.
            sample: draw the place by its weights instead of taking their mean.

        Returns:
            Actions ``[B, n]`` in [-1, 1], whether they are drawn (see ``stroke``), and the state.
        """
        look, state = self.attend(code, canvas, left, state)
        place = self.sampled(look.weights) if sample else look.place[:, None]
        action, shown, _ = self.stroke(code, look, place)
        return action[:, 0], None if shown is None else shown[:, 0], state

    def compare(self, code: Code, canvas: Tensor) -> Tensor:
        """What is left of the goal, and the canvas: ``[B * views, channels of a view, H, W]``."""
        canvas = canvas.detach()  # an encoded canvas passes no gradient on to earlier strokes
        shown, goal = canvas[:, : self.shown], code.goal.detach()
        if len(self.views) == 1:
            return torch.cat([goal - shown, canvas], 1)
        parts = [goal - shown, shown, canvas[:, self.shown :]]
        return torch.cat([part.unflatten(1, (len(self.views), -1)) for part in parts], 2).flatten(0, 1)

    def attend(self, code: Code, canvas: Tensor, left: int | Tensor, state=None) -> tuple[Look, tuple | None]:
        """Where the next stroke may be, and the state; see ``forward``."""
        pair, views = self.compare(code, canvas), len(self.views)
        coarse = self.means(pair, self.to_coarse).view(len(canvas), -1)  # [B, channels * squares]
        with self.autocast():
            x = self.look(torch.cat([coarse, coarse.new_ones(len(coarse), 1) / left], 1))
            if self.lstm:
                state = self.memory(F.silu(x), state)
                x = state[0]  # [B, hidden]
            else:
                x = F.silu(self.memory(F.silu(x)))
        missing = pair[:, : self.shown // views]
        missing = missing.clamp(min=0) if self.ink else missing.square().mean(1, keepdim=True)
        missing = self.means(missing, self.to_cells)
        with self.autocast(False):
            each = 3 * self.where(x.float()).view(len(pair), -1)
            each = each + self.sharpness * torch.log(missing.flatten(1) + 1e-3)
            each = each.view(-1, views, CELLS, CELLS)  # of each view, down and across
            joint = [self.in_space(each[:, v], v) for v in range(views)]
            weights = torch.softmax(functools.reduce(torch.add, joint).flatten(1), 1)
            return Look(x, weights, weights @ self.centres, pair), state

    def means(self, pictures: Tensor, cells: Tensor) -> Tensor:
        """Means over squares; products are several times faster than ``avg_pool2d`` on processors."""
        with self.autocast(False):
            return cells.T @ pictures @ cells

    def in_space(self, weights: Tensor, view: int) -> Tensor:
        """A view's weights ``[B, down, across]`` as they broadcast over the axes of space."""
        across, down = self.views[view]
        if across < down:
            weights = weights.transpose(1, 2)
        for axis in range(len(self.place)):
            if axis not in (across, down):
                weights = weights.unsqueeze(1 + axis)
        return weights

    def sampled(self, weights: Tensor, count: int = 1, generator=None) -> Tensor:
        """Places drawn by their weights, none of them twice: ``[B, count, axes]`` in pixels."""
        weights = weights.detach() + 1e-9
        race = torch.empty_like(weights).exponential_(generator=generator)  # multinomial, for graphs
        return self.centres[(weights / race).topk(count).indices]

    def stroke(self, code: Code, look: Look, place: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The strokes ``[B, k, n]`` at places ``[B, k, axes]`` in pixels, whether they are drawn: 1 or 0,
        with the gradient of the probability, ``[B, k]``, or None if they always are, and what the network
        thought, ``[B, k, width]``.
        """
        batch, k, _ = place.shape
        corner = place.detach().round().long()
        middle = place + (corner - place).detach()  # whole pixels, with a gradient
        with self.autocast():
            crop = self.crop(look.pair, corner[:, :, self.view_axes].transpose(1, 2).flatten(0, 1))
            crop = F.silu(self.embed(crop)).view(batch, len(self.views), k, -1)
            crop = crop.transpose(1, 2).flatten(2)  # [B, k, views * patches * EMBED]
            x = self.from_crop(crop) + self.from_memory(look.memory)[:, None]
            if code.features is not None:
                near = look.weights.view(batch, CELLS, CELLS).transpose(1, 2).flatten(1)  # down, across
                x = x + self.from_features((code.features @ near[..., None])[..., 0])[:, None]
            for layer in self.mix:
                x = layer(F.silu(x))
        with self.autocast(False):
            thought = F.silu(x.float())
            x, shown = self.head(thought), None
            if self.gate:
                likely = torch.sigmoid(x[..., -1] + 2)  # at first nearly every stroke is
                shown = (likely > 0.5).float() + likely - likely.detach()
                x = x[..., :-1]
            raw = torch.tanh(x) * self.scale + middle @ self.place + self.middle
            return (raw + raw @ self.pull.T + self.shift).clamp(-1, 1), shown, thought

    def crop(self, pair: Tensor, middle: Tensor) -> Tensor:
        """Squares of ``[m, C, H, W]`` around pixels ``[m, k, 2]`` (x, y), 0 outside, cut into patches:
        ``[m, k, patches, C * PATCH * PATCH]``.
        """
        wide = F.pad(pair, (self.margin,) * 4)
        at = middle[..., 1] * wide.shape[3] + middle[..., 0]
        index = (at[:, :, None] + self.offsets).flatten(1)[:, None]  # [m, 1, k * side * side]
        crop = wide.flatten(2).gather(2, index.expand(-1, pair.shape[1], -1))
        crop = crop.unflatten(2, (middle.shape[1], -1, PATCH**2))  # [m, C, k, patches, PATCH * PATCH]
        return crop.permute(0, 2, 3, 1, 4).flatten(3)


def make_network(recipe: Recipe) -> DrawerNetwork:
    """An untrained drawer network for a recipe."""
    hint = recipe.hint if recipe.translates else None
    return DrawerNetwork(recipe.renderer(), recipe.drawer, recipe.size, hint)
