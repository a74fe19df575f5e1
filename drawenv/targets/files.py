"""Where data files are found: the DRAWENV_DATA folder, the user's cache, a download."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

# Name: public home and SHA-256, or None where the loader checks what is inside.
FILES: dict[str, tuple[str, str | None]] = {
    name: (url, None if sha256 == "-" else sha256)
    for name, url, sha256 in map(str.split, Path(__file__).with_suffix(".txt").read_text().splitlines())
}


def find_here(name: str, instead: str) -> Path:
    """The path of a data file that has no home of its own to download from.

    Args:
        name: inside the folder that ``DRAWENV_DATA`` names.
        instead: what a user without it can do, for the error.

    Raises:
        FileNotFoundError: it is not there.
    """
    folder = os.environ.get("DRAWENV_DATA")
    if not folder or not (Path(folder) / name).is_file():
        raise FileNotFoundError(
            f"{name} is not in DRAWENV_DATA ({folder or 'not set'}), and there is nowhere to download it "
            f"from: set DRAWENV_DATA to a folder that holds it, or {instead}"
        )
    return Path(folder) / name


def find(name: str) -> Path:
    """The path of a data file, downloaded into the user's cache when it is nowhere else.

    Args:
        name: a key of ``FILES``, for instance ``"mnist/t10k-images-idx3-ubyte.gz"``.

    Raises:
        FileNotFoundError: it is in no folder and cannot be downloaded; says how to get it.
    """
    own = os.environ.get("DRAWENV_DATA")
    if own and (path := Path(own) / name).is_file():
        return path
    url, sha256 = FILES[name]
    cache = Path(pooch.os_cache("drawenv"))
    try:
        folder, file = (cache / name).parent, Path(name).name
        return Path(pooch.retrieve(url, sha256 and f"sha256:{sha256}", file, folder, progressbar=True))
    except Exception as error:  # whatever the network says, the user's next step is the same
        raise FileNotFoundError(
            f"{name} is not in DRAWENV_DATA ({own or 'not set'}) nor in {cache}, and downloading "
            f"{url} failed ({type(error).__name__}). Put the file into {cache / name} or set "
            "DRAWENV_DATA to the folder that holds it."
        ) from None
