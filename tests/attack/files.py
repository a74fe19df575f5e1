"""Files that are broken, odd or damaged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from agents import Drawer, get_recipe
from agents.states import load_state, save_state
from attack import attack
from drawenv import Drawing
from drawenv.renderers import BezierRenderer

ROOT = Path(__file__).parent.parent.parent
MODES = {
    ".png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), ".jpg": ("L", "RGB", "CMYK"),
    ".gif": ("L", "P", "RGB"), ".bmp": ("1", "L", "RGB"), ".tif": ("1", "L", "RGB", "RGBA", "F", "I;16"),
    ".webp": ("RGB", "RGBA"), ".ppm": ("L", "RGB"), ".tga": ("L", "RGB"), ".ico": ("RGBA",),
    ".dds": ("RGB", "RGBA"),
}  # fmt: skip


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes otherwise, away, or too many."""
    at = int(rng.integers(len(data)))
    match rng.integers(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + rng.bytes(int(rng.integers(1, 50))) + data[at:]
        case 2:
            return data[:at] + data[at + int(rng.integers(1, 50)) :]
    changed = bytearray(data)
    for place in rng.integers(min(len(data), int(rng.choice([64, 4_096]))), size=int(rng.integers(1, 6))):
        changed[place] ^= int(rng.integers(1, 256))
    return bytes(changed)


def picture(rng: np.random.Generator, ending: str) -> bytes:
    """A picture of some kind, size and mode."""
    longest = int(rng.choice([1, 2, 17, 64, 200]))
    sides = rng.integers(1, longest + 1, 2).tolist()
    if rng.random() < 0.01 and ending != ".ico":
        sides[int(rng.integers(2))] = 3_000
    gray = rng.integers(0, 256, sides, np.uint8) if rng.random() < 0.5 else np.full(sides, 255, np.uint8)
    mode = str(rng.choice(MODES[ending]))
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.where(gray > 250, np.nan, gray / np.float32(255)))
    else:
        image = Image.fromarray(gray).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, {".jpg": "JPEG", ".tif": "TIFF"}.get(ending, ending[1:].upper()))
    return buffer.getvalue()


def bomb(rng: np.random.Generator) -> bytes:
    """A PNG that says it is very large."""
    sides = (int(rng.integers(1, 2**31)), int(rng.integers(1, 2**31)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@attack(20_000, 40)
def pictures(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a picture: two in three broken or odd, the others good. Batches of 200 go through draw.py."""
    rng = np.random.default_rng(seed)
    for start in range(0, tries, 200):
        with tempfile.TemporaryDirectory() as name:
            yield from _batch(Path(name), min(200, tries - start), rng)


def _batch(folder: Path, n: int, rng: np.random.Generator) -> Iterator[str | None]:
    good, paths = set(), []
    for i in range(n):
        ending = str(rng.choice(list(MODES)))
        path, kind = folder / f"{i}{ending}", rng.random()
        if kind < 0.03:
            path.symlink_to(path)
        elif kind < 0.06:
            path.write_bytes(rng.bytes(int(rng.choice([0, 1, 500]))))
        elif kind < 0.08:
            path.write_bytes(bomb(rng))
        elif kind < 0.09:
            path = folder / f"{i}\udcff{ending}"
            path.write_bytes(picture(rng, ending))
            good.add(f"{i}\udcff")
        elif kind < 0.67:
            path.write_bytes(damaged(picture(rng, ending), rng))
        else:
            path.write_bytes(picture(rng, ending))
            good.add(f"{i}")
        paths.append(os.fsencode(path))
    command = [sys.executable, "-c", _DRAW, *paths, "--recipe", "quickstart", "--effort", "0", "-o"]
    done = subprocess.run([*command, os.fsencode(folder / "out")], capture_output=True, cwd=ROOT)
    *errors, memory = done.stderr.decode(errors="replace").splitlines() or [""]
    errors = [line for line in errors if line and not line.startswith("drawing: ")]  # that is progress
    drawn = {path.stem for path in (folder / "out").glob("*.svg")}
    wrong = []
    if done.returncode not in (0, 2) or any(not line.startswith("error: ") for line in errors):
        wrong.append(f"exit {done.returncode}: {[x for x in errors if not x.startswith('error: ')][-3:]}")
    if len(errors) + len(drawn) != n:
        wrong.append(f"{n} pictures, {len(errors)} errors, {len(drawn)} drawings")
    if not memory.startswith("peak") or int(memory.split()[1]) > 1_000:
        wrong.append(f"memory: {memory}")
    wrong += [f"{name} is good and was not drawn" for name in good - drawn]
    torn = [path for path in (folder / "out").iterdir() if b"</svg>" not in path.read_bytes()]
    wrong += [f"{path} is no whole SVG" for path in torn]
    if wrong:
        shutil.copytree(folder, tempfile.mkdtemp() + "/attack", symlinks=True)
    yield from wrong + [None] * (n - len(wrong))


# draw.py, and then its peak memory in MB.
_DRAW = """
import re, sys
sys.argv[0] = "draw.py"
from agents.commands import common, draw
try:
    common.run(draw.main, draw.Arguments)
finally:
    peak = re.search("VmHWM: *([0-9]+)", open("/proc/self/status").read().replace("\t", ""))[1]
    print("peak", int(peak) // 1000, file=sys.stderr)
"""


@attack(2_000, 60)
def weights(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a folder of weights with one file damaged: refused in one line that names the file, or, of a
    ``config.json`` that still says something possible, as good as whole.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(0)
    ink = np.tri(64, dtype=np.uint8) * 255
    with tempfile.TemporaryDirectory() as name:
        for recipe in ("mnist-4", "lines", "colormnist-4"):
            Drawer.new(get_recipe(recipe).debug()).save_pretrained(Path(name) / recipe)
        files = [path for path in Path(name).glob("*/*") if path.suffix != ".md"]
        whole = {path: path.read_bytes() for path in sorted(files)}
        wanted = {path.parent: numbers(Drawer.from_pretrained(path.parent)) for path in whole}
        for _ in range(tries):
            path = list(whole)[rng.integers(len(whole))]
            text = path.suffix == ".json" and rng.random() < 0.7
            data = other_json(whole[path], rng) if text else damaged(whole[path], rng)
            path.write_bytes(data)
            try:
                drawer = Drawer.from_pretrained(path.parent)
                drawer.draw(ink, 0).render()
                # A header may be another and say the same.
                fine = path.suffix == ".json" or all(map(torch.equal, wanted[path.parent], numbers(drawer)))
                yield None if fine else f"{path.name}: not noticed"
            except (ValueError, FileNotFoundError) as error:
                named = str(path.parent) in str(error) and "\n" not in str(error)
                yield None if named else f"{path.parent.name}/{path.name}: {error!r}"
            except Exception as error:
                yield f"{path.parent.name}/{path.name}: {type(error).__name__} {error}"
            path.write_bytes(whole[path])


def numbers(drawer: Drawer) -> list[torch.Tensor]:
    """All weights of a drawer."""
    return [value for part in drawer.parts.values() for value in part.state_dict().values()]


def other_json(data: bytes, rng: np.random.Generator) -> bytes:
    """JSON in which one value is another."""
    tree = json.loads(data)
    places: list[tuple] = []

    def walk(part) -> None:
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                walk(part[key])

    walk(tree)
    part, key = places[rng.integers(len(places))]
    values = [
        None,
        True,
        -1,
        0,
        7,
        10**12,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        [],
        {},
        [1],
        [[]],
        "\0",
    ]
    if rng.random() < 0.15:
        del part[key]
    else:
        part[key] = values[rng.integers(len(values))]
    return json.dumps(tree).encode()


@attack(2_000, 60)
def states(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a damaged state of a training: noticed, and the one before is gone on from."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        file = Path(name) / "training.pt"
        for number in (1, 2):
            save_state(file, 0, {"number": number, "tensor": torch.zeros(2_000)})
        whole = file.read_bytes()
        for _ in range(tries):
            file.write_bytes(damaged(whole, rng))
            state = load_state(file, 0)
            same = file.read_bytes() == whole
            yield None if state and state["number"] == 1 + same else "not noticed"


@attack(20_000, 150)
def drawings(tries: int, seed: int) -> Iterator[str | None]:
    """A try is a drawing's JSON, damaged: refused by its name, or a drawing that can be shown."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "a.json"
        for k in range(tries):
            renderer = BezierRenderer(None if k % 2 else 5.0, (40, 50))
            actions = rng.uniform(-1, 1, (2, len(renderer.action_spec))).astype(np.float32)
            data = Drawing(actions, renderer).to_json().encode()
            file.write_bytes(other_json(data, rng) if k % 3 else damaged(data, rng))
            try:
                Drawing.load(file).render()
                yield None
            except ValueError as error:  # what is too large to be shown may still be an SVG
                yield None if "a.json" in str(error) or "size must be" in str(error) else repr(error)
            except Exception as error:
                yield repr(error)
