"""Reference. Everything that lies between two convolutions over frames, and ends in one large write."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-8


def window(
    x: Tensor,
    past: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    lead: int = 2,
    closing: bool = False,
    normed: bool = True,
    border: bool = True,
) -> tuple[Tensor, Tensor]:
    """Frames that a convolution runs over: those kept from before, then the new ones.

    x        (B, T, H, W, C), T at least 1; bias (C,) is added to it, then, if `normed`, it goes through norm_silu
    past     (B, P, H, W, C), the frames before, as they were returned; at a clip's start its first frame `lead` times
    closing  the clip ends here: the last frame comes once more
    border   with a border of one mirrored pixel; H and W are 2 at least
    Returns the frames (B, frames, H + 2, W + 2, C), or without the border, and the last two of them as the next
    call's past, (B, 2, H, W, C), in memory of their own. Source: the decoder of LTX-2, arXiv 2601.03233.
    """
    y = x if bias is None else x + bias.to(x.dtype)
    y = norm_silu(y) if normed else y
    parts = [y[:, :1].repeat(1, lead, 1, 1, 1) if past is None else past, y]
    if closing:
        parts.append(y[:, -1:])
    after = torch.cat([part[:, -2:] for part in parts], dim=1)[:, -2:]
    frames = mirrored(parts) if border else torch.cat(parts, dim=1)
    return frames, after.clone(memory_format=torch.contiguous_format)


def norm_silu(x: Tensor) -> Tensor:
    """SiLU of x (..., C) over its root mean square over C; the sums are float32."""
    return functional.silu(functional.rms_norm(x, x.shape[-1:], eps=EPS).to(x.dtype))  # autocast: float32


def mirrored(parts: Sequence[Tensor]) -> Tensor:
    """Frames (B, t, H, W, C) one after another with a border of one mirrored pixel: one large write."""
    batch, _, rows, columns, channels = parts[0].shape
    frames, end = sum(part.shape[1] for part in parts), 0
    out = parts[0].new_empty(batch, frames, rows + 2, columns + 2, channels)
    for part in parts:
        start, end = end, end + part.shape[1]
        out[:, start:end, 1:-1, 1:-1] = part
    for inner, border in ((2, 0), (-3, -1)):
        out[:, :, border, 1:-1] = out[:, :, inner, 1:-1]
    for inner, border in ((2, 0), (-3, -1)):
        out[:, :, :, border] = out[:, :, :, inner]
    return out
