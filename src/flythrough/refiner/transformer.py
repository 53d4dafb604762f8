"""LTX2Refiner: the video half of LTX-2's transformer. Embed, blocks, unembed."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.kernels.modulate import modulate
from flythrough.kernels.residual import residual
from flythrough.kernels.rope import norm_rotate, remember
from flythrough.refiner.config import RefinerConfig
from flythrough.refiner.layers import Attention, FeedForward, TwoLayers, attend, rms_norm
from flythrough.refiner.state import Level, Place, RefinerState, Window
from flythrough.tensors import dims

FREQUENCIES = 256  # sines and cosines of a timestep
AUDIO = (
    "audio_",
    "av_cross_attn_",
    "video_a2v_",
    "video_to_audio_",
)  # how parts of the other half's names begin


class LTX2Refiner(nn.Module):
    """Predicts the velocity of a block of latents, given the prompt and what the state remembers.

    Source: LTX-2, arXiv 2601.03233; as SANA-WM's second stage, arXiv 2605.15178. Parameter names are those of
    diffusers' LTX2VideoTransformer3DModel, less the audio half of its 18.9 billion parameters, which no video needs.
    """

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.proj_in = nn.Linear(config.latent_channels, width)
        self.time_embed = TimeEmbed(width)
        self.caption_projection = TwoLayers(config.caption_channels, width, nn.GELU(approximate="tanh"))
        self.transformer_blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.scale_shift_table = nn.Parameter(torch.randn(2, width) / width**0.5)
        self.proj_out = nn.Linear(width, config.latent_channels)

    def forward(self, latents: Tensor, level: Level, place: Place, state: RefinerState) -> Tensor:
        """The velocity noise - x0, (B, C, n, H, W) like latents and in their dtype.

        The block's keys and values, at this noise level, stay in the state's windows until they are written again.
        """
        x = self._embed(latents)
        for number, block in enumerate(self._blocks()):
            x = block(x, level.table, place, state.window(number), self._text(state, number))
        shift, scale = self.scale_shift_table + level.last
        x = self.proj_out(modulate(x, shift, scale, eps=1e-6, centred=True))  # (B, n, S, C)
        return x.unflatten(2, (state.rows, state.columns)).permute(0, 4, 1, 2, 3)

    def remember(
        self, latents: Tensor, level: Level, place: Place, state: RefinerState, *, as_sink: bool = False
    ) -> None:
        """Leave the block's keys and values in the state's windows. Ends where the last layer has written its own."""
        x = self._embed(latents)
        *blocks, last = self._blocks()
        for number, block in enumerate(blocks):
            window = state.window(number, save_sink=as_sink)
            x = block(x, level.table, place, window, self._text(state, number))
        last.write(x, level.table, place, state.window(len(blocks), save_sink=as_sink))

    def level(self, sigma: float) -> Level:
        """A noise level from 0 to 1 as the blocks read it; one for all tokens, so it is computed once."""
        timestep = torch.tensor(sigma, dtype=torch.float32) * self.config.timestep_scale
        return self.time_embed(timestep.to(self.proj_in.weight.device))

    def text(self, captions: Tensor) -> tuple[Tensor, Tensor]:
        """Captions (B, L, caption channels), all real -> every layer's keys and values (layers, B, L, A, D)."""
        dims(captions, "B L C", C=self.config.caption_channels)
        x = self.caption_projection(captions.to(self.proj_in.weight))
        pairs = [block.attn2.keys_values(x) for block in self._blocks()]
        return torch.stack([keys for keys, _ in pairs]), torch.stack([values for _, values in pairs])

    def _blocks(self) -> list[Block]:
        return cast(list[Block], list(self.transformer_blocks))

    def _embed(self, latents: Tensor) -> Tensor:
        dims(latents, "B C T H W", C=self.config.latent_channels)
        return self.proj_in(latents.permute(0, 2, 3, 4, 1).flatten(2, 3))  # (B, n, S, C)

    @staticmethod
    def _text(state: RefinerState, layer: int) -> tuple[Tensor, Tensor]:
        return state.text_keys[layer], state.text_values[layer]


class Block(nn.Module):
    """Attention over the window, the prompt, the feed-forward; each added to what came in."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.attn1 = SelfAttention(config)
        self.attn2 = TextAttention(config)
        self.ff = FeedForward(config.width)
        self.scale_shift_table = nn.Parameter(torch.randn(6, config.width) / config.width**0.5)

    def forward(
        self, x: Tensor, level: Tensor, place: Place, window: Window, text: tuple[Tensor, Tensor]
    ) -> Tensor:
        """x (B, n, S, C), level (6, C)."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.scale_shift_table + level
        x = residual(x, self.attn1(self._modulated(x, shift_a, scale_a), place, window), gate=gate_a)
        x = x + self.attn2(rms_norm(x, self.eps), text)
        return residual(x, self.ff(self._modulated(x, shift_m, scale_m)), gate=gate_m)

    def write(self, x: Tensor, level: Tensor, place: Place, window: Window) -> None:
        """As forward, but only what it leaves in the window."""
        shift, scale = (self.scale_shift_table + level)[:2]
        self.attn1.write(self._modulated(x, shift, scale), place, window)

    def _modulated(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return modulate(x, shift, scale, eps=self.eps, centred=False)


class SelfAttention(Attention):
    """Queries of the block at hand over keys of everything in the window."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__(config.width, config.heads, eps=1e-6)
        self.split = config.rope_type == "split"

    def forward(self, x: Tensor, place: Place, window: Window) -> Tensor:
        """x (B, n, S, C)."""
        self.write(x, place, window)
        q = norm_rotate(self.to_q(x), self.norm_q.weight, *place.rotary, eps=self.eps, split=self.split)
        keys, values = window.keys[:, place.visible], window.values[:, place.visible]
        y = attend(q.flatten(1, 2), keys.flatten(1, 2), values.flatten(1, 2))
        return self.out(y.view_as(x))

    def write(self, x: Tensor, place: Place, window: Window) -> None:
        """Put the keys and values of x in the window, in place."""
        k, v = self.to_k(x), self.to_v(x)
        if window.sink is not None:
            window.sink[0].copy_(self.norm_k(k).unflatten(-1, (self.heads, -1)))
            window.sink[1].copy_(v.unflatten(-1, (self.heads, -1)))
        remember(
            k, v, self.norm_k.weight, *place.rotary, place.slots, window.keys, window.values,
            eps=self.eps, split=self.split,
        )  # fmt: skip


class TextAttention(Attention):
    """Queries of the block at hand over the prompt."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__(config.width, config.heads, eps=1e-6)

    def forward(self, x: Tensor, text: tuple[Tensor, Tensor]) -> Tensor:
        """x (B, n, S, C); text of `keys_values`, (B, L, A, D) each."""
        return self.out(attend(self.queries(x).flatten(1, 2), *text).view_as(x))


class TimeEmbed(nn.Module):
    """A timestep to shifts, scales and gates."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.emb = nn.ModuleDict({"timestep_embedder": TwoLayers(FREQUENCIES, width, nn.SiLU())})
        self.linear = nn.Linear(width, 6 * width)

    def forward(self, timestep: Tensor) -> Level:
        """timestep, a float32 scalar from 0 to 1000; rounding it to bfloat16 would move it by up to 2."""
        exponents = torch.arange(FREQUENCIES // 2, dtype=torch.float32, device=timestep.device)
        angles = timestep * torch.exp(-math.log(10000) * exponents / (FREQUENCIES // 2))
        waves = torch.cat([angles.cos(), angles.sin()]).to(self.linear.weight.dtype)
        last = self.emb["timestep_embedder"](waves)
        return Level(self.linear(functional.silu(last)).unflatten(-1, (6, -1)), last)


def unused(key: str) -> bool:
    """Whether a tensor of a published file belongs to the audio half, so that a loader may skip it."""
    return any(part.startswith(AUDIO) for part in key.split("."))
