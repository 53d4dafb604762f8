"""Words say what is there, and find the world that they speak of."""

from __future__ import annotations

import numpy as np
import pytest

from flythrough.worlds.captions import matching_seed
from flythrough.worlds.palettes import MOODS
from flythrough.worlds.scenes import KINDS
from flythrough.worlds.world import World

NAMES = {  # what a caption calls a kind, one of these
    "hills": ("hill",),
    "lake": ("lake", "pond"),
    "street": ("street",),
    "canyon": ("canyon", "gorge"),
    "arcade": ("arcade",),
    "rooms": ("room",),
    "village": ("village", "hamlet"),
    "snow": ("snow", "winter"),
    "colonnade": ("colonnade",),
    "wood": ("wood", "forest"),
    "terraces": ("terrace",),
    "desert": ("desert",),
    "meadow": ("meadow",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_caption_names_the_kind_of_place(kind: str) -> None:
    rng = np.random.default_rng(0)
    said = {World.from_seed(seed, "train", kind).caption(rng) for seed in range(40)}
    assert all(any(name in caption for name in NAMES[kind]) for caption in said)
    assert not any("{" in caption or "  " in caption for caption in said)
    assert len(said) > 20  # many ways to say it


def test_most_captions_tell_the_time_of_day() -> None:
    rng = np.random.default_rng(0)
    worlds = [World.from_seed(seed, "train") for seed in range(80)]
    told = [
        any(words in world.caption(rng) for words in MOODS[world.attributes["time"]].words)
        for world in worlds
    ]
    assert np.mean(told) > 0.6


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [("a forest", "wood"), ("a living room", "rooms"), ("snowy hills", "snow"), ("a city street at night", "street"),
     ("red mesas in the desert", "desert"), ("a lake with sailing boats", "lake"), ("a canyon", "canyon")],
)  # fmt: skip
def test_a_prompt_finds_a_world_of_its_kind(prompt: str, kind: str) -> None:
    assert matching_seed(prompt, tries=120)[1] == kind


def test_a_prompt_finds_its_time_of_day() -> None:
    seed, _ = matching_seed("a village at night", tries=200)
    assert World.from_seed(seed, "test").attributes["time"] == "night"


def test_no_words_mean_the_first_world() -> None:
    assert matching_seed("")[0] == 0
