"""Weights saved, loaded, damaged and put to work."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import Drawer, get_recipe
from agents.canvas import to_unit
from agents.checkpoints import PRETRAINED, load_weights, save_weights
from agents.evaluation import evaluate
from agents.finish import draw_kept
from agents.recipes import RECIPES
from drawenv import BezierRenderer, Symbols, load_pictures

RENDERER = BezierRenderer(5.0)
TINY = replace(get_recipe("quickstart").debug(), canvas_seconds=4.0)


@pytest.fixture(scope="module")
def targets():
    return to_unit(Symbols(max_strokes=3).sample(8, np.random.default_rng(0)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    Drawer.new(TINY).save_pretrained(folder)
    return folder


def test_save_and_load(saved, targets):
    assert {p.name for p in saved.iterdir()} >= {"drawer.safetensors", "canvas.safetensors", "config.json"}
    first, second = Drawer.from_pretrained(saved), Drawer.from_pretrained(str(saved))
    pictures = (255 * targets).byte().numpy()
    np.testing.assert_array_equal(first.strokes(pictures)[0], second.strokes(pictures)[0])
    assert first.recipe == TINY


def test_large_matrices_are_stored_small(tmp_path):
    torch.manual_seed(0)
    large, again = torch.nn.Linear(400, 300), torch.nn.Linear(400, 300)
    large.weight.data[7] = 0  # a row without a scale
    save_weights(large, tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_size < 125_000
    load_weights(again, tmp_path / "w.safetensors")
    step = large.weight.abs().amax(1, keepdim=True) / 127
    assert ((large.weight - again.weight).abs() <= 0.51 * step + 1e-9).all()
    torch.testing.assert_close(large.bias, again.bias, atol=1e-3, rtol=0)


def test_draw_any_picture(saved, rng):
    drawer = Drawer.from_pretrained(saved)
    picture = np.full((90, 40, 3), 255, np.uint8)
    picture[20:70, 15:25] = 0
    drawing = drawer.draw(picture)
    assert drawing.actions.dtype == np.float32 and drawing.actions.shape[1] == 6
    assert drawing.render(100).shape == (100, 100)
    with pytest.raises(ValueError, match="refine must be 0 or more"):
        drawer.draw(picture, refine=-1)


def test_evaluation_of_blank_and_random(saved):
    drawer = Drawer.from_pretrained(saved)
    blank = evaluate(drawer, "blank", limit=40)
    assert blank["mse"] == blank["mse_blank"] == pytest.approx(blank["mse_canvas"]) and blank["strokes"] == 0
    first = load_pictures("symbols-2:test").images[:40]
    assert blank["mse"] == pytest.approx(to_unit(first).square().mean().item(), rel=1e-5)
    random = evaluate(drawer, "random", limit=40)
    assert random["mse"] > blank["mse"] and 0 <= random["stroke_precision"] <= 1
    assert evaluate(drawer, "drawer", limit=40, refine=3)["mse"] <= blank["mse"]  # useless strokes go
    with pytest.raises(ValueError, match="agent must be one of"):
        evaluate(drawer, "sac")
    with pytest.raises(ValueError, match="'ppo'"):
        evaluate(drawer, "ppo")


def damaged(folder, tmp_path, file, content):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("drawer.safetensors", b"", "damaged or no safetensors"),
        ("canvas.safetensors", b"x" * 100, "damaged or no safetensors"),
        ("config.json", b"{", r"config\.json is damaged"),
        ("config.json", b"[1]", "no JSON object"),
        ("config.json", b"{}", "no weights of a drawer"),
        ("config.json", b'{"recipe": {"name": 3, "env_id": 4}}', "describes no recipe of this version"),
    ],
)
def test_damaged_weights(saved, tmp_path, file, content, words):
    with pytest.raises(ValueError, match=words):
        Drawer.from_pretrained(damaged(saved, tmp_path, file, content))


def test_foreign_weights(saved, tmp_path):
    foreign = damaged(saved, tmp_path, "drawer.safetensors", (saved / "canvas.safetensors").read_bytes())
    with pytest.raises(ValueError, match="holds another network's weights: Missing key"):
        Drawer.from_pretrained(foreign)


def test_unknown_names():
    with pytest.raises(ValueError, match="did you mean 'mnist-4'"):
        Drawer.from_pretrained("mnist4")
    with pytest.raises(ValueError, match="unknown recipe 'zzz'; known: quickstart"):
        get_recipe("zzz")


def test_neither_folder_nor_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="nobody/nothing is no folder here, and not to be had"):
        Drawer.from_pretrained("nobody/nothing")


def test_folder_without_weights(tmp_path):
    with pytest.raises(ValueError, match="holds no weights of a drawer"):
        Drawer.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", RECIPES)
def test_pretrained_weights_draw(name):
    """The weights in the repository are of this code, and beat the blank page by far."""
    if not (PRETRAINED / name).is_dir():
        pytest.skip(f"no weights for {name}")
    drawer, size = Drawer.from_pretrained(name), get_recipe(name).size
    hints = pictures = Symbols(max_strokes=2, thickness=(4.3, 5.0)).sample(20, np.random.default_rng(0))
    if name in ("floorplan", "prism"):
        built_in = load_pictures({"floorplan": "plans:test", "prism": "prisms:test"}[name], size)
        pictures = built_in.images[:20]
        hints = pictures if built_in.hints is None else built_in.hints[:20]
    actions, keep = drawer.strokes(hints)
    drawn = draw_kept(drawer.renderer, actions, keep, drawer.renderer.blank(20, size))
    if name == "colormnist-4":  # letters have no colour of their own
        drawn = drawn.max(1, keepdims=True)
    error = np.square(drawn[:, : pictures.shape[1]] / 255.0 - pictures / 255.0).sum()
    assert error < 0.7 * np.square(pictures / 255.0).sum()
    assert drawer.config["drawer"]["command"].startswith("scripts/train_drawer.py")
