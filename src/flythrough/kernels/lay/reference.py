"""Reference. What makes no copies: results go straight to where products and attention read them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from flythrough.kernels.turn.reference import turn


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
    if weight is not None:
        row = x.flatten(-2)
        x = functional.rms_norm(row, row.shape[-1:], weight.to(x.dtype), eps).view(x.shape)
    force = 1 if strength is None else strength[..., None]
    if plain is not None or rotary is None:
        h = (functional.relu(x) if relu else x).float() * scale
        if plain is not None:
            plain.copy_(h * force)
        if rotary is None:
            out.copy_(h * force)
            return None
    turned, growth = turn(x, *rotary, matrix, relu=relu, scale=scale, shrink=shrink)
    out.copy_(turned * force)
    return growth
