"""Distribution matching: which way to move what a student made, so that it comes from the teacher's distribution.

Source: DMD, arXiv 2311.18828, as in Self-Forcing, arXiv 2506.08009, and SANA-WM, arXiv 2605.15178.
"""

from __future__ import annotations

import torch
from torch import Tensor


def matching_gradient(made: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """g = (fake - real) / mean |made - real|, all (B, C, T, h, w).

    real and fake are the clean latents that the teacher and the critic see in the same noised `made`; their
    difference is that of the two scores. The mean is over a latent frame, since each has a noise level of its own.
    What is not finite becomes 0.
    """
    size = (made - real).abs().mean((1, 3, 4), keepdim=True).clamp(min=1e-6)
    return ((fake - real) / size).nan_to_num(0.0, 0.0, 0.0).detach()


def matching_loss(made: Tensor, gradient: Tensor, counted: Tensor) -> Tensor:
    """Half the squared distance to made - g: its derivative by `made` is g over the number of counted elements.

    counted  (B, T) bool: the latent frames that count
    """
    return 0.5 * mean_over(made - (made - gradient).detach(), counted)


def mean_over(error: Tensor, counted: Tensor) -> Tensor:
    """The mean square of error (B, C, T, h, w) over the counted frames (B, T) bool; 0 if there are none."""
    frames = error.square().mean((1, 3, 4))
    return torch.where(counted, frames, 0.0).sum() / counted.sum().clamp(min=1)
