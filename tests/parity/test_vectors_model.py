"""The transformer and its samplers against golden vectors of diffusers and sglang."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.model.attention import GatedDeltaAttention
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.euler import sample_euler
from flythrough.sampling.guidance import guided
from flythrough.sampling.schedules import flow_match_sigmas
from tests.vectors import Case, assert_matches, cases

FIELDS = [field.name for field in fields(ModelConfig)]


def model_of(case: Case) -> SanaWM:
    model = SanaWM(ModelConfig(**{name: case.config[name] for name in FIELDS if name in case.config}))
    model.load_state_dict(case.weights, strict=True)
    return model.eval().requires_grad_(False)


def conditioning_of(case: Case, text: str = "text") -> Conditioning:
    given = case.inputs
    return Conditioning(
        text=given[text], text_mask=given[text + "_mask"], camera=given["camera"], plucker=given["pluecker"]
    )


@pytest.mark.parametrize("case", cases("transformer"))
def test_a_bidirectional_forward_matches_diffusers(case: Case) -> None:
    model, seen = model_of(case), {}

    def note(name: str, tensor: Tensor) -> None:
        seen[name] = tensor.flatten(1, 2)

    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda _, __, out, number=number: note(f"block{number}", out))
        for part in ("attn", "mlp"):
            name = f"block{number}.{part}"
            getattr(block, part).register_forward_hook(
                lambda _, given, out, name=name: (note(f"{name}.in", given[0]), note(f"{name}.out", out))[0]
            )

    velocity = model(case.inputs["latents"], case.inputs["timestep"], conditioning_of(case))

    for name in case.outputs:
        assert_matches(velocity if name == "velocity" else seen[name], case, name)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", cases("chunk-causal"))
def test_chunks_match_sglang(case: Case, streamed: bool) -> None:
    model, cond, bounds = model_of(case), conditioning_of(case), case.config["bounds"]
    latents, timestep = case.inputs["latents"], case.inputs["timestep"]
    if not streamed:
        assert_matches(model(latents, timestep, cond, bounds=tuple(bounds)), case, "velocity")
        return

    state = model.new_state()
    parts = [
        model(latents[:, :, a:b], timestep[:, a:b], cond.frames(slice(a, b)), state=state, save=True)
        for a, b in pairwise(bounds)
    ]

    assert_matches(torch.cat(parts, dim=2), case, "velocity")
    first, heads = state.layers[0], model.config.heads
    assert isinstance(model.blocks[0].attn, GatedDeltaAttention)
    assert first.memory is not None
    assert first.normaliser is not None
    assert_matches(first.memory[:, :heads], case, "state_block0")
    assert_matches(first.memory[:, heads:], case, "camera_state_block0")
    assert_matches(first.normaliser.transpose(-1, -2), case, "normaliser_block0")


@pytest.mark.parametrize("case", cases("self-forcing"))
def test_a_stream_of_few_steps_matches_sglang(case: Case) -> None:
    model, cond, latents = model_of(case), conditioning_of(case), case.inputs["latents"]
    sigmas = torch.tensor(case.config["timesteps"]) / 1000
    state, parts = model.new_state(), []
    for a, b in pairwise(case.config["bounds"]):
        first = latents[:, :, :1] if a == 0 else None
        parts.append(sample_chunk(model, latents[:, :, a:b], cond.frames(slice(a, b)), state, sigmas, first))

    assert_matches(torch.cat(parts, dim=2), case, "latents")


@pytest.mark.parametrize("case", cases("flow-euler"))
def test_guided_sampling_matches_diffusers(case: Case) -> None:
    config, x = case.config, case.inputs["latents"]
    negative = conditioning_of(case, "negative_text")
    velocity = guided(model_of(case), conditioning_of(case), negative, config["guidance_scale"])
    held = torch.arange(x.shape[2]) == 0

    for guess in sample_euler(velocity, x, flow_match_sigmas(config["steps"], config["shift"]), held):
        x = guess

    assert_matches(x, case, "latents")


@pytest.mark.parametrize("case", cases("sigmas"))
def test_sigmas_match_diffusers(case: Case) -> None:
    for steps in case.config["steps"]:
        assert_matches(flow_match_sigmas(steps, case.config["shift"]), case, f"sigmas_{steps}")
