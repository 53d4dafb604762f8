"""Shapes by name, seeded noise, dtypes."""

from __future__ import annotations

import pytest
import torch

from flythrough.errors import InputError
from flythrough.tensors import best_dtype, dims, has_bf16_cpu, noise


def test_dims_unpacks() -> None:
    B, C, T = dims(torch.zeros(2, 3, 5), "B C T", C=3)

    assert (B, C, T) == (2, 3, 5)


def test_dims_names_the_wrong_axis() -> None:
    with pytest.raises(InputError, match=r"axis C .* is 3; it must be 128"):
        dims(torch.zeros(2, 3, 5), "B C T", C=128)
    with pytest.raises(InputError, match="needs 2 axes"):
        dims(torch.zeros(2, 3, 5), "B C")


def test_noise_is_the_same_again_and_different_for_others() -> None:
    first = noise((2, 3, 4), seed=1, index=5)

    assert torch.equal(first, noise((2, 3, 4), seed=1, index=5))
    for seed, index in ((1, 6), (2, 5), (0, 0), (2**63, 0)):
        assert not torch.equal(first, noise((2, 3, 4), seed, index))


def test_noise_is_standard_normal() -> None:
    many = torch.cat([noise((1000,), 0, index) for index in range(20)])

    assert abs(float(many.mean())) < 0.03
    assert abs(float(many.std()) - 1) < 0.03


def test_the_cpu_dtype_follows_its_abilities(monkeypatch: pytest.MonkeyPatch) -> None:
    for able, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("flythrough.tensors.has_bf16_cpu", lambda able=able: able)
        assert best_dtype(torch.device("cpu")) == dtype
    assert isinstance(has_bf16_cpu(), bool)
