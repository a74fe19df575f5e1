"""Three steps of training on given pictures, by one process or a share of them by each of two.

python steps.py OUT: ``torchrun``'s variables say which process of how many it is.
"""

import sys
from dataclasses import replace

import torch

from agents import Drawer, get_recipe, processes, train
from agents.data import Batch


def main(out: str) -> None:
    torch.set_num_threads(1)
    processes.start(torch.device("cpu"))
    recipe = get_recipe("quickstart").debug()
    recipe = replace(recipe, size=32, train=replace(recipe.train, batch=8))
    torch.manual_seed(0)
    train.REDRAW = 0.0  # what is drawn anew is chosen at random, by each process for itself
    trainer = train.Trainer(Drawer.new(recipe))
    trainer.drawer.network.half_precision = False
    trainer.drawer.canvas.requires_grad_(False)
    pictures = torch.rand(3, 8, 1, 32, 32)
    own = slice(processes.rank() * 8 // processes.count(), (processes.rank() + 1) * 8 // processes.count())
    for step, target in enumerate(pictures[:, own]):
        trainer.step(Batch(target, target, torch.zeros_like(target)), step / 3)
    if processes.rank() == 0:
        torch.save(trainer.drawer.network.state_dict(), out)
    processes.wait()


if __name__ == "__main__":
    main(sys.argv[1])
