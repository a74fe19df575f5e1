"""Where data files are found: the DRAWENV_DATA folder, the user's cache, a download."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

_OMNIGLOT = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"

# name: (public home, sha256)
FILES = {
    "mnist/train-images-idx3-ubyte.gz": (
        _MNIST + "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "mnist/train-labels-idx1-ubyte.gz": (
        _MNIST + "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "mnist/t10k-images-idx3-ubyte.gz": (
        _MNIST + "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "mnist/t10k-labels-idx1-ubyte.gz": (
        _MNIST + "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "omniglot/images_background_small1.zip": (
        _OMNIGLOT + "images_background_small1.zip",
        "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4",
    ),
    "omniglot/images_background_small2.zip": (
        _OMNIGLOT + "images_background_small2.zip",
        "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f",
    ),
    "omniglot/strokes_background_small1.zip": (
        _OMNIGLOT + "strokes_background_small1.zip",
        "8cb3960fb6cf4ccf5f064ad83169f828c36c36782a0f6e7faacb7ecfae4468a2",
    ),
    "omniglot/strokes_background_small2.zip": (
        _OMNIGLOT + "strokes_background_small2.zip",
        "345bf2141efbea062833dbb2828abbc23d9e07825e46f2afdd4daecddfed6e78",
    ),
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
        return Path(pooch.retrieve(url, f"sha256:{sha256}", file, folder, progressbar=True))
    except Exception as error:  # whatever the network says, the user's next step is the same
        raise FileNotFoundError(
            f"{name} is not in DRAWENV_DATA ({own or 'not set'}) nor in {cache}, and downloading "
            f"{url} failed ({type(error).__name__}). Put the file into {cache / name} or set "
            "DRAWENV_DATA to the folder that holds it."
        ) from None
