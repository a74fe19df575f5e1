"""The scripts as a person runs them: from the command line, at debug size."""

import json

import numpy as np
import pytest
from forks import ROOT, script
from PIL import Image

from drawenv import Drawing

SCRIPTS = sorted(p.stem for p in (ROOT / "scripts").glob("*.py") if p.stem != "common")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A drawer trained by the scripts at debug size."""
    out = tmp_path_factory.mktemp("run")
    script("train_canvas", "quickstart", "--preset", "debug", "--out", out)
    script("train_drawer", "quickstart", "--preset", "debug", "--out", out, "--threads", 1)
    return out


@pytest.fixture
def picture(tmp_path):
    paper = np.full((50, 70), 255, np.uint8)
    paper[20:25, 10:60] = 0
    Image.fromarray(paper).save(tmp_path / "line.png")
    return tmp_path / "line.png"


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name):
    assert "--preset" in script(name, "--help").stdout


def test_weights_record_how_they_were_made(weights):
    config = json.loads((weights / "config.json").read_text())
    assert config["recipe"]["name"] == "quickstart"
    assert config["drawer"]["command"] == "scripts/train_drawer.py quickstart --preset debug"
    assert config["canvas"]["command"] == "scripts/train_canvas.py quickstart --preset debug"
    assert config["drawer"]["seed"] == 0 and config["version"] == 3
    assert {"commit", "machine", "data"} <= set(config["drawer"])
    assert config["drawer"]["validation"]["pictures"] == 256 and config["canvas"]["steps"] == 100
    assert {"drawer.safetensors", "canvas.safetensors", "log.jsonl"} <= {p.name for p in weights.iterdir()}


def test_training_again_goes_on(weights):
    done = script(
        "train_drawer", "quickstart", "--preset", "debug", "--out", weights, "--train.pictures", 288
    )
    assert "validation mse" in done.stdout
    log = [json.loads(line)["pictures"] for line in (weights / "log.jsonl").read_text().splitlines()]
    assert log == [64, 128, 192, 256, 288]


def test_evaluate(weights, tmp_path):
    arguments = ("quickstart", "--weights", weights, "--preset", "debug", "--json")
    files = ("--out", tmp_path / "r.json", "--sheet", tmp_path / "sheet.png")
    result = json.loads(script("evaluate", *arguments, *files).stdout)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (20 * 128, 4 * 128)
    assert result == json.loads((tmp_path / "r.json").read_text())
    assert result["n"] == 50 and result["recipe"] == "quickstart" and result["split"] == "symbols-2:test"
    assert {"mse", "mse_canvas", "mse_blank", "psnr", "strokes", "seconds_per_image"} <= result.keys()
    blank = json.loads(script("evaluate", *arguments, "--agent", "blank").stdout)
    assert blank["mse"] == blank["mse_blank"] == result["mse_blank"]


def test_evaluate_a_folder(weights, picture):
    arguments = ("quickstart", "--weights", weights, "--json", "--images", picture.parent)
    assert json.loads(script("evaluate", *arguments).stdout)["n"] == 1


def test_draw_one_file(weights, picture, tmp_path):
    for ending in ("svg", "png", "gif", "json"):
        script("draw", picture, "--recipe", weights, "-o", tmp_path / f"out.{ending}")
    assert len(Drawing.load(tmp_path / "out.json")) <= 4
    assert (tmp_path / "out.svg").read_text().startswith("<svg")
    plotted = ("--mm", "210x297", "-o", tmp_path / "plot.svg", "--graph")
    done = script("draw", picture, "--recipe", weights, *plotted)
    assert set(json.loads((tmp_path / "plot.graph.json").read_text())) == {"points", "edges", "pens"}
    assert "mm in the air" in done.stdout and 'width="210mm"' in (tmp_path / "plot.svg").read_text()


def test_draw_good_ones_and_name_bad_ones(weights, picture, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    done = script(
        "draw", *[picture] * 4, tmp_path / "broken.png", tmp_path / "absent.png", "--recipe", weights,
        "-o", out, "--gif", "--sheet", tmp_path / "sheet.png", code=2,
    )  # fmt: skip
    assert {p.name for p in out.iterdir()} == {"line.svg", "line.gif"}
    assert "broken.png cannot be read as a picture" in done.stderr
    assert "no such file" in done.stderr and "absent.png" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (128, 256)  # named four times, drawn once


@pytest.mark.parametrize("recipe", ["plans", "prism", "hollow", "examples.pygame_renderer:RECIPE"])
def test_boxes_and_foreign_shapes_from_training_to_drawing(recipe, tmp_path):
    """The other renderers, someone else's among them, by the same commands."""
    out = tmp_path / "run"
    script("train_drawer", recipe, "--preset", "debug", "--train.pictures", 64, "--out", out, "--threads", 1)
    options = ("--preset", "debug", "--json", "--sheet", tmp_path / "sheet.png", "--threads", 1)
    result = json.loads(script("evaluate", recipe, "--weights", out, *options).stdout)
    assert result["n"] == (10 if recipe == "plans" else 50) and 0 < result["mse"] < 1
    best = {"plans": {"room_f1": 1, "room_f1_untyped": 1, "miou": 1}}
    best["prism"] = {"iou3d": 1, "precision": 1, "recall": 1, "f1": 1, "ciede2000": 0}
    if recipe in best:  # what the figures give to the shapes that the targets are made of
        assert set(best[recipe]) <= set(result)
        truth = ("--weights", out, "--agent", "truth", "--preset", "debug", "--json")
        result = json.loads(script("evaluate", recipe, *truth).stdout)
        assert result["mse"] < 1e-5
        assert {name: result[name] for name in best[recipe]} == pytest.approx(best[recipe], abs=0.1)
    views = 3 if recipe == "prism" else 1
    Image.new("RGBA", (70 * views, 50), (200, 30, 30, 120)).save(tmp_path / "red.png")
    files = ("-o", tmp_path / "drawn", "--gif", "--sheet", tmp_path / "drawn.png")
    script("draw", tmp_path / "red.png", "--recipe", out, *files)
    assert "<svg" in (tmp_path / "drawn" / "red.svg").read_text()
    with Image.open(tmp_path / "drawn.png") as sheet:
        assert sheet.size == (128 * views, 256)
    if recipe == "plans":
        assert isinstance(json.loads((tmp_path / "drawn" / "red.rooms.json").read_text()), list)
        empty = {"1": 1, "P": 0, "CMYK": (0, 0, 0, 0), "I;16": 65535}  # no plan at all
        for mode, paper in empty.items():
            Image.new(mode, (31, 57), paper).save(tmp_path / f"{mode[0]}.tif")
        script("draw", *tmp_path.glob("*.tif"), "--recipe", out, "-o", tmp_path / "empty")
        for mode in empty:
            assert "<svg" in (tmp_path / f"empty/{mode[0]}.svg").read_text()
            assert isinstance(json.loads((tmp_path / f"empty/{mode[0]}.rooms.json").read_text()), list)


def test_unknown_module_or_environment():
    assert "no recipe 'nowhere:RECIPE'" in script("train_canvas", "nowhere:RECIPE", code=2).stderr
    assert "is no Recipe" in script("train_canvas", "examples.pygame_renderer:partial", code=2).stderr


def test_digits_in_color(data, tmp_path):
    out = tmp_path / "run"
    script(
        "train_drawer",
        "colormnist-4",
        "--preset",
        "debug",
        "--train.pictures",
        64,
        "--out",
        out,
        "--threads",
        1,
    )
    options = ("--preset", "debug", "--json", "--sheet", tmp_path / "sheet.png")
    result = json.loads(script("evaluate", "colormnist-4", "--weights", out, *options).stdout)
    assert 0 <= result["color_accuracy"] <= 1
    with Image.open(tmp_path / "sheet.png") as sheet:  # hints, targets and drawings
        assert sheet.size == (20 * 128, 6 * 128)


@pytest.fixture(scope="module")
def sketcher(tmp_path_factory, data):
    """A sliding drawer trained by the script at debug size: a row of table 2 with a cleaner."""
    out = tmp_path_factory.mktemp("sketcher")
    options = ("--preset", "debug", "--train.pictures", 128, "--threads", 1, "--clean.crops", 32)
    options += ("--clean.targets", "sketches")
    script("train_drawer", "agents.ablations:table2_one_thickness", *options, "--out", out)
    return out


def test_draw_sketches(sketcher, tmp_path):
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal(128, 9, (90, 150, 3)), 0, 255).astype(np.uint8)
    photo[30:60, 40:100] = (20, 80, 160)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    files = ("-o", tmp_path / "out", "--sheet", tmp_path / "sheet.png")
    script("draw", tmp_path / "photo.png", "--recipe", sketcher, "--lines", "yes", "--gif", *files)
    svg = (tmp_path / "out" / "photo.svg").read_text()
    assert 'viewBox="0 0 150 90"' in svg
    options = ("--scale", 2, "--stride", 32, "--strokes", 2)
    script("draw", tmp_path / "photo.png", "--recipe", sketcher, "-o", tmp_path / "a.json", *options)
    drawing = Drawing.load(tmp_path / "a.json")
    assert drawing.sides == (90, 150) and drawing.renderer.thickness == 5


def test_evaluate_sketches(sketcher):
    arguments = ("sketch-10", "--weights", sketcher, "--preset", "debug", "--json", "--order", "raster")
    result = json.loads(script("evaluate", *arguments).stdout)
    assert result["n"] == 2 and result["order"] == "raster"
    assert result["recipe"] == "table2_one_thickness"  # that of the weights, whatever was asked for
    assert result["mse"] < 0.98 * result["mse_blank"] and result["strokes"] > 5
    random = json.loads(script("evaluate", *arguments, "--agent", "random").stdout)
    assert random["agent"] == "random" and 0 < random["strokes"] != result["strokes"]


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_baselines(weights, algorithm, tmp_path):
    debug = ("quickstart", "--preset", "debug")
    done = script(f"train_{algorithm}", *debug, "--out", tmp_path, "--threads", 1)
    assert "after 512 steps" in done.stdout
    assert {"policy.safetensors", "training.pt", "log.jsonl"} <= {p.name for p in tmp_path.iterdir()}
    options = ("--agent", algorithm, "--weights", tmp_path, "--json")
    result = json.loads(script("evaluate", *debug, *options).stdout)
    assert result["agent"] == algorithm and result["mse"] > 0 and result["mse_canvas"] is None
    done = script("evaluate", "quickstart", "--agent", "ppo", "--weights", weights, code=2)
    assert "holds no policy" in done.stderr
    other = "sac" if algorithm == "ppo" else "ppo"
    done = script("evaluate", "quickstart", "--agent", other, "--weights", tmp_path, code=2)
    assert f"holds a policy of {algorithm}, not of {other}" in done.stderr
    assert "slides over pages" in script(f"train_{algorithm}", "sketch-10", code=2).stderr


def test_reproduce(data, tmp_path):
    folders = ("--results", tmp_path, "--runs", tmp_path / "runs", "--out", tmp_path / "figures")
    assert "no results kept" in script("reproduce", "table1", *folders).stdout
    script("reproduce", "table1", "--rerun", "--preset", "debug", *folders)
    shown = script("reproduce", "table1", *folders).stdout
    assert "2,306.02" in shown and "0.00880" in shown and "0.01759" in shown  # both readings
    assert "20 strokes" in shown and "1 seeds" in shown
    script("reproduce", "figures", "--preset", "debug", *folders)
    assert len(list((tmp_path / "figures").glob("*.png"))) == 6


def test_reference_and_benchmark(tmp_path):
    result = json.loads(script("reference", "quickstart", "--preset", "debug", "--json").stdout)
    assert result["n"] == 2 and result["mse"] > 0 and result["mean_return"] < 1
    assert result["mse_drawer_effort_2_refine_50"] <= result["mse_drawer_effort_2"] <= result["mse_drawer"]
    script("benchmark", "--preset", "debug", "--out", tmp_path / "b.json")
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert len(rows) == 16 and all(r["value"] > 0 and r["ratio"] > 0 for r in rows)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("train_canvas", ["mnist4"], "did you mean 'mnist-4'"),
        ("train_drawer", ["quikstart"], "did you mean 'quickstart'"),
        ("evaluate", ["mnits-4"], "did you mean 'mnist-4'"),
        ("evaluate", ["quickstart", "--weights", "tests"], "tests holds no weights of a drawer"),
        ("evaluate", ["quickstart", "--weights", "nowhere"], "unknown recipe 'nowhere'"),
        ("draw", ["a.png", "b.png", "-o", "x.svg"], "x.svg is one file, but 2 pictures"),
        ("draw", ["a.png", "-o", "x.pdf"], "x.pdf is neither a folder nor a file that can be written: .svg"),
        ("draw", ["a.png", "b/a.jpg"], "two of the pictures have one name"),
        ("draw", ["a.png", "--recipe", "sketch"], "unknown recipe 'sketch'"),
        ("evaluate", ["mnist-4", "--stride", "16"], "mnist-4 draws a picture at once: stride is for sliding"),
        ("evaluate", ["floorplan", "--images", "examples/pictures/plans"], "nothing to compare a drawing"),
        ("evaluate", ["prism", "--images", "examples/pictures/digits"], "need a width that 3 divides"),
        ("train_drawer", ["quickstart", "--targets", "nowhere"], "unknown targets 'nowhere"),
        ("train_drawer", ["quickstart", "--env", "Bezier-v0"], "doesn't exist"),
        ("train_drawer", ["quickstart", "--device", "mps"], "there is no device 'mps' here"),
    ],
)
def test_bad_arguments_get_one_line(name, arguments, words):
    done = script(name, *arguments, code=2)
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_damaged_weights_get_one_line(weights, picture, tmp_path):
    for path in weights.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "drawer.safetensors").write_bytes(b"damaged")
    done = script("draw", picture, "--recipe", tmp_path, code=2)
    assert "drawer.safetensors is damaged" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_run_of_another_recipe_is_refused(weights):
    files = {path: path.read_bytes() for path in weights.glob("*.safetensors")}
    done = script(
        "train_drawer", "mnist-4", "--targets", "symbols", "--preset", "debug", "--out", weights, code=2
    )
    assert "holds a run of another recipe (name quickstart, not mnist-4)" in done.stderr
    done = script("train_canvas", "quickstart", "--preset", "debug", "--strokes", 3, "--out", weights, code=2)
    assert "holds a run of another recipe (strokes 2, not 3)" in done.stderr
    assert files == {path: path.read_bytes() for path in weights.glob("*.safetensors")}


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "a.png"),
        ("--sheet", "a.png"),
        ("b.gif", "--gif", "-o", "."),
        ("-o", "a.svg", "--sheet", "a.svg"),
    ],
)
def test_no_picture_is_overwritten(weights, picture, tmp_path, options):
    """Neither by its drawing, nor by a GIF or a sheet; nor a drawing by a sheet."""
    for name in ("a.png", "b.gif"):
        Image.open(picture).save(tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    images = [tmp_path / "a.png", *(tmp_path / o for o in options if o == "b.gif")]
    rest = [o if o.startswith("-") else tmp_path / o for o in options if o != "b.gif"]
    done = script("draw", *images[-1:], "--recipe", weights, *rest, code=2)
    assert "would be overwritten" in done.stderr or "files to write have one name" in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_draw_a_long_strip(weights, tmp_path):
    Image.new("L", (100_000, 1), 0).save(tmp_path / "strip.png")
    script("draw", tmp_path / "strip.png", "--recipe", weights, "-o", tmp_path / "strip.svg")


def test_train_on_a_folder_of_pictures(tmp_path):
    """One's own pictures, in colour, from nothing to drawings, and PPO on the same."""
    folder, out = tmp_path / "mine", tmp_path / "run"
    folder.mkdir()
    for k in range(5):
        Image.new("RGB", (40, 30), (200, 40 * k, 10)).save(folder / f"{k}.png")
    options = ("--preset", "debug", "--targets", folder, "--threads", 1)
    ellipses = "examples.pygame_renderer:RECIPE"
    script("train_drawer", ellipses, *options, "--train.pictures", 64, "--out", out)
    result = json.loads(script("evaluate", ellipses, "--weights", out, "--images", folder, "--json").stdout)
    assert result["n"] == 5 and result["recipe"] == "ellipses" and result["mse_blank"] > 0.1
    assert "has the splits train and val" in script("evaluate", ellipses, "--weights", out, code=2).stderr
    script("train_ppo", ellipses, "--preset", "debug", "--out", tmp_path / "ppo", "--threads", 1)
    (folder / "bad.png").write_bytes(b"no picture")
    done = script("train_drawer", ellipses, *options, "--out", tmp_path / "other", code=2)
    assert "bad.png cannot be read" in done.stderr and not (tmp_path / "other").exists()


def test_weights_of_an_unknown_environment_get_one_line(weights, tmp_path):
    for path in weights.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((weights / "config.json").read_text())
    config["recipe"]["env"] = "nowhere:Nothing-v0"
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = script("evaluate", "quickstart", "--weights", tmp_path, code=2)
    assert "config.json describes no recipe of this version" in done.stderr


def test_one_picture_by_two_paths_is_drawn_once(weights, picture, tmp_path):
    again = picture.parent / ".." / picture.parent.name / picture.name
    done = script("draw", picture, again, "--recipe", weights, "-o", tmp_path / "a.gif", "--gif")
    assert len(done.stdout.splitlines()) == 1 and (tmp_path / "a.gif").exists()
