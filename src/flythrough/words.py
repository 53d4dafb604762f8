"""From prompts to words: which text encoders a model listens to."""

from __future__ import annotations

from pathlib import Path

import torch

from flythrough.presets import Preset
from flythrough.text.base import TextEncoder, Words

STAGE1_TOKENS, REFINER_TOKENS = 300, 1024


class MiniReader:
    """mini's words: one small encoder, loaded when first asked."""

    def __init__(self, folder: Path | None, device: torch.device) -> None:
        self._folder, self._device = folder, device
        self._encoder: TextEncoder | None = None

    def __call__(self, prompt: str, negative: str = "") -> Words:
        if self._encoder is None:
            from flythrough.text.mini import MiniText

            self._encoder = MiniText(folder=self._folder, device=self._device)
        text, mask = self._encoder.encode([prompt])
        return Words(text=text.to(self._device), text_mask=mask.to(self._device))


class RandomReader:
    """Stands in for the text encoders of a full-size model: every prompt becomes the same random words."""

    def __init__(self, plan: Preset, device: torch.device, dtype: torch.dtype, seed: int) -> None:
        self._plan, self._device, self._dtype, self._seed = plan, device, dtype, seed

    def __call__(self, prompt: str, negative: str = "") -> Words:
        generator = torch.Generator(self._device).manual_seed(self._seed)
        plan, refining = self._plan, self._plan.refining

        def states(tokens: int, channels: int) -> torch.Tensor:
            return torch.randn(
                1, tokens, channels, generator=generator, device=self._device, dtype=self._dtype
            )

        mask = torch.ones(1, STAGE1_TOKENS, dtype=torch.bool, device=self._device)
        channels = plan.model.caption_channels
        guided = plan.sampling.guidance_scale != 1
        return Words(
            text=states(STAGE1_TOKENS, channels),
            text_mask=mask,
            negative=states(STAGE1_TOKENS, channels) if guided else None,
            negative_mask=mask if guided else None,
            refiner=None if refining is None else states(REFINER_TOKENS, refining.model.caption_channels),
        )
