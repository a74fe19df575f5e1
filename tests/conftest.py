import os
from pathlib import Path

import numpy as np
import pytest

from drawenv.targets.files import FILES

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def pytest_configure():
    try:
        import torch
    except ImportError:  # the environments need none
        return

    torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def data():
    """The data folder; tests that need it skip without it."""
    folder = Path(os.environ.get("DRAWENV_DATA", "/nowhere"))
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"needs {missing[0]} in the folder DRAWENV_DATA names")
    return folder


@pytest.fixture(scope="session")
def targets():
    """Eight symbols of at most three strokes, float32 ``[8, 1, 64, 64]`` in [0, 1]."""
    from agents.canvas import to_unit
    from drawenv import Symbols

    return to_unit(Symbols(max_strokes=3).sample(8, np.random.default_rng(0)))
