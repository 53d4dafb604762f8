"""Reference. Neighbours are mixed and gated in one pass."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def glu(x: Tensor, grid: tuple[int, int], weight: Tensor, bias: Tensor) -> Tensor:
    """y * silu(gate), the halves of a 3x3 convolution of every channel by itself, on zeros around the frame.

    x (B, T, S, 2C), S cells of a grid (rows, columns); weight (2C, 1, 3, 3), bias (2C,) -> (B, T, S, C).
    Source: the mix-FFN of SANA, arXiv 2410.10629.
    """
    B, T, S, C = x.shape
    image = x.reshape(B * T, *grid, C).permute(
        0, 3, 1, 2
    )  # tokens are an image in channels-last memory already
    image = functional.conv2d(image, weight, bias, padding=1, groups=C)
    y, gate = image.permute(0, 2, 3, 1).reshape(B, T, S, C).chunk(2, dim=-1)
    return y * functional.silu(gate)
