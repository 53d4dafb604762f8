"""Reference. One pass in place of three."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def modulate(x: Tensor, shift: Tensor, scale: Tensor, *, eps: float, centred: bool) -> Tensor:
    """norm(x) * (1 + scale) + shift over the channels of x (..., C).

    shift, scale  (C,), or (B, T, 1, C) beside x (B, T, S, C)
    centred       the norm takes the mean away (layer norm); else it divides by the root mean square alone
    Source: adaptive layer norm of DiT, arXiv 2212.09748.
    """
    norm = functional.layer_norm if centred else functional.rms_norm
    return norm(x, x.shape[-1:], eps=eps) * (1 + scale) + shift
