"""The drawer network D: sees the hint and the canvas so far, picks the next stroke (paper, 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drawenv.actions import ActionSpec

HEADS = 4  # of attention


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

    The hint is looked at once, with care; after each stroke the canvas, and what is left of the goal,
    are looked at in coarse patches and joined to what was seen first. The goal is the hint itself
    where that is the target; otherwise, with ``attend``, a picture that the network makes of the hint
    and learns to make like the target: it imagines the target, then draws it.

    Args:
        spec: the parameters of an action.
        channels: channels of the canvas.
        shown: the first so many of them make up the picture; all if None.
        size: side of the canvas in pixels, a multiple of 16.
        hint: channels of the hint, and its side in pixels, a multiple of ``size``; None if the hint
            is the target.
        width: channels of the inner layers.
        hidden: size of the LSTM.
        lstm: False leaves the memory out: each stroke is chosen from hint and canvas alone.
        burst: strokes drawn between two looks at the canvas; 1, as in the paper, looks before
            each. With many strokes most of them can do without a look of their own.
        depth: residual convolutions more, on the hint.
        attend: before each stroke the LSTM also chooses where to look closer: attention over a grid of
            16x16 cells, drawn to those where the canvas is not yet as the goal, and the stroke is
            predicted relative to where that falls.
    """

    coordinates: Tensor
    pull: Tensor
    shift: Tensor
    place: Tensor

    def __init__(
        self, spec: ActionSpec, channels: int = 1, shown: int | None = None,
        size: int = 64, hint: Sequence[int] | None = None, width: int = 128, hidden: int = 256,
        lstm: bool = True, burst: int = 1, depth: int = 0, attend: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.recreates, self.shown, self.size = hint is None, shown or channels, size
        self.has_goal = attend or self.recreates
        hint_channels, side = hint or (self.shown, size)
        self.fold, self.patch = side // 16, size // 8  # hints become 16x16 cells, canvases 8x8
        self.options = {
            "width": width,
            "hidden": hidden,
            "lstm": lstm,
            "burst": burst,
            "depth": depth,
            "attend": attend,
        }
        self.half_precision = False
        self.look_stem = nn.Conv2d(self.fold**2 * hint_channels + 2, width // 2, 3, padding=1)
        self.look_down = nn.Conv2d(width // 2, width, 3, stride=2, padding=1)
        self.look_more = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(depth)])
        self.see = nn.Linear((self.has_goal * self.shown + channels) * self.patch**2, width)
        self.join = nn.Linear(width * 2 * 2, width)
        self.squeeze = nn.Linear(width * 4 * 4, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if lstm else nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, (1 if attend else burst) * len(spec))
        if attend:
            self.look_close = nn.Conv2d(width // 2, width, 1)
            self.query = nn.Linear(hidden, burst * width)
            self.tell = nn.Linear(hidden, hidden)
            self.read = nn.Linear(width + 2 * HEADS, hidden)
            self.think = nn.Linear(hidden, hidden)
            self.keen = nn.Parameter(torch.tensor(1.0))  # how strongly what is missing draws the eye
            if not self.recreates:
                self.paint = nn.Conv2d(width, self.shown * (size // 16) ** 2, 1)
        at = torch.linspace(-1, 1, 16)
        grid = torch.stack(torch.meshgrid(at, at, indexing="ij"))  # [2, 16, 16], y and x
        for conv in (self.look_stem, self.look_down, *self.look_more):
            conv.to(memory_format=torch.channels_last)  # ty: ignore
        self.register_buffer("coordinates", grid, persistent=False)

        pull, shift = anchored(spec)
        self.register_buffer("pull", pull, persistent=False)
        self.register_buffer("shift", shift, persistent=False)
        place = torch.zeros(2, len(spec))  # from a cell's middle to the parameters that lie along x and y
        for i, p in enumerate(spec.parameters):
            if p.axis in ("x", "y") and not p.anchor:
                place["yx".index(p.axis), i] = 1
        self.register_buffer("place", place, persistent=False)

    def autocast(self, wanted: bool = True):
        """The encoder's precision: bfloat16 while training where that is faster."""
        device = str(self.coordinates.device.type)
        return torch.autocast(device, torch.bfloat16, enabled=wanted and self.half_precision)

    def look(self, hint: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """The hint ``[B, C', side, side]``, seen once.

        Returns:
            The goal ``[B, c, H, W]``, if there is one, features ``[B, 8, 8, width]`` and, to attend to,
            finer ones ``[B, HEADS, d, 16 * 16]``.
        """
        with self.autocast():
            x = F.pixel_unshuffle(hint, self.fold)  # [B, fold * fold * C', 16, 16]
            x = torch.cat([x, self.coordinates.expand(len(x), -1, -1, -1)], 1)
            fine = F.silu(self.look_stem(x))
            x = self.look_down(fine)
            for convolution in self.look_more:
                x = x + convolution(F.silu(x))
            goal, close = hint if self.recreates else None, None
            if self.options["attend"]:
                close = self.look_close(fine) + F.interpolate(x, scale_factor=2.0)
                if not self.recreates:
                    painted = self.paint(F.silu(close)).float()
                    goal = torch.sigmoid(F.pixel_shuffle(painted, self.size // 16))
                close = close.float().reshape(len(x), HEADS, -1, 256)
            return goal, x.permute(0, 2, 3, 1), close

    def forward(self, plan: tuple[Tensor | None, Tensor, Tensor | None], canvas: Tensor, state=None):
        """The next stroke, or burst of strokes.

        Args:
            plan: what ``look`` gave for the hint.
            canvas: the canvas so far, ``[B, C, H, W]`` in [0, 1].
            state: what the last call gave, None at the first stroke.

        Returns:
            Actions ``[B, burst, n]`` in [-1, 1] and the state.
        """
        with self.autocast():
            goal, features, close = plan
            left = None if goal is None else goal.detach() - canvas[:, : self.shown]
            x = canvas if left is None else torch.cat([left, canvas], 1)
            seen = self.see(patches(x.bfloat16() if self.half_precision else x, self.patch))
            x = F.silu(seen + features).permute(0, 3, 1, 2)  # [B, width, 8, 8]
            x = F.silu(self.join(patches(x, 2)))  # [B, 4, 4, width]
            x = self.squeeze(x.flatten(1))
        with self.autocast(False):  # from here on in full precision, for the coordinates
            x = F.silu(x.float())  # [B, hidden]
            if self.options["lstm"]:
                state = self.memory(x, state)
                x = state[0]
            else:
                x = F.silu(self.memory(x))
            if close is None or left is None:
                raw = torch.tanh(self.head(x)).view(len(x), self.options["burst"], -1)
            else:
                read, where = self.attend(x, close, left)
                x = F.silu(self.tell(x)[:, None] + self.read(read))
                x = x + F.silu(self.think(x))  # [B, burst, hidden]
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
        batch, burst = len(x), self.options["burst"]
        query = self.query(x).view(batch, burst, HEADS, -1).transpose(1, 2)  # [B, heads, burst, d]
        missing = F.avg_pool2d(left.detach().square().sum(1), self.size // 16).view(batch, 1, 1, 256)
        likely = query @ close / query.shape[-1] ** 0.5 + self.keen * torch.log(missing + 1e-2)
        weights = torch.softmax(likely, -1)  # [B, heads, burst, 256]
        features = (weights @ close.transpose(2, 3)).transpose(1, 2).flatten(2)
        places = (weights @ self.coordinates.view(2, 256).T).transpose(1, 2)  # [B, burst, heads, 2]
        return torch.cat([features, places.flatten(2)], 2), places[:, :, 0]


class GlimpseNetwork(nn.Module):
    """A drawer for small marks in full pictures: an LSTM decides where to look, and what is seen
    there in full detail decides the stroke.

    Before each stroke the LSTM sees target and canvas coarsely and weighs the cells of an 8x8 grid,
    drawn to those where ink is missing or, in colour, wrong. The glimpse is cut out around their
    weighted mean, and the stroke is predicted relative to it: what a line looks like is learned once
    for all places.
    The hint must be the target: what is missing is their difference.

    Args:
        spec: the parameters of an action.
        channels: channels of target and canvas. With one of them it is ink, which nothing takes away.
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
        self.size, self.side, self.ink = size, side, channels == 1
        self.see = nn.Linear(2 * channels * (size // 4) ** 2, hidden)
        self.memory = nn.LSTMCell(hidden, hidden) if lstm else nn.Linear(hidden, hidden)
        self.where = nn.Linear(hidden, 8 * 8)
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
        cells = (torch.arange(8) + 0.5) * (size / 8)
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

    def look(self, hint: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is needed of the hint ``[B, C, H, W]`` at every stroke: itself, with a margin, coarse."""
        return hint, F.pad(hint, [self.side // 2] * 4), F.avg_pool2d(hint, 4)

    def forward(self, plan: tuple[Tensor, Tensor, Tensor], canvas: Tensor, state=None):
        """The next stroke; see ``DrawerNetwork.forward``. Returns ``[B, 1, n]`` and the state."""
        hint, padded, coarse = plan
        canvas = canvas.detach()  # what is seen passes no gradient on to earlier strokes
        coarse_canvas = F.avg_pool2d(canvas, 4)
        with self.autocast():
            x = F.silu(self.see(torch.cat([coarse - coarse_canvas, coarse_canvas], 1).flatten(1)))
            if self.options["lstm"]:
                state = self.memory(x, state)
                x = state[0]  # [B, hidden]
            else:
                x = F.silu(self.memory(x))
        left = hint - canvas
        left = left.clamp(min=0) if self.ink else left.square().mean(1, keepdim=True)
        missing = F.avg_pool2d(left, self.size // 8).flatten(1)  # [B, 8 * 8]
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
