"""The layers of the LTX-2 autoencoder: activations are (B, T, H, W, C), contiguous, from door to door.

A clip passes through them piece by piece and comes out as if it had passed whole. A 3x3x3 convolution needs
two frames besides those it gives. A causal one looks two frames back, so it keeps the last two. A two-sided
one looks one back and one ahead: it keeps two as well and gives every frame one late, and the residual path
around it waits. Nothing is computed twice and memory does not grow with the clip.
Source: Lightricks' LTX-2, arXiv 2601.03233; layer for layer diffusers' AutoencoderKLLTX2Video.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.kernels.residual import residual
from flythrough.kernels.spread import spread_sum
from flythrough.kernels.window import window
from flythrough.vae.base import VAEState


class Piece:
    """The next frames of a clip on their way through the layers, and what the layers keep for the ones after.

    causal  convolutions look back only; otherwise they look ahead as well and give their frames late
    last    the clip ends here: in place of the frame that a two-sided convolution waits for comes a copy
    """

    def __init__(self, before: VAEState | None, *, causal: bool, last: bool = False) -> None:
        self.causal = causal
        self.closing = last and not causal
        self.before: VAEState = before or {}
        self.after: VAEState = dict(self.before)

    def window(self, name: str, x: Tensor, bias: Tensor | None, *, normed: bool, border: bool) -> Tensor:
        """The frames that a convolution runs over, as kernels.window says: x with two more, or fewer while it waits."""
        past, closing = self.before.get(name), self.closing
        if not x.shape[1]:
            if past is None or not closing:
                return x
            x, bias, normed, closing = past[:, -1:], None, False, False  # the end shows only now
        frames, self.after[name] = window(
            x, past, bias, lead=2 if self.causal else 1, closing=closing, normed=normed, border=border
        )
        return frames

    def in_step(self, name: str, x: Tensor, frames: int) -> Tensor:
        """The next `frames` frames of a residual path whose main path gives its frames late."""
        if name in self.before:
            x = torch.cat([self.before[name], x], dim=1)
        if x.shape[1] > frames:
            self.after[name] = kept(x[:, frames:])
        else:
            self.after.pop(name, None)
        return x[:, :frames]

    def starts(self, name: str, x: Tensor) -> bool:
        """Whether x holds the first frame that a layer has seen in this clip."""
        if x.shape[1] == 0 or name in self.before:
            return False
        self.after[name] = x.new_zeros(0)
        return True


class Layer(nn.Module):
    """A module that keeps something between pieces, under its own path in the model."""

    name = ""


def name_layers(model: nn.Module) -> None:
    """Tell every layer its path."""
    for path, module in model.named_modules():
        if isinstance(module, Layer):
            module.name = path


class Conv(Layer):
    """A 3x3x3 convolution, if `normed` of norm_silu(x), that borders on mirrored pixels or on zeros."""

    def __init__(self, inputs: int, outputs: int, *, mirror: bool, normed: bool = False) -> None:
        super().__init__()
        self.mirror, self.normed = mirror, normed
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=0 if mirror else (0, 1, 1))
        weight = self.conv.weight
        weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)  # as the activations lie

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        """x (B, T, H, W, inputs) -> (B, T', H, W, outputs); T' = T once the layer has started and if causal."""
        y = self.unbiased(x, piece)
        return y + self.bias.to(y.dtype)

    def unbiased(self, x: Tensor, piece: Piece, bias: Tensor | None = None) -> Tensor:
        """forward of x + bias, its own bias left out: whoever comes next can add that in a pass it makes anyway."""
        window = piece.window(self.name, x, bias, normed=self.normed, border=self.mirror)
        if window.shape[1] < 3:
            return x.new_empty(x.shape[0], 0, *x.shape[2:4], self.conv.out_channels)
        sums = functional.conv3d(
            window.permute(0, 4, 1, 2, 3), self.conv.weight, padding=tuple(map(int, self.conv.padding))
        )
        return sums.permute(0, 2, 3, 4, 1)

    @property
    def bias(self) -> Tensor:
        bias = self.conv.bias
        assert bias is not None
        return bias


class Resnet(Layer):
    """Two convolutions and a way around them."""

    def __init__(self, width: int, *, mirror: bool) -> None:
        super().__init__()
        self.conv1 = Conv(width, width, mirror=mirror, normed=True)
        self.conv2 = Conv(width, width, mirror=mirror, normed=True)

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        y = self.conv2.unbiased(self.conv1.unbiased(x, piece), piece, self.conv1.bias)
        return residual(piece.in_step(self.name, x, y.shape[1]), y, bias=self.conv2.bias)


class Upsampler(Layer):
    """Twice the frames, rows and columns with half the channels; the clip's first frame stays one."""

    def __init__(self, width: int, *, mirror: bool) -> None:
        super().__init__()
        self.conv = Conv(width, 4 * width, mirror=mirror)

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        y = self.conv.unbiased(x, piece)
        y = spread_sum(y, self.conv.bias, piece.in_step(self.name, x, y.shape[1]))
        return y[:, 1:] if piece.starts(f"{self.name}.first", y) else y


class Downsampler(Layer):
    """Folds stride (time, rows, columns) into channels; the clip's first frame counts twice if time is folded."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.conv = Conv(inputs, outputs // prod(stride), mirror=False)
        self.group = inputs * prod(stride) // outputs

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        if self.stride[0] == 2 and piece.starts(f"{self.name}.first", x):
            x = torch.cat([x[:, :1], x], dim=1)
        y = fold(self.conv(x, piece), self.stride)
        return y + fold(x, self.stride).unflatten(-1, (-1, self.group)).mean(-1)


def fold(x: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """(B, T, H, W, C) -> (B, T/t, H/h, W/w, C t h w), the inverse of spread for any stride (t, h, w)."""
    for axis in (3, 2, 1):
        x = x.unflatten(axis, (x.shape[axis] // stride[axis - 1], stride[axis - 1]))
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(4)


def kept(x: Tensor) -> Tensor:
    """A copy, for a view would keep all frames alive."""
    return x.clone(memory_format=torch.contiguous_format)
