"""Reference. What makes no copies: results go straight to where products and attention read them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.kernels.turn.reference import shrinking, turned_only


def lay(
    out: Tensor,
    x: Tensor,
    rotary: tuple[Tensor, Tensor] | None = None,
    matrix: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    eps: float = 1e-5,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
    strength: Tensor | None = None,
    plain: Tensor | None = None,
) -> Tensor | None:
    """Head vectors (B, T, S, A, D) of x written to out of the same shape, both of any layout and dtype.

    weight, eps    if given, x is first normed to root mean square 1 over all heads, with the gain weight (A D,)
    rotary, matrix, relu, scale, shrink  as turn.reference.turn takes them; without rotary nothing is turned
    strength       (B, T, S, A) float32: what is written, to out and plain, is multiplied by it
    plain          (B, T, S, A, D): takes the vectors as they are before they are turned
    Returns how much longer shrunk vectors have become, (B, T, S, A), as turn does, else None.
    """
    h, force = x.float(), torch.full((), scale, device=x.device)
    if weight is not None:
        squares = torch.linalg.vector_norm(x.flatten(-2), dim=-1, dtype=torch.float32).square()
        force = force * torch.rsqrt(squares / weight.numel() + eps)[..., None, None]
        h = h * weight.view(x.shape[-2:])
    h = functional.relu(h) if relu else h  # force is positive, so that it can come last
    strong = force if strength is None else force * strength[..., None]
    if plain is not None:
        plain.copy_(h * strong)
    growth = None
    if rotary is not None:
        turned = turned_only(h, *rotary, matrix)
        if shrink:
            factor, growth = shrinking(h, turned, force.square())
            strong = strong * factor
        h = turned
    out.copy_(h * strong)
    return growth
