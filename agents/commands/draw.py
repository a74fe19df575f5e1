"""Pictures in, strokes out, with pretrained weights."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro

from .common import Device, fail, prepare, progress, save_sheet
from .recipes import ABOUT

_RECIPES = "A recipe's name, a folder of weights, or a Hub repository. " + ". ".join(
    f"{name}: {what}" for name, what in ABOUT.items()
)


@dataclass
class Arguments:
    """Draw pictures: writes an SVG for each, or what the ending of OUT says.

    Of floor plans also their rooms, as NAME.rooms.json.
    """

    images: Annotated[list[Path], tyro.conf.Positional]
    """Pictures of any size, or folders of them; dark ink on light paper or light on dark. Of a scene, its
    views side by side."""
    recipe: Annotated[str, tyro.conf.arg(help=_RECIPES)] = "lines"
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """A file (.svg .png .gif .json, of boxes in space .obj) for one picture, or a folder (default: here)."""
    effort: int = 2
    """Rounds in which each stroke is drawn anew, the others in place; 0 is one pass. From 8 on every four
    begin anew, and the best drawing stays; not so of pages."""
    refine: int = 0
    """Gradient steps on the strokes after drawing; with effort they gain little."""
    invert: Literal["auto", "yes", "no"] = "auto"
    """Whether pictures are dark ink on paper; auto decides by their brightness."""
    lines: Literal["auto", "yes", "no"] = "auto"
    """Of recipes for pages: whether they are photographs, of which a line sketch is made first."""
    scale: float | None = None
    """Of recipes for pages: how many times smaller they are drawn (default: as suits their lines)."""
    stride: int | None = None
    """Of recipes for pages: pixels from one window to the next (default: the recipe's, 32)."""
    strokes: int | None = None
    """At most, of a picture or of a page's window (default: the recipe's)."""
    price: float | None = None
    """What a stroke must save of the squared error, or it is left out (default: the recipe's). A higher price
    makes fewer and longer strokes."""
    pieces: bool = False
    """Write the strokes of an SVG as they were drawn; else they become few long ones."""
    background: Literal["white", "black", "transparent"] = "white"
    """Of ink alone, which is black on it, or white on black."""
    mm: str | None = None
    """Paper of a plotter, WIDTHxHEIGHT in mm, for instance 210x297: SVGs are in mm, black, on nothing; pens
    come in an order with little travel."""
    pen: float | None = None
    """Width of each pen of an SVG in px of the picture (default: its own); with --mm, of the plotter's in mm:
    wider strokes are filled with it."""
    graph: bool = False
    """Also write the pens as a graph, NAME.graph.json: points, edges, pens."""
    size: int | None = None
    """Longer side of a PNG or GIF in pixels (default: 512, or a page's own)."""
    animate: float | None = None
    """In so many seconds an SVG draws itself, where a browser shows it."""
    gif: bool = False
    """Also write a GIF, stroke by stroke."""
    sheet: Path | None = None
    """Also write one PNG: each picture with its drawing below."""
    skip_existing: bool = False
    """Leave out pictures whose drawings are there already."""
    jobs: int = 1
    """Processes that draw, each a picture at a time."""
    ray: str | None = None
    """Draw on the Ray cluster at this address, which sees the same files; local: on one made for it here."""
    manifest: Path | None = None
    """Add a line of JSON for each picture to this file: its drawing and strokes, or what was wrong."""
    device: Device = "cpu"
    """To compute on; for single pictures a GPU gains nothing."""
    preset: Literal["full", "debug"] = "full"
    """debug: the same, without refinement."""


def paper(mm: str | None) -> tuple[float, float] | None:
    """Width and height of WIDTHxHEIGHT.

    Raises:
        ValueError: it is something else.
    """
    if mm is None:
        return None
    sides = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", mm)
    if not sides or not all(float(side) for side in sides.groups()):
        raise ValueError(f"--mm must be a width and a height in mm, for instance 210x297, got {mm!r}")
    return float(sides[1]), float(sides[2])


def real(path: Path) -> Path:
    """A file's own path; of what can be none, for instance a link to itself, the path given."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def files_to_write(arguments: Arguments, rooms: bool) -> dict[Path, dict[str, Path]]:
    """For each picture the files that its drawing becomes, by what they hold.

    Raises:
        ValueError: two drawings would be one file, or a picture would be overwritten.
    """
    from drawenv.drawing import FORMATS
    from drawenv.targets.pictures import in_folder

    out, named = arguments.out or Path(), []
    for path in arguments.images:
        named += in_folder(path) if path.is_dir() else [path]
    images = list({real(path): path for path in named}.values())  # each file once
    one_file = out.suffix.lower() in FORMATS
    if out.suffix[1:].isalpha() and not one_file and not out.is_dir():
        raise ValueError(f"{out} is neither a folder nor a file that can be written: {' '.join(FORMATS)}")
    if one_file and len(images) > 1:
        raise ValueError(f"{out} is one file, but {len(images)} pictures are given: name a folder")
    if len({path.stem for path in images}) < len(images):
        raise ValueError("two of the pictures have one name, and so would their drawings: rename one")
    files = {}
    for path in images:
        file = out if one_file else out / f"{path.stem}.svg"
        files[path] = {"drawing": file}
        if arguments.gif and file.suffix.lower() != ".gif":
            files[path]["gif"] = file.with_suffix(".gif")
        if arguments.graph:
            files[path]["graph"] = file.with_suffix(".graph.json")
        if rooms:
            files[path]["rooms"] = file.with_suffix(".rooms.json")
    written = [file for some in files.values() for file in some.values()]
    written += [arguments.sheet] if arguments.sheet else []
    own = {real(path) for path in images}
    for file in written:
        if real(file) in own:
            raise ValueError(f"{file} is one of the pictures and would be overwritten: give another name")
    if len({real(file) for file in written}) < len(written):
        raise ValueError("two of the files to write have one name: give --sheet or -o another")
    return files


class Worker:
    """Draws pictures as arguments say.

    Attributes:
        drawer: the agent.
        paper: width and height of a plotter's in mm, or None.
    """

    def __init__(self, arguments: Arguments):
        from .. import Drawer

        # One picture at a time: more threads only wait for each other.
        self.drawer = Drawer.from_pretrained(arguments.recipe, prepare(arguments.device, threads=1))
        if arguments.price is not None:
            self.drawer = self.drawer.with_recipe(price=arguments.price)
        self.arguments, self.paper = arguments, paper(arguments.mm)

    def check(self) -> None:
        """Find what cannot be, before minutes are spent.

        Raises:
            ValueError: arguments that are not for this recipe, or not for one another.
        """
        arguments, has_paths = self.arguments, self.drawer.renderer.has_paths
        if arguments.price is not None and not 0 <= arguments.price <= 1e6:
            raise ValueError(f"--price must be from 0 to 1000000, got {arguments.price}")
        if arguments.pen is not None and (not 0 < arguments.pen <= 1e4 or arguments.pieces or not has_paths):
            raise ValueError(f"--pen is a width over 0, and of pens, not of pieces or boxes: {arguments.pen}")
        if arguments.graph and not has_paths:
            raise ValueError(f"--graph is of pens, and {self.drawer.recipe.name} draws with none")
        if self.paper and (arguments.pieces or not has_paths):
            raise ValueError("--mm is for plotters: it goes with pens, neither with --pieces nor with boxes")
        if arguments.animate is not None:
            if self.paper or arguments.pieces or not has_paths:
                raise ValueError("--animate is for pens: not with --mm, nor with --pieces, nor with boxes")
            if not 0 < arguments.animate <= 3600:
                raise ValueError(f"--animate is in seconds, over 0 to 3600, got {arguments.animate}")

    def __call__(self, path: Path, to: dict[str, Path], report: Callable[[int, int], None] | None = None):
        """See ``draw``; what it raises of a picture is given back."""
        try:
            return self.draw(path, to, report)
        except (ValueError, FileNotFoundError) as error:
            return error

    def draw(self, path: Path, to: dict[str, Path], report: Callable[[int, int], None] | None = None) -> Made:
        """Draw a picture and write what is wanted of it.

        Args:
            path: of the picture.
            to: see ``files_to_write``.
            report: of a page, called with (windows done, of how many).

        Raises:
            ValueError: it is no picture, or an option is out of range.
            FileNotFoundError: there is none.
        """
        from drawenv.files import write_whole
        from drawenv.graph import graph
        from drawenv.plot import on_paper, to_svg, travel
        from drawenv.targets.pictures import is_photograph, line_sketch
        from drawenv.tasks.rooms import rooms

        arguments, drawer = self.arguments, self.drawer
        names = ("scale", "stride", "strokes")
        options: dict[str, Any] = {
            name: value for name in names if (value := getattr(arguments, name)) is not None
        }
        if drawer.recipe.stride:
            options["report"] = report
        refine = 0 if arguments.preset == "debug" else arguments.refine
        sketch = drawer.recipe.stride and arguments.lines != "no"
        sketch = sketch and (arguments.lines == "yes" or is_photograph(path))
        source, invert = (line_sketch(path), "no") if sketch else (path, arguments.invert)
        drawing = drawer.draw(source, arguments.effort, refine, invert, **options)
        to["drawing"].parent.mkdir(parents=True, exist_ok=True)
        note = "its lines; " if sketch else ""
        if drawing.picture is not None and drawing.picture.shape != drawing.sides:
            note += f"seen {max(drawing.sides) / max(drawing.picture.shape):.2g} times smaller; "
        note += f"{len(drawing)} strokes" if len(drawing) else "nothing to draw was found"
        if self.paper:
            pens = on_paper(drawing, self.paper, arguments.pen)
            write_whole(to["drawing"], to_svg(pens, self.paper))
            note += f", {len(pens)} pens, {travel(pens):.0f} mm in the air"
        else:
            drawing.save(
                to["drawing"],
                arguments.size,
                arguments.pieces,
                arguments.background,
                arguments.animate,
                arguments.pen,
            )
            if to["drawing"].suffix == ".svg" and drawer.renderer.has_paths and not arguments.pieces:
                count = len(drawing.pens())
                note += f", {count} pen{'s' * (count != 1)}"
        if "gif" in to:
            drawing.save(to["gif"], arguments.size, background=arguments.background)
        if "graph" in to:
            write_whole(to["graph"], json.dumps(graph(drawing.pens())) + "\n")
        if "rooms" in to:
            found = [room._asdict() for room in rooms(drawing)]
            write_whole(to["rooms"], json.dumps(found, indent=1) + "\n")
        shown = ([drawer.read(source, invert)], drawing) if arguments.sheet else None
        return Made(f"{path} -> {to['drawing']} ({note})", len(drawing), shown)


class Made(NamedTuple):
    """What became of a picture: a line that says it, and what is to be shown on the sheet."""

    line: str
    strokes: int
    shown: tuple | None


def drawn(
    arguments: Arguments, worker: Worker, files: dict[Path, dict[str, Path]], bar
) -> Iterator[tuple[Path, Made | Exception]]:
    """Each picture with what became of it, as soon as it is done: here, or in processes of their own."""
    from . import many

    task, done = bar.add_task("drawing", total=len(files), note=""), 0
    jobs, others = min(arguments.jobs, len(files)), None
    if arguments.ray:
        others = many.on_ray(Worker, arguments, files, jobs, arguments.ray)
    elif jobs > 1:
        others = many.in_processes(Worker, arguments, files, jobs)
    for result in others or ():
        bar.update(task, advance=1)
        yield result
    if others:
        return

    def report(windows: int, total: int) -> None:
        # Then come the pens: those of large pages take seconds.
        note = f"window {windows} of {total}" if windows < total else "pens"
        bar.update(task, completed=done + windows / total, note=note)

    for path, to in files.items():
        made = worker(path, to, report)
        done += 1
        bar.update(task, completed=done)
        yield path, made


def main(arguments: Arguments) -> None:
    if not arguments.images:
        raise ValueError("no pictures to draw: name some")
    if not 1 <= arguments.jobs <= 1024:
        raise ValueError(f"--jobs must be from 1 to 1024 processes, got {arguments.jobs}")
    worker = Worker(arguments)
    recipe = worker.drawer.recipe
    files = files_to_write(arguments, rooms=bool(recipe.rooms.plans))
    worker.check()
    if worker.paper and any(to["drawing"].suffix.lower() != ".svg" for to in files.values()):
        raise ValueError("--mm is for SVGs: let the name after -o end in .svg, or be a folder")
    if arguments.skip_existing:
        there = [path for path, to in files.items() if all(file.exists() for file in to.values())]
        files = {path: to for path, to in files.items() if path not in there}
        print(f"{len(there)} drawings are there already")
    failed, made, manifest = 0, {}, arguments.manifest or Path(os.devnull)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    bar = progress(transient=True, disable=not recipe.stride and len(files) < 5)
    with open(manifest, "a", buffering=1) as rows, bar:
        for path, result in drawn(arguments, worker, files, bar):
            if isinstance(result, Exception):
                failed, row = fail(result), {"error": str(result)}
            else:
                row = {"drawing": str(files[path]["drawing"]), "strokes": result.strokes}
                if arguments.sheet:
                    made[path] = result.shown
                print(result.line)
            rows.write(json.dumps({"picture": str(path)} | row) + "\n")
    if arguments.sheet and made:
        pairs = [made[path] for path in files if path in made]
        save_sheet(pairs, arguments.sheet, columns=5 if recipe.stride else 10)
        print(f"all of them -> {arguments.sheet}")
    if failed:
        sys.exit(failed)
