"""Tiny Gemma folders on the disk: random weights, and a real tokenizer that has read one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

PAGE = (
    "A quiet harbour at dawn, fog over the water; boats, gulls and a long stone pier. User Prompt: Enhanced!"
)


def randomised(module: Any) -> Any:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module.eval().requires_grad_(False)


def gemma2(folder: Path) -> Any:
    """A Gemma2ForCausalLM, saved with its tokenizer."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "head_dim": 8}
    config = Gemma2Config(
        vocab_size=tokenizer(folder),
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=4096,
        **shape,
    )
    model = randomised(Gemma2ForCausalLM(config))
    model.save_pretrained(folder)
    return model


def gemma3(folder: Path, sliding_window: int = 64) -> Any:
    """A Gemma3ForConditionalGeneration with both kinds of layer and a picture half, saved with its tokenizer."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 7, "head_dim": 8}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": sliding_window}
    picture = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Gemma3Config(
        text_config={"vocab_size": tokenizer(folder), **text, **heads},
        vision_config={**picture, "image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
    )
    model = randomised(Gemma3ForConditionalGeneration(config))
    model.save_pretrained(folder)
    return model


def tokenizer(folder: Path) -> int:
    """Save a byte-pair tokenizer like Gemma's (spaces as letters, <bos> in front); returns its size."""
    from tokenizers import Tokenizer, models, normalizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    inner = Tokenizer(models.BPE(unk_token="<unk>"))
    inner.normalizer = normalizers.Replace(" ", "▁")
    inner.train_from_iterator(
        [PAGE], trainers.BpeTrainer(vocab_size=90, special_tokens=special, show_progress=False)
    )
    inner.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>"
    ).save_pretrained(folder)
    return inner.get_vocab_size()


def rewrite(folder: Path, rename: Any) -> None:
    """Store a folder's tensors under other names; those renamed to None are dropped."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = {rename(name): value.clone() for name, value in load_file(path).items()}
    tensors.pop(None, None)
    save_file(tensors, path, {"format": "pt"})


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
