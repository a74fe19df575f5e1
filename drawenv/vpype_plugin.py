"""A command of vpype, the plotter's tool: ``vpype drawenv page.png linesort gwrite out.gcode``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from itertools import groupby
from operator import attrgetter

import click
import vpype  # ty: ignore[import-not-found]
import vpype_cli  # ty: ignore[import-not-found]

from drawenv.plot import on_paper

PX = 96 / 25.4  # vpype's in a millimetre
A4 = (210.0, 297.0)  # mm


@click.command("drawenv")
@click.argument("picture", type=vpype_cli.PathType(exists=True, dir_okay=False))
@click.option("-r", "--recipe", default="lines", help="As of drawenv draw.")
@click.option("-e", "--effort", type=vpype_cli.IntegerType(), default=2, help="Rounds of redrawing.")
@click.option(
    "-p",
    "--pen",
    type=vpype_cli.LengthType(),
    help="Width of the plotter's: wider strokes are filled with it.",
)
@vpype_cli.global_processor
def draw(
    document: vpype.Document, picture: str, recipe: str, effort: int, pen: float | None
) -> vpype.Document:
    """Draw PICTURE in pen strokes: as large as fits the page, which is an A4 one unless pagesize said
    otherwise. Each colour becomes a layer.
    """
    agents = import_module("drawenv.agents" if find_spec("drawenv.agents") else "agents")
    try:
        drawing = agents.Drawer.from_pretrained(recipe).draw(picture, effort)
        height, width = drawing.sides
        if document.page_size is None:
            document.page_size = tuple(PX * side for side in (A4 if height >= width else A4[::-1]))
        paper = (document.page_size[0] / PX, document.page_size[1] / PX)
        pens = on_paper(drawing, paper, pen / PX if pen else None)
    except (ValueError, FileNotFoundError) as error:
        raise click.BadParameter(str(error)) from None
    for color, some in groupby(sorted(pens, key=attrgetter("color")), attrgetter("color")):
        each = list(some)
        points = [one.points() * PX for one in each]
        lines = vpype.LineCollection([line[:, 0] + 1j * line[:, 1] for line in points])
        lines.set_property(vpype.METADATA_FIELD_COLOR, vpype.Color(*color))
        lines.set_property(vpype.METADATA_FIELD_PEN_WIDTH, min(one.width for one in each) * PX)
        document.add(lines, document.free_id(), with_metadata=True)
    return document


draw.help_group = "Input"  # ty: ignore[missing-attribute]
