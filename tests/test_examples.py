"""The examples for those who bring an agent of their own."""

import subprocess
import sys
from pathlib import Path

import torch

from examples import ppo

ROOT = Path(__file__).parent.parent


def test_ppo_in_one_file(tmp_path, capsys):
    arguments = {
        "steps": 64,
        "envs": 4,
        "episodes": 1,
        "batch": 8,
        "device": "cpu",
        "out": tmp_path / "ppo.safetensors",
    }
    ppo.main(ppo.Arguments(**arguments))
    assert "strokes: return" in capsys.readouterr().out and (tmp_path / "ppo.safetensors").exists()


def test_advantages():
    """Of two episodes of two steps, by hand."""
    rewards, values = torch.tensor([[1.0], [2.0], [0.0], [1.0]]), torch.tensor([[1.0], [1.0], [0.5], [0.5]])
    over = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    found = ppo.advantages(rewards, values, over, 0.5).flatten().tolist()
    assert found == [1 + 1 - 1 + 0.5 * 1, 2 - 1, 0 + 0.5 - 0.5 + 0.5 * 0.5, 1 - 0.5]


def test_stable_baselines3():
    done = subprocess.run(
        [sys.executable, "examples/sb3.py", "128"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "'iqm_95'" in done.stdout
