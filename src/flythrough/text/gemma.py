"""The release's text models: Gemma-2 2B for the world transformer, all states of Gemma-3 12B for the refiner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flythrough import parameters
from flythrough.checkpoints import open_checkpoint
from flythrough.errors import WeightsError
from flythrough.text.instruction import instruction as packaged_instruction

EMBEDDING = "embed_tokens.weight"


class GemmaText:
    """Last states of Gemma-2 2B (2304 channels). Implements TextEncoder; never connects.

    What is kept of a prompt: the first token, the instruction's last one, and the 298 that follow it.
    Source: the text path of SANA, arXiv 2410.10629, as SANA-WM uses it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tokens: int = 300,
        instruction: str | None = None,
        tokenizer: Path | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """folder: a transformers folder with safetensors; tokenizer: another folder, if it is not in the same one.

        instruction  what goes before every prompt; None for the releases' own (see text.instruction)
        dtype        of the weights; the release was made with bfloat16
        Raises WeightsError when the folder is not a whole Gemma-2.
        """
        self.tokens, self.device = tokens, torch.device(device)
        self._tokenizer = load_tokenizer(tokenizer or folder)
        self._model = load_decoder(folder, "gemma2", self.device, dtype)
        self.channels: int = self._model.config.hidden_size
        self._instruction = packaged_instruction() if instruction is None else instruction

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token states (B, tokens, channels) float32, zero in the padding, and the mask (B, tokens) bool.

        Longer prompts lose their end. The mask must be used: the reference leaves states of padding in its place.
        """
        before = self._instruction
        known = len(self._tokenizer.encode(before)) if before else 0
        return self._encode([before + prompt for prompt in prompts], max(1, known - 1))

    def encode_negative(self, prompts: Sequence[str] = ("",)) -> tuple[Tensor, Tensor]:
        """As encode, without the instruction: what guidance leads away from, by default nothing at all."""
        return self._encode(list(prompts), 1)

    @torch.no_grad()
    def _encode(self, texts: list[str], skip: int) -> tuple[Tensor, Tensor]:
        """Of each text the first token, and those from number `skip` on."""
        batch = self._tokenizer(
            texts,
            padding="longest",
            padding_side="right",  # Gemma's own default is left
            truncation=True,
            max_length=skip + self.tokens - 1,
            return_tensors="pt",
        ).to(self.device)
        mask = batch["attention_mask"].bool()
        states = self._model(
            batch["input_ids"], attention_mask=mask.long(), use_cache=False
        ).last_hidden_state
        states, mask = (torch.cat([x[:, :1], x[:, skip:]], dim=1) for x in (states.float(), mask))
        missing = self.tokens - mask.shape[1]
        states = nn.functional.pad(states * mask[..., None], (0, 0, 0, missing))
        return states, nn.functional.pad(mask, (0, missing))


class GemmaStates:
    """Every layer's states of Gemma-3 12B, packed for LTX-2's text connector; the picture half is not loaded.

    Source: LTX-2, arXiv 2601.03233. A prompt has no instruction before it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tokens: int = 1024,
        tokenizer: Path | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """folder and tokenizer as for GemmaText; raises WeightsError when the folder is not a whole Gemma-3."""
        self.tokens, self.device = tokens, torch.device(device)
        self._tokenizer = load_tokenizer(tokenizer or folder)
        self._model = load_decoder(folder, "gemma3_text", self.device, dtype)
        self.channels: int = self._model.config.hidden_size
        self.states: int = self._model.config.num_hidden_layers + 1

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Packed states (B, L, channels states) in the weights' dtype, and the mask (B, L) bool.

        L is the longest prompt's length; shorter ones have zeros in front. The layer is the fastest axis, and each
        layer of each prompt is normalised over its tokens and channels. Longer prompts than `tokens` lose their end.
        """
        packed = [self._packed(prompt.strip()) for prompt in prompts]
        longest = max(len(states) for states in packed)
        missing = [longest - len(states) for states in packed]
        mask = torch.arange(longest, device=self.device) >= torch.tensor(missing, device=self.device)[:, None]
        rows = [nn.functional.pad(x, (0, 0, n, 0)) for x, n in zip(packed, missing, strict=True)]
        return torch.stack(rows), mask

    def _packed(self, prompt: str) -> Tensor:
        """(n, channels states) of the n tokens of one prompt.

        The refiner was trained with prompts padded on the left to `tokens`. No token sees the padding, so it is left
        out; the tokens keep their places at the row's end, which matter to rounding alone. Each state is packed as it
        comes, and no other copy is kept.
        """
        ids = self._tokenizer(prompt, truncation=True, max_length=self.tokens, return_tensors="pt")[
            "input_ids"
        ]
        n = ids.shape[1]
        places = torch.arange(self.tokens - n, self.tokens, device=self.device)[None]
        packed = torch.empty(n, self.channels, self.states, dtype=self._model.dtype, device=self.device)

        def take(_: nn.Module, args: tuple[Tensor, ...], layer: int) -> None:
            packed[:, :, layer] = normalised(args[0][0])

        hooks = [
            layer.register_forward_pre_hook(partial(take, layer=number))
            for number, layer in enumerate(self._model.layers)
        ]
        try:
            out = self._model(ids.to(self.device), position_ids=places, use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
        packed[:, :, -1] = normalised(out.last_hidden_state[0])
        return packed.flatten(1)


def normalised(states: Tensor) -> Tensor:
    """(n, C) of one layer, all tokens real -> mean 0 and range 8, in float32."""
    x = states.float()
    mean = x.sum() / (x.numel() + 1e-6)
    return 8 * (x - mean) / (x.max() - x.min() + 1e-6)


def load_tokenizer(folder: Path) -> Any:
    """A folder's tokenizer; raises WeightsError when there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{folder}: has no tokenizer that transformers can read ({_first(error)})"
        ) from error


def load_decoder(folder: Path, kind: str, device: torch.device, dtype: torch.dtype) -> Any:
    """The text decoder alone of a transformers folder, tensor by tensor onto the device.

    kind: gemma2 or gemma3_text. Files of the whole model will do: heads and the picture half are not read.
    """
    from transformers import AutoConfig, Gemma2Model, Gemma3TextModel

    if not (folder / "config.json").is_file():
        raise WeightsError(f"{folder}: has no config.json; a folder as transformers saves it is needed")
    try:
        config: Any = AutoConfig.from_pretrained(str(folder), local_files_only=True).get_text_config()
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{folder}: has a config.json that transformers cannot read ({_first(error)})"
        ) from error
    if config.model_type != kind:
        raise WeightsError(f"{folder}: holds a {config.model_type}, where a {kind} is needed")
    checkpoint = open_checkpoint(folder)
    ends = [name for name in checkpoint if name.endswith(EMBEDDING)]
    if len(ends) != 1:
        raise WeightsError(f"{folder}: has {len(ends)} tensors called {EMBEDDING}; one is needed")
    if not all(stored.file.suffix == ".safetensors" for stored in checkpoint.tensors.values()):
        raise WeightsError(f"{folder}: its weights are not safetensors, which they must be")
    prefix = ends[0].removesuffix(EMBEDDING)
    decoder = checkpoint.renamed(lambda name: name.removeprefix(prefix) if name.startswith(prefix) else None)

    with torch.device("meta"):
        model: Any = {"gemma2": Gemma2Model, "gemma3_text": Gemma3TextModel}[kind](config)
    # what constructors compute is in no file, so it must not stay on the meta device
    model.rotary_emb = type(model.rotary_emb)(config)
    if isinstance(getattr(model.embed_tokens, "embed_scale", None), Tensor):
        model.embed_tokens.register_buffer(
            "embed_scale", torch.tensor(config.hidden_size**0.5), persistent=False
        )
    parameters.fill(model, decoder, device=device, dtype=dtype)
    return model.to(device).eval().requires_grad_(False)


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
