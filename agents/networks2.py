"""The drawer network of the weights of ``floorplan``; all others are ``agents.drawer.DrawerNetwork``."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawenv import ActionSpec

from .recipes import OldDrawerOptions, Recipe

HEADS = 4  # of attention


def patches(x: Tensor, side: int) -> Tensor:
    """Cut ``[B, C, H, W]`` into squares: ``[B, H/side, W/side, C * side * side]``."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // side, side, width // side, side)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, height // side, width // side, -1)


class DrawerNetwork(nn.Module):
    """A convolutional encoder, an LSTM and a head.

    The hint is encoded once, by convolutions; after each stroke the canvas, and what is left of the goal,
    are encoded in coarse patches and added to the hint's features. The goal is a picture that the network
    makes of the hint and learns to make like the target: it imagines the target, then draws it.

    Args:
        spec: the parameters of an action.
        o: see ``DrawerOptions``.
        channels: channels of the canvas.
        shown: how many of them, from the first, make up the picture.
        size: side of the canvas in pixels, a multiple of 16.
        hint: channels of the hint, and its side in pixels, a multiple of 16.
    """

    coordinates: Tensor
    pull: Tensor
    shift: Tensor
    place: Tensor

    def __init__(
        self, spec: ActionSpec, o: OldDrawerOptions, channels: int, shown: int, size: int,
        hint: tuple[int, int],
    ):  # fmt: skip
        super().__init__()
        width, hidden, lstm, burst = o.width or 128, o.hidden, o.lstm, o.burst
        self.shown, self.size = shown, size
        hint_channels, side = hint
        self.fold, self.patch = side // 16, size // 8  # hints become 16x16 cells, canvases 8x8
        self.lstm, self.burst = lstm, burst
        self.half_precision = False
        self.stem = nn.Conv2d(self.fold**2 * hint_channels + 2, width // 2, 3, padding=1)
        self.down = nn.Conv2d(width // 2, width, 3, stride=2, padding=1)
        self.residual = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(o.depth)])
        self.encode_canvas = nn.Linear((shown + channels) * self.patch**2, width)
        self.join = nn.Linear(width * 2 * 2, width)
        self.squeeze = nn.Linear(width * 4 * 4, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if lstm else nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, len(spec))
        self.close = nn.Conv2d(width // 2, width, 1)
        self.query = nn.Linear(hidden, burst * width)
        self.from_state = nn.Linear(hidden, hidden)
        self.from_place = nn.Linear(width + 2 * HEADS, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.sharpness = nn.Parameter(torch.tensor(1.0))  # how strongly what is missing draws attention
        self.paint_goal = nn.Conv2d(width, shown * (size // 16) ** 2, 1)
        at = torch.linspace(-1, 1, 16)  # outer cells lie on the border itself, 2 px of 64 off their middles
        grid = torch.stack(torch.meshgrid(at, at, indexing="ij"))  # [2, 16, 16], y and x
        for conv in (self.stem, self.down, *self.residual):
            conv.to(memory_format=torch.channels_last)  # ty: ignore
        self.register_buffer("coordinates", grid, persistent=False)

        pull, shift = map(torch.from_numpy, spec.relative())
        self.register_buffer("pull", pull, persistent=False)
        self.register_buffer("shift", shift, persistent=False)
        # From a cell's middle, y and x, to the parameters that are places along them.
        self.register_buffer("place", torch.from_numpy(spec.places()[::-1].copy()), persistent=False)

    def autocast(self, wanted: bool = True):
        """The encoder's precision: bfloat16 while training where that is faster."""
        device = str(self.coordinates.device.type)
        return torch.autocast(device, torch.bfloat16, enabled=wanted and self.half_precision)

    def encode(self, hint: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The hint ``[B, C', side, side]``, encoded once.

        Returns:
            The goal ``[B, c, H, W]``, features ``[B, 8, 8, width]`` and, to attend to, finer ones
            ``[B, HEADS, d, 16 * 16]``.
        """
        with self.autocast():
            x = F.pixel_unshuffle(hint, self.fold)  # [B, fold * fold * C', 16, 16]
            x = torch.cat([x, self.coordinates.expand(len(x), -1, -1, -1)], 1)
            fine = F.silu(self.stem(x))
            x = self.down(fine)
            for convolution in self.residual:
                x = x + convolution(F.silu(x))
            close = self.close(fine) + F.interpolate(x, scale_factor=2.0)
            painted = self.paint_goal(F.silu(close)).float()
            goal = torch.sigmoid(F.pixel_shuffle(painted, self.size // 16))
            return goal, x.permute(0, 2, 3, 1), close.float().reshape(len(x), HEADS, -1, 256)

    def blank_state(self, canvas: Tensor) -> None:
        """It makes its own."""

    def forward(self, code, canvas: Tensor, left=None, state=None, sample=False):
        """See ``agents.drawer.DrawerNetwork.forward``; the state holds the rest of a burst, too."""
        state, queue = state or (None, [])
        if not queue:
            burst, state = self.burst_of(code, canvas, state)
            queue = list(burst.unbind(1))
        return queue[0], None, (state, queue[1:])

    def burst_of(self, code: tuple[Tensor, Tensor, Tensor], canvas: Tensor, state=None):
        """Actions ``[B, burst, n]`` in [-1, 1] and the state."""
        with self.autocast():
            goal, features, close = code
            left = goal.detach() - canvas[:, : self.shown]
            x = torch.cat([left, canvas], 1)
            x = self.encode_canvas(patches(x.bfloat16() if self.half_precision else x, self.patch))
            x = F.silu(x + features).permute(0, 3, 1, 2)  # [B, width, 8, 8]
            x = F.silu(self.join(patches(x, 2)))  # [B, 4, 4, width]
            x = self.squeeze(x.flatten(1))
        with self.autocast(False):  # from here on in full precision, for the coordinates
            x = F.silu(x.float())  # [B, hidden]
            if self.lstm:
                state = self.memory(x, state)
                x = state[0]
            else:
                x = F.silu(self.memory(x))
            read, where = self.attend(x, close, left)
            x = F.silu(self.from_state(x)[:, None] + self.from_place(read))
            x = x + F.silu(self.mix(x))  # [B, burst, hidden]
            raw = torch.tanh(self.head(x)) + where @ self.place
            action = raw + raw @ self.pull.T + self.shift
        return action.clamp(-1, 1), state

    def attend(self, x: Tensor, close: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        """What the memory ``[B, hidden]`` picks out of features ``[B, HEADS, d, 16 * 16]``, where most
        of the goal is left ``[B, c, H, W]``.

        Returns:
            Features and places ``[B, burst, width + 2 * HEADS]``, and the first head's place, y and x
            in [-1, 1], ``[B, burst, 2]``.
        """
        batch, burst = len(x), self.burst
        query = self.query(x).view(batch, burst, HEADS, -1).transpose(1, 2)  # [B, heads, burst, d]
        missing = F.avg_pool2d(left.detach().square().sum(1), self.size // 16).view(batch, 1, 1, 256)
        likely = query @ close / query.shape[-1] ** 0.5 + self.sharpness * torch.log(missing + 1e-2)
        weights = torch.softmax(likely, -1)  # [B, heads, burst, 256]
        features = (weights @ close.transpose(2, 3)).transpose(1, 2).flatten(2)
        places = (weights @ self.coordinates.view(2, 256).T).transpose(1, 2)  # [B, burst, heads, 2]
        return torch.cat([features, places.flatten(2)], 2), places[:, :, 0]


def make_old_network(recipe: Recipe) -> DrawerNetwork:
    """An untrained network for a recipe with such options."""
    renderer, o = recipe.renderer(), cast(OldDrawerOptions, recipe.drawer)
    spec, channels, shown = renderer.action_spec, renderer.channels, renderer.shown
    return DrawerNetwork(spec, o, channels, shown, recipe.size, cast(tuple[int, int], recipe.hint))
