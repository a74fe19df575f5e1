"""States of trainings, to go on from: checked when they are read, and the one before is kept."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from drawenv.files import whole

SAVES = 20  # of a run's state, at even distances


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Keep a folder for this process; the system takes the lock away when it ends, however it does.

    Raises:
        ValueError: another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another process trains in {folder}: wait for it, or choose --out") from None
    try:
        yield
    finally:
        lock.release()


def save_state(path: Path, seed: int, state: dict) -> None:
    """Write the state of a run with its checksum; the one that was there is kept beside it."""
    buffer = io.BytesIO()
    torch.save(state | {"seed": seed}, buffer)
    data = buffer.getvalue()
    with whole(path) as beside:
        beside.write_bytes(data + hashlib.sha256(data).digest())
        if path.exists():
            path.replace(_before(path))


def load_state(path: Path, seed: int, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """The last state that is whole, or None if there is none yet.

    Raises:
        ValueError: there are states, and all of them are damaged; or the state is of a run with another seed.
    """
    damaged = []
    for file in (path, _before(path)):
        if not file.exists():
            continue
        data = file.read_bytes()
        if hashlib.sha256(data[:-32]).digest() == data[-32:]:
            if damaged:
                print(f"{path} is damaged: going on from {file.name}", file=sys.stderr)
            state = torch.load(io.BytesIO(data[:-32]), map_location=device, weights_only=True)
            if state.get("seed", seed) != seed:  # older ones do not say
                raise ValueError(f"{path} is of seed {state['seed']}, not {seed}: choose another folder")
            return state
        damaged.append(str(file))
    if damaged:
        raise ValueError(f"{' and '.join(damaged)}: damaged; delete to start again, or choose another folder")
    return None


def remove_state(path: Path) -> None:
    """Take a state away, with the one before."""
    for file in (path, _before(path)):
        file.unlink(missing_ok=True)


def _before(path: Path) -> Path:
    return path.with_name(f"{path.stem}.before{path.suffix}")
