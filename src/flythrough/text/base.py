"""What every text encoder offers to the rest of the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class TextEncoder(Protocol):
    """Frozen; prompts in, token states out."""

    channels: int
    tokens: int

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token states (B, tokens, channels) float32 and their mask (B, tokens) bool, True for real tokens."""
        ...


@dataclass(frozen=True, kw_only=True)
class Words:
    """A prompt as the stages of one flight read it; float32 or the model's dtype.

    text, text_mask      (1, L, C) token states and (1, L) bool, True for real tokens
    negative, negative_mask  the same of what should not be there, for models that are guided
    refiner              (1, L', C') token states for the second stage, all of them real
    """

    text: Tensor
    text_mask: Tensor
    negative: Tensor | None = None
    negative_mask: Tensor | None = None
    refiner: Tensor | None = None


Reader = Callable[[str, str], Words]  # a prompt and what should not be there
