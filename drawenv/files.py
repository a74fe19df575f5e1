"""Files that are whole: what was there stays until all that takes its place is written."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Generator[Path]:
    """A file beside ``path`` to write instead, of the same ending; it then takes that one's place.

    If anything goes wrong, a full disk for instance, it is gone and ``path`` is as it was.
    """
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file, see ``whole``."""
    with whole(path) as beside:
        beside.write_text(text)
