"""What lies between the autoencoder's convolutions: the kernels are their references."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from flythrough.kernels.residual import reference as residual_reference
from flythrough.kernels.spread import reference as spread_reference
from flythrough.kernels.window import reference
from tests.interpreter import run_in_interpreter

CASES = [
    {"past": past, "lead": lead, "closing": closing, "normed": normed, "border": border, "biased": normed}
    for (past, lead), closing, (normed, border) in itertools.product(
        [(0, 2), (0, 1), (2, 2)], [False, True], [(True, True), (True, False), (False, True)]
    )
]
SIZES = [(2, 3, 2, 5, 12), (1, 1, 3, 2, 32), (1, 4, 4, 7, 16)]  # B, T, H, W, C


def tolerance(dtype: torch.dtype) -> dict[str, Any]:
    return {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 3e-2}


@torch.no_grad()
def compare_window(case: dict, size: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    from flythrough.kernels.window import triton

    options = {name: value for name, value in case.items() if name not in ("past", "biased")}
    B, _, H, W, C = size
    x = torch.randn(size, device=device).to(dtype)
    past = torch.randn(B, case["past"], H, W, C, device=device).to(dtype) if case["past"] else None
    bias = torch.randn(C, device=device).to(dtype) if case["biased"] else None
    ours, expected = (function(x, past, bias, **options) for function in (triton.window, reference.window))
    for mine, wanted in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine, wanted, **tolerance(dtype))


@torch.no_grad()
def compare_sums(C: int, dtype: torch.dtype, device: str) -> None:
    """The way around two convolutions, and the step up, at odd sizes."""
    from flythrough.kernels.residual import triton as residual_triton
    from flythrough.kernels.spread import triton as spread_triton

    x, y = torch.randn(2, 2, 3, 35, C, device=device).to(dtype)
    frames, bias = torch.randn(2, 3, 1, C, device=device).to(dtype), torch.randn(C, device=device).to(dtype)
    for gate, shift in itertools.product((None, frames, bias), (None, bias)):
        given = {"gate": gate, "bias": shift}
        ours, expected = (
            function(x, y, **given) for function in (residual_triton.residual, residual_reference.residual)
        )
        torch.testing.assert_close(ours, expected, **tolerance(dtype))
    y, x = (
        torch.randn(2, 2, 3, 5, 8 * C, device=device).to(dtype),
        torch.randn(2, 2, 3, 5, 2 * C, device=device).to(dtype),
    )
    bias = torch.randn(8 * C, device=device).to(dtype)
    ours, expected = (
        function(y, bias, x) for function in (spread_triton.spread_sum, spread_reference.spread_sum)
    )
    torch.testing.assert_close(ours, expected, **tolerance(dtype))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [*SIZES, (1, 3, 22, 40, 1024), (1, 6, 88, 160, 128)])
@pytest.mark.parametrize("case", CASES)
def test_the_window_is_the_reference_on_a_gpu(case: dict, size: tuple[int, ...], dtype: torch.dtype) -> None:
    compare_window(case, size, dtype, "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("C", [12, 128, 512, 2240])
def test_the_sums_are_the_references_on_a_gpu(C: int, dtype: torch.dtype) -> None:
    compare_sums(C, dtype, "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("causal", [True, False])
def test_a_clip_is_decoded_by_kernels_as_by_references(causal: bool) -> None:
    from flythrough.kernels import references
    from flythrough.vae.ltx2 import LTX2VAE
    from flythrough.vae.ltx2_config import LTX2VAEConfig

    config = LTX2VAEConfig(
        latent_channels=8,
        block_out_channels=(16, 16, 32, 64),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_block_out_channels=(16, 32, 64),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_causal=causal,
    )
    vae, latents = LTX2VAE(config).cuda().requires_grad_(False), torch.randn(2, 8, 7, 3, 4, device="cuda")
    with torch.inference_mode():
        ours, clip = vae.decode(latents), vae.encode(vae.decode(latents))
        with references():
            expected, code = vae.decode(latents), vae.encode(vae.decode(latents))
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-3 * float(expected.abs().max()))
    torch.testing.assert_close(clip, code, rtol=0, atol=1e-2 * float(code.abs().max()))


def test_the_kernels_are_the_references_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


def test_frames_are_those_before_then_the_new_ones_and_the_last_two_are_kept() -> None:
    x, past = torch.randn(2, 3, 2, 5, 4), torch.randn(2, 2, 2, 5, 4)
    frames, after = reference.window(x, past, normed=False, border=False, closing=True)
    assert torch.equal(frames, torch.cat([past, x, x[:, -1:]], dim=1))
    assert torch.equal(after, frames[:, -2:])
    begun, _ = reference.window(x, normed=False, border=False, lead=1)
    assert torch.equal(begun, x[:, [0, 0, 1, 2]])


if __name__ == "__main__":  # see run_in_interpreter
    torch.manual_seed(0)
    for number, case in enumerate(CASES):
        compare_window(case, SIZES[number % len(SIZES)], torch.float32, "cpu")
    compare_window(CASES[0], SIZES[0], torch.bfloat16, "cpu")
    compare_sums(12, torch.float32, "cpu")
    compare_sums(8, torch.bfloat16, "cpu")
