"""Reference. One pass over head vectors in place of some twenty: this is where a training step spends its time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-6


def turn(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    matrix: Tensor | None = None,
    *,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Head vectors turned by their token's place, in float32.

    x         (B, T, S, A, D); h = scale * x, or scale * relu(x)
    matrix    (B, T, S, 1, 4, 4) or None: the first half of h, in fours, is multiplied by it
    cos, sin  (T, S, 1, pairs) turn the rest of h, channels 2i and 2i + 1 together: D/4 pairs beside a matrix, else D/2
    shrink    translations in a matrix inflate vectors: those that have grown get the rms they had
    Returns the turned vectors (B, T, S, A, D), and of shrunk ones the square of how much longer they are than h,
    (B, T, S, A), through which no gradient flows. Source: RoPE and UCPE of SANA-WM, arXiv 2605.15178.
    """
    h = (functional.relu(x) if relu else x).float() * scale
    turned = turned_only(h, cos, sin, matrix)
    if not shrink:
        return turned, None
    factor, growth = shrinking(h, turned)
    return turned * factor, growth


def turned_only(h: Tensor, cos: Tensor, sin: Tensor, matrix: Tensor | None = None) -> Tensor:
    """`turn` of float32 vectors that are ready for it, none shrunk."""
    if matrix is None:
        return _by_pairs(h, cos, sin)
    spatial, rest = h.chunk(2, dim=-1)
    return torch.cat([_by_fours(spatial, matrix), _by_pairs(rest, cos, sin)], -1)


def shrinking(h: Tensor, turned: Tensor, power: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """What vectors (B, T, S, A, D) that were turned are multiplied with, (B, T, S, A, 1), and how they have grown.

    power  the square of a factor that both still lack
    """
    before, after = (v.square().mean(-1, keepdim=True) * power for v in (h, turned))
    share = ((before + EPS) / (after + EPS)).clamp(max=1)
    with torch.no_grad():
        longer, length = (v.mul(h.shape[-1]).clamp(min=EPS**2) for v in (share * after, before))
    return share.sqrt(), (longer / length).squeeze(-1)


def _by_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Channels 2i and 2i + 1 as one complex number, which is half the passes of writing it out."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2)


def _by_fours(x: Tensor, matrix: Tensor) -> Tensor:
    """Elsewhere than on a CPU multiplied and added, not a matrix product: there a setting may round products."""
    groups = x.unflatten(-1, (-1, 4))  # (B, T, S, A, groups, 4)
    if x.device.type == "cpu":
        return (groups.flatten(-3, -2) @ matrix.squeeze(-3).transpose(-1, -2)).view(x.shape)
    a, b, c, d = (
        part * column
        for part, column in zip(groups.split(1, dim=-1), matrix.unsqueeze(-3).unbind(-1), strict=True)
    )  # columns (B, T, S, 1, 1, 4)
    return (a + b + c + d).flatten(-2)
