"""How one prompt becomes the next: by shares that rise step by step and end where they should."""

from __future__ import annotations

import pytest
import torch

from flythrough.flight.speech import COPIES, Part, Speech
from flythrough.model.attention import CrossAttention
from flythrough.text.base import Words
from tests.flights import MODEL


def words(value: float, tokens: int = 4, refiner: float | None = None) -> Words:
    return Words(
        text=torch.full((1, tokens, 6), value),
        text_mask=torch.ones(1, tokens, dtype=torch.bool),
        refiner=None if refiner is None else torch.full((1, 5, 3), refiner),
    )


def start(prompt: str = "day") -> Speech:
    return Speech(Part(prompt, words(0.0)))


@pytest.mark.parametrize("over", range(1, COPIES + 1))
def test_a_new_prompt_is_heard_at_once_and_alone_in_the_end(over: int) -> None:
    speech = start().said("night", words(1.0), chunk=10, over=over)
    shares = [dict(speech.shares(chunk)).get("night", 0.0) for chunk in range(10, 10 + over)]
    assert shares[0] > 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert max(abs(share - (step + 1) / over) for step, share in enumerate(shares)) <= 1 / COPIES
    assert speech.told(10 + over - 1) is speech.target.words
    assert speech.told(10_000) is speech.target.words


def test_shares_are_numbers_of_copies() -> None:
    told = start().said("night", words(1.0, tokens=3), chunk=5, over=4).told(5)
    assert told.text[0, :, 0].tolist() == [0.0] * 12 + [1.0] * 3
    assert told.text_mask.shape == (1, 15)


def test_the_second_stage_is_told_the_mean() -> None:
    speech = Speech(Part("day", words(0.0, refiner=2.0))).said("night", words(1.0, refiner=4.0), 1, 4)
    assert [speech.told(chunk).refiner.unique().tolist() for chunk in range(1, 6)] == [  # pyrefly: ignore
        [2.5],
        [3.0],
        [3.5],
        [4.0],
        [4.0],
    ]


def test_prompts_that_interrupt_each_other_go_on_from_what_was_told() -> None:
    speech = start()
    for chunk in range(1, 60):
        before = speech.mixture(chunk - 1)
        speech = speech.said(f"prompt {chunk}", words(float(chunk)), chunk, over=9)
        assert speech.before == before
        assert sum(part.copies for part in speech.mixture(chunk)) <= COPIES
        assert speech.shares(chunk)[-1][0] == f"prompt {chunk}"
    assert len(speech.shares(1000)) == 1


def test_a_token_that_stands_there_twice_draws_twice_the_attention() -> None:
    attention = CrossAttention(MODEL)
    x, (one, other) = torch.randn(1, 1, 3, 16), torch.randn(2, 1, 4, 16)
    mask = torch.ones(1, 12, dtype=torch.bool)
    mixed = attention(x, attention.prompt(torch.cat([one, other, other], dim=1)), mask)

    q = attention.q_norm(attention.q_linear(x))[0, 0]
    k, v = (part[0, 0] for part in attention.prompt(torch.cat([one, other], dim=1)))
    weights = torch.exp(q @ k.T / 4) * torch.tensor([1.0] * 4 + [2.0] * 4)
    expected = attention.proj(weights / weights.sum(-1, keepdim=True) @ v)
    torch.testing.assert_close(mixed[0, 0], expected)
