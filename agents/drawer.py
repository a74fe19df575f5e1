"""The drawer network D: sees the hint and the canvas so far, picks the next stroke (paper, 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawenv.actions import ActionSpec


def patches(x: Tensor, side: int) -> Tensor:
    """Cut ``[B, C, H, W]`` into squares: ``[B, H/side, W/side, C * side * side]``."""
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height // side, side, width // side, side)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch, height // side, width // side, -1)


def anchored(spec: ActionSpec) -> tuple[Tensor, Tensor]:
    """What turns parameters that are relative to their anchors into actions.

    A parameter with an anchor is predicted relative to the mean of its anchor's values.

    Returns:
        ``pull`` ``[n, n]`` and ``shift`` ``[n]``: ``action = raw + raw @ pull.T + shift``.
    """
    index = {name: i for i, name in enumerate(spec.names)}
    pull, shift = torch.zeros(len(spec), len(spec)), torch.zeros(len(spec))
    for i, p in enumerate(spec.parameters):
        for name in p.anchor:
            j = index[name]
            pull[i, j] = float(spec.half_range[j] / spec.half_range[i]) / len(p.anchor)
            shift[i] += float((spec.middle[j] - spec.middle[i]) / spec.half_range[i]) / len(p.anchor)
    return pull, shift


class DrawerNetwork(nn.Module):
    """A convolutional encoder, an LSTM and a head.

    The target is looked at once, with care; after each stroke only what is left of it
    (target - canvas) and the canvas are looked at again, in coarse patches, and joined to what
    was seen first.

    Args:
        spec: the parameters of an action.
        channels: channels of target and canvas.
        size: side of the pictures in pixels, a multiple of 16.
        width: channels of the inner layers.
        hidden: size of the LSTM.
        lstm: False leaves the memory out: each stroke is chosen from target and canvas alone.
        burst: strokes drawn between two looks at the canvas; 1, as in the paper, looks before
            each. With many strokes most of them can do without a look of their own.
    """

    coordinates: Tensor
    pull: Tensor
    shift: Tensor

    def __init__(
        self, spec: ActionSpec, channels: int = 1, size: int = 64, width: int = 128,
        hidden: int = 256, lstm: bool = True, burst: int = 1,
    ):  # fmt: skip
        super().__init__()
        self.options = {"width": width, "hidden": hidden, "lstm": lstm, "burst": burst}
        self.half_precision = False
        cells = size // 8
        self.look_stem = nn.Conv2d(16 * channels + 2, width // 2, 3, padding=1)
        self.look_down = nn.Conv2d(width // 2, width, 3, stride=2, padding=1)
        self.see = nn.Linear(2 * channels * 8 * 8, width)
        self.join = nn.Linear(width * 2 * 2, width)
        self.squeeze = nn.Linear(width * (cells // 2) ** 2, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if lstm else nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, burst * len(spec))
        at = torch.linspace(-1, 1, size // 4)
        grid = torch.stack(torch.meshgrid(at, at, indexing="ij"))  # [2, H/4, W/4]
        for conv in (self.look_stem, self.look_down):
            conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
        self.register_buffer("coordinates", grid, persistent=False)

        pull, shift = anchored(spec)
        self.register_buffer("pull", pull, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def autocast(self, wanted: bool = True):
        """The encoder's precision: bfloat16 while training where that is faster."""
        device = str(self.coordinates.device.type)
        return torch.autocast(device, torch.bfloat16, enabled=wanted and self.half_precision)

    def look(self, target: Tensor) -> Tensor:
        """The target ``[B, C, H, W]``, seen once: features ``[B, H/8, W/8, width]``."""
        with self.autocast():
            x = F.pixel_unshuffle(target, 4)  # [B, 16 C, H/4, W/4]
            x = torch.cat([x, self.coordinates.expand(len(x), -1, -1, -1)], 1)
            return self.look_down(F.silu(self.look_stem(x))).permute(0, 2, 3, 1)

    def forward(self, plan: Tensor, target: Tensor, canvas: Tensor, state=None):
        """The next stroke, or burst of strokes.

        Args:
            plan: what ``look`` gave for the target.
            target: ``[B, C, H, W]`` in [0, 1].
            canvas: the canvas so far, like ``target``.
            state: what the last call gave, None at the first stroke.

        Returns:
            Actions ``[B, burst, n]`` in [-1, 1] and the state.
        """
        with self.autocast():
            x = torch.cat([target - canvas, canvas], 1)
            seen = self.see(patches(x.bfloat16() if self.half_precision else x, 8))
            x = F.silu(seen + plan).permute(0, 3, 1, 2)  # [B, width, H/8, W/8]
            x = F.silu(self.join(patches(x, 2)))  # [B, H/16, W/16, width]
            x = self.squeeze(x.flatten(1))
        with self.autocast(False):  # from here on in full precision, for the coordinates
            x = F.silu(x.float())  # [B, hidden]
            if self.options["lstm"]:
                state = self.memory(x, state)
                x = state[0]
            else:
                x = F.silu(self.memory(x))
            raw = torch.tanh(self.head(x)).view(len(x), self.options["burst"], -1)
            action = raw + raw @ self.pull.T + self.shift
        return action.clamp(-1, 1), state


class GlimpseNetwork(nn.Module):
    """A drawer for small marks in full pictures: an LSTM decides where to look, and what is seen
    there in full detail decides the stroke.

    Before each stroke the LSTM sees target and canvas coarsely and weighs the cells of a grid,
    drawn to those where ink is missing. The glimpse is cut out around their weighted mean, and
    the stroke is predicted relative to it: what a line looks like is learned once for all places.

    Args:
        spec: the parameters of an action.
        channels: channels of target and canvas; ink is their mean.
        size: side of the pictures in pixels, a multiple of 8.
        width: of the layers that read the glimpse.
        hidden: size of the LSTM.
        lstm: False leaves the memory out: each stroke is chosen from target and canvas alone.
        side: of the glimpse in pixels.
        reach: how far from its middle a stroke may start or end, in px.
    """

    centres: Tensor
    pull: Tensor
    shift: Tensor
    scale: Tensor
    at: Tensor
    middle: Tensor

    def __init__(
        self, spec: ActionSpec, channels: int = 1, size: int = 64, width: int = 256,
        hidden: int = 256, lstm: bool = True, side: int = 32, reach: float = 24.0,
    ):  # fmt: skip
        super().__init__()
        self.options = {"width": width, "hidden": hidden, "lstm": lstm, "side": side, "reach": reach}
        self.half_precision = False
        self.size, self.side = size, side
        self.see = nn.Linear(2 * channels * (size // 4) ** 2, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if lstm else nn.Linear(hidden, hidden)
        self.where = nn.Linear(hidden, (size // 8) ** 2)
        self.keen = nn.Parameter(torch.tensor(4.0))  # how strongly missing ink draws the eye
        self.read = nn.Linear(2 * channels * side**2, width)
        self.tell = nn.Linear(hidden, width)
        layers = [layer for _ in range(3) for layer in (nn.SiLU(), nn.Linear(width, width))]
        self.think = nn.Sequential(*layers)
        self.head = nn.Linear(width, len(spec))

        # Offsets from the glimpse's middle, in px of a 64-px canvas, to actions.
        pull, shift = anchored(spec)
        scale, at, middle = torch.ones(len(spec)), torch.zeros(2, len(spec)), torch.zeros(len(spec))
        for i, p in enumerate(spec.parameters):
            if p.axis:
                scale[i] = reach / float(spec.half_range[i])
            if p.axis and not p.anchor:
                at["xy".index(p.axis), i] = 64 / size / float(spec.half_range[i])
                middle[i] = -float(spec.middle[i] / spec.half_range[i])
        cells = torch.arange(size // 8) * 8.0 + 4
        centres = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1).view(-1, 2)
        buffers = {
            "pull": pull,
            "shift": shift,
            "scale": scale,
            "at": at,
            "middle": middle,
            "centres": centres,
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def autocast(self, wanted: bool = True):
        """bfloat16 while training where that is faster; never for what becomes coordinates."""
        return torch.autocast(self.at.device.type, torch.bfloat16, enabled=wanted and self.half_precision)

    def glimpse(self, padded: Tensor, corner: Tensor) -> Tensor:
        """Cut ``[B, C * side * side]`` out of ``[B, C, H + side, W + side]`` at corners ``[B, 2]`` (x, y)."""
        rows = corner[:, 1, None] + torch.arange(self.side)  # [B, side]
        columns = corner[:, 0, None] + torch.arange(self.side)
        index = (rows[:, :, None] * padded.shape[-1] + columns[:, None]).flatten(1)  # [B, side * side]
        index = index[:, None].expand(-1, padded.shape[1], -1)
        return padded.flatten(2).gather(2, index).flatten(1)

    def look(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """What is needed of the target ``[B, C, H, W]`` at every stroke: with a margin, and coarse."""
        return F.pad(target, [self.side // 2] * 4), F.avg_pool2d(target, 4)

    def forward(self, plan: tuple[Tensor, Tensor], target: Tensor, canvas: Tensor, state=None):
        """The next stroke; see ``DrawerNetwork.forward``. Returns ``[B, 1, n]`` and the state."""
        padded, coarse = plan
        canvas = canvas.detach()  # what is seen passes no gradient on to earlier strokes
        coarse_canvas = F.avg_pool2d(canvas, 4)
        with self.autocast():
            x = F.silu(self.see(torch.cat([coarse - coarse_canvas, coarse_canvas], 1).flatten(1)))
            if self.options["lstm"]:
                state = self.memory(x, state)
                x = state[0]  # [B, hidden]
            else:
                x = F.silu(self.memory(x))
        missing = F.avg_pool2d((target - canvas).clamp(min=0), 8).mean(1).flatten(1)  # [B, cells]
        with self.autocast(False):
            weights = torch.softmax(3 * self.where(x.float()) + self.keen * torch.log(missing + 1e-3), 1)
            exact = weights @ self.centres  # [B, 2], in pixels
        corner = exact.detach().round().long()
        middle = exact + (corner - exact).detach()  # whole pixels, with a gradient
        with self.autocast():
            seen = self.glimpse(padded, corner)
            drawn = self.glimpse(F.pad(canvas, [self.side // 2] * 4), corner)
            x = self.think(self.read(torch.cat([seen - drawn, drawn], 1)) + self.tell(x))
        with self.autocast(False):
            raw = torch.tanh(self.head(F.silu(x.float()))) * self.scale + middle @ self.at + self.middle
            action = raw + raw @ self.pull.T + self.shift
        return action.clamp(-1, 1).unsqueeze(1), state
