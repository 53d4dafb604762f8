"""LTX-2's refiner, block by block over its window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from flythrough.bench.clock import Timing, measure
from flythrough.bench.peers import diffusers
from flythrough.presets import PRESETS, Refining
from flythrough.randomness import random_module
from flythrough.refinement import Refinement
from flythrough.refiner.transformer import LTX2Refiner

ROWS, COLUMNS, TEXT = 22, 40, 1024
TFLOP_A_STEP = 91.2  # three latent frames over 14 of keys; a block is three steps and most of a fourth


@torch.inference_mode()
def clips(T: int, device: torch.device, *, peers: bool) -> Iterator[tuple[str, Timing]]:
    """(who, timing) of refining T latent frames at the official size, prompts being random words."""
    latents = torch.randn(1, 128, T, ROWS, COLUMNS, device=device, dtype=torch.bfloat16)
    plan = PRESETS["sana-wm-streaming"].refining
    assert plan is not None
    captions = torch.randn(1, TEXT, plan.model.caption_channels, device=device, dtype=torch.bfloat16)
    yield "flythrough", _ours(device, plan, latents, captions)
    torch.cuda.empty_cache()
    if peers:
        yield "diffusers", measure(_peer(device, latents, captions), device, repeat=1)


def _ours(device: torch.device, plan: Refining, latents: Tensor, captions: Tensor) -> Timing:
    model = random_module(lambda: LTX2Refiner(plan.model), device, torch.bfloat16)
    return measure(lambda: Refinement(model, plan, captions, seed=0, fps=16.0)(latents), device, repeat=1)


def _peer(device: torch.device, latents: Tensor, captions: Tensor) -> Callable[[], Any]:
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)  # in float32 it would not fit into 80 GB
    try:
        with device:
            transformer = diffusers().SanaWMLTX2RefinerTransformer3DModel(rope_type="split").eval()
    finally:
        torch.set_default_dtype(usual)
    scheduler = diffusers().FlowMatchEulerDiscreteScheduler()
    peer = diffusers().SanaWMLTX2Refiner(transformer, None, None, None, scheduler)
    mask = torch.ones(1, TEXT, device=device)
    peer._encode_prompt = lambda *_, **__: (captions, mask)  # the words are random here as above
    peer.set_progress_bar_config(disable=True)
    return lambda: peer(latents, "", fps=16.0, output_type="latent")
