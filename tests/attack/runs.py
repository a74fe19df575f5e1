"""Runs that are killed, at any moment, and pictures drawn by processes that are."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from agents import Drawer
from agents.commands import common, draw
from attack import attack
from drawenv import Symbols

ROOT = Path(__file__).parent.parent.parent
DEBUG = ("--preset", "debug", "--threads", "1")
RUNS = {
    "quickstart": ("scripts/train_drawer.py", "quickstart", *DEBUG),
    "pages": ("scripts/train_drawer.py", "sketch-10", *DEBUG, "--targets", "{pictures}"),
    "PPO": ("scripts/train_ppo.py", "quickstart", *DEBUG),
}
KILLS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def start(run: str, out: Path, pictures: Path) -> subprocess.Popen:
    command = [word.format(pictures=pictures) for word in RUNS[run]]
    return subprocess.Popen(
        [sys.executable, *command, "--out", out], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def weights(out: Path) -> dict[str, bytes]:
    """The files of weights in a folder."""
    return {path.name: path.read_bytes() for path in out.glob("*.safetensors")}


def draw_symbols(folder: Path, n: int, size: int = 64) -> None:
    """Pictures of symbols, dark on light."""
    for i, picture in enumerate(Symbols(size).sample(n, np.random.default_rng(0))):
        Image.fromarray(255 - picture[0]).save(folder / f"{i}.png")


@attack(100, 0)
def kills(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a training that is killed or told to stop once or twice, anywhere, and begun again each time:
    its weights must be those of one that was left alone.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        draw_symbols(folder / "pictures", 11, 128)
        wanted, seconds = {}, {}
        for k in range(tries):
            run = list(RUNS)[k % len(RUNS)]
            if run not in wanted:
                begun = time.monotonic()
                start(run, folder / run, folder / "pictures").communicate()
                wanted[run], seconds[run] = weights(folder / run), time.monotonic() - begun
            out, wrong = folder / f"{run}-{k}", None
            for _ in range(rng.randint(1, 2)):
                process, how = start(run, out, folder / "pictures"), rng.choice(KILLS)
                time.sleep(rng.uniform(0, seconds[run]))
                process.send_signal(how)
                _, said = process.communicate()
                if "Traceback" in said or "error:" in said:
                    wrong = f"{run} after {how.name}: {said.splitlines()[-1]}"
            _, said = start(run, out, folder / "pictures").communicate()
            if not wanted[run] or weights(out) != wanted[run]:
                wrong = f"{run}: other weights; {said.strip().splitlines()[-1:]}"
            yield wrong
            shutil.rmtree(out, ignore_errors=True)


@attack(10_000, 20)
def drawn_by_processes_that_die(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a picture, one in twenty of them no picture; a process that draws is killed now and then.
    Each must be drawn or named, once.
    """

    def children(pid: int) -> list[str]:
        own = Path(f"/proc/{pid}/task/{pid}/children")
        return own.read_text().split() if own.exists() else []

    yield from drawn_while_killed(tries, seed, (), children)


@attack(10_000, 0)
def drawn_by_actors_of_ray_that_die(tries: int, seed: int) -> Iterator[str | None]:
    """The same under Ray, where it is installed."""
    if find_spec("ray") is None:
        return

    def actors(pid: int) -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if path.read_bytes().startswith(b"ray::MapWorker"):
                    found.append(path.parent.name)
        return found

    yield from drawn_while_killed(tries, seed, ("--ray", "local"), actors)


def drawn_while_killed(
    tries: int, seed: int, options: tuple[str, ...], victims: Callable[[int], list[str]]
) -> Iterator[str | None]:
    """See ``drawn_by_processes_that_die``; ``victims`` are processes that draw, of a run by its number."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        draw_symbols(folder / "in", tries)
        broken = set(rng.sample(range(tries), tries // 20))
        for i in broken:
            (folder / f"in/{i}.png").write_bytes(b"\x89PNG\r\n")
        command = shlex.split("scripts/draw.py --recipe quickstart --effort 0 --jobs 2")
        command += [*options, folder / "in", "-o", folder / "out", "--manifest", folder / "manifest.jsonl"]
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        before = -1  # drawn; who starts more slowly than they are killed would never draw
        while process.poll() is None:
            time.sleep(rng.uniform(2, 10))
            drawn = len(list(folder.glob("out/*.svg")))
            if drawn > before and (alive := victims(process.pid)):
                before = drawn
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(rng.choice(alive)), signal.SIGKILL)
        rows = list(map(json.loads, (folder / "manifest.jsonl").read_text().splitlines()))
        by_picture = {row["picture"]: row for row in rows}
        for i in range(tries):
            row, out = by_picture.get(str(folder / f"in/{i}.png"), {}), folder / f"out/{i}.svg"
            drawn = out.exists() and "</svg>" in out.read_text()
            right = ("error" in row and not out.exists()) if i in broken else ("drawing" in row and drawn)
            yield None if right else f"{i}, broken: {i in broken}, drawn: {drawn}, manifest: {row}"
        if not len(rows) == len(by_picture) == tries:
            yield f"{len(rows)} rows in the manifest for {tries} pictures"


@attack(200, 8)
def threads(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a picture drawn by one of eight threads that share a drawer: as one thread draws it."""
    drawer = Drawer.from_pretrained("quickstart")
    symbols = Symbols(64).sample(tries, np.random.default_rng(seed))[:, 0]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(map(drawer.draw, symbols), pool.map(drawer.draw, symbols), strict=True):
            yield None if np.array_equal(one.actions, other.actions) else "threads draw something else"


OPTIONS = {
    "--effort": "0 1 -1 x 1e9 1000000", "--refine": "0 1 -3 nan", "--invert": "auto yes maybe",
    "--lines": "auto no yes?", "--scale": "1 inf nan 0 -1", "--stride": "8 0 -1 1000",
    "--strokes": "1 0 -1 1000000 1.5", "--price": "0 1 -1 nan inf", "--mm": "210x297 0x0 x 1e9x1 -1x5",
    "--background": "black transparent red", "--pen": "0.5 0 nan -1 inf", "--size": "64 0 -1 1000000",
    "--animate": "1 0 nan 1e9", "--jobs": "1 0 -1 x", "--pieces": "", "--gif": "", "--graph": "",
    "--recipe": "quickstart mnist-4 mnist / no/such lines", "--device": "cpu tpu", "--threads": "1",
    "--sheet": "{out}/sheet.png {out} {out}/sheet.txt", "--manifest": "{out}/m.jsonl {out}",
    "-o": "{out}/a.svg {out}/a.png {out}/b {out}/a.pdf {out}/a.json {out}/a.obj {out}/a.gif",
}  # fmt: skip


@attack(3_000, 30)
def command_line(tries: int, seed: int) -> Iterator[str | None]:
    """A try is draw.py with options that are right or wrong: it draws, or says in few words why not."""
    rng = random.Random(seed)
    own = {"MALLOC_MMAP_THRESHOLD_": "1000000", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name, patch.dict(os.environ, own):
        draw_symbols(Path(name), 2)
        pictures = [f"{name}/0.png", f"{name}/1.png", f"{name}/no.png", name, ""]
        for _ in range(tries):
            words = rng.choices(pictures, (6, 2, 1, 1, 1), k=rng.choice([0, 1, 1, 1, 2]))
            for option in rng.sample(list(OPTIONS), rng.randint(0, 4)):
                words += [option, rng.choice(OPTIONS[option].split() or [""]).format(out=f"{name}/out")]
            words = [word for word in words if word] + ([] if "-o" in words else ["-o", f"{name}/out"])
            said, code = io.StringIO(), None
            try:
                with (
                    patch.object(sys, "argv", ["draw.py", *words]), patch.object(sys, "stdout", Quiet()),
                    contextlib.redirect_stderr(said),
                ):  # fmt: skip
                    common.run(draw.main, draw.Arguments)
            except SystemExit as error:
                code = error.code
            except BaseException as error:
                code = repr(error)
            shown = shlex.join(words).replace(name, "")
            unknown = "Traceback" in said.getvalue() or "DRAWENV_DEBUG" in said.getvalue()
            yield f"{shown}: {code} {said.getvalue()[-200:]}" if code not in (None, 0, 2) or unknown else None


class Quiet(io.StringIO):
    """Standard output that nobody reads."""

    def reconfigure(self, **_) -> None:
        """As of a file."""


@attack(10, 0)
def one_of_two_processes_of_a_training_dies(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a training by two processes of ``torchrun``, which begins again when one of them is killed."""
    rng, wanted = random.Random(seed), {}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--max-restarts=3"]
    torchrun += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", *RUNS["quickstart"]]
    for k in range(tries + 1):
        with tempfile.TemporaryDirectory() as name:
            out, log = Path(name) / "run", Path(name) / "run/log.jsonl"
            process = subprocess.Popen(
                [*torchrun, "--train.pictures", "3000", "--out", out], cwd=ROOT, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            rows = rng.randint(1, 15) if k else 100
            while process.poll() is None and (not log.exists() or len(log.read_text().splitlines()) < rows):
                time.sleep(0.1)
            if process.poll() is None:
                workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                os.kill(int(rng.choice(workers)), signal.SIGKILL)
            process.wait()
            if k:
                yield None if weights(out) == wanted else f"other weights after row {rows}"
            else:
                wanted = weights(out)
