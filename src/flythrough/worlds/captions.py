"""Worlds in words, and words to worlds. Captions tell of the place alone; the camera says how it is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from numpy.random import Generator

from flythrough.worlds.palettes import MOODS

if TYPE_CHECKING:
    from flythrough.worlds.world import World

SYNONYMS = {
    "scattered": ("sparse", "a few", "scattered"),
    "dense": ("dense", "thick", "many"),
    "a few": ("a few", "some"),
    "hills": ("hills", "rolling hills", "hilly land"),
    "lake": ("lake", "pond", "lake"),
    "street": ("street", "city street", "street"),
    "meadow": ("meadow", "green meadow"),
    "village": ("village", "hamlet", "village"),
    "desert": ("desert", "sandy desert"),
    "canyon": ("canyon", "gorge", "canyon"),
    "snowy": ("snowy", "snow-covered", "white winter"),
    "pines": ("pines", "pine trees", "firs"),
    "wood": ("wood", "forest"),
    "cottages": ("cottages", "houses", "little houses"),
    "tall": ("tall", "high"),
}

ALIASES = {
    "forest": "wood", "tree": "wood", "city": "street", "town": "street", "road": "street", "tower": "street",
    "sea": "lake", "pond": "lake", "water": "lake", "coast": "lake", "house": "room", "home": "room",
    "interior": "room", "indoor": "room", "furniture": "room", "mountain": "hill", "countryside": "hill",
    "winter": "snow", "snowy": "snow", "dune": "desert", "cactus": "desert", "temple": "colonnade",
    "pillar": "colonnade", "column": "colonnade",
    "courtyard": "arcade", "arch": "arcade", "field": "terrace", "gorge": "canyon",
    "cliff": "canyon", "river": "canyon", "blossom": "meadow", "garden": "meadow", "hamlet": "village",
}  # fmt: skip

# Every template names the place: words must be able to steer what comes into view.
TEMPLATES = (
    "{ground} {time}, {trees}, {things}",
    "{ground} with {trees} {time}",
    "{time}: {ground}, {things}",
    "a low-poly world, {ground}, {things} and {trees}",
    "{trees} and {things}, {ground}, {time}",
    "{ground}, {time}",
    "a view of {ground} with {things}",
    "{ground}. {trees}. {things}. {time}.",
    "{things} {time}, {ground}",
    "a flight through {ground} {time}",
    "{ground} and {trees}, {things}, {time}",
)


def caption(attributes: dict[str, str], rng: Generator) -> str:
    """One sentence or two from what a world says of itself; clauses of missing attributes are dropped."""
    words = {
        name: str(rng.choice(MOODS[value].words)) if name == "time" else value
        for name, value in attributes.items()
    }
    fitting = [t for t in TEMPLATES if all(name in words for name in re.findall(r"{(\w+)}", t))]
    text = str(rng.choice(fitting)).format(**words)
    for word, choices in SYNONYMS.items():
        if rng.random() < 0.5:
            text = re.sub(rf"\b{word}\b", str(rng.choice(choices)), text, count=1)
    return text


def matching_seed(prompt: str, split: str = "test", tries: int = 400) -> tuple[int, str]:
    """(seed, kind) of the world whose words have most in common with the prompt; seed 0's for an empty prompt."""
    from flythrough.worlds.world import World

    wanted = _words(prompt)
    best, best_score = World.from_seed(0, split), -1.0
    for seed in range(tries if wanted else 1):
        world = World.from_seed(seed, split)
        score = _score(world, wanted)
        if score > best_score:
            best, best_score = world, score
    return best.seed, best.kind


def _score(world: World, wanted: set[str]) -> float:
    said = world.attributes
    spoken = _words(" ".join(v for k, v in said.items() if k != "time"))
    time = _words(" ".join(MOODS[said["time"]].words) + " " + said["time"])
    kind = next(iter(_words(world.kind)))
    named = 2.0 * (kind in wanted) + 1.0 * (kind in {ALIASES.get(word) for word in wanted})
    return named + 1.0 * len(spoken & wanted) + 1.5 * bool(time & wanted)


def _words(text: str) -> set[str]:
    small = {"a", "an", "the", "of", "with", "and", "in", "on", "at", "under", "by", "to"}
    return {re.sub(r"s$", "", word) for word in re.findall(r"[a-z]+", text.lower())} - small
