"""What all scripts share."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agents.commands import draw
from agents.commands.common import progress
from agents.draw import EFFORT
from scripts import calls, frontier

ROOT = Path(__file__).parent.parent


def test_errors_of_any_kind_get_one_line():
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from dataclasses import dataclass\nfrom agents.commands.common import run\n"
        "@dataclass\nclass Nothing:\n    x: int = 0\n"
        "def main(_): raise KeyError('depth')\n"
        "sys.argv = ['x.py']; run(main, Nothing)"
    )
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2 and done.stderr == "error: KeyError: 'depth' (DRAWENV_DEBUG=1 shows where)\n"


def test_frontier(tmp_path, capsys):
    """Its figure and rows; run again it measures nothing anew."""
    options = frontier.Arguments(
        ("quickstart",), out=tmp_path / "f.json", figure=tmp_path / "f.png", preset="debug"
    )
    frontier.main(options)
    rows = json.loads((tmp_path / "f.json").read_text())["recipes"]["quickstart"]
    assert set(rows) == {"0+0", "1+0", "random starts"} and (tmp_path / "f.png").stat().st_size > 1000
    assert 0 < rows["1+0"]["mse_over_blank"] <= rows["0+0"]["mse_over_blank"] < 1
    frontier.main(options)
    assert json.loads((tmp_path / "f.json").read_text())["recipes"]["quickstart"] == rows
    assert "1+0" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"f\.json holds results of other settings"):
        frontier.main(replace(options, n=7))


def test_calls(tmp_path, capsys):
    """A row for each number of calls; run again with more seeds it keeps what is there."""
    options = calls.Arguments(("hollow",), out=tmp_path / "c.json", figure=tmp_path / "c.png", preset="debug")
    calls.main(options)
    rows = json.loads((tmp_path / "c.json").read_text())["renderers"]["HollowRectangleCanvas-v0"]
    assert list(rows) == ["64", "256", "1024", "4096", "16384", "65536", "262144", "1048576"]
    assert all(len(errors) == 1 and 0 < errors[0] < 10 for errors in rows.values())
    assert rows["64"] != rows["256"] and (tmp_path / "c.png").stat().st_size > 1000
    calls.main(options)
    assert json.loads((tmp_path / "c.json").read_text())["renderers"]["HollowRectangleCanvas-v0"] == rows
    assert "1048576: " in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"c\.json holds results of other settings"):
        calls.main(replace(options, preset="full"))


def test_draw_makes_the_effort_that_drawers_do():
    assert draw.Arguments([]).effort == EFFORT


def test_progress_in_a_log_is_a_line_now_and_then(monkeypatch, capsys):
    now = iter(range(0, 1000, 20))  # every other update is due
    monkeypatch.setattr("agents.commands.progress.time.monotonic", lambda: next(now))
    with progress(transient=True) as bar:
        task = bar.add_task("drawer of x", total=4, note="")
        for done in range(1, 5):
            bar.update(task, completed=done, note=f"loss {done}")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("drawer of x:")]
    assert [line.split(", ")[:2] for line in lines] == [
        ["drawer of x: 50.0 %", "loss 2"], ["drawer of x: 100.0 %", "loss 4"]
    ]  # fmt: skip
