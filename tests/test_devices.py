"""Devices and processes: no tensor is made on the wrong one; two processes are as one."""

import os
import socket
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import KDTree
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from agents import Drawer, data, get_recipe
from agents.canvas import fit_canvas
from agents.commands.common import prepare
from agents.data import make_batches
from agents.evaluate import evaluate
from agents.graphs import Replayed
from agents.train import Trainer, train_drawer

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
FACTORIES = {
    getattr(torch, name)
    for name in (
        "arange", "empty", "eye", "full", "linspace", "ones", "rand", "randint", "randn", "randperm",
        "tensor", "zeros",
    )
}  # fmt: skip


class EachSaysWhere(TorchFunctionMode):
    """Every call in agents/ that makes a tensor must say on which device."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in FACTORIES and "device" not in (kwargs or {}):
            frame = sys._getframe(1)
            while "torch" in Path(frame.f_code.co_filename).parts:
                if frame.f_code.co_filename.endswith("dataloader.py"):
                    return func(*args, **(kwargs or {}))  # its seed stays on the CPU
                frame = frame.f_back
            where = Path(frame.f_code.co_filename)
            assert where.parent.name != "agents", f"{where.name}:{frame.f_lineno}: {func.__name__}"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["quickstart", "plans", "prism", "hollow", "sketch"])
def test_no_tensor_is_made_on_the_wrong_device(name, tmp_path, request):
    """Data, fit, step, refit, drawing and refinement of every kind of network."""
    recipe = get_recipe("sketch-10" if name == "sketch" else name).debug()
    targets = recipe.targets
    if name == "sketch":
        targets = tmp_path
        for k in range(3):
            Image.effect_noise((100, 100), 90).point(lambda v: 255 * (v > 180)).save(tmp_path / f"{k}.png")
    recipe = replace(
        recipe, targets=str(targets), data=replace(recipe.data, augment=name == "quickstart", mirror_until=1),
        canvas=replace(recipe.canvas, refit=True), train=replace(recipe.train, batch=4),
    )  # fmt: skip
    drawer = Drawer.new(recipe)  # weights are made on the CPU and moved
    with EachSaysWhere():
        fit_canvas(drawer.canvas, drawer.renderer, recipe.size, steps=2, batch=4)
        batches, trainer = make_batches(recipe, 0, CPU), Trainer(drawer)
        for done in (0.0, 0.5):
            loss, drawn = trainer.step(batches(done), done)
            assert loss.isfinite()
            batches.drawn(drawn)
        drawer.network.requires_grad_(False).eval().half_precision = False
        evaluate(drawer, f"{targets}:val", refine=1, limit=1)


def test_the_mode_finds_what_it_looks_for():
    code = compile("import torch\ndef make(): return torch.zeros(2)", str(ROOT / "agents" / "x.py"), "exec")
    space: dict = {}
    exec(code, space)
    with EachSaysWhere(), pytest.raises(AssertionError, match=r"x\.py:2: zeros"):
        space["make"]()


def test_unknown_and_absent_devices():
    assert prepare("cpu").type == "cpu" and prepare("auto").type in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="there is no device 'cuda' here: --device auto"):
            prepare("cuda")


def test_only_training_takes_the_tiniest_numbers_for_zero():
    try:
        for train in (True, False):
            prepare("cpu", train=train)
            assert bool(torch.tensor([1e-40]).mul(1).item()) != train
        KDTree(np.concatenate([np.stack([np.zeros(400), np.arange(400)], 1), np.ones((300, 2))]))
    finally:
        torch.set_flush_denormal(False)


def test_a_drawer_moves():
    drawer = Drawer.from_pretrained("quickstart", device="cpu")
    assert drawer.to("cpu") is drawer and drawer.device == CPU
    assert drawer.to("meta").device.type == drawer.canvas.skip.weight.device.type == "meta"
    assert all(buffer.device.type == "meta" for buffer in drawer.network.buffers())


def run(*command, processes=1, **environment):
    """Run a command as ``torchrun`` would, in each of some processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(processes):
        where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
        where |= {"MASTER_ADDR": "127.0.0.1", "PYTHONPATH": ROOT}
        own = where if processes > 1 else {"PYTHONPATH": ROOT}
        full = os.environ | {name: str(value) for name, value in (own | environment).items()}
        started.append(
            subprocess.Popen(
                [sys.executable, *map(str, command)], cwd=ROOT, env=full, stderr=subprocess.PIPE, text=True
            )
        )
    try:
        for process in started:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stderr.close()


def test_two_processes_are_as_one_with_twice_the_batch(tmp_path):
    run("tests/steps.py", tmp_path / "one.pt")
    run("tests/steps.py", tmp_path / "two.pt", processes=2)
    one, two = (torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("one", "two"))
    torch.manual_seed(0)
    moved = 0.0
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=2e-5, rtol=1e-3, msg=name)
        moved += value.norm().item()
    assert moved > 0


def test_several_processes_train_one_drawer(tmp_path):
    """By the script: one writes, and what it writes draws."""
    options = ("--preset", "debug", "--train.pictures", 64, "--threads", 1, "--out", tmp_path)
    run("scripts/train_drawer.py", "quickstart", *options, "--canvas.refit", processes=2)
    drawer = Drawer.from_pretrained(tmp_path)
    assert drawer.config["drawer"]["processes"] == 2
    assert drawer.config["drawer"]["validation"]["pictures"] == 64
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4


def test_who_is_started_again_reads_nothing_of_the_dead():
    """``torchrun`` keeps its store from one start to the next."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    elastic = {"TORCHELASTIC_USE_AGENT_STORE": True, "GROUP_WORLD_SIZE": 1, "MASTER_PORT": store.port}
    join = "import torch; from agents import processes as p; p.start(torch.device('cpu')); p.wait()"
    for start in range(2):
        run("-c", join, processes=2, TORCHELASTIC_RESTART_COUNT=start, **elastic)
        assert store.check([f"{start}/0//cpu//0/{rank}" for rank in range(2)])


class Pretended(Replayed):
    """What a CUDA graph does with its inputs and outputs, without CUDA: both stay where they are."""

    def __call__(self, inputs, *others):
        key = (others, *(x.shape for x in inputs))
        if key not in self.graphs:
            self.graphs[key] = [x.clone() for x in inputs], None
        kept, outputs = self.graphs[key]
        for own, new in zip(kept, inputs, strict=True):
            own.copy_(new)
        with NothingIsRead():
            made = self.function(kept, *others)
        if outputs is None:
            self.graphs[key] = kept, made
            return made
        for old, new in zip(tree_leaves(outputs), tree_leaves(made), strict=True):
            old.copy_(new)
        return outputs


class NothingIsRead(TorchDispatchMode):
    """No tensor's value may be read on the host, but by an optimiser, which does not on CUDA."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.__name__.split(".")[0] in ("_local_scalar_dense", "nonzero", "masked_select", "equal"):
            files = [frame.filename for frame in traceback.extract_stack()]
            assert any("optim" in Path(file).parts for file in files), func.__name__
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["mnist-4", "plans", "hollow"])
def test_a_recorded_step_is_the_step(name):
    """Inputs and outputs that stay where they are change nothing, and no value is read on the way."""
    recipe = get_recipe(name).debug()
    recipe = replace(recipe, targets="symbols-2" if name == "mnist-4" else recipe.targets)
    states = []
    for kind in (Replayed, Pretended):
        torch.manual_seed(0)
        drawer = Drawer.new(recipe)
        drawer.canvas.requires_grad_(False)
        trainer, batches = Trainer(drawer), make_batches(recipe, 0, CPU)
        trainer.update = kind(trainer._update, record=False)
        for step in range(6):
            _, drawn = trainer.step(batches(0.0), step / 6)
            batches.drawn(drawn)
        states.append(drawer.network.state_dict())
    for key, value in states[0].items():
        assert value.equal(states[1][key]), key


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_training_on_cuda(tmp_path):
    recipe = get_recipe("prism").debug()
    drawer = Drawer.new(recipe).to("cuda")
    assert train_drawer(drawer, tmp_path)["mse"] < 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
@pytest.mark.parametrize("name", ["quickstart", "plans", "sketch-10"])
def test_processes_make_the_same_batches(name, tmp_path, monkeypatch):
    """As the training process itself, or its threads, make them."""
    recipe = get_recipe(name).debug()
    if name == "sketch-10":
        for k in range(2):
            noise = Image.effect_noise((200, 200), 90).point(lambda v: 255 * (v > 180))
            noise.save(tmp_path / f"{k}.png")
        recipe = replace(recipe, targets=str(tmp_path), train=replace(recipe.train, batch=4))
    made = []
    for wanted in (False, True):
        monkeypatch.setattr(data, "forks", lambda device, wanted=wanted: wanted)
        batches = make_batches(recipe, 0, CPU)
        torch.manual_seed(0)
        batch = batches(0.0)
        strokes = np.zeros((len(batch.target), 4, len(recipe.renderer().action_spec)), np.float32)
        batches.drawn(strokes)
        made.append((batch, batches(0.0)))
    for here, there in zip(*made, strict=True):
        for one, other in zip(here, there, strict=True):
            assert one.equal(other)
