"""The transformer: streams equal one pass, nothing leaks, and every part of it counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from flythrough.conditioning import Conditioning
from flythrough.errors import InputError
from flythrough.kernels.gdn import frame_updates, scan
from flythrough.model.config import ModelConfig
from flythrough.model.embed import RMSNorm
from flythrough.model.look import Look, frame_mask, look_back
from flythrough.model.timeline import visible_chunks
from flythrough.model.transformer import SanaWM

TINY = ModelConfig(
    depth=4,
    heads=2,
    head_dim=24,
    latent_channels=6,
    caption_channels=10,
    mlp_ratio=2.0,
    softmax_scale_main=24**-0.5,
    softmax_scale_camera=24**-0.5,
)


def randomised(config: ModelConfig = TINY) -> SanaWM:
    """No branch is zero, as it would be in a new model."""
    model = SanaWM(config)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * (
            0.5 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
        )
    for module in model.modules():
        if isinstance(module, RMSNorm):
            module.weight.data = 1 + 0.2 * torch.randn_like(module.weight)
    return model.requires_grad_(False)


def inputs(
    frames: int, batch: int = 1, rows: int = 2, columns: int = 3
) -> tuple[Tensor, Tensor, Conditioning]:
    turn = torch.linalg.qr(torch.randn(batch, frames, 3, 3)).Q
    turn = turn * turn.det()[..., None, None]
    pose = torch.eye(4).repeat(batch, frames, 1, 1)
    pose[..., :3, :3], pose[..., :3, 3] = turn, torch.randn(batch, frames, 3)
    lens = torch.tensor([2.0, 2.0, 1.5, 1.0]).expand(batch, frames, 4)
    cond = Conditioning(
        text=torch.randn(batch, 5, 10),
        text_mask=torch.tensor([True, True, True, False, False]).expand(batch, 5),
        camera=torch.cat([pose.flatten(2), lens], -1),
        plucker=torch.randn(batch, 48, frames, rows, columns),
    )
    return torch.randn(batch, 6, frames, rows, columns), torch.rand(batch, frames) * 1000, cond


@pytest.mark.parametrize("window", [None, 1, 2, 3])
@pytest.mark.parametrize("sink", [False, True])
@pytest.mark.parametrize("bounds", [tuple(range(9)), (0, 4, 7, 8), (0, 1, 3, 8), (0, 8)])
def test_a_stream_cut_anywhere_equals_one_pass(
    bounds: tuple[int, ...], sink: bool, window: int | None
) -> None:
    model = randomised(replace(TINY, window=window, sink=sink))
    latents, timestep, cond = inputs(frames=8, batch=2)
    whole = model(latents, timestep, cond, bounds=bounds)

    state = model.new_state()
    parts = []
    for a, b in pairwise(bounds):
        part = latents[:, :, a:b], timestep[:, a:b], cond.frames(slice(a, b))
        model(part[0] + 1, *part[1:], state=state)  # a pass that does not save leaves no trace
        parts.append(model(*part, state=state, save=True))

    torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=0, atol=1e-5 * float(whole.abs().max()))


def test_several_chunks_in_one_call_equal_one_at_a_time() -> None:
    model = randomised(replace(TINY, window=2, sink=True))
    latents, timestep, cond = inputs(frames=9)
    whole = model(latents, timestep, cond, bounds=(0, 1, 3, 4, 6, 7, 9))

    state = model.new_state()
    head = model(
        latents[:, :, :4], timestep[:, :4], cond.frames(slice(4)), bounds=(0, 1, 3, 4), state=state, save=True
    )
    tail = model(
        latents[:, :, 4:], timestep[:, 4:], cond.frames(slice(4, 9)), bounds=(0, 2, 3, 5), state=state
    )

    torch.testing.assert_close(
        torch.cat([head, tail], dim=2), whole, rtol=0, atol=1e-5 * float(whole.abs().max())
    )


def test_the_state_of_a_stream_stops_growing() -> None:
    model = randomised(replace(TINY, window=2, sink=True))
    state, sizes = model.new_state(), []
    for _ in range(8):
        latents, timestep, cond = inputs(frames=1)
        model(latents, timestep, cond, state=state, save=True)
        tensors = [value for layer in state.layers for value in vars(layer).values() if value is not None]
        flat = [t for value in tensors for t in (value if isinstance(value, tuple) else (value,))]
        sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in flat))
    assert len(set(sizes[2:])) == 1


@pytest.mark.parametrize("bounds", [tuple(range(6)), (0, 2, 3, 5)])
def test_teacher_forcing_equals_a_stream_that_remembers_the_past(bounds: tuple[int, ...]) -> None:
    model = randomised(replace(TINY, window=2, sink=True))
    past, timestep, cond = inputs(frames=5, batch=2)
    noisy = torch.randn_like(past)

    velocity = model.teacher_forcing(past, noisy, timestep, cond, bounds)

    state, parts = model.new_state(), []
    for a, b in pairwise(bounds):
        told = cond.frames(slice(a, b))
        parts.append(model(noisy[:, :, a:b], timestep[:, a:b], told, state=state))
        model(past[:, :, a:b], torch.zeros_like(timestep[:, a:b]), told, state=state, save=True)
    expected = torch.cat(parts, dim=2)
    torch.testing.assert_close(velocity, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_no_frame_sees_its_own_clean_copy_or_what_comes_later() -> None:
    model = randomised()
    past, timestep, cond = inputs(frames=4)
    noisy = torch.randn_like(past).requires_grad_()
    past = past.requires_grad_()

    velocity = model.teacher_forcing(past, noisy, timestep, cond, tuple(range(5)))

    for t in range(4):
        of_past, of_noisy = torch.autograd.grad(
            velocity[:, :, t].square().sum(), (past, noisy), retain_graph=True
        )
        assert (of_past[:, :, t:] == 0).all()
        assert (of_noisy[:, :, [u for u in range(4) if u != t]] == 0).all()
        assert (of_noisy[:, :, t] != 0).any()
        assert t == 0 or (of_past[:, :, :t].abs().amax((0, 1, 3, 4)) > 0).all()


def test_every_weight_counts_except_those_the_release_leaves_unused() -> None:
    model = randomised().requires_grad_()
    latents, timestep, cond = inputs(frames=5)

    model(latents, timestep, cond, bounds=(0, 2, 5)).square().sum().backward()

    silent = {name for name, p in model.named_parameters() if p.grad is None or not bool((p.grad != 0).any())}
    unused = {f"blocks.3.attn.{name}" for name in ("A_log", "dt_bias")}
    unused |= {
        f"blocks.3.attn.{name}_proj.{part}" for name in ("beta", "gate") for part in ("weight", "bias")
    }
    assert silent == unused | {"raymap_embedder.proj.weight", "raymap_embedder.proj.bias"}


def test_only_relative_poses_matter_to_softmax_attention() -> None:
    """Without Plücker maps a model of short translations sees the same wherever the flight is in the world."""
    model = randomised(replace(TINY, softmax_every=1)).double()
    latents, timestep, cond = inputs(frames=3)
    world = torch.eye(4)
    world[:3, :3] = torch.linalg.qr(torch.randn(3, 3)).Q
    world[:3, :3] *= world[:3, :3].det()
    pose = cond.camera[..., :16].unflatten(-1, (4, 4)).clone()
    pose[..., :3, 3] = 0  # translations are shrunk, and how much depends on the origin
    turned = [torch.cat([p.flatten(2), cond.camera[..., 16:]], -1) for p in (pose, world @ pose)]

    here, there = (model(latents, timestep, replace(cond, camera=camera)) for camera in turned)

    torch.testing.assert_close(here, there, rtol=0, atol=1e-4)


def test_a_sink_takes_the_place_of_the_oldest_chunk() -> None:
    assert [visible_chunks(k, 2, True) for k in range(5)] == [[], [0], [0, 1], [0, 2], [0, 3]]
    assert visible_chunks(6, 2, False) == [4, 5]
    assert visible_chunks(3, None, True) == [0, 1, 2]


def test_the_scan_equals_a_loop_over_frames() -> None:
    k, v = torch.randn(2, 9, 3, 7, 8) / 8, torch.randn(2, 9, 3, 7, 5)
    beta, decay = torch.rand(2, 9, 3, 7), torch.rand(2, 9, 3)

    memories = scan(*frame_updates(k, v, beta, decay))

    memory = torch.zeros(2, 3, 5, 8)
    for t in range(9):
        K, V, b = k[:, t].mT, v[:, t].mT, beta[:, t]  # columns are cells
        error = V - decay[:, t, :, None, None] * memory @ K
        memory = decay[:, t, :, None, None] * memory + (error * b[:, :, None]) @ K.mT
        torch.testing.assert_close(memories[:, t], memory)


def test_shapes_that_do_not_fit_are_named() -> None:
    model = randomised()
    latents, timestep, cond = inputs(frames=3)
    with pytest.raises(InputError, match="axis C"):
        model(latents[:, :5], timestep, cond)
    with pytest.raises(InputError, match="bounds"):
        model(latents, timestep, cond, bounds=(0, 2))
    with pytest.raises(InputError, match="head_dim is 20"):
        replace(TINY, head_dim=20)


LOOKS = (Look(0, 2, (), 0), Look(2, 3, ((0, 2),), 2), Look(3, 6, ((0, 1), (2, 3)), 3))


@pytest.mark.parametrize("teacher", [False, True])
def test_a_mask_over_frames_says_what_chunks_see(teacher: bool) -> None:
    q, k, v = (torch.randn(4, 6, 3, 2, 8) for _ in range(3))
    sees = frame_mask(LOOKS, teacher, 12 if teacher else 6, 12 if teacher else 6)
    sees = sees.repeat_interleave(3, 0).repeat_interleave(3, 1)

    def row(x: Tensor) -> Tensor:  # a clip's clean frames, then its noisy ones
        clips = torch.cat(x.chunk(2), dim=1) if teacher else x
        return clips.flatten(1, 2).transpose(1, 2)

    expected = functional.scaled_dot_product_attention(row(q), row(k), row(v), sees, scale=0.3)
    expected = expected.transpose(1, 2).unflatten(1, (-1, 3))
    if teacher:
        expected = torch.cat(expected.chunk(2, dim=1))
    torch.testing.assert_close(look_back(q, k, v, LOOKS, teacher, 0.3), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("teacher", [False, True])
def test_all_chunks_in_one_call_are_the_chunks_one_by_one(teacher: bool) -> None:
    q, k, v = parts = [torch.randn(4, 6, 40, 2, 64, device="cuda", requires_grad=True) for _ in range(3)]
    above = torch.randn(4, 6, 40, 2, 64, device="cuda")
    together = look_back(q, k, v, LOOKS, teacher, 0.3)
    ours = (together, *torch.autograd.grad(together, parts, above))
    with torch.no_grad():
        expected = look_back(q, k, v, LOOKS, teacher, 0.3)
    torch.testing.assert_close(together, expected, rtol=2e-3, atol=2e-3)
    q, k, v = host = [part.detach().cpu().requires_grad_() for part in parts]
    alone = look_back(q, k, v, LOOKS, teacher, 0.3)
    for mine, theirs in zip(ours, (alone, *torch.autograd.grad(alone, host, above.cpu())), strict=True):
        torch.testing.assert_close(mine.cpu(), theirs, rtol=2e-3, atol=5e-3)
