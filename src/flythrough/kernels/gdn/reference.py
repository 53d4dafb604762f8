"""Reference. A frame changes the memory M (values by keys) to M <- M transition + write; frames are then chained.

Source: SANA-WM, arXiv 2605.15178, frame-wise gated DeltaNet; the delta rule, arXiv 2406.06484.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frame_updates(k: Tensor, v: Tensor, beta: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
    """All cells of a frame write at once: M <- decay M (I - K' diag(beta) K) + V' diag(beta) K.

    k (..., S, D), v (..., S, R), beta (..., S), decay (...); float32.
    Returns transition (..., D, D) and write (..., R, D).
    """
    weighted = k * beta[..., None]
    eye = torch.eye(k.shape[-1], dtype=k.dtype, device=k.device)
    transition = (eye - k.transpose(-1, -2) @ weighted) * decay[..., None, None]
    return transition, v.transpose(-1, -2) @ weighted


def scan(transition: Tensor, write: Tensor, before: Tensor | None = None) -> Tensor:
    """The memory after every frame: states[:, t] = states[:, t - 1] @ transition[:, t] + write[:, t].

    transition (B, T, A, D, D), write (B, T, A, R, D); before (B, A, R, D), the memory that frame 0 finds, or zeros.
    Returns states (B, T, A, R, D). One small product a frame.
    """
    states: list[Tensor] = []
    for change, new in zip(transition.unbind(1), write.unbind(1), strict=True):
        if before is not None:
            before, change = before.flatten(0, 1), change.flatten(0, 1)
            new = torch.baddbmm(new.flatten(0, 1), before, change).view(new.shape)
        states.append(new)
        before = new
    return torch.stack(states, dim=1)
