"""What a flight is told in words, and how one prompt becomes the next.

While a prompt changes, the model reads both at once, each repeated in proportion to its share: a token that
stands there k times draws k times the attention of one that stands there once. So every step of the change is
plain attention, its ends are exactly the two prompts, and it needs no more than a longer text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.text.base import Words

COPIES = 12  # of all prompts together at most: every share is a twelfth, or told to the nearest
LONGEST = COPIES  # chunks of a change, so that the new prompt is heard in the first of them


@dataclass(frozen=True)
class Part:
    """One prompt of a mixture, and how many copies of it are read."""

    prompt: str
    words: Words
    copies: int = 1


@dataclass(frozen=True)
class Speech:
    """What each chunk is told. Never changed: another prompt makes another one.

    target  what the flight is told in the end
    before  the mixture that the target takes the place of
    since   the chunk that hears of it first, over how many chunks it takes the whole place
    """

    target: Part
    before: tuple[Part, ...] = ()
    since: int = 0
    over: int = 1

    def said(self, prompt: str, words: Words, chunk: int, over: int) -> Speech:
        """Another prompt, first heard by `chunk` and alone from chunk + over - 1 on."""
        if not 1 <= over <= LONGEST:
            raise InputError(f"a prompt changes over {over} chunks; possible are 1 (at once) to {LONGEST}")
        told = self.mixture(chunk - 1) if chunk else ()
        return Speech(Part(prompt, words), told, chunk, over)

    def mixture(self, chunk: int) -> tuple[Part, ...]:
        """What a chunk is told: the prompts and their copies, the newest last."""
        step = min(self.over, chunk - self.since + 1)
        if step == self.over or not self.before:
            return (self.target,)
        total = sum(part.copies for part in self.before)
        wanted = [part.copies * (self.over - step) for part in self.before] + [total * step]
        parts = zip((*self.before, self.target), _few(wanted), strict=True)
        return tuple(replace(part, copies=copies) for part, copies in parts if copies)

    def shares(self, chunk: int) -> tuple[tuple[str, float], ...]:
        """The prompts that a chunk is told, with their shares, which are 1 in all."""
        parts = self.mixture(chunk)
        total = sum(part.copies for part in parts)
        return tuple((part.prompt, part.copies / total) for part in parts)

    def told(self, chunk: int) -> Words:
        """The words of a chunk; between changes the very words of the prompt."""
        parts = self.mixture(chunk)
        if len(parts) == 1:
            return parts[0].words
        return replace(
            parts[-1].words,
            text=torch.cat([part.words.text for part in parts for _ in range(part.copies)], dim=1),
            text_mask=torch.cat([part.words.text_mask for part in parts for _ in range(part.copies)], dim=1),
            refiner=_averaged(parts),
        )


def _few(wanted: list[int]) -> list[int]:
    """Numbers in the same proportions, COPIES in all at most; the largest remainders are rounded up."""
    divisor = gcd(*wanted)
    total = sum(wanted) // divisor
    if total <= COPIES:
        return [number // divisor for number in wanted]
    total *= divisor
    copies = [number * COPIES // total for number in wanted]
    by_remainder = sorted(range(len(wanted)), key=lambda i: (-(wanted[i] * COPIES % total), i))
    for i in by_remainder[: COPIES - sum(copies)]:
        copies[i] += 1
    return copies


def _averaged(parts: tuple[Part, ...]) -> Tensor | None:
    """The second stage's words. All its tokens are real, and a thousand: it reads their mean, not all of them."""
    total = sum(part.copies for part in parts)
    mean: Tensor | None = None
    for part in parts:
        states = part.words.refiner
        if states is None:
            return None
        share = states.float() * (part.copies / total)
        mean = share if mean is None else mean + share
    last = parts[-1].words.refiner
    return None if mean is None or last is None else mean.to(last.dtype)
