"""From prompts to words: which text encoders a model listens to."""

from __future__ import annotations

from pathlib import Path

import torch

from flythrough import parameters
from flythrough.checkpoints import open_checkpoint
from flythrough.errors import InputError
from flythrough.presets import Preset
from flythrough.text.base import TextEncoder, Words
from flythrough.text.instruction import instruction

STAGE1_TOKENS, REFINER_TOKENS = 300, 1024


class MiniReader:
    """mini's words: one small encoder, loaded when first asked, or before."""

    def __init__(self, folder: Path | None, device: torch.device) -> None:
        self._folder, self._device = folder, device
        self._encoder: TextEncoder | None = None

    def load(self) -> TextEncoder:
        """So that nobody waits for it later. Raises InputError where its files are missing."""
        if self._encoder is None:
            from flythrough.text.mini import MiniText

            self._encoder = MiniText(folder=self._folder, device=self._device)
        return self._encoder

    def __call__(self, prompt: str, negative: str = "") -> Words:
        text, mask = self.load().encode([prompt])
        return Words(text=text.to(self._device), text_mask=mask.to(self._device))


class GemmaReader:
    """The official models' words. An encoder is loaded to read one prompt and goes again: a flight has only one."""

    def __init__(
        self, parts: dict[str, Path], plan: Preset, device: torch.device, dtype: torch.dtype, *, refine: bool
    ) -> None:
        """parts: text, and for the refiner refiner-text and connectors; plan says whether the model is guided.

        Raises InputError when the refiner is asked for and its text encoder or connectors are missing.
        """
        self._parts, self._device, self._dtype, self._refine = parts, device, dtype, refine
        self._guided = plan.sampling.guidance_scale != 1
        for part in ("connectors", "refiner-text"):
            if refine and part not in parts:
                raise InputError(f"the refiner needs its {part} too; pull it, or go without the refiner")
        self._last: tuple[tuple[str, str], Words] | None = None

    def __call__(self, prompt: str, negative: str = "") -> Words:
        if self._last is None or self._last[0] != (prompt, negative):
            self._last = (prompt, negative), self._read(prompt, negative)
        return self._last[1]

    def _read(self, prompt: str, negative: str) -> Words:
        from flythrough.text.gemma import GemmaText

        folder = self._model_folder()
        encoder = GemmaText(
            self._parts["text"],
            tokens=STAGE1_TOKENS,
            instruction=instruction(folder),
            tokenizer=self._parts.get("tokenizer"),
            device=self._device,
            dtype=self._dtype,
        )
        text, mask = encoder.encode([prompt])
        away, away_mask = encoder.encode_negative([negative]) if self._guided else (None, None)
        del encoder
        captions = self._captions(prompt) if self._refine else None
        return Words(text=text, text_mask=mask, negative=away, negative_mask=away_mask, refiner=captions)

    @torch.inference_mode()
    def _captions(self, prompt: str) -> torch.Tensor:
        """What the refiner is told, (1, REFINER_TOKENS, C)."""
        from flythrough.refiner.config import ConnectorsConfig
        from flythrough.refiner.connectors import TextConnectors, unused
        from flythrough.text.gemma import GemmaStates

        encoder = GemmaStates(
            self._parts["refiner-text"], tokens=REFINER_TOKENS, device=self._device, dtype=self._dtype
        )
        packed, mask = encoder.encode([prompt])
        del encoder
        folder = self._parts["connectors"]
        config, checkpoint = ConnectorsConfig.from_json(folder / "config.json"), open_checkpoint(folder)
        with torch.device("meta"):
            connectors = TextConnectors(config)
        parameters.fill(connectors, checkpoint, device=self._device, dtype=self._dtype, unused=unused)
        return connectors.eval()(packed, mask, REFINER_TOKENS)

    def _model_folder(self) -> Path | None:
        """The release's folder, whose config.yaml may hold the instruction."""
        places = self._parts["transformer"].parents[:2] if "transformer" in self._parts else ()
        return next((place for place in places if (place / "config.yaml").is_file()), None)


class RandomReader:
    """Stands in for a full-size model's text encoders: every prompt becomes the same random words."""

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
