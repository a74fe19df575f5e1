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

        # A parameter with an anchor is predicted relative to the mean of its anchor's values.
        index = {name: i for i, name in enumerate(spec.names)}
        pull = torch.zeros(len(spec), len(spec))
        shift = torch.zeros(len(spec))
        for i, p in enumerate(spec.parameters):
            for name in p.anchor:
                j = index[name]
                pull[i, j] = float(spec.half_range[j] / spec.half_range[i]) / len(p.anchor)
                shift[i] += float((spec.middle[j] - spec.middle[i]) / spec.half_range[i]) / len(p.anchor)
        self.register_buffer("pull", pull, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def autocast(self):
        """The encoder's precision: bfloat16 while training where that is faster."""
        device = str(self.coordinates.device.type)
        return torch.autocast(device, torch.bfloat16, enabled=self.half_precision)

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
        x = F.silu(x.float())  # [B, hidden]; from here on in full precision, for the coordinates
        if self.options["lstm"]:
            state = self.memory(x, state)
            x = state[0]
        else:
            x = F.silu(self.memory(x))
        raw = torch.tanh(self.head(x)).view(len(x), self.options["burst"], -1)
        action = raw + raw @ self.pull.T + self.shift
        return action.clamp(-1, 1), state
