"""Work for ``tests/test_many.py``, which other processes import."""

import os
import signal
from pathlib import Path


class Work:
    """Squares a number; of those marked in a folder the process dies, once, or of ``bad`` ones always."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, key, number):
        mark = self.folder / key
        if mark.exists():
            if not key.startswith("bad"):
                mark.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return ValueError(key) if number < 0 else number**2
