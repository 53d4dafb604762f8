"""The LTX-2 video autoencoder: 8x in time, 32x in space, 128 channels; causal or two-sided decoder.

Both decoders stream: decode is a loop over decode_chunk, exact and in constant memory for a clip of any length.
Source: Lightricks' LTX-2, arXiv 2601.03233. Parameters and buffers have the names of diffusers'
AutoencoderKLLTX2Video, so a checkpoint loads as it is.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from flythrough.errors import InputError
from flythrough.tensors import dims
from flythrough.vae.base import VAEState
from flythrough.vae.ltx2_config import PATCH, STRIDES, LTX2VAEConfig
from flythrough.vae.ltx2_layers import Conv, Downsampler, Piece, Resnet, Upsampler, name_layers
from flythrough.vae.ltx2_tiles import Tiles, decode_in_tiles, encode_in_tiles


class LTX2VAE(nn.Module):
    """The full-size autoencoder. Implements VideoVAE; can be built on the meta device.

    Convolution weights lie in channels-last memory. Where they are replaced (load_state_dict with assign),
    `vae.to(memory_format=torch.channels_last_3d)` puts the new ones so: not needed, but faster.
    """

    def __init__(self, config: LTX2VAEConfig | None = None) -> None:
        super().__init__()
        self.config = config or LTX2VAEConfig()
        self.latent_channels = self.config.latent_channels
        self.temporal_stride = self.config.temporal_stride
        self.spatial_stride = self.config.spatial_stride
        self.encoder = Encoder(self.config)
        self.decoder = Decoder(self.config)
        self.register_buffer("latents_mean", torch.zeros(self.latent_channels))
        self.register_buffer("latents_std", torch.ones(self.latent_channels))

    def encode(self, video: Tensor, chunk: int = 3) -> Tensor:
        """video (B, 3, F, H, W) in [-1, 1] -> normalised latents (B, C, (F-1)/8+1, H/32, W/32), the posterior mode.

        Works on `chunk` latent frames at a time: less memory, the same result. Latents have the weights' dtype.
        Raises InputError unless F = 8k + 1 and both sides are multiples of 32.
        """
        return self.normalise(self._mode(video, chunk))

    def encode_tiled(self, video: Tensor, tiles: Tiles | None = None) -> Tensor:
        """encode as the official pipelines do it: in spatial tiles that blend, if a side exceeds a tile.

        A first frame must be encoded so to match theirs. In time it is whole; diffusers cuts more than 96
        frames there, too. Source: diffusers' AutoencoderKLLTX2Video.tiled_encode.
        """
        return self.normalise(encode_in_tiles(self._mode, video, tiles or Tiles(), self.spatial_stride))

    def decode(self, latents: Tensor, chunk: int = 3) -> Tensor:
        """Normalised latents (B, C, T, h, w) -> video (B, 3, 8(T-1)+1, 32h, 32w), about [-1, 1], not clamped.

        Works on `chunk` latent frames at a time: less memory, the same result. The video has the weights' dtype.
        Raises InputError unless there is a frame of 2x2 cells at least.
        """
        pieces = latents.split(chunk, dim=2)
        state, video = None, []
        for number, piece in enumerate(pieces, 1):
            frames, state = self.decode_chunk(piece, state, last=number == len(pieces))
            video.append(frames)
        return torch.cat(video, dim=2)

    def decode_chunk(
        self, latents: Tensor, state: VAEState | None, last: bool = False
    ) -> tuple[Tensor, VAEState]:
        """Decode the next latent frames of a stream; see VideoVAE. Any cut gives the frames of decode.

        The causal decoder gives 1 frame for the first latent frame and 8 for each later one, at once; `last`
        means nothing to it. The two-sided decoder sees 21.6 latent frames ahead and gives its frames that much
        later (the first at the 23rd latent frame), until `last` brings all the rest. `last` may come with no
        latent frames (T = 0) if the end shows only afterwards.
        """
        _, _, frames, rows, columns = dims(latents, "B C T H W", C=self.latent_channels)
        if min(rows, columns) < 2:
            raise InputError(f"the latents have {rows}x{columns} cells; the decoder needs at least 2x2")
        if state is None and not frames:
            raise InputError("there are no latent frames to decode; a stream starts with at least one")
        piece = Piece(state, causal=self.config.decoder_causal, last=last)
        dtype = self.decoder.conv_in.conv.weight.dtype
        video = self.decoder(self.denormalise(latents).to(dtype), piece)
        return video, {} if piece.closing else piece.after

    def decode_tiled(self, latents: Tensor, tiles: Tiles | None = None) -> Tensor:
        """decode as the official bidirectional pipeline does it, faults included: for comparisons only.

        Overlapping tiles in time and space are decoded apart and blended. Clips of more than 12 latent frames
        come one frame late from frame 65 on: frame 64 shows twice (blended) and the last frame is lost,
        because a tile's first latent frame gives one frame, not eight. It takes 1.6 to 1.8 times the work of
        decode. Source: diffusers' AutoencoderKLLTX2Video with enable_tiling and use_framewise_decoding.
        """
        strides = (self.temporal_stride, self.spatial_stride)
        return decode_in_tiles(self.decode, latents, tiles or Tiles(), strides)

    def normalise(self, latents: Tensor) -> Tensor:
        mean, std = (stat.to(latents).view(1, -1, 1, 1, 1) for stat in (self.latents_mean, self.latents_std))
        return (latents - mean) / std

    def denormalise(self, latents: Tensor) -> Tensor:
        mean, std = (stat.to(latents).view(1, -1, 1, 1, 1) for stat in (self.latents_mean, self.latents_std))
        return latents * std + mean

    def _mode(self, video: Tensor, chunk: int = 3) -> Tensor:
        """The posterior's mode (B, C, T, h, w), not normalised."""
        _, _, frames, height, width = dims(video, "B C F H W", C=3)
        stride, cell = self.temporal_stride, self.spatial_stride
        if frames % stride != 1:
            raise InputError(f"the video has {frames} frames; the autoencoder needs {stride}k + 1")
        if height % cell or width % cell or not height * width:
            raise InputError(f"the video is {width}x{height}; both sides must be multiples of {cell}")
        ends = [*range(1 + stride * (chunk - 1), frames, stride * chunk), frames]
        state, latents = None, []
        for start, end in pairwise([0, *ends]):
            piece = Piece(state, causal=True)
            part = video[:, :, start:end].to(self.encoder.conv_in.conv.weight.dtype)
            latents.append(self.encoder(part, piece))
            state = piece.after
        return torch.cat(latents, dim=2)


class Encoder(nn.Module):
    """Pixels to the posterior's mode; always causal, borders on zeros."""

    def __init__(self, config: LTX2VAEConfig) -> None:
        super().__init__()
        widths = (config.latent_channels, *config.block_out_channels)
        self.latent_channels = config.latent_channels
        self.conv_in = Conv(3 * PATCH**2, widths[0], mirror=False)
        self.down_blocks = nn.ModuleList(
            Stage(inputs, blocks, mirror=False, after=Downsampler(inputs, outputs, STRIDES[kind]))
            for (inputs, outputs), blocks, kind in zip(
                pairwise(widths), config.layers_per_block[:-1], config.downsample_type, strict=True
            )
        )
        self.mid_block = Stage(widths[-1], config.layers_per_block[-1], mirror=False)
        self.conv_out = Conv(widths[-1], config.latent_channels + 1, mirror=False, normed=True)
        name_layers(self)

    def forward(self, video: Tensor, piece: Piece) -> Tensor:
        """video (B, 3, F, H, W) -> (B, C, T, h, w); F is 8k + 1 in a clip's first piece, 8k in a later one."""
        x = self.conv_in(patches(video), piece)
        for stage in (*self.down_blocks, self.mid_block):
            x = stage(x, piece)
        x = self.conv_out(x, piece)[..., : self.latent_channels]  # the last channel is the log-variance
        return x.permute(0, 4, 1, 2, 3).contiguous()


class Decoder(nn.Module):
    """Latents to pixels; each stage doubles frames, rows and columns. Borders are mirrored."""

    def __init__(self, config: LTX2VAEConfig) -> None:
        super().__init__()
        widths = config.decoder_block_out_channels[::-1]
        middle, *blocks = config.decoder_layers_per_block[::-1]
        self.conv_in = Conv(config.latent_channels, widths[0], mirror=True)
        self.mid_block = Stage(widths[0], middle, mirror=True)
        self.up_blocks = nn.ModuleList(
            Stage(width // 2, count, mirror=True, before=Upsampler(width, mirror=True))
            for width, count in zip(widths, blocks, strict=True)
        )
        self.conv_out = Conv(widths[-1] // 2, 3 * PATCH**2, mirror=True, normed=True)
        name_layers(self)

    def forward(self, latents: Tensor, piece: Piece) -> Tensor:
        """latents (B, C, T, h, w) -> video (B, 3, F, 32h, 32w), whose memory is (B, F, H, W, 3)."""
        x = self.conv_in(latents.permute(0, 2, 3, 4, 1).contiguous(), piece)
        for stage in (self.mid_block, *self.up_blocks):
            x = stage(x, piece)
        return pixels(self.conv_out(x, piece))


class Stage(nn.Module):
    """Residual blocks of one width, with a step up before them or a step down after them."""

    def __init__(
        self,
        width: int,
        blocks: int,
        *,
        mirror: bool,
        before: Upsampler | None = None,
        after: Downsampler | None = None,
    ) -> None:
        super().__init__()
        self.upsamplers = nn.ModuleList([before] if before else [])
        self.resnets = nn.ModuleList(Resnet(width, mirror=mirror) for _ in range(blocks))
        self.downsamplers = nn.ModuleList([after] if after else [])

    def forward(self, x: Tensor, piece: Piece) -> Tensor:
        for layer in (*self.upsamplers, *self.resnets, *self.downsamplers):
            x = layer(x, piece)
        return x


def patches(video: Tensor) -> Tensor:
    """(B, 3, F, 4h, 4w) -> (B, F, h, w, 48); channels are ordered (colour, column, row)."""
    x = video.unflatten(4, (-1, PATCH)).unflatten(3, (-1, PATCH))  # (B, 3, F, h, row, w, column)
    return x.permute(0, 2, 3, 5, 1, 6, 4).flatten(4)


def pixels(x: Tensor) -> Tensor:
    """The inverse of patches; a picture's memory is (rows, columns, colours), as video writers want it."""
    batch, frames, rows, columns, _ = x.shape
    x = x.unflatten(-1, (3, PATCH, PATCH)).permute(0, 1, 2, 6, 3, 5, 4)
    return x.reshape(batch, frames, PATCH * rows, PATCH * columns, 3).permute(0, 4, 1, 2, 3)
