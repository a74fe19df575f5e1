"""The code in README and docs runs as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import drawenv

ROOT = Path(__file__).parent.parent


def blocks(path, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / path).read_text(), re.MULTILINE | re.DOTALL)


def run(*command, cwd):
    paths = [str(cwd), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "readme.py").write_text("\n".join(blocks("README.md")))
    run("readme.py", cwd=tmp_path)
    assert "<path" in (tmp_path / "harbour.svg").read_text()


def test_your_own_renderer(tmp_path):
    """The module that the page writes trains, by the command that it gives."""
    (tmp_path / "my_module.py").write_text("\n".join(blocks("docs/your-own-renderer.md")))
    commands = [line.split("  #")[0].split() for block in blocks("docs/your-own-renderer.md", "sh")
                for line in block.splitlines()]  # fmt: skip
    trainings = [words for words in commands if "--preset" in words]
    assert len(trainings) == 1
    _, script, *arguments = trainings[0]
    out = run(ROOT / script, *arguments, "--threads", 1, cwd=tmp_path)
    assert "validation mse" in out and (tmp_path / "runs/try/drawer.safetensors").exists()


def test_leaderboard(tmp_path):
    """How to enter it."""
    (tmp_path / "enter.py").write_text("\n".join(blocks("docs/leaderboard.md")))
    out = run("enter.py", cwd=tmp_path)
    assert float(out) == json.loads((tmp_path / "symbols-0.json").read_text())["score"] < 1


def test_the_page_on_environments_is_what_they_say(tmp_path):
    run(ROOT / "scripts/environments.py", "--preset", "debug", "--out", tmp_path, cwd=tmp_path)
    assert (tmp_path / "environments.md").read_text() == (ROOT / "docs/environments.md").read_text()
    assert len(list((tmp_path / "environments").iterdir())) == len(drawenv.ENV_IDS)


def test_site(tmp_path):
    """Without a warning."""
    for needed in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(needed)
    run("-m", "sphinx", "-W", "-q", ROOT / "docs", tmp_path / "site", cwd=tmp_path)
    assert "float32" in (tmp_path / "site/api.html").read_text()


def test_links_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
