"""What all scripts share."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_errors_of_any_kind_get_one_line():
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from dataclasses import dataclass\nfrom scripts.common import run\n"
        "@dataclass\nclass Nothing:\n    x: int = 0\n"
        "def main(_): raise KeyError('depth')\n"
        "sys.argv = ['x.py']; run(main, Nothing)"
    )
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2 and done.stderr == "error: KeyError: 'depth' (DRAWENV_DEBUG=1 shows where)\n"
