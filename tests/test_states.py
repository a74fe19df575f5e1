"""Trainings that cannot be lost: killed, damaged, started twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from agents import Drawer, get_recipe, train
from agents.baselines import hyperparameters, train_baseline
from agents.canvas import fit_canvas, make_canvas
from agents.clean import CleanNetwork, fit_cleaner
from agents.states import alone, load_state, save_state
from agents.train import train_drawer
from drawenv import Symbols

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path):
    """Pictures of symbols."""
    path = tmp_path / "pictures"
    path.mkdir()
    for i, picture in enumerate(Symbols(128).sample(6, np.random.default_rng(0))):
        Image.fromarray(255 - picture[0]).save(path / f"{i}.png")
    return path


def weights_of(recipe, out):
    torch.manual_seed(0)
    drawer = Drawer.new(recipe)
    train_drawer(drawer, out)
    parts = (drawer.network, drawer.canvas)
    return {f"{k}.{name}": v for k, part in enumerate(parts) for name, v in part.state_dict().items()}


@pytest.mark.parametrize("name", ["quickstart", "mnist-4", "sketch-10"])
def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(tmp_path, folder, monkeypatch, name):
    """To the bit, with and without a canvas network that is fitted on, and in windows of pages."""
    recipe = replace(get_recipe(name).debug(), targets=str(folder), weights=None)
    recipe = replace(recipe, canvas=replace(recipe.canvas, refit=name != "quickstart"))
    wanted = weights_of(recipe, tmp_path / "whole")
    calls, evaluate = [], train.evaluate

    def killed(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(*arguments, **options)

    monkeypatch.setattr(train, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        weights_of(recipe, tmp_path / "killed")
    assert load_state(tmp_path / "killed/training.pt", 0)["pictures"] < 256
    found = weights_of(recipe, tmp_path / "killed")
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[part], found[part]) for part in wanted)


def test_a_killed_cleaner(tmp_path):
    pictures = Symbols(64).sample(8, np.random.default_rng(0))

    def fit(file, stop=None):
        torch.manual_seed(0)
        network = CleanNetwork(4)

        def report(seen, _):
            if seen == stop:
                raise KeyboardInterrupt

        fit_cleaner(network, pictures, 640, 0, file, report)
        return network.state_dict()

    wanted = fit(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed.pt", 320)
    found = fit(tmp_path / "killed.pt")
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_a_killed_fit_of_a_canvas(tmp_path):
    def fit(file, stop=None):
        torch.manual_seed(0)
        canvas = make_canvas(get_recipe("hollow").debug())

        def report(step):
            if step == stop:
                raise KeyboardInterrupt

        fit_canvas(canvas, get_recipe("hollow").renderer(), 32, 200, state_file=file, report=report)
        return canvas.state_dict()

    wanted = fit(None)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "canvas.pt", 150)
    assert load_state(tmp_path / "canvas.pt", 0)["steps"] == 140
    found = fit(tmp_path / "canvas.pt")
    assert all(torch.equal(wanted[name], found[name]) for name in wanted) and not [*tmp_path.iterdir()]


def test_a_killed_ppo(tmp_path):
    recipe = get_recipe("quickstart").debug()
    options = {**hyperparameters(recipe.env), "n_envs": 16, "n_steps": 8, "n_timesteps": 2_048}
    options["policy_kwargs"] = {"width": 4, "features_dim": 16}

    def weights(out, stop=None):
        def report(row):
            if row["steps"] == stop:
                raise KeyboardInterrupt

        last = train_baseline("ppo", recipe, options, out, 3, report)
        assert (out / "log.jsonl").read_text().count("\n") == 4 and last["steps"] == 2_048
        return load_file(out / "policy.safetensors")

    wanted = weights(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        weights(tmp_path / "killed", 1_360)
    assert load_state(tmp_path / "killed/training.pt", 3)["steps"] == 1_024
    for _ in range(2):  # a finished run stays as it is
        found = weights(tmp_path / "killed")
        assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_damage_is_noticed_and_the_state_before_is_kept(tmp_path, capsys):
    file = tmp_path / "training.pt"
    assert load_state(file, 0) is None
    for number in (1, 2):
        save_state(file, 0, {"number": torch.full((1000,), number)})
    assert load_state(file, 0)["number"][0] == 2
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4  # one bit
    file.write_bytes(data)
    assert load_state(file, 0)["number"][0] == 1
    assert "damaged: going on from training.before.pt" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"is of seed 0, not 7"):
        load_state(file, 7)
    (tmp_path / "training.before.pt").write_bytes(b"no state")
    with pytest.raises(ValueError, match=r"training\.pt .*damaged; delete to start again"):
        load_state(file, 0)


def test_a_full_disk_leaves_the_state(tmp_path, monkeypatch):
    file = tmp_path / "training.pt"
    save_state(file, 0, {"number": 1})

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_state(file, 0, {"number": 2})
    assert load_state(file, 0) == {"number": 1, "seed": 0} and [*tmp_path.iterdir()] == [file]


def test_one_folder_one_run(tmp_path):
    """A second process is refused; one that died, or was told to stop, keeps nothing."""
    command = [sys.executable, "scripts/train_drawer.py", "quickstart", "--out", tmp_path, "--threads", "1"]
    options = {"cwd": ROOT, "stderr": subprocess.PIPE, "text": True}
    with alone(tmp_path):
        second = subprocess.run([*command, "--preset", "debug"], **options)
    assert second.returncode == 2 and "another process trains in" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    running = subprocess.Popen([*command, "--train.pictures", "5000"], **options)
    while not (tmp_path / "config.json").exists():  # it fits its canvas network then
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.1)
    time.sleep(1)
    os.kill(running.pid, signal.SIGTERM)
    _, text = running.communicate(timeout=30)
    assert running.returncode == 130 and "the same command goes on" in text and "Traceback" not in text
    with alone(tmp_path):
        pass
