"""The full-size autoencoder streams exactly with either decoder, reads its config strictly, refuses the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from flythrough.errors import InputError, WeightsError
from flythrough.kernels.spread import spread
from flythrough.kernels.window import mirrored, norm_silu
from flythrough.vae.base import VAEState, VideoVAE
from flythrough.vae.ltx2 import LTX2VAE, patches, pixels
from flythrough.vae.ltx2_config import LTX2VAEConfig
from flythrough.vae.ltx2_layers import fold
from flythrough.vae.ltx2_tiles import Tiles

SMALL = LTX2VAEConfig(
    latent_channels=8,
    block_out_channels=(16, 16, 32, 64),
    layers_per_block=(1, 1, 1, 1, 1),
    decoder_block_out_channels=(8, 16, 32),
    decoder_layers_per_block=(1, 1, 1, 1),
)
STORED = {"_class_name": "AutoencoderKLLTX2Video", "decoder_causal": False}


def small(causal: bool, **changes: Any) -> LTX2VAE:
    torch.manual_seed(0)
    vae = LTX2VAE(replace(SMALL, decoder_causal=causal, **changes)).requires_grad_(False)
    vae.latents_mean.normal_()
    vae.latents_std.uniform_(0.5, 2)
    return vae


def stream(vae: VideoVAE, latents: Tensor, cuts: tuple[int, ...]) -> list[tuple[Tensor, VAEState]]:
    """What decode_chunk returns for each piece, the last of which says that it is."""
    state, answers = None, []
    for number, piece in enumerate(latents.split(cuts, dim=2), 1):
        video, state = vae.decode_chunk(piece, state, last=number == len(cuts))
        answers.append((video, state))
    return answers


CUTS = [(1,) * 9, (4, 3, 2), (1, 8), (2, 7), (8, 1), (9, 0), (1, 0, 8, 0)]


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("causal", [True, False])
def test_a_stream_cut_anywhere_equals_one_pass(causal: bool, cuts: tuple[int, ...]) -> None:
    vae, latents = small(causal), torch.randn(2, 8, 9, 2, 3)
    (whole, _), *_ = stream(vae, latents, (9,))

    video = torch.cat([frames for frames, _ in stream(vae, latents, cuts)], dim=2)

    assert whole.shape == (2, 3, 65, 64, 96)
    close(video, whole)
    close(vae.decode(latents, chunk=2), whole)


def test_a_causal_stream_gives_its_frames_at_once_and_needs_no_last() -> None:
    vae, latents = small(causal=True), torch.randn(1, 8, 5, 2, 2)
    state, counts = None, []
    for piece in latents.split((1, 1, 3), dim=2):
        video, state = vae.decode_chunk(piece, state)
        counts.append(video.shape[2])
    assert counts == [1, 8, 24]


def test_one_latent_frame_is_one_frame_whenever_its_end_shows() -> None:
    vae, latents = small(causal=False), torch.randn(1, 8, 1, 2, 2)
    waiting, state = vae.decode_chunk(latents, None)
    rest, after = vae.decode_chunk(latents[:, :, :0], state, last=True)

    assert waiting.shape == (1, 3, 0, 64, 64)
    assert not after
    close(rest, vae.decode(latents))


def test_the_official_two_sided_decoder_gives_its_first_frames_at_the_23rd_latent_frame() -> None:
    vae, latents = small(causal=False, decoder_layers_per_block=(5, 5, 5, 5)), torch.randn(1, 8, 24, 2, 2)
    counts = [video.shape[2] for video, _ in stream(vae, latents, (22, 1, 1))]
    assert counts == [0, 8 * 23 - 180, 185 - 4]  # 180 frames late, 7 of which a clip never has


@pytest.mark.parametrize("causal", [True, False])
def test_the_state_stops_growing(causal: bool) -> None:
    vae, latents = small(causal), torch.randn(1, 8, 24, 2, 2)
    sizes = [
        {name: tensor.shape for name, tensor in state.items()}
        for _, state in stream(vae, latents, (6, 6, 1, 5, 6))
    ]
    assert sizes[1] == sizes[2] == sizes[3]
    assert all(
        shape[1:2] == (2,) for name, shape in sizes[1].items() if name.split(".")[-1].startswith("conv")
    )


@pytest.mark.parametrize("causal", [True, False])
def test_a_state_may_be_used_twice(causal: bool) -> None:
    vae, latents = small(causal), torch.randn(1, 8, 9, 2, 2)
    _, state = vae.decode_chunk(latents[:, :, :6], None)

    once, _ = vae.decode_chunk(latents[:, :, 6:], state)
    again, _ = vae.decode_chunk(latents[:, :, 6:], state)

    assert once.shape[2] > 0
    assert torch.equal(once, again)


def test_encoding_in_chunks_equals_encoding_at_once_and_sees_no_future() -> None:
    vae, video = small(causal=True), torch.randn(1, 3, 41, 32, 64)
    whole = vae.encode(video, chunk=6)
    assert whole.shape == (1, 8, 6, 1, 2)
    for chunk in (1, 2, 3, 4):
        close(vae.encode(video, chunk=chunk), whole)
    close(vae.encode(video[:, :, :1]), whole[:, :, :1])


@pytest.mark.parametrize("causal", [True, False])
def test_gradients_cross_the_cuts(causal: bool) -> None:
    vae = small(causal)
    weight = vae.get_parameter("decoder.up_blocks.1.resnets.0.conv1.conv.weight").requires_grad_()
    latents, target = torch.randn(1, 8, 5, 2, 2), torch.randn(1, 3, 33, 64, 64)
    gradients = []
    for chunk in (1, 5):
        inputs = latents.clone().requires_grad_()
        loss = (vae.decode(inputs, chunk) * target).sum()
        gradients.append(torch.autograd.grad(loss, [inputs, weight]))
    for cut, whole in zip(*gradients, strict=True):
        torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-3 * float(whole.abs().max()))


def test_a_model_of_meta_tensors_is_filled_by_its_state_dict_alone() -> None:
    with torch.device("meta"):
        vae = LTX2VAE(SMALL)
    assert all(tensor.is_meta for tensor in vae.state_dict().values())
    assert {name for name, _ in vae.named_buffers()} == {"latents_mean", "latents_std"}

    source, latents = small(causal=False), torch.randn(1, 8, 3, 2, 2)
    vae.load_state_dict(source.state_dict(), assign=True)

    assert torch.equal(vae.decode(latents), source.decode(latents))
    video = torch.randn(1, 3, 1, 32, 32)
    assert torch.equal(vae.encode(video), source.encode(video))


def test_weights_and_video_lie_in_memory_as_convolutions_and_writers_want_them() -> None:
    vae = small(causal=True)
    convs = [parameter for parameter in vae.parameters() if parameter.ndim == 5]
    assert all(weight.is_contiguous(memory_format=torch.channels_last_3d) for weight in convs)
    video, _ = vae.decode_chunk(torch.randn(1, 8, 2, 2, 2), None)
    assert video.permute(0, 2, 3, 4, 1).is_contiguous()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_norm_silu_is_the_formula_and_keeps_the_dtype(dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 4, 5, 16).to(dtype)
    exact = x.double() / (x.double().square().mean(-1, keepdim=True) + 1e-8).sqrt()
    out = norm_silu(x)
    assert out.dtype == dtype
    torch.testing.assert_close(out, functional.silu(exact).to(dtype))


def test_mirrored_is_the_reflection_of_all_frames() -> None:
    parts = [torch.randn(2, frames, 2, 5, 3) for frames in (2, 4, 1)]
    frames = torch.cat(parts, dim=1).permute(0, 4, 1, 2, 3)
    expected = functional.pad(frames, (1, 1, 1, 1, 0, 0), mode="reflect")
    assert torch.equal(mirrored(parts).permute(0, 4, 1, 2, 3), expected)


def test_spread_and_patches_have_inverses() -> None:
    x = torch.randn(2, 3, 4, 5, 16)
    assert torch.equal(fold(spread(x), (2, 2, 2)), x)
    video = torch.randn(2, 3, 5, 8, 12)
    assert torch.equal(pixels(patches(video)), video)


def test_tiled_decoding_is_one_frame_late_from_the_second_tile_on() -> None:
    vae, latents = small(causal=False), torch.randn(1, 8, 33, 2, 2)
    whole, tiled = vae.decode(latents), vae.decode_tiled(latents)

    assert tiled.shape == whole.shape
    close(tiled[:, :, :41], whole[:, :, :41])  # what does not see the end of the first tile
    inside = slice(105, 121)  # the middle of the second tile, which stands for frames 65 to 128
    late = (tiled[:, :, inside] - whole[:, :, 104:120]).abs().mean()
    in_time = (tiled[:, :, inside] - whole[:, :, inside]).abs().mean()
    assert late < 0.01 * in_time


def test_what_fits_one_tile_is_not_tiled() -> None:
    vae, latents = small(causal=False), torch.randn(1, 8, 3, 2, 2)
    assert torch.equal(vae.decode_tiled(latents), vae.decode(latents))
    video = torch.randn(1, 3, 1, 64, 64)
    assert torch.equal(vae.encode_tiled(video), vae.encode(video))


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 3, 8, 64, 64), "8 frames"), ((1, 3, 9, 60, 64), "multiples of 32"), ((1, 4, 9, 64, 64), "C")],
)
def test_a_video_that_does_not_fit_is_refused(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small(causal=True).encode(torch.zeros(shape))


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 8, 3, 1, 4), "at least 2x2"), ((1, 7, 3, 2, 2), "C"), ((1, 8, 0, 2, 2), "at least one")],
)
def test_latents_that_do_not_fit_are_refused(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small(causal=True).decode(torch.zeros(shape))


def test_tiles_that_do_not_end_on_cells_are_refused() -> None:
    latents = torch.zeros(1, 8, 3, 2, 2)
    for tiles in (Tiles(side=500), Tiles(side_step=600), Tiles(frames=90), Tiles(frames_step=0)):
        with pytest.raises(InputError, match="tiles with"):
            small(causal=False).decode_tiled(latents, tiles)


def test_the_defaults_of_a_config_are_the_official_numbers(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(STORED | {"spatial_compression_ratio": 32, "temporal_compression_ratio": 8}))
    assert LTX2VAEConfig.from_json(path) == LTX2VAEConfig()
    causal = {"_class_name": "AutoencoderKLCausalLTX2Video", "decoder_upsample_type": None}
    assert LTX2VAEConfig.from_json(causal) == LTX2VAEConfig(decoder_causal=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"_class_name": "AutoencoderKLLTXVideo"}, "_class_name"),
        ({"decoder_causal": None}, "decoder_causal is None"),
        ({"colour_space": "xyz"}, "colour_space"),
        ({"timestep_conditioning": True}, "timestep_conditioning"),
        ({"upsample_factor": [2, 2, 1]}, "upsample_factor"),
        ({"upsample_type": ["spatial"] * 3}, "upsample_type"),
        ({"decoder_inject_noise": [False, True, False, False]}, "decoder_inject_noise"),
        ({"scaling_factor": 0.5}, "scaling_factor"),
        ({"spatial_compression_ratio": 64}, "spatial_compression_ratio is 64"),
        ({"latent_channels": "128"}, "latent_channels"),
        ({"layers_per_block": [4, 6, 6, 2]}, "layers_per_block"),
        ({"block_out_channels": [256, 512, 1024, 2000]}, "block_out_channels"),
        ({"decoder_block_out_channels": [256, 512, 512]}, "decoder_block_out_channels"),
        ({"decoder_layers_per_block": [5, 5]}, "decoder_layers_per_block"),
        ({"downsample_type": ["spatial", "temporal", "spatiotemporal", "none"]}, "none"),
        ({"downsample_type": ["spatial", "spatial", "temporal", "temporal"]}, "unfolds"),
    ],
)
def test_a_config_of_another_structure_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        LTX2VAEConfig.from_json(STORED | changes)


def test_a_config_that_does_not_say_which_decoder_is_refused() -> None:
    with pytest.raises(WeightsError, match="decoder_causal"):
        LTX2VAEConfig.from_json({"_class_name": "AutoencoderKLLTX2Video"})


@pytest.mark.parametrize("text", ["{", "[1]", None])
def test_a_config_that_cannot_be_read_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(WeightsError, match=r"config\.json"):
        LTX2VAEConfig.from_json(path)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5 * max(1.0, float(expected.abs().max())))
