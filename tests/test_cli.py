"""The command ``drawenv``, in a checkout and installed from a wheel."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agents import RECIPES
from agents.commands import draw
from agents.commands.recipes import ABOUT
from drawenv import cli, load_pictures

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "examples/pictures/digits/3.png"
COMMAND = "import sys; from drawenv.cli import main; sys.argv[0] = 'drawenv'; main()"


def drawenv(*arguments, code=0, cwd=ROOT, site=ROOT):
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What the wheel installs."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    assert wheel.stat().st_size < 20e6
    with zipfile.ZipFile(wheel) as file:
        file.extractall(out / "site")
    return out / "site"


def test_wheel_draws(site, tmp_path):
    assert {path.name for path in site.iterdir() if "dist-info" not in path.name} == {"drawenv"}
    done = drawenv("draw", PICTURE, "--recipe", "mnist-4", "-o", tmp_path, cwd=tmp_path, site=site)
    assert "4 strokes" in done.stdout and "<path" in (tmp_path / "3.svg").read_text()
    code = "import sys, drawenv.agents.agent; assert 'agents' not in sys.modules; print(drawenv.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(site)), where.stderr


def test_commands_and_recipes_are_listed():
    done = drawenv("--help")
    assert all(name in done.stdout for name in cli.COMMANDS)
    assert "did you mean draw?" in drawenv("drow", code=2).stderr
    assert ABOUT.keys() == RECIPES.keys()
    text = drawenv("draw", "--help").stdout
    assert all(f"{name}:" in text for name in ABOUT) and "usage: drawenv draw" in text
    listed = drawenv("recipes").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(ABOUT)
    assert [line.split()[0] for line in listed if "no weights" in line] == ["omniglot-spline", "plans"]


def test_go_on_from_other_weights(tmp_path):
    """On a folder of one's own: little is left to learn, and no canvas network to be fitted."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for k, picture in enumerate(load_pictures("symbols-2:test").images[:20, 0]):
        Image.fromarray(255 - picture).save(folder / f"{k}.png")
    options = ("--targets", folder, "--train.pictures", 640, "--train.start-from", "quickstart")
    done = drawenv("train", "quickstart", *options, "--out", tmp_path / "run", "--threads", 1)
    assert "validation mse 0.00" in done.stdout and "canvas.safetensors" not in done.stdout
    assert (tmp_path / "run/canvas.safetensors").exists()
    config = (tmp_path / "run/config.json").read_text()
    assert '"command": "drawenv train quickstart --targets ' in config


def test_folders_processes_and_what_is_there(tmp_path, capsys):
    """Processes draw what one does; drawings that are there stay; a broken picture loses no other."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(PICTURE.with_name(f"{i}.png").read_bytes())
    (folder / "bad.png").write_bytes(b"\x89PNG")
    options = {"recipe": "quickstart", "effort": 0}
    with pytest.raises(SystemExit, match="2"):
        draw.main(draw.Arguments([folder], out=tmp_path / "one", **options))
    with pytest.raises(SystemExit, match="2"):
        draw.main(draw.Arguments([folder], out=tmp_path / "two", jobs=2, **options))
    made = {path.name: path.read_text() for path in (tmp_path / "one").iterdir()}
    assert made == {path.name: path.read_text() for path in (tmp_path / "two").iterdir()}
    assert set(made) == {"0.svg", "1.svg", "2.svg"}
    (folder / "bad.png").unlink()
    (tmp_path / "one/1.svg").write_text("mine")
    (tmp_path / "one/2.svg").unlink()
    capsys.readouterr()
    draw.main(draw.Arguments([folder], out=tmp_path / "one", skip_existing=True, **options))
    assert capsys.readouterr().out.startswith("2 drawings are there already\n")
    assert (tmp_path / "one/1.svg").read_text() == "mine"
    assert (tmp_path / "one/2.svg").read_text() == made["2.svg"]


def test_sizes_and_animation(tmp_path):
    arguments = {"recipe": "quickstart", "effort": 0}
    draw.main(draw.Arguments([PICTURE], out=tmp_path / "a.png", size=100, **arguments))
    with Image.open(tmp_path / "a.png") as shown:
        assert shown.size == (100, 100)
    draw.main(draw.Arguments([PICTURE], out=tmp_path / "a.svg", animate=4.0, **arguments))
    assert "@keyframes" in (tmp_path / "a.svg").read_text()
    for wrong in ({"animate": 0.0}, {"animate": 4.0, "pieces": True}, {"jobs": 0}, {"animate": np.nan}):
        with pytest.raises(ValueError, match="|".join(wrong)):
            draw.main(draw.Arguments([PICTURE], out=tmp_path / "b.svg", **wrong, **arguments))
