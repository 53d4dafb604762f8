"""Videos become films: the right numbers, in order, one behind, and from a GPU the same as from a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from flythrough.clip import decoded
from flythrough.film import Delivery, films, to_film
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig


def test_numbers_are_rounded_and_clamped() -> None:
    video = torch.tensor([-7.0, -1.0, -0.9999, 0.0, 0.9962, 1.0, 3.0]).expand(1, 3, 1, 2, 7).clone()
    before = video.clone()
    assert to_film(video)[0, 0, :, 0].tolist() == [0, 0, 0, 128, 255, 255, 255]
    assert torch.equal(video, before)
    assert to_film(torch.zeros(1, 3, 0, 4, 6)).shape == (0, 4, 6, 3)


def counted(videos: list[Tensor], counts: list[int]) -> Iterator[Delivery]:
    """Deliveries; `counts` has how many have been begun, and how many have been taken."""
    for video in videos:
        counts[0] += 1
        yield Delivery(video, lambda: counts.__setitem__(1, counts[1] + 1))


def test_films_come_in_order_and_from_a_cpu_as_soon_as_they_are_made() -> None:
    videos, counts = [torch.rand(1, 3, frames, 4, 6) * 2 - 1 for frames in (1, 8, 3)], [0, 0]
    for number, film in enumerate(films(counted(videos, counts))):
        assert counts == [number + 1, number + 1]
        np.testing.assert_array_equal(film, to_film(videos[number]))
    assert counts == [3, 3]
    assert not list(films([]))


@pytest.mark.gpu
def test_while_a_film_is_used_a_gpu_makes_the_next_but_not_over_a_pause() -> None:
    videos, counts = [torch.rand(1, 3, 8, 4, 6, device="cuda") for _ in range(5)], [0, 0]
    begun = []
    for film in films(counted(videos, counts), pause=lambda: counts[0] == 3):
        assert len(film) == 8
        begun.append(counts[0])
    assert begun == [2, 3, 3, 5, 5]
    assert counts == [5, 5]


@pytest.mark.parametrize("causal", [True, False])
def test_a_clip_gives_as_many_pictures_as_were_asked_for(causal: bool) -> None:
    config = LTX2VAEConfig(
        latent_channels=4,
        block_out_channels=(8, 8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_block_out_channels=(8, 16, 32),
        decoder_layers_per_block=(1, 1, 1, 1),
        decoder_causal=causal,
    )
    vae, latents = LTX2VAE(config).requires_grad_(False), torch.randn(1, 4, 7, 2, 2)
    given = list(decoded(vae, latents, 45))
    np.testing.assert_array_equal(np.concatenate(given), to_film(vae.decode(latents)[:, :, :45]))
    assert max(map(len, given)) <= 32


@pytest.mark.gpu
def test_films_from_a_gpu_are_those_from_a_cpu() -> None:
    videos = [torch.rand(1, 3, frames, 704, 1280) * 2.4 - 1.2 for frames in (1, 24, 24, 3, 24, 24)]
    with torch.inference_mode():
        given = list(
            films(Delivery(video.cuda()) for video in videos)
        )  # kept, so that memory used twice would show
    for film, video in zip(given, videos, strict=True):
        np.testing.assert_array_equal(film, to_film(video))
