"""Muon for matrices and AdamW for the rest, with a warm-up, a plateau and a decay at the very end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by Newton-Schulz iterations.

    torch.optim.Muon takes 2-D weights one by one; this one flattens convolutions to (out, in * kernel) and
    runs all weights of a shape in one batch, which is what makes it cheap for a small model.
    Source: Jordan et al., Muon, 2024; the scale max(1, rows / columns)^0.5 is theirs.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyrefly: ignore[bad-override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape].append(parameter)
            for parameters in by_shape.values():
                self._step_shape(parameters, group["lr"], group["momentum"], group["weight_decay"])

    def _step_shape(self, parameters: list[Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            if "moment" not in self.state[parameter]:
                self.state[parameter]["moment"] = torch.zeros_like(parameter)
        moments = [self.state[parameter]["moment"] for parameter in parameters]
        torch._foreach_lerp_(moments, gradients, 1 - momentum)
        torch._foreach_lerp_(gradients, moments, momentum)  # Nesterov; the gradient is not needed any more
        update = torch.stack(gradients).flatten(2)  # (N, rows, columns)
        rows, columns = update.shape[1:]
        update = orthogonalise(update).view(len(parameters), *parameters[0].shape)
        if weight_decay:
            torch._foreach_mul_(parameters, 1 - lr * weight_decay)
        scale = max(1.0, rows / columns) ** 0.5
        torch._foreach_add_(parameters, list(update.to(parameters[0].dtype).unbind(0)), alpha=-lr * scale)


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """The nearest orthogonal matrices (N, rows, columns), roughly: singular values from 0.7 to 1.2."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(torch.bfloat16)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def build_optimizers(model: nn.Module, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for weights that mix channels; AdamW for biases, gains, embeddings and taps."""
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        flat = parameter.flatten(1) if parameter.ndim > 1 else parameter
        is_matrix = parameter.ndim > 1 and min(flat.shape) > 16 and "scale_shift_table" not in name
        (matrices if is_matrix else rest).append(parameter)
    fused = next(model.parameters()).is_cuda
    return [
        Muon(matrices, lr=muon_lr),
        torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=fused),
    ]


def lr_scale(step: int, warmup: int, share: float, decay_share: float) -> float:
    """Warm-up, then constant, then a straight line down to 0 over the last `decay_share` of the run.

    share: how much of the run is done, 0 to 1 (by steps or by the clock).
    """
    decay = (1 - share) / decay_share if decay_share else 1.0
    return max(0.0, min(1.0, (step + 1) / max(1, warmup), decay))
