"""What is broken, foreign or far too large gets one clear line, and loses nothing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features
from safetensors.torch import load_file, save_file

from agents import Drawer, get_recipe
from agents.commands.draw import Arguments, main
from agents.draw import draw_any_size
from agents.train import train_drawer
from drawenv import BezierRenderer, Drawing
from drawenv.files import whole, write_whole
from drawenv.targets.pictures import line_sketch, read_picture

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return Drawer.new(get_recipe("sketch-10").debug())


def test_what_fails_half_way_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.svg"
    write_whole(file, "before")
    with pytest.raises(OSError, match="full"), whole(file) as beside:
        beside.write_text("hal")
        raise OSError("disk is full")
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]
    drawing = Drawing(np.zeros((1, 7), np.float32), BezierRenderer(None))
    with pytest.raises(ValueError, match="only boxes"):
        drawing.save(tmp_path / "b.obj")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("ending", [".png", ".dds", ".avif", ".gif", ".tif", ".webp", ".jpg"])
def test_broken_pictures_are_named(tmp_path, ending):
    rng, path = np.random.default_rng(0), tmp_path / f"broken{ending}"
    picture = Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8))
    if ending == ".avif" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    picture.save(path)
    good, refused = path.read_bytes(), 0
    for k in range(60):
        data = bytearray(good[: rng.integers(1, len(good) + 1)] if k % 2 else good)
        for at in rng.integers(0, min(len(data), 200), 4):
            data[at] = rng.integers(256)
        path.write_bytes(bytes(data))
        try:
            assert read_picture(path).ndim == 2
        except ValueError as error:
            refused += str(path) in str(error)
            assert str(path) in str(error)
    assert refused > 5


def test_odd_names_end_nothing(tmp_path):
    loop, good, odd = tmp_path / "loop.png", tmp_path / "good.png", tmp_path / "\udcff.png"
    loop.symlink_to(loop)
    for path in (good, odd):
        Image.fromarray(np.tri(64, dtype=np.uint8) * 255).save(path)
    names = [loop, tmp_path / "none\udcff.png", tmp_path, odd, good]
    command = [sys.executable, "scripts/draw.py", *names, "--recipe", "quickstart", "-o", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT)
    assert done.returncode == 2 and done.stderr.count(b"error:") == 2, done.stderr
    assert len(list((tmp_path / "out").glob("*.svg"))) == 2
    with pytest.raises(ValueError, match="no pictures to draw"):
        main(Arguments([]))
    with pytest.raises((ValueError, FileNotFoundError), match=r"no such file|null"):
        read_picture("a\0b.png")


@pytest.mark.parametrize(
    "options", [{"scale": float("inf")}, {"scale": float("nan")}, {"strokes": 10**6}, {"effort": 10**6}]
)
def test_what_would_take_for_ever_is_refused(small, options):
    with pytest.raises(ValueError, match="must be from"):
        small.draw(np.tri(70, dtype=np.uint8) * 255, **options)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a program itself took")
def test_a_hundred_megapixels_take_less_than_a_gigabyte(tmp_path):
    """In colour, and looked at as photographs are."""
    image = Image.new("RGB", (10_000, 10_000), "white")
    image.paste("black", (2_000, 2_000, 8_000, 3_000))
    image.save(tmp_path / "a.png", compress_level=1)
    code = (
        "import re, sys\n"
        "from agents import Drawer\n"
        "from drawenv.targets.pictures import is_photograph, read_color\n"
        "path = sys.argv[1]\n"
        "assert not is_photograph(path) and read_color(path).shape == (3, 2000, 2000)\n"
        "assert len(Drawer.from_pretrained('quickstart').draw(path, effort=0)) > 0\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    command = [sys.executable, "-c", code, tmp_path / "a.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and int(done.stdout) < 1_000_000, (done.stdout, done.stderr)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"icc_profile": b"any"}])
def test_large_webp_files_are_refused_before_they_are_opened(tmp_path, monkeypatch, options):
    """Pillow takes memory for all their pixels at once."""
    path = tmp_path / "a.webp"
    Image.new("RGB", (300, 100)).save(path, **options)
    assert read_picture(path).shape == (100, 300)
    monkeypatch.setattr("drawenv.targets.pictures.MAX_WEBP", 29_999)
    with pytest.raises(ValueError, match=r"a\.webp .*30000 pixels; of a WebP file the most is"):
        read_picture(path)


def test_a_picture_that_is_given_stays_as_it_is():
    image = Image.new("RGB", (300, 400), "white")
    line_sketch(image, 64)
    assert image.size == (300, 400)


def test_a_long_strip_is_drawn(small):
    strip = np.zeros((1, 100_000), np.uint8)
    strip[0, 500:700] = 255
    assert draw_any_size(small, strip, 0).sides == strip.shape
    with pytest.raises(ValueError, match="size must be from 1"):
        draw_any_size(small, strip, 0).render(float("inf"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"page": [5]}, "no drawing|not a drawing"), ({"page": [float("inf"), 5]}, "not a drawing"),
        ({"thickness": "wide"}, "not a drawing"), ({"unknown": 1}, "not a drawing"), (None, "not a drawing"),
    ],
)  # fmt: skip
def test_malformed_drawings_are_named(tmp_path, change, told):
    drawing = Drawing(np.zeros((1, 7), np.float32), BezierRenderer(None, (64, 80)))
    data = json.loads(drawing.to_json())
    data["options"] = data["options"] | change if change else [1]
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=told):
        Drawing.load(tmp_path / "a.json")


def test_json_comes_back_exactly(tmp_path, rng):
    renderer = BezierRenderer(None)
    actions = rng.uniform(-1, 1, (200, 7)).astype(np.float32) ** 5
    Drawing(actions, renderer).save(tmp_path / "a.json")
    np.testing.assert_array_equal(Drawing.load(tmp_path / "a.json").actions, actions)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("env",), "No-v0", "No"),
        (("drawer", "hidden"), 10**12, "hidden is"), (("strokes",), float("inf"), "strokes is"),
        (("canvas", "dots"), 10**9, "dots is"), (("size",), -64, ""), (("drawer", "side"), "x", ""),
        (("levels",), 3, ""), (("env",), 7, ""),
    ],
)  # fmt: skip
def test_configs_of_strangers_are_checked(small, tmp_path, path, value, told):
    small.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    part = config["recipe"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    file.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"config.json.*{told}"):
        Drawer.from_pretrained(tmp_path)


def test_a_config_from_the_hub_imports_no_module(small, tmp_path, monkeypatch):
    small.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("BezierThickCanvas-v0", "this:X-v0"))
    monkeypatch.setattr("agents.agent.snapshot_download", lambda *_, **__: tmp_path)
    with pytest.raises(ValueError, match="would import a module: env 'this:X-v0'"):
        Drawer._from_pretrained(model_id="some/one")


def test_weights_that_are_no_numbers_are_refused(small, tmp_path):
    small.save_pretrained(tmp_path)
    file = tmp_path / "canvas.safetensors"
    tensors = load_file(file)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"canvas.safetensors is damaged: .* holds NaN"):
        Drawer.from_pretrained(tmp_path)


def test_a_finished_run_stays_as_it_is(tmp_path):
    recipe = get_recipe("quickstart").debug()
    for _ in range(2):
        torch.manual_seed(0)
        figures = train_drawer(Drawer.new(recipe), tmp_path, 0)
        rows = (tmp_path / "log.jsonl").read_text()
        assert figures["pictures"] >= recipe.train.pictures
    assert rows.count(f'"pictures": {figures["pictures"]}') == 1


def test_it_works_where_nothing_can_be_written():
    """numba keeps compiled functions beside the package or in a cache; here it has no place."""
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "import gymnasium, drawenv\n"
        "env = gymnasium.make('BezierCanvas-v0'); env.reset(seed=0)\n"
        "print(env.step(env.action_space.sample())[0]['canvas'].any())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "True", done.stderr
