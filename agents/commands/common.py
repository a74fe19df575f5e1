"""What every command and script does: memory settings, arguments, one-line errors, devices, progress."""

from __future__ import annotations

import json
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal, cast

# Without these the C library hands large tensors back to the system after every operation, and
# the page faults cost more than the arithmetic: twice the time for the same training step.
_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}
Device = Literal["auto", "cpu", "cuda", "mps"]


def run(main: Callable, arguments: type, parse: Callable | None = None) -> None:
    """Run a script: parse the arguments, turn an error into one line and exit code 2.

    Args:
        main: takes the arguments.
        arguments: a dataclass.
        parse: makes them of that class, if not tyro alone.
    """
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        os.environ.update(_MALLOC)  # read when a process starts, hence once more from the top
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    import tyro

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")  # of names that are no UTF-8
    try:
        main((parse or tyro.cli)(arguments))
    except Exception as error:
        if os.environ.get("DRAWENV_DEBUG"):
            raise
        sys.exit(fail(error))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)


def with_recipe(arguments: type) -> Any:
    """Parse arguments that hold a recipe's name in ``recipe`` and its fields in ``fields``.

    The fields' defaults are those of the recipe that is named, at debug size if the preset says so.
    """
    import tyro

    from ..recipes import get_recipe

    named: Any = tyro.cli(arguments)
    recipe = get_recipe(named.recipe)
    if named.preset == "debug":
        recipe = recipe.debug()
    defaults = {name: getattr(named, name) for name in vars(named)} | {"fields": recipe}
    return tyro.cli(arguments, default=arguments(**defaults))


def command() -> str:
    """The command that was given, but for where it ran and where its results went."""
    words, kept = iter(sys.argv[1:]), []
    for word in words:
        if word in ("--out", "--device", "--threads"):
            next(words, None)
        elif not word.startswith(("--out=", "--device=", "--threads=")):
            kept.append(word)
    program = sys.argv[0] if sys.argv[0].startswith("drawenv ") else f"scripts/{Path(sys.argv[0]).name}"
    return f"{program} {shlex.join(kept)}".strip()


def provenance(seed: int) -> dict:
    """How something was made, for the record beside it: command, commit, seed and machine."""
    try:
        ask = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        commit = subprocess.run(ask, capture_output=True, text=True).stdout.strip() or None
    except OSError:  # no git here
        commit = None
    return {"command": command(), "commit": commit, "seed": seed, "machine": machine()}


def print_result(result: dict, as_json: bool, out: Path | None) -> None:
    """Print figures, line by line or as one JSON object, and write that to a file if one is given."""
    if out:
        from drawenv.files import write_whole

        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(result, indent=1) + "\n")
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:30} {value:.5g}" if isinstance(value, float) else f"{name:30} {value}")


def fail(error: Exception) -> int:
    """Print an error as one line; returns exit code 2."""
    text = " ".join(str(error).split())
    if not isinstance(error, (ValueError, TypeError, OSError)):  # its text alone may say little
        text = f"{type(error).__name__}: {text} (DRAWENV_DEBUG=1 shows where)"
    print("error:", text, file=sys.stderr)
    return 2


def prepare(device: Device, threads: int | None = None, train: bool = False):
    """The device to compute on, with the settings that make it fast.

    Args:
        device: ``auto`` takes the first of cuda, mps and cpu that is there.
        threads: of the processor; all if None.
        train: take the tiniest numbers for 0, as networks may. Pens may not: where many points have the
            coordinate 0, scipy would divide them for ever.

    Raises:
        ValueError: there is no such device.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(train)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = next(n for n in there if there[n]) if device == "auto" else device
    if not there[name]:
        raise ValueError(f"there is no device {device!r} here: --device auto takes what there is")
    if name == "cuda":
        torch.set_float32_matmul_precision("high")  # TensorFloat-32: some times faster
    return torch.device(name)


def machine() -> str:
    """What ran it, for the record beside the weights."""
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}{gpu}"


def versions() -> dict[str, str]:
    """The machine, and the versions of what results depend on."""
    from importlib.metadata import version

    names = ("torch", "stable-baselines3", "gymnasium", "numpy")
    return {"machine": machine(), "python": platform.python_version()} | {n: version(n) for n in names}


def progress(**options):
    """A progress bar with time left on standard error; lines, where that is no terminal."""
    from .progress import Bar

    return Bar(**options)


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

    Pages of sliding recipes are shown larger, with their pens in colours below.

    Args:
        rows: of pictures (the hint if there is one, the target if known), each uint8
            ``[C, H, W]``, and their ``Drawing``.
        path: where to write it.
        columns: drawings in a row; fewer if they have several views.
    """
    import numpy as np
    from PIL import Image

    from drawenv.files import whole
    from drawenv.renderers.base import side_by_side
    from drawenv.targets.pictures import squares

    pages = any(max(drawing.sides) > 64 for _, drawing in rows)
    views = len(rows[0][1].renderer.views)
    side, columns = 320 if pages else 128, min(-(-columns // views), len(rows))

    def cell(channels: np.ndarray) -> np.ndarray:
        """``[C, H, W]`` as ``[side, views * side, 3]``."""
        picture = side_by_side(squares(channels, side, [0]), views)
        return picture if picture.ndim == 3 else 255 - np.stack([picture] * 3, -1)

    cells = []  # [column of pictures] of each drawing
    for pictures, drawing in rows:
        drawn = np.atleast_3d(drawing.render(max(side, *drawing.sides))).transpose(2, 0, 1)
        parts = [*pictures, np.concatenate(np.split(drawn, views, 2))]
        if pages:
            parts.append(drawing.render_strokes(max(side, *drawing.sides)).transpose(2, 0, 1))
        cells.append(np.concatenate([cell(part) for part in parts]))
    blank = np.full_like(cells[0], 255 if drawn.shape[0] == 1 else 0)  # as the paper of the others
    cells += [blank] * (-len(cells) % columns)
    lines = [np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells), columns)]
    picture = Image.fromarray(np.concatenate(lines))
    path.parent.mkdir(parents=True, exist_ok=True)
    colors = 64 if drawn.shape[0] == 1 else 256
    with whole(path) as beside:
        picture.quantize(colors, dither=Image.Dither.NONE).save(beside, optimize=True)
