"""The text connector: what the text model says of a prompt, as the refiner wants to hear it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flythrough.errors import InputError
from flythrough.refiner.config import ConnectorsConfig
from flythrough.refiner.layers import Attention, FeedForward, attend, rms_norm
from flythrough.refiner.rope import Rotary, text_rotary, turn
from flythrough.tensors import dims

EPS = 1e-6


class TextConnectors(nn.Module):
    """From the packed states of a text model to the captions that LTX2Refiner reads; the video branch alone.

    Source: LTX-2, arXiv 2601.03233. Parameter names are those of diffusers' LTX2TextConnectors, which normalises the
    states once more inside; here they come normalised.
    """

    def __init__(self, config: ConnectorsConfig) -> None:
        super().__init__()
        self.config = config
        self.text_proj_in = nn.Linear(
            config.caption_channels * config.states, config.caption_channels, bias=False
        )
        self.video_connector = Connector(config)

    def forward(self, packed: Tensor, mask: Tensor, tokens: int = 1024) -> Tensor:
        """Captions (B, tokens, C); all of them are real, so no mask goes with them.

        packed  (B, L, C states), L no more than tokens: each text state normalised, layers fastest, zero in the padding
        mask    (B, L) bool, True for real tokens, wherever the padding is
        tokens  how many captions to make; a multiple of the registers' number. The release was trained with 1024
        """
        B, L, _ = dims(packed, "B L C", C=self.text_proj_in.in_features)
        dims(mask, "B L", B=B, L=L)
        if tokens % self.config.registers or tokens < L:
            raise InputError(
                f"tokens is {tokens}; it must be a multiple of {self.config.registers} and at least the prompt's {L}"
            )
        return self.video_connector(self.text_proj_in(packed), mask, tokens)


class Connector(nn.Module):
    """A small transformer over a row of tokens, in which learned registers fill what the prompt leaves empty."""

    def __init__(self, config: ConnectorsConfig) -> None:
        super().__init__()
        self.config = config
        self.learnable_registers = nn.Parameter(torch.rand(config.registers, config.caption_channels) * 2 - 1)
        self.transformer_blocks = nn.ModuleList(ConnectorBlock(config) for _ in range(config.layers))

    def forward(self, x: Tensor, mask: Tensor, tokens: int) -> Tensor:
        """x (B, L, C), mask (B, L) -> (B, tokens, C)."""
        config = self.config
        row = self.learnable_registers.repeat(tokens // config.registers, 1).expand(len(x), -1, -1).clone()
        for clip, (states, real) in enumerate(zip(x, mask.bool(), strict=True)):
            prompt = states[real]
            row[clip, : len(prompt)] = prompt  # at the front, in order; registers keep their place in the row
        rotary = text_rotary(
            tokens, config.base_tokens, config.heads, config.head_dim, config.rope_theta, x.device
        )
        for block in self.transformer_blocks:
            row = block(row, rotary)
        return rms_norm(row, EPS)


class ConnectorBlock(nn.Module):
    """Attention over the whole row, then the feed-forward; each added to what came in."""

    def __init__(self, config: ConnectorsConfig) -> None:
        super().__init__()
        self.rope_type = config.rope_type
        self.attn1 = Attention(config.caption_channels, config.heads, EPS)
        self.ff = FeedForward(config.caption_channels)

    def forward(self, x: Tensor, rotary: Rotary) -> Tensor:
        """x (B, N, C)."""
        normed = rms_norm(x, EPS)
        q = turn(self.attn1.queries(normed), rotary, self.rope_type)
        keys, values = self.attn1.keys_values(normed)
        x = x + self.attn1.out(attend(q, turn(keys, rotary, self.rope_type), values))
        return x + self.ff(rms_norm(x, EPS))


def unused(key: str) -> bool:
    """Whether a tensor of a published file belongs to the audio branch, so that a loader may skip it."""
    return key.startswith("audio_connector.")
