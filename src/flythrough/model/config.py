"""The transformer's shape."""

from __future__ import annotations

from dataclasses import dataclass

from flythrough.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Mini and the 2.6B release differ in these numbers only."""

    depth: int
    heads: int
    head_dim: int  # in the camera branch one half turns with 4x4 ray matrices, the other with RoPE
    latent_channels: int
    caption_channels: int
    mlp_ratio: float
    softmax_scale_main: float
    softmax_scale_camera: float
    softmax_every: int = 4  # every fourth block remembers exactly, the others through a gated delta state
    cross_attention_heads: int | None = None  # as many as `heads`
    plucker_channels: int = 48  # 8 pixel frames x 6 numbers of a ray
    camera_conv_across_chunks: bool = (
        True  # False: its key convolution starts anew at every chunk, as in sglang
    )
    chunk: int = 3  # latent frames that a stream makes at once
    window: int | None = None  # chunks before its own that a softmax block sees; None: all
    sink: bool = False  # the first chunk stays in the window

    def __post_init__(self) -> None:
        if self.head_dim % 8:
            raise InputError(f"head_dim is {self.head_dim}; it must be a multiple of 8")
        if self.width % self.text_heads:
            raise InputError(
                f"cross_attention_heads is {self.text_heads}; it must divide the width {self.width}"
            )
        if self.chunk < 1:
            raise InputError(f"chunk is {self.chunk}; it must be at least 1")

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    @property
    def hidden(self) -> int:
        """Channels inside the MLP, before the gate doubles them."""
        return round(self.mlp_ratio * self.width)

    @property
    def text_heads(self) -> int:
        return self.cross_attention_heads or self.heads

    def is_softmax(self, block: int) -> bool:
        return (block + 1) % self.softmax_every == 0
