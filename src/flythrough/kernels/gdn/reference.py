"""Reference. A frame changes the memory M (values by keys) to M <- M transition + write; frames are then chained.

Source: SANA-WM, arXiv 2605.15178, frame-wise gated DeltaNet; the delta rule, arXiv 2406.06484.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def frame_updates(k: Tensor, v: Tensor, beta: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
    """All cells of a frame write at once: M <- decay M (I - K' diag(beta) K) + V' diag(beta) K.

    k (..., S, D), v (..., S, R), beta (..., S), or (..., 1) if it is the same for all cells, decay (...); float32.
    Returns transition (..., D, D) and write (..., R, D).
    """
    eye = torch.eye(k.shape[-1], dtype=k.dtype, device=k.device)
    if beta.shape[-1] == 1:  # the products are smaller than the keys
        own, new = k.transpose(-1, -2) @ k, v.transpose(-1, -2) @ k
        return (eye - own * beta[..., None]) * decay[..., None, None], new * beta[..., None]
    weighted = k * beta[..., None]
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


def around(
    transition: Tensor, write: Tensor, bounds: tuple[int, ...], before: Tensor | None = None
) -> Tensor:
    """What each frame finds: `scan`, plus the same scan backwards over the later frames of its chunk.

    Arguments as for scan; bounds 0 = b0 < b1 < ... = T cut the frames into chunks. Backwards, a chunk's last frame
    finds nothing, and frame t finds what frame t + 1 has found, changed by it. Returns (B, T, A, R, D).
    """
    found = scan(transition, write, before)
    for begin, end in pairwise(bounds):
        later: Tensor | None = None
        for t in range(end - 2, begin - 1, -1):
            kept = 0 if later is None else later @ transition[:, t + 1]
            later = write[:, t + 1] + kept
            found[:, t] += later
    return found
