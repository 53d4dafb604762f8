"""What the refiner's transformer and its text connector are both built of."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """x (..., C) at root mean square 1, without a gain."""
    return functional.rms_norm(x, x.shape[-1:], eps=eps)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention: q (B, N, A, D) over k and v (B, M, A, D), all of them -> (B, N, A D)."""
    y = functional.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return y.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """The projections of an attention; queries and keys are normed across all heads, before they turn."""

    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.heads, self.eps = heads, eps
        self.norm_q, self.norm_k = nn.RMSNorm(width, eps=eps), nn.RMSNorm(width, eps=eps)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def queries(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., A, D)."""
        return self.norm_q(self.to_q(x)).unflatten(-1, (self.heads, -1))

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., C) -> keys and values, (..., A, D) each."""
        keys, values = self.norm_k(self.to_k(x)), self.to_v(x)
        return keys.unflatten(-1, (self.heads, -1)), values.unflatten(-1, (self.heads, -1))

    def out(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.to_out[0](x)


class FeedForward(nn.Module):
    """Up to four times the width, GELU, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([_Up(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        up, _, down = self.net
        return down(up(x))


class TwoLayers(nn.Module):
    """Linear, something bent, linear: how timesteps and captions come to the model's width."""

    def __init__(self, channels: int, width: int, activation: nn.Module) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(channels, width), nn.Linear(width, width)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(..., channels) -> (..., width)."""
        return self.linear_2(self.activation(self.linear_1(x)))


class _Up(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.proj(x), approximate="tanh")
