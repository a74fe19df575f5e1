"""The optimisers of canvas and drawer alike."""

from __future__ import annotations

from torch import Tensor, nn, optim

from agents import processes


class MuonAdam:
    """Muon for weight matrices, Adam for everything else, on one schedule.

    Muon (orthogonalised momentum) suits both networks: they make few steps, each with a nearly
    exact gradient. A drawer came as far with half the pictures, and a canvas network's error
    fell by a third in the same time.

    Args:
        module: whose parameters to move.
        lr: Adam's learning rate at its highest.
        matrix_lr: Muon's.
        adam_only: prefixes of matrices left to Adam.
        clip: largest norm of the gradient.
        weight_decay: Muon's; its steps have one size, so without decay weights grow for ever.
    """

    def __init__(
        self, module: nn.Module, lr: float, matrix_lr: float, adam_only: tuple[str, ...] = (),
        clip: float = 10.0, weight_decay: float = 0.1,
    ):  # fmt: skip
        matrices, rest = [], []
        for name, parameter in module.named_parameters():
            inner = parameter.ndim == 2 and not name.startswith(adam_only or ("\0",))
            (matrices if inner else rest).append(parameter)
        self.parameters, self.clip = matrices + rest, clip
        self.parts = [
            optim.Muon(matrices, lr=matrix_lr, weight_decay=weight_decay),
            optim.Adam(rest, lr=lr, betas=(0.9, 0.99)),
        ]
        self.highest = [matrix_lr, lr]

    def step(self, loss: Tensor, scale: float) -> None:
        """One step down a loss at ``scale`` times the highest learning rates; nothing waits for a device."""
        for part, lr in zip(self.parts, self.highest, strict=True):
            part.param_groups[0]["lr"] = lr * scale
            part.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        processes.average(gradients)
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        for gradient in gradients:  # one bad batch must not cost the run: its gradient becomes zero
            gradient.nan_to_num_(0.0, 0.0, 0.0)
        for part in self.parts:
            part.step()

    def state_dict(self) -> list[dict]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, state: list[dict]) -> None:
        for part, saved in zip(self.parts, state, strict=True):
            part.load_state_dict(saved)
