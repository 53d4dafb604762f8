"""The official pipelines' tiling, reproduced for comparison: overlapping tiles, each decoded apart and blended.

Source: diffusers' AutoencoderKLLTX2Video, tiled and framewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from flythrough.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Size and step of a tile in pixels and in pixel frames; the defaults are the official ones."""

    side: int = 512
    side_step: int = 448
    frames: int = 96
    frames_step: int = 64

    def check(self, temporal_stride: int, spatial_stride: int) -> None:
        """Raise InputError unless tiles overlap (or touch) and end on latent cells."""
        for size, step, stride, name in (
            (self.side, self.side_step, spatial_stride, "side"),
            (self.frames, self.frames_step, temporal_stride, "frames"),
        ):
            if not 0 < step <= size or size % stride or step % stride:
                raise InputError(
                    f"tiles with {name} {size} and step {step} do not fit: both must be multiples of {stride}, "
                    "and the step no larger than the tile"
                )


def encode_in_tiles(
    encode: Callable[[Tensor], Tensor], video: Tensor, tiles: Tiles, spatial_stride: int
) -> Tensor:
    """video (B, 3, F, H, W) -> latents (B, C, T, h, w), not normalised; tiled in space only."""
    tiles.check(1, spatial_stride)
    keep = tiles.side_step // spatial_stride
    blend = tiles.side // spatial_stride - keep
    return in_space(encode, video, tiles.side, tiles.side_step, keep, blend)


def decode_in_tiles(
    decode: Callable[[Tensor], Tensor], latents: Tensor, tiles: Tiles, strides: tuple[int, int]
) -> Tensor:
    """latents (B, C, T, h, w) -> video (B, 3, 8(T-1)+1, 32h, 32w), late from the second tile on."""
    temporal_stride, spatial_stride = strides
    tiles.check(temporal_stride, spatial_stride)
    side, side_step = tiles.side // spatial_stride, tiles.side_step // spatial_stride
    size, step = tiles.frames // temporal_stride, tiles.frames_step // temporal_stride

    def plane(clip: Tensor) -> Tensor:
        return in_space(decode, clip, side, side_step, tiles.side_step, tiles.side - tiles.side_step)

    frames = latents.shape[2]
    if frames <= size:
        return plane(latents)
    pieces: list[Tensor] = []
    before: Tensor | None = None
    for start in range(0, frames, step):
        tile = plane(latents[:, :, start : start + size + 1])
        if before is not None:
            tile = blended(before, tile[:, :, :-1], tiles.frames - tiles.frames_step, dim=2)
        pieces.append(tile[:, :, : tiles.frames_step + (before is None)])
        before = tile
    return torch.cat(pieces, dim=2)[:, :, : temporal_stride * (frames - 1) + 1]


def in_space(
    function: Callable[[Tensor], Tensor], x: Tensor, size: int, step: int, keep: int, blend: int
) -> Tensor:
    """Apply a function to tiles of x's last two axes, blend each with the tile above, then with the one left.

    size, step of a tile at the input; keep, blend at the output: what stays of a tile and what overlaps.
    """
    height, width = x.shape[-2:]
    if height <= size and width <= size:
        return function(x)
    rows: list[Tensor] = []
    above: list[Tensor] = []
    for top in range(0, height, step):
        row: list[Tensor] = []
        for number, left in enumerate(range(0, width, step)):
            tile = function(x[..., top : top + size, left : left + size])
            if above:
                tile = blended(above[number], tile, blend, dim=3)
            if row:
                tile = blended(row[-1], tile, blend, dim=4)
            row.append(tile)
        rows.append(torch.cat([tile[..., :keep, :keep] for tile in row], dim=4))
        above = row
    return torch.cat(rows, dim=3)


def blended(before: Tensor, after: Tensor, extent: int, dim: int) -> Tensor:
    """`after`, whose first `extent` slices fade in over the last ones of `before`; fewer if either is shorter."""
    extent = min(extent, before.shape[dim], after.shape[dim])
    if not extent:
        return after
    share = torch.arange(extent, device=after.device) / extent
    share = share.to(after.dtype).view(*(-1 if axis == dim else 1 for axis in range(after.ndim)))
    tail = before.narrow(dim, before.shape[dim] - extent, extent)
    head, rest = after.split([extent, after.shape[dim] - extent], dim)
    return torch.cat([tail * (1 - share) + head * share, rest], dim)
