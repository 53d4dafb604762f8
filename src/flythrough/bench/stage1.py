"""The 2.6B transformer: one forward over a whole clip, and the stream that makes it chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from flythrough.bench.clock import Timing, measure
from flythrough.bench.peers import diffusers
from flythrough.conditioning import Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.randomness import random_module
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.graphs import Steps

ROWS, COLUMNS, TEXT = 22, 40, 300  # 704 x 1280 pixels
TFLOP_121 = 1546  # of a forward over 121 latent frames, products counted once
TFLOP_A_STEP = 15.3  # of a stream's, three latent frames over ten of keys


def inputs(T: int, device: torch.device, batch: int = 1) -> tuple[Tensor, Tensor, Conditioning]:
    """Random latents, timesteps and conditioning of T latent frames at the official size."""
    c2w = torch.eye(4).expand(batch, T, 4, 4).clone()
    c2w[..., 2, 3] = torch.arange(T) * 0.2
    lens = torch.tensor([20.0, 20.0, 20.0, 11.0]).expand(batch, T, 4)
    cond = Conditioning(
        text=torch.randn(batch, TEXT, 2304, device=device, dtype=torch.bfloat16),
        text_mask=torch.ones(batch, TEXT, dtype=torch.bool, device=device),
        camera=torch.cat([c2w.flatten(2), lens], -1).to(device),
        plucker=torch.randn(batch, 48, T, ROWS, COLUMNS, device=device),
    )
    latents = torch.randn(batch, 128, T, ROWS, COLUMNS, device=device)
    return latents, torch.full((batch, T), 700.0, device=device), cond


def official(device: torch.device) -> SanaWM:
    """The 2.6B transformer with random weights in bfloat16."""
    return random_module(lambda: SanaWM(PRESETS["sana-wm"].model), device, torch.bfloat16)


@torch.inference_mode()
def forwards(T: int, device: torch.device, *, compiled: bool, peers: bool) -> Iterator[tuple[str, Timing]]:
    """(who, timing) of one bidirectional forward over T latent frames, batch 1.

    compiled  also the peer's with compiled blocks; ours is made of kernels, and compiling makes it no faster
    """
    given = inputs(T, device)
    yield "flythrough", _ours(given, device)
    torch.cuda.empty_cache()
    if peers:
        theirs = peer(device)
        yield "diffusers", measure(peer_call(theirs, *given), device)
        if compiled:
            for block in theirs.blocks:
                block.compile()
            yield "diffusers, blocks compiled", measure(peer_call(theirs, *given), device)


def _ours(given: tuple[Tensor, Tensor, Conditioning], device: torch.device) -> Timing:
    model = official(device)
    return measure(lambda: model(*given), device)


@torch.inference_mode()
def streams(T: int, device: torch.device) -> Iterator[tuple[str, Timing]]:
    """(who, timing) of the few-step stream over T latent frames: chunks of 3, the first of 4, batch 1."""
    plan = PRESETS["sana-wm-streaming"]
    steps = Steps(random_module(lambda: SanaWM(plan.model), device, torch.bfloat16))
    latents, _, cond = inputs(T, device)
    sigmas, chunk = plan.sampling.sigmas(), plan.model.chunk

    def stream() -> None:
        state = steps.model.new_state()
        for a, b in pairwise((0, *range(chunk + 1, T + 1, chunk))):
            first = latents[:, :, :1] if a == 0 else None
            sample_chunk(steps, latents[:, :, a:b], cond.frames(slice(a, b)), state, sigmas, first)

    yield "flythrough", measure(stream, device, repeat=1)


def peer(device: torch.device) -> Any:
    """diffusers' transformer at the official size, with random weights in bfloat16."""
    with device:
        model = diffusers().SanaWMTransformer3DModel()
    return model.to(torch.bfloat16).eval().requires_grad_(False)


def peer_call(model: Any, latents: Tensor, timestep: Tensor, cond: Conditioning) -> Any:
    return lambda: model(
        hidden_states=latents.bfloat16(),
        timestep=timestep[:, None],
        encoder_hidden_states=cond.text[:, None],
        encoder_attention_mask=cond.text_mask.long(),
        camera_conditions=cond.camera.bfloat16(),
        chunk_plucker=cond.plucker.bfloat16(),
        return_dict=False,
    )[0]
