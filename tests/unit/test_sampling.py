"""Samplers on velocities whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flythrough import flow
from flythrough.errors import InputError
from flythrough.sampling.euler import chunk_starts, sample_euler, sample_staggered
from flythrough.sampling.schedules import few_step_sigmas, flow_match_sigmas


def test_the_true_velocity_leads_to_the_clean_latents_in_any_number_of_steps() -> None:
    x0, noise = torch.randn(2, 3, 4, 2, 2), torch.randn(2, 3, 4, 2, 2)
    held = torch.tensor([True, False, False, False])
    start = torch.where(held[:, None, None], x0, noise)
    for steps in (1, 2, 7):
        guesses = list(
            sample_euler(lambda x, s: flow.velocity(x0, noise), start, flow_match_sigmas(steps, 3.0), held)
        )
        assert len(guesses) == steps
        torch.testing.assert_close(guesses[-1], x0)


def test_held_frames_are_told_to_be_clean_and_do_not_move() -> None:
    told: list[Tensor] = []

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        told.append(sigma)
        return torch.ones_like(x)

    x = torch.randn(1, 2, 3, 2, 2)
    *_, last = sample_euler(velocity, x, torch.tensor([1.0, 0.5, 0.0]), torch.tensor([True, False, False]))
    torch.testing.assert_close(last[:, :, 0], x[:, :, 0], rtol=0, atol=0)
    torch.testing.assert_close(last[:, :, 1:], x[:, :, 1:] - 1)
    assert [sigma.tolist() for sigma in told] == [[0, 1, 1], [0, 0.5, 0.5]]


def test_noise_and_its_velocity_give_the_clean_latents_back() -> None:
    x0, noise, sigma = torch.randn(2, 3), torch.randn(2, 3), torch.tensor([[0.3], [0.9]])
    noisy = flow.add_noise(x0, noise, sigma)
    torch.testing.assert_close(flow.clean(noisy, flow.velocity(x0, noise), sigma), x0)


def test_schedules_fall_from_one_to_zero_and_shifts_keep_the_ends() -> None:
    for sigmas in (flow_match_sigmas(9, 9.8), torch.tensor(few_step_sigmas(9, 2.0))):
        assert sigmas[0] == 1
        assert sigmas[-1] == 0
        assert (sigmas.diff() < 0).all()
    assert [round(sigma, 3) for sigma in few_step_sigmas(4, 8.0)] == [1.0, 0.96, 0.889, 0.727, 0.0]
    with pytest.raises(InputError, match="steps is 0"):
        few_step_sigmas(0, 2.0)


def test_staggered_chunks_follow_the_true_velocity_each_in_its_own_time() -> None:
    x0, noise = torch.randn(2, 3, 8, 2, 2), torch.randn(2, 3, 8, 2, 2)
    held = torch.arange(8) == 0
    start = torch.where(held[:, None, None], x0, noise)
    seen: list[tuple[tuple[int, ...], list[float]]] = []

    def velocity(x: Tensor, sigma: Tensor, bounds: tuple[int, ...]) -> Tensor:
        seen.append((bounds, [round(float(level), 2) for level in sigma]))
        n = x.shape[2]
        expected = flow.add_noise(x0[:, :, :n], noise[:, :, :n], sigma[:, None, None])
        torch.testing.assert_close(x, expected)  # every frame is where its sigma says
        return flow.velocity(x0, noise)[:, :, :n]

    sigmas = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])
    *_, last = sample_staggered(velocity, start, sigmas, held, (0, 4), interval=0.5)

    torch.testing.assert_close(last, x0)
    assert [bounds for bounds, _ in seen] == [(0, 4)] * 2 + [(0, 4, 8)] * 4
    assert seen[2][1] == [0, 0.5, 0.5, 0.5, 1, 1, 1, 1]
    assert seen[5][1] == [0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]


def test_one_chunk_is_sampled_as_a_whole_clip() -> None:
    x, sigmas, held = (
        torch.randn(1, 2, 3, 2, 2),
        flow_match_sigmas(3, 9.8),
        torch.tensor([True, False, False]),
    )
    whole = list(sample_euler(lambda x, s: x.sin(), x, sigmas, held))
    chunk = list(sample_staggered(lambda x, s, _: x.sin(), x, sigmas, held, (0,)))
    for a, b in zip(whole, chunk, strict=True):
        torch.testing.assert_close(a, b)


def test_the_teachers_chunks_are_those_of_the_release() -> None:
    assert chunk_starts(4, 3) == (0,)
    assert chunk_starts(31, 3) == (0, *range(4, 31, 3))
    assert chunk_starts(41, 3) == (0, *range(4, 38, 3))  # the last chunk has four frames
    assert len(chunk_starts(121, 3)) == 40
