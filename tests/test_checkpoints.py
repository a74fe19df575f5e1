"""Weights saved, loaded, damaged and put to work."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard

from agents import Drawer, get_recipe
from agents.canvas import to_unit
from agents.chance import Chance
from agents.draw import draw
from agents.evaluate import evaluate
from agents.improve import stacked
from agents.recipes import PRETRAINED, RECIPES, DrawerOptions, Recipe, RoomOptions
from agents.weights import VERSION, claim, load_weights, read_config, save_weights
from drawenv import BezierRenderer, Symbols, load_pictures
from drawenv.drawing import draw_kept

RENDERER = BezierRenderer(5.0)
TINY = get_recipe("quickstart").debug()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    Drawer.new(TINY).save_pretrained(folder)
    return folder


def test_save_and_load(saved, targets):
    assert {p.name for p in saved.iterdir()} >= {"drawer.safetensors", "canvas.safetensors", "config.json"}
    first, second = Drawer.from_pretrained(saved), Drawer.from_pretrained(str(saved))
    pictures = (255 * targets).byte().numpy()
    for a, b in zip(draw(first, pictures), draw(second, pictures), strict=True):
        np.testing.assert_array_equal(a.actions, b.actions)
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
    assert drawing.actions.dtype == np.float32 and drawing.actions.shape[1] == 7
    assert drawing.render(100).shape == (100, 100)
    with pytest.raises(ValueError, match="refine must be from 0 to 1000, got -1"):
        drawer.draw(picture, refine=-1)


def test_evaluation_of_blank_and_random(saved):
    drawer = Drawer.from_pretrained(saved)
    blank = evaluate(Chance(drawer, strokes=0), limit=40)
    assert blank["mse"] == blank["mse_blank"] == pytest.approx(blank["mse_canvas"]) and blank["strokes"] == 0
    first = load_pictures("symbols-2:test").images[:40]
    assert blank["mse"] == pytest.approx(to_unit(first).square().mean().item(), rel=1e-5)
    random = evaluate(Chance(drawer), limit=400)  # pruned, as a drawer's strokes are
    assert 0.5 * random["mse_blank"] < random["mse"] < random["mse_blank"] and 0 < random["strokes"] < 2
    everything = evaluate(Chance(drawer), limit=40, prune=False)
    assert everything["mse"] > blank["mse"] and everything["strokes"] == 2
    assert 0 <= random["stroke_precision"] <= 1 and random["pens_true"] >= 1


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
        ("config.json", b'{"recipe": {"name": 3, "env": 4}}', "describes no recipe of this version"),
    ],
)
def test_damaged_weights(saved, tmp_path, file, content, words):
    with pytest.raises(ValueError, match=words):
        Drawer.from_pretrained(damaged(saved, tmp_path, file, content))


def test_older_weights_say_yes_or_no_to_variation(saved, tmp_path):
    config = json.loads((saved / "config.json").read_text())
    config["recipe"]["data"]["augment"] = True
    older = damaged(saved, tmp_path, "config.json", json.dumps(config).encode())
    assert Drawer.from_pretrained(older).recipe.data.augment == 1.0


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
    """It is asked once: the mixin's own way waits half a minute for a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.delattr("huggingface_hub.hub_mixin.hf_hub_download")
    with pytest.raises(FileNotFoundError, match="nobody/nothing is no folder here, and not to be had"):
        Drawer.from_pretrained("nobody/nothing")


def test_folder_without_weights(tmp_path):
    with pytest.raises(ValueError, match="holds no weights of a drawer"):
        Drawer.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", RECIPES)
def test_pretrained_weights_draw(name):
    """The weights in the repository are of this code, and beat the blank page by far."""
    if not (PRETRAINED / (get_recipe(name).weights or name)).is_dir():
        pytest.skip(f"no weights for {name}")
    drawer, size = Drawer.from_pretrained(name), get_recipe(name).size
    hints = pictures = Symbols(max_strokes=2, thickness=(4.3, 5.0)).sample(20, np.random.default_rng(0))
    if others := {"floorplan": "plans", "prism": "prisms", "hollow": "frames"}.get(name):
        built_in = load_pictures(f"{others}:test", size)
        pictures = built_in.images[:20]
        hints = pictures if built_in.hints is None else built_in.hints[:20]
    actions, keep = stacked([drawing.actions for drawing in draw(drawer, hints)])
    drawn = draw_kept(drawer.renderer, actions, keep, drawer.renderer.blank(20, size))
    if name == "colormnist-4":  # letters have no colour of their own
        drawn = drawn.max(1, keepdims=True)
    error = np.square(drawn[:, : pictures.shape[1]] / 255.0 - pictures / 255.0).sum()
    assert error < 0.7 * np.square(pictures / 255.0).sum()
    assert drawer.config["drawer"]["command"].startswith("scripts/train_drawer.py")


@pytest.mark.parametrize("name", RECIPES)
def test_configs_hold_their_recipes(name):
    """Old weights keep meaning what they meant: their records load, and say what is known of them."""
    if not (PRETRAINED / name).is_dir():
        pytest.skip(f"no weights for {name}")
    config = read_config(PRETRAINED / name)
    assert config["version"] in range(1, VERSION + 1) and config["drawer"]["command"]
    recipe = Recipe.from_dict(config["recipe"])
    assert recipe.name == name and Recipe.from_dict(recipe.as_dict()) == recipe
    drawer = Drawer.from_pretrained(name)
    assert drawer.recipe == recipe
    # A canvas network that was fitted after the drawer says nothing of what the drawer learned.
    assert (drawer.learned_through is None) == bool(config["canvas"].get("fitted_afterwards"))


@pytest.mark.parametrize("name", ["sketch-10", "sketch-4", "sketch-hierarchy"])
def test_recipes_that_draw_with_the_weights_of_another(name, tmp_path):
    drawer = Drawer.from_pretrained(name)
    assert drawer.recipe == get_recipe(name) and drawer.recipe.weights == "lines"
    drawer.with_recipe(price=3.0).save_pretrained(tmp_path)
    assert Drawer.from_pretrained(tmp_path).recipe == replace(get_recipe(name), price=3.0)


def test_no_figure_under_a_canvas_that_was_fitted_afterwards():
    drawer = Drawer.from_pretrained("quickstart")
    assert 0 < evaluate(drawer, limit=5)["mse_canvas"] < 0.1
    drawer.config["canvas"]["fitted_afterwards"] = True
    assert evaluate(drawer, limit=5)["mse_canvas"] is None


def test_a_folder_belongs_to_one_recipe(tmp_path):
    claim(tmp_path, TINY)
    claim(tmp_path, replace(TINY, train=replace(TINY.train, pictures=512)))  # a longer run goes on
    for other in (get_recipe("mnist-4"), replace(TINY, strokes=3)):
        with pytest.raises(ValueError, match=r"holds a run of another recipe \((name quick|strokes 2)"):
            claim(tmp_path, other)


def test_evaluation_takes_an_array(saved):
    """Any pictures, and the same figures as by their name."""
    drawer, pictures = Drawer.from_pretrained(saved), load_pictures("symbols-2:test")
    first, second = evaluate(drawer, pictures.images[:20]), evaluate(drawer, limit=20)
    assert first["mse"] == second["mse"] and "stroke_precision" not in first


def test_translations_are_compared_with_their_targets_alone():
    drawer = Drawer.new(get_recipe("plans").debug())
    with pytest.raises(ValueError, match="nothing to compare a drawing with"):
        evaluate(drawer, np.zeros((2, 32, 32), np.uint8))


def test_saved_weights_say_what_they_are(tmp_path):
    drawer = Drawer.from_pretrained("quickstart")
    drawer.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "mit" and "# quickstart" in card.text
    assert f"`{drawer.config['drawer']['command']}`" in card.text and "`BezierThickCanvas-v0`" in card.text
    Drawer.new(drawer.recipe).save_pretrained(tmp_path / "new")  # of which nothing is known
    assert "| trained by |" not in (tmp_path / "new/README.md").read_text()
    assert "drawings.png" not in card.text and not (tmp_path / "drawings.png").exists()
    (tmp_path / "drawings.png").write_bytes(b"a picture")  # as a training leaves it
    Drawer.from_pretrained(tmp_path).save_pretrained(tmp_path / "seen")
    assert "](drawings.png)" in (tmp_path / "seen/README.md").read_text()
    assert (tmp_path / "seen/drawings.png").read_bytes() == b"a picture"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 60}, "multiples of 16"), ({"strokes": 0}, "must be 1 or more"),
        ({"stride": 65}, "stride must be from 0 to size"), ({"rooms": RoomOptions(plans=9)}, "filled"),
        ({"drawer": DrawerOptions(look=7)}, "look must divide size"),
        ({"drawer": DrawerOptions(look=0)}, "must be 1 or more"),
    ],
)  # fmt: skip
def test_what_no_drawer_could_be_is_refused(changes, message):
    get_recipe("mnist-4").check()
    with pytest.raises(ValueError, match=message):
        replace(get_recipe("mnist-4"), **changes).check()


def test_fields_that_are_gone_and_said_nothing_are_passed_over(tmp_path):
    """Weights made while plans were voted on still load, if they were none of those."""
    Drawer.from_pretrained("quickstart").save_pretrained(tmp_path)
    config = read_config(tmp_path)
    config["recipe"]["votes"] = 0.0
    config["recipe"]["data"]["zooms"] = [1]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Drawer.from_pretrained(tmp_path).recipe == Drawer.from_pretrained("quickstart").recipe
    config["recipe"]["votes"] = 0.2
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="describes no recipe of this version"):
        Drawer.from_pretrained(tmp_path)
