"""The layers of the LTX-2 autoencoder: activations are (B, T, H, W, C), contiguous, from door to door.

A clip passes through them piece by piece and comes out as if it had passed whole. A 3x3x3 convolution needs
two frames besides those it gives. A causal one looks two frames back, so it keeps the last two. A two-sided
one looks one back and one ahead: it keeps two as well and gives every frame one late, and the residual path
around it waits. Nothing is computed twice and memory does not grow with the clip.
Source: Lightricks' LTX-2, arXiv 2601.03233; layer for layer diffusers' AutoencoderKLLTX2Video.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.vae.base import VAEState

EPS = 1e-8


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

    def surround(self, name: str, x: Tensor) -> list[Tensor]:
        """Frames whose concatenation a convolution runs over: x with two more, or fewer while it waits."""
        past = self.before.get(name)
        if past is None:
            past = x[:, :1].repeat(1, 2 if self.causal else 1, 1, 1, 1)
        parts = [past, x]
        if self.closing:
            parts.append((x if x.shape[1] else past)[:, -1:])
        if x.shape[1]:
            self.after[name] = kept(torch.cat([part[:, -2:] for part in parts], dim=1)[:, -2:])
        return parts

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
        parts = piece.surround(self.name, norm_silu(x) if self.normed else x)
        if sum(part.shape[1] for part in parts) < 3:
            return x.new_empty(x.shape[0], 0, *x.shape[2:4], self.conv.out_channels)
        window = mirrored(parts) if self.mirror else torch.cat(parts, dim=1)
        return self.conv(window.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)


class Resnet(Layer):
    """Two convolutions and a way around them."""

    def __init__(self, width: int, *, mirror: bool) -> None:
        super().__init__()
        self.conv1 = Conv(width, width, mirror=mirror, normed=True)
        self.conv2 = Conv(width, width, mirror=mirror, normed=True)

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        y = self.conv2(self.conv1(x, piece), piece)
        return y + piece.in_step(self.name, x, y.shape[1])


class Upsampler(Layer):
    """Twice the frames, rows and columns with half the channels; the clip's first frame stays one."""

    def __init__(self, width: int, *, mirror: bool) -> None:
        super().__init__()
        self.conv = Conv(width, 4 * width, mirror=mirror)

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        y = self.conv(x, piece)
        x = piece.in_step(self.name, x, y.shape[1])
        y, x = spread(y), spread(x)
        y = (y.unflatten(-1, (4, x.shape[-1])) + x.unsqueeze(-2)).flatten(-2)  # the same x for 4 channels
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


def norm_silu(x: Tensor) -> Tensor:
    """Reference. SiLU of x (..., C) over its root mean square over C; the sums are float32."""
    return functional.silu(functional.rms_norm(x, x.shape[-1:], eps=EPS).to(x.dtype))  # autocast: float32


def mirrored(parts: Sequence[Tensor]) -> Tensor:
    """Reference. Frames (B, t, H, W, C) one after another with a border of one mirrored pixel: one large write."""
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


def spread(x: Tensor) -> Tensor:
    """(B, T, H, W, 8C) -> (B, 2T, 2H, 2W, C); channels are ordered (C, time, row, column)."""
    batch, frames, rows, columns, channels = x.shape
    x = x.unflatten(-1, (channels // 8, 2, 2, 2)).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(batch, 2 * frames, 2 * rows, 2 * columns, channels // 8)


def fold(x: Tensor, stride: tuple[int, int, int]) -> Tensor:
    """(B, T, H, W, C) -> (B, T/t, H/h, W/w, C t h w), the inverse of spread for any stride (t, h, w)."""
    for axis in (3, 2, 1):
        x = x.unflatten(axis, (x.shape[axis] // stride[axis - 1], stride[axis - 1]))
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(4)


def kept(x: Tensor) -> Tensor:
    """A copy, for a view would keep all frames alive."""
    return x.clone(memory_format=torch.contiguous_format)
