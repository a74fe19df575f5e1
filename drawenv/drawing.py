"""Drawing: an ordered list of actions and what draws it, saved as svg, png, gif, json or obj."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from drawenv.files import whole
from drawenv.pens import Pen, in_strokes, pens_of_strokes
from drawenv.plot import animated, in_order
from drawenv.renderers import RENDERERS, Renderer
from drawenv.renderers.base import side_by_side
from drawenv.renderers.color import hexadecimal
from drawenv.settle import settled

Background = Literal["white", "black", "transparent"]
MAX_SIZE = 20_000  # px of the longer side


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes in the order they were drawn.

    Attributes:
        actions: float32 ``[n, action_dim]`` in [-1, 1].
        renderer: the renderer that draws them.
        picture: what it shows, uint8 ``[H, W]``, light ink on black, if that is known: its pens are then made
            and settled in the picture's size, which may be another than ``sides``.
        by: who drew it, for an SVG's description.

    Raises:
        TypeError: the actions are no real numbers.
        ValueError: they have another shape, hold a NaN or a value outside [-1, 1]; the picture has other
            proportions.
    """

    actions: np.ndarray
    renderer: Renderer
    picture: np.ndarray | None = field(default=None, repr=False)
    by: str = field(default="", repr=False)
    _made: dict[float, list[Pen]] = field(default_factory=dict, init=False, repr=False)  # by tolerance

    def __post_init__(self):
        checked = self.renderer.action_spec.check(self.actions, batch=len(self.actions))
        object.__setattr__(self, "actions", checked)
        if self.picture is not None:
            wanted = np.array(self.sides) / self._zoom
            if np.abs(wanted - self.picture.shape).max() > 1:
                raise ValueError(
                    f"the picture must have the drawing's shape, {self.sides}: {self.picture.shape}"
                )

    @classmethod
    def _trusted(cls, actions: np.ndarray, renderer: Renderer) -> Drawing:
        """One of actions that have been checked."""
        drawing = object.__new__(cls)
        drawing.__dict__.update(actions=actions, renderer=renderer, picture=None, by="", _made={})
        return drawing

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width in px: 64x64, or the page's."""
        return self.renderer.sides

    @property
    def _zoom(self) -> float:
        """How many times larger it is than the picture."""
        return 1.0 if self.picture is None else max(self.sides) / max(self.picture.shape)

    def render(self, size: int | None = None) -> np.ndarray:
        """The finished canvas by the real renderer: uint8 ``[H, W]`` or ``[H, W, 3]``.

        Of several views, they are side by side.

        Args:
            size: the longer side in pixels (of one view); the drawing's own (``sides``) if None.
        """
        return self.frames(size, every=max(len(self), 1))[-1]

    def frames(self, size: int | None = None, every: int = 1) -> list[np.ndarray]:
        """The canvas before the first stroke and after each one, like ``render``.

        Args:
            size: the longer side in pixels.
            every: strokes from one frame to the next; the last shows them all.

        Raises:
            ValueError: ``size`` is less than 1 or more than ``MAX_SIZE``.
        """
        size = max(self.sides) if size is None else size
        if not 1 <= size <= MAX_SIZE:
            raise ValueError(f"size must be from 1 to {MAX_SIZE} pixels, got {size}")
        canvas = self.renderer.blank(1, size)
        frames = [self._picture(canvas)]
        for done, action in enumerate(self.actions, 1):
            self.renderer.draw(canvas, action[None])
            if done % every == 0 or done == len(self):
                frames.append(self._picture(canvas))
        return frames

    def _picture(self, canvas: np.ndarray) -> np.ndarray:
        """``[1, C, H, W]`` to ``[H, W]`` or ``[H, W, C]``, a copy."""
        return side_by_side(canvas[0, : self.renderer.shown], len(self.renderer.views))

    def render_strokes(self, size: int | None = None, pieces: bool = False) -> np.ndarray:
        """Drawings of ink alone with their pens in different colours: uint8 ``[H, W, 3]``.

        Args:
            size: as for ``render``.
            pieces: the strokes as they were drawn, neighbours in different colours, instead of pens.
        """
        size = max(self.sides) if size is None else size
        channels = [self.renderer.blank(1, size) for _ in range(3)]
        parts = [in_strokes([pen], self.renderer).actions for pen in ([] if pieces else self.pens())]
        for k, part in enumerate(self.actions[:, None] if pieces else parts):
            for action in part:
                for i in _COLORS[k % len(_COLORS)]:
                    self.renderer.draw(channels[i], action[None])
        return np.stack([channel[0, 0] for channel in channels], -1)

    def pens(self, tolerance: float = 0.3) -> list[Pen]:
        """The drawing as few long strokes: what continues one stroke is one pen's, each line is there once.

        They come from the strokes alone; where ``picture`` is known they are settled on it, see
        ``drawenv.settle``. They are made once.

        Args:
            tolerance: how far a pen's curves may be from the middle line, in px of the picture if that
                is known. Another one changes curves, never the number of pens that are to be settled.

        Raises:
            ValueError: what it draws has no paths, for instance boxes.
        """
        renderer, actions = self.renderer, self.actions
        if not renderer.has_paths:
            raise ValueError(f"only strokes of a pen have paths, those of {renderer.name} have none")
        if tolerance not in self._made:
            colors = np.broadcast_to(renderer.colors(actions), (len(self), 3))
            zoom, lines = self._zoom, renderer.polylines(actions)
            widths = renderer.widths(actions) / zoom
            pens = pens_of_strokes([line / zoom for line in lines], widths, colors, tolerance)
            if self.picture is not None:
                if zoom != 1:
                    renderer = renderer.on_page(self.picture.shape, 1 / zoom)
                pens = settled(pens, self.picture, renderer)
            self._made[tolerance] = pens if zoom == 1 else [pen.scaled(zoom) for pen in pens]
        return list(self._made[tolerance])

    @property
    def _ink_alone(self) -> bool:
        """Whether it is a pen's light ink on black, which may as well be dark ink on paper."""
        return self.renderer.has_paths and self.renderer.channels == 1

    def to_svg(
        self, pieces: bool = False, background: Background = "white", seconds: float | None = None,
        width: float | None = None, title: str | None = None,
    ) -> str:  # fmt: skip
        """The drawing as an SVG document on a view box of ``sides``, 512 px or as large as they are.

        Args:
            pieces: the strokes as they were drawn, one after the other; else its pens, if it has any.
            background: of ink alone, on which it is black, or white on black. In colour a drawing has the
                background that it was painted on, or none.
            seconds: in a browser the pens are drawn one after the other in that time; elsewhere they are
                all there at once.
            width: of every pen in px, whose line is then the middle of its stroke; each its own if None.
            title: of the document, none if None.

        Raises:
            ValueError: another background, or ``seconds`` or a ``width`` that are not over 0, or of what
                has no pens.
        """
        if background not in get_args(Background):
            raise ValueError(f"background must be white, black or transparent, got {background!r}")
        has_pens = self.renderer.has_paths and not pieces
        for name, value in (("seconds", seconds), ("width", width)):
            if value is not None and not (has_pens and 0 < value < np.inf):
                raise ValueError(f"{name} must be over 0, and of pens, not of pieces or boxes: got {value}")
        height, across = self.sides
        zoom = max(512 / max(height, across), 1)
        across *= len(self.renderer.views)
        pens = [replace(pen, width=width or pen.width) for pen in self.pens()] if has_pens else []
        if not has_pens:
            strokes = self.renderer.to_svg(self.actions) if len(self) else ""
        elif seconds is not None:
            strokes = animated(in_order(pens), seconds)
        else:
            strokes = "\n".join(pen.to_svg() for pen in pens)
        paper = hexadecimal(np.array(self.renderer.paper()[:3]))
        if self._ink_alone and background != "black":
            strokes, paper = strokes.replace('stroke="#ffffff"', 'stroke="#000000"'), "#ffffff"
        from drawenv import __version__  # it imports this

        count, what = (len(pens), "pen") if has_pens else (len(self), "stroke")
        by = f" by {escape(self.by)}" * bool(self.by)
        rectangle = f'<rect width="{across}" height="{height}" fill="{paper}"/>\n'
        heading = "".join(c if c.isprintable() else "?" for c in title or "")  # else it may be no XML
        heading = f"<title>{escape(heading)}</title>\n" * bool(heading)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {height}" '
            f'width="{across * zoom:g}" height="{height * zoom:g}">\n'
            f"{heading}"
            f"<desc>{count} {what}{'s' * (count != 1)}, drawn{by} with drawenv {__version__}</desc>\n"
            f"{'' if background == 'transparent' else rectangle}{strokes}\n</svg>\n"
        )

    def to_json(self) -> str:
        """Actions, their names and the renderer: what ``Drawing.load`` reads."""
        spec = self.renderer.action_spec
        return json.dumps(
            {
                "renderer": self.renderer.name,
                "options": self.renderer.config(),
                "names": spec.names,
                "actions": [[float(str(value)) for value in action] for action in self.actions],
                "physical": spec.to_physical(self.actions).astype(float).round(3).tolist(),
            },
            indent=1,
        )

    def save(
        self, path, size: int | None = None, pieces: bool = False, background: Background = "white",
        seconds: float | None = None, width: float | None = None,
    ) -> None:  # fmt: skip
        """Write the drawing; the ending chooses the format, see ``FORMATS``.

        Args:
            path: ``.svg``, ``.png``, ``.gif`` (stroke by stroke; of many strokes, a hundred
                frames), ``.json``, or, of boxes in space, ``.obj``.
            size: longer side in pixels of a png or gif; if None, of a png 512 or as large as the drawing
                is, of a gif 512.
            pieces: of an svg, see ``to_svg``.
            background: see ``to_svg``; gifs have one.
            seconds: of an svg, see ``to_svg``.
            width: likewise.

        Raises:
            ValueError: another ending or background, or ``.obj`` of what is flat.
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"cannot save as {path.suffix!r}; use one of {' '.join(FORMATS)}")
        if background not in get_args(Background):
            raise ValueError(f"background must be white, black or transparent, got {background!r}")
        with whole(path) as beside:
            FORMATS[path.suffix.lower()](self, beside, size, pieces, background, seconds, width, path.stem)

    @classmethod
    def load(cls, path) -> Drawing:
        """Read a drawing saved as json.

        Raises:
            ValueError: the file is no drawing, or its renderer or actions are wrong.
        """
        try:
            data = json.loads(Path(path).read_text())
            renderer = RENDERERS[data["renderer"]](**data["options"])
            with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
                actions = np.array(data["actions"], np.float32)
            return cls(actions.reshape(-1, len(renderer.action_spec)), renderer)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a drawing saved by drawenv: {error!r}") from None


_COLORS = ((0,), (1, 2), (0, 1), (2,), (1,), (0, 2))  # red, cyan, yellow, blue, green, magenta


def _save_png(drawing: Drawing, path: Path, size: int | None, _, background: Background, *__) -> None:
    shown = drawing.render(size or max(512, *drawing.sides))
    if drawing._ink_alone and background == "transparent":
        shown = np.stack([np.zeros_like(shown), shown], -1)  # black, as opaque as there is ink
    elif drawing._ink_alone and background == "white":
        shown = 255 - shown
    Image.fromarray(shown).save(path)


def _save_gif(drawing: Drawing, path: Path, size: int | None, _, background: Background, *__) -> None:
    every, dark = -(-len(drawing) // 100) or 1, drawing._ink_alone and background != "black"
    frames = drawing.frames(size or 512, every)
    first, *rest = [Image.fromarray(255 - frame if dark else frame) for frame in frames]
    times = [300 if len(rest) < 30 else 60] * len(rest) + [1500]  # ms; the finished picture stays
    first.save(path, save_all=True, append_images=rest, duration=times, loop=0)


# How a drawing is saved, by the file's ending.
FORMATS: dict[str, Callable[..., object]] = {
    ".svg": lambda drawing, path, size, *svg: path.write_text(drawing.to_svg(*svg)),
    ".png": _save_png,
    ".gif": _save_gif,
    ".json": lambda drawing, path, *_: path.write_text(drawing.to_json()),
    ".obj": lambda drawing, path, *_: path.write_text(drawing.renderer.to_obj(drawing.actions)),
}


def draw_kept(renderer: Renderer, actions: np.ndarray, keep: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Canvases uint8 ``[B, C, size, size]`` with the strokes that are kept.

    Args:
        renderer: draws them.
        actions: float32 ``[B, strokes, n]``.
        keep: bool ``[B, strokes]``.
        before: the canvases to draw on, uint8 ``[B, C, size, size]``; left as they are.
    """
    canvas = before.copy()
    for k in range(actions.shape[1]):
        rows = keep[:, k]
        part = canvas[rows]
        renderer.draw(part, actions[rows, k])
        canvas[rows] = part
    return canvas
