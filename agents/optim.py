"""The optimisers of canvas and drawer alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn, optim

from . import processes


def orthogonalised(x: Tensor, steps: int = 5) -> Tensor:
    """Matrices ``[k, m, n]``, m <= n, with their singular values moved to about 1: Newton-Schulz, as Muon's.

    The iteration runs on x x^T, which is m times m: of a matrix much wider than high this costs a fraction.
    In single precision throughout: most processors emulate bfloat16, a dozen times slower.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # Keller Jordan's: steep at zero
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    gram, product = x @ x.mT, None
    for step in range(steps):
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal(dim1=1, dim2=2).add_(a)
        product = polynomial if product is None else polynomial @ product
        if step < steps - 1:
            gram = polynomial @ gram @ polynomial
    return product @ x


def schedule(done: float, steps: float) -> float:
    """What learning rates are of their highest when the share ``done`` of so many steps is over: they rise
    for a hundred steps and fall to zero along a cosine.
    """
    return min((done * steps + 1) / 100, 1.0) * 0.5 * (1 + math.cos(math.pi * done))


class Muon(optim.Optimizer):
    """Momentum, orthogonalised: matrices of one shape at once, a convolution as one of outputs by inputs.
    ``torch.optim.Muon`` takes them one by one, in bfloat16.

    Args:
        matrices: to move.
        lr: learning rate, also as a tensor; a matrix of m times n moves by it times sqrt(max(1, m / n)).
        weight_decay: a share of the learning rate.
        momentum: Nesterov's.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:  # ty: ignore[incompatible-method-override]
        """One step down the gradients."""
        group = self.param_groups[0]
        lr, momentum = group["lr"], group["momentum"]
        matrices = [matrix for matrix in group["params"] if matrix.grad is not None]
        if not matrices:
            return
        for matrix in matrices:
            if matrix not in self.state:
                self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        gradients, past = [m.grad for m in matrices], [self.state[m]["momentum"] for m in matrices]
        torch._foreach_lerp_(past, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, past, momentum)
        torch._foreach_mul_(matrices, 1 - lr * group["weight_decay"])
        alike: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}  # by shape: matrices and their updates
        for matrix, update in zip(matrices, ahead, strict=True):
            update = update.flatten(1)
            alike.setdefault(update.shape, []).append((matrix, update))
        for (m, n), some in alike.items():
            update = torch.stack([update for _, update in some])
            update = orthogonalised(update) if m <= n else orthogonalised(update.mT).mT
            update = update * (lr * math.sqrt(max(1, m / n)))
            new = [u.view_as(matrix) for (matrix, _), u in zip(some, update.unbind(), strict=True)]
            torch._foreach_sub_([matrix for matrix, _ in some], new)


class MuonAdam:
    """Muon for weight matrices and convolutions, Adam for everything else, on one schedule.

    Muon (orthogonalised momentum) suits both networks: they make few steps, each with a nearly
    exact gradient. A drawer came as far with half the pictures, and a canvas network's error
    fell by a third in the same time. An encoder of digits told their class from half the pictures.

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
            wide = parameter.ndim == 2 or (parameter.ndim == 4 and parameter[0, 0].numel() > 1)
            inner = wide and not name.startswith(adam_only or ("\0",))
            (matrices if inner else rest).append(parameter)
        self.parameters, self.clip = matrices + rest, clip
        self.parts: list[optim.Optimizer] = [
            Muon(matrices, lr=matrix_lr, weight_decay=weight_decay),
            optim.Adam(rest, lr=lr, betas=(0.9, 0.99)),
        ]
        self.highest, self.device = [matrix_lr, lr], self.parameters[0].device
        self._settle()

    def _settle(self) -> None:
        """Learning rates as tensors, and steps that a graph can hold where the device has graphs."""
        cuda = self.device.type == "cuda"
        for part, lr in zip(self.parts, self.highest, strict=True):
            part.param_groups[0]["lr"] = torch.tensor(lr, device=self.device)
        self.parts[1].param_groups[0].update(capturable=cuda, fused=cuda or None)

    def step(self, loss: Tensor, scale: float | Tensor) -> None:
        """One step down a loss at ``scale`` times the highest learning rates; nothing waits for a device."""
        for part, lr in zip(self.parts, self.highest, strict=True):
            part.param_groups[0]["lr"].copy_(torch.as_tensor(scale * lr))
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
        self._settle()  # it may have been saved on another device


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # private: may go away
    return bool(supported and supported())
