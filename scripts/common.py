"""What every script does: memory settings, arguments, one-line errors, progress."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
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


def versions() -> dict[str, str]:
    """The machine, and the versions of what results depend on."""
    from importlib.metadata import version

    names = ("torch", "stable-baselines3", "gymnasium", "numpy")
    return {"machine": machine(), "python": platform.python_version()} | {n: version(n) for n in names}


def progress(**options):
    """A rich progress bar with speed and time left, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"),
        TextColumn("{task.fields[note]}"), TimeElapsedColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), **options,
    )  # fmt: skip


def together(title: str, todo: Mapping[str, Callable[[], None]], jobs: int) -> None:
    """Do what has names, ``jobs`` at a time, with a progress bar; the first error ends it."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with progress() as bar, ThreadPoolExecutor(jobs) as pool:
        task = bar.add_task(title, total=len(todo), note="")
        futures = {pool.submit(work): name for name, work in todo.items()}
        for future in as_completed(futures):
            if future.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            future.result()
            bar.update(task, advance=1, note=futures[future])


def save_sheet(rows: list, path: Path, columns: int = 10) -> None:
    """A PNG of pictures, each with its drawing below: gray ones dark on light.

    Pages of sliding recipes are shown larger, with their strokes in colours below.

    Args:
        rows: of pictures (the hint if there is one, the target if known), each uint8
            ``[C, H, W]``, and their ``Drawing``.
        path: where to write it.
        columns: drawings in a row; fewer if they have several views.
    """
    import numpy as np
    from PIL import Image

    from drawenv.drawing import side_by_side
    from drawenv.targets.pictures import square

    first = rows[0][1]
    pages, views = max(first.sides) > 64, getattr(first.renderer, "views", 1)
    side, columns = 320 if pages else 128, min(-(-columns // views), len(rows))

    def shown(channels: np.ndarray) -> np.ndarray:
        """``[C, H, W]`` as ``[side, views * side, 3]``."""
        squares = np.stack([square(channel, side) for channel in channels])
        picture = side_by_side(squares, views)
        return picture if picture.ndim == 3 else 255 - np.stack([picture] * 3, -1)

    cells = []  # [column of pictures] of each drawing
    for pictures, drawing in rows:
        drawn = np.atleast_3d(drawing.render(max(side, *drawing.sides))).transpose(2, 0, 1)
        parts = [*pictures, np.concatenate(np.split(drawn, views, 2))]
        if pages:
            parts.append(drawing.render_strokes(max(side, *drawing.sides)).transpose(2, 0, 1))
        cells.append(np.concatenate([shown(part) for part in parts]))
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % columns)
    lines = [np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells), columns)]
    picture = Image.fromarray(np.concatenate(lines))
    colors = 64 if drawn.shape[0] == 1 else 256
    picture.quantize(colors, dither=Image.Dither.NONE).save(path, optimize=True)
