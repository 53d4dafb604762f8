"""Norms, gates and turns of whole rows of channels: the kernels are their references."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from flythrough.kernels.modulate import reference as modulate_reference
from flythrough.kernels.rope import reference as rope_reference
from tests.interpreter import run_in_interpreter


def tolerance(dtype: torch.dtype) -> dict[str, Any]:
    return {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 5e-2}


@torch.no_grad()
def compare_modulate(C: int, dtype: torch.dtype, device: str) -> None:
    """Tables for all, and of every frame as the transformer cuts them out of one, at odd sizes."""
    from flythrough.kernels.modulate import triton

    x = (torch.randn(2, 3, 5, C, device=device) * 3 + 1).to(dtype)
    frames = torch.randn(2, 3, 6, 1, C, device=device).to(dtype).unbind(2)
    alone = torch.randn(2, 1, 1, 1, C, device=device).to(dtype)[:, :, 0].expand(2, 3, 1, C)
    every = torch.randn(2, C, device=device).to(dtype).unbind(0)
    for (shift, scale), centred in itertools.product((frames[1:3], every, (alone, frames[0])), (True, False)):
        ours, expected = (
            function(x, shift, scale, eps=1e-6, centred=centred)
            for function in (triton.modulate, modulate_reference.modulate)
        )
        torch.testing.assert_close(ours, expected, **tolerance(dtype))


@torch.no_grad()
def compare_rope(heads: int, D: int, dtype: torch.dtype, device: str) -> None:
    """A block's queries, and its keys and values put in their slots of a window, at odd sizes."""
    from flythrough.kernels.rope import triton

    B, T, S, C = 2, 3, 5, heads * D
    k, v = torch.randn(2, B, T, S, C, device=device).to(dtype)
    weight = torch.randn(C, device=device).to(dtype)
    angles = torch.randn(T, S, heads, D // 2, device=device)
    slots = torch.tensor([6, 1, 4], device=device)
    for split in (True, False):
        given = weight, angles.cos(), angles.sin()
        options = {"eps": 1e-6, "split": split}
        ours, expected = (
            function(k, *given, **options) for function in (triton.norm_rotate, rope_reference.norm_rotate)
        )
        torch.testing.assert_close(ours, expected, **tolerance(dtype))
        windows = []
        for function in (triton.remember, rope_reference.remember):
            keys, values = torch.ones(2, B, 7, S, heads, D, device=device).to(dtype)
            function(k, v, *given, slots, keys, values, **options)
            windows.append((keys, values))
        for mine, wanted in zip(*windows, strict=True):
            torch.testing.assert_close(mine, wanted, **tolerance(dtype))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("C", [12, 384, 2240, 4096])
def test_modulate_is_the_reference_on_a_gpu(C: int, dtype: torch.dtype) -> None:
    compare_modulate(C, dtype, "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "D"), [(3, 4), (2, 64), (32, 128)])
def test_rope_is_the_reference_on_a_gpu(heads: int, D: int, dtype: torch.dtype) -> None:
    compare_rope(heads, D, dtype, "cuda")


@pytest.mark.gpu
def test_a_block_is_refined_by_kernels_as_by_references() -> None:
    from flythrough.kernels import references
    from flythrough.refiner.config import RefinerConfig
    from flythrough.refiner.refine import refine_blocks
    from flythrough.refiner.transformer import LTX2Refiner

    config = RefinerConfig(layers=3, heads=4, head_dim=32, latent_channels=8, caption_channels=24)
    model = LTX2Refiner(config).cuda().requires_grad_(False)
    latents, captions = torch.randn(1, 8, 13, 3, 5).cuda(), torch.randn(1, 7, 24).cuda()
    noise = torch.randn(1, 8, 3, 3, 5).cuda()

    def run() -> torch.Tensor:
        blocks = refine_blocks(model, latents, captions, lambda _: noise, fps=16.0, kv_max_frames=5)
        return torch.cat(list(blocks), dim=2)

    ours = run()
    with references():
        expected = run()
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-3 * float(expected.abs().max()))


def test_the_kernels_are_the_references_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


if __name__ == "__main__":  # see run_in_interpreter
    torch.manual_seed(0)
    compare_modulate(12, torch.float32, "cpu")
    compare_modulate(300, torch.bfloat16, "cpu")
    compare_rope(3, 4, torch.float32, "cpu")
    compare_rope(2, 24, torch.bfloat16, "cpu")
