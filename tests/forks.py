"""Scripts in forks of one process that has imported what takes seconds; else as from the command line."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from agents.commands.common import _MALLOC

ROOT = Path(__file__).parent.parent
HEAVY = ["agents.agent", "agents.train", "torch._dynamo"]


def run_script(name: str, arguments: list[str], timeout: float = 300) -> subprocess.CompletedProcess:
    """``python scripts/NAME.py ARGUMENTS``, from the repository's root."""
    command = [sys.executable, f"scripts/{name}.py", *arguments]
    if sys.platform != "linux":
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / part for part in ("out", "err")]
        environment = dict(os.environ) | _MALLOC  # without which a script starts anew
        child = context.Process(target=_run, args=(command[1:], environment, files))
        child.start()
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, child.exitcode, *(file.read_text() for file in files))


def script(name: str, *arguments, code: int = 0) -> subprocess.CompletedProcess:
    """Run a script that ends with a code, and without a traceback."""
    done = run_script(name, list(map(str, arguments)))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def _run(words: list[str], environment: dict[str, str], files: list[Path]) -> None:
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = words
    sys.path.insert(0, "scripts")
    runpy.run_path(words[0], run_name="__main__")
