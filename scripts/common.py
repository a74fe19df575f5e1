"""What every script does: memory settings, arguments, one-line errors, progress."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

# Without these the C library hands large tensors back to the system after every operation, and
# the page faults cost more than the arithmetic: twice the time for the same training step.
_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}


def run(main: Callable, arguments: type) -> None:
    """Run a script: parse the arguments, turn bad input into one line and exit code 2."""
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        os.environ.update(_MALLOC)  # read when a process starts, hence once more from the top
        os.execv(sys.executable, [sys.executable, *sys.argv])
    import tyro

    try:
        main(tyro.cli(arguments))
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("DRAWENV_DEBUG"):
            raise
        sys.exit(fail(error))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)


def fail(error: Exception) -> int:
    """Print an error as one line; returns exit code 2."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 2


def machine() -> str:
    """What ran it, for the record beside the weights."""
    import torch

    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def progress(**options):
    """A rich progress bar with speed and time left, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"),
        TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), **options,
    )  # fmt: skip


def save_sheet(pairs: list, path: Path, columns: int = 10) -> None:
    """A PNG of pictures, dark on light, each with its drawing below.

    Pages of sliding recipes are shown larger, with their strokes in colours below.

    Args:
        pairs: of a picture, uint8 ``[H, W]`` with light ink, and its ``Drawing``.
        path: where to write it.
        columns: pairs in a row.
    """
    import numpy as np
    from PIL import Image

    from drawenv.targets.pictures import square

    pages = max(pairs[0][1].sides) > 64
    side, columns = 320 if pages else 128, min(columns, len(pairs))
    sheet = np.full((2 + pages, -(-len(pairs) // columns), side, columns, side, 3), 255, np.uint8)
    for k, (ink, drawing) in enumerate(pairs):
        row, column = divmod(k, columns)
        drawn = drawing.render(max(side, *drawing.sides))
        for i, picture in enumerate((ink, drawn)):
            sheet[i, row, :, column] = 255 - square(picture, side)[..., None]
        if pages:
            colors = drawing.render_strokes(max(side, *drawing.sides))
            sheet[2, row, :, column] = np.stack([square(c, side) for c in colors.transpose(2, 0, 1)], -1)
    height, width = sheet.shape[0] * sheet.shape[1] * side, columns * side
    picture = Image.fromarray(sheet.transpose(1, 0, 2, 3, 4, 5).reshape(height, width, 3))
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
