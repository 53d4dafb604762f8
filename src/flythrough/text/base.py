"""What every text encoder offers to the rest of the project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class TextEncoder(Protocol):
    """Frozen; prompts in, token states out."""

    channels: int
    tokens: int

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token states (B, tokens, channels) float32 and their mask (B, tokens) bool, True for real tokens."""
        ...
