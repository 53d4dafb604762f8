"""Moment: all of a flight that changes from chunk to chunk. To keep one is to go back; two of one are a fork."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from flythrough.camera.keys import Dialect, LiveKeys
from flythrough.errors import InputError
from flythrough.flight.lanes import beside
from flythrough.flight.speech import Part, Speech
from flythrough.flight.track import Track
from flythrough.model.state import StreamState
from flythrough.model.transformer import SanaWM
from flythrough.refinement import Refinement
from flythrough.text.base import Words
from flythrough.vae.base import VAEState

WINDOW = ("keys", "values", "camera_keys", "camera_values")
STATE = ("memory", "normaliser")
TAILS = ("key_tail", "camera_key_tail", "mlp_tail")
WORDS = ("text", "text_mask", "negative", "negative_mask", "refiner")


@dataclass
class Moment:
    """Where a flight stands. Its tensors are replaced and never written to, so copies share them.

    state       the transformer's memory; it counts chunks and latent frames
    speech      what the next chunks are told in words; heard: the words that the state has taken in
    refinement  the second stage's memory, None without one
    vae         the decoder's memory
    track       the poses that the next chunk looks at
    keys        the camera under its keys, None if poses were pushed last
    latents     (1, C, n, h, w) of the chunk made last, before it is refined
    """

    state: StreamState
    speech: Speech
    refinement: Refinement | None = None
    heard: Words | None = None
    vae: VAEState | None = None
    track: Track = field(default_factory=Track)
    keys: LiveKeys | None = None
    latents: Tensor | None = None

    def copy(self) -> Moment:
        """The same moment, to go on from on its own."""
        state = replace(
            self.state,
            layers=[replace(layer) for layer in self.state.layers],
            held=list(self.state.held),
            embedded=dict(self.state.embedded),
        )
        refinement = self.refinement.copy() if self.refinement else None
        keys = _driven(self.keys.dialect, self.keys.to_dict()) if self.keys else None
        return replace(self, state=state, refinement=refinement, keys=keys)

    def hear(self) -> None:
        """Take in what the next chunk is told. Keys and values of a prompt are computed once, then kept."""
        words = self.speech.told(self.state.chunks)
        if words is self.heard:
            return
        self.state.embedded.clear()
        for layer in self.state.layers:
            layer.text = None
        captions = None if self.heard is None else self.heard.refiner
        if self.refinement and words.refiner is not None and words.refiner is not captions:
            with beside("refine", words.refiner):
                self.refinement.say(words.refiner)
        self.heard = words

    def pack(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything as named tensors and JSON types. What follows from the words is computed again, not kept."""
        state = self.state
        tensors: dict[str, Tensor | None] = {}
        for number, layer in enumerate(state.layers):
            for part, names in (("state", STATE), ("tails", TAILS)):
                tensors |= {f"{part}.{number}.{name}": getattr(layer, name) for name in names}
            if layer.window is not None:
                named = zip(WINDOW, layer.window, strict=True)
                tensors |= {f"window.{number}.{name}": part for name, part in named}
        parts = (*self.speech.before, self.speech.target)
        for number, part in enumerate(parts):
            for name in WORDS:
                tensors[f"words.{number}.{name}"] = getattr(part.words, name)
        tensors |= {f"vae.{name}": tensor for name, tensor in (self.vae or {}).items()}
        tensors |= {"track.rows": self.track.rows, "track.origin": self.track.origin, "latents": self.latents}
        refined, counts = self.refinement.pack() if self.refinement else ({}, None)
        tensors |= {f"refiner.{name}": tensor for name, tensor in refined.items()}
        facts = {
            "frames": state.frames,
            "chunks": state.chunks,
            "held": state.held,
            "prompts": [[part.prompt, part.copies] for part in parts],
            "since": self.speech.since,
            "over": self.speech.over,
            "before": self.track.before,
            "keys": self.keys.to_dict() if self.keys else None,
            "refiner": counts,
        }
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}, facts


def unpack_speech(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Speech:
    """The words that `pack` has packed; takes out of `tensors` what it reads."""
    parts = tuple(
        Part(prompt, Words(**{name: tensors.pop(f"words.{number}.{name}", None) for name in WORDS}), copies)  # pyrefly: ignore
        for number, (prompt, copies) in enumerate(facts["prompts"])
    )
    return Speech(parts[-1], parts[:-1], facts["since"], facts["over"])


def unpack(
    tensors: dict[str, Tensor],
    facts: dict[str, Any],
    model: SanaWM,
    speech: Speech,
    dialect: Dialect,
    refinement: Refinement | None,
) -> Moment:
    """What else `pack` has packed, in the same way; the tensors are on the model's device.

    refinement  a second stage that has not begun, if the flight has one
    Raises InputError where something is missing.
    """
    state = model.new_state()
    state.frames, state.chunks = facts["frames"], facts["chunks"]
    state.held = [(chunk, frames) for chunk, frames in facts["held"]]
    for number, layer in enumerate(state.layers if state.frames else ()):
        softmax = model.config.is_softmax(number)
        for name in () if softmax else STATE:
            setattr(layer, name, taken(tensors, f"state.{number}.{name}"))
        for name in TAILS[-1:] if softmax else TAILS:
            setattr(layer, name, taken(tensors, f"tails.{number}.{name}"))
        if softmax:
            k, v, k_cam, v_cam = (taken(tensors, f"window.{number}.{name}") for name in WINDOW)
            layer.window = (k, v, k_cam, v_cam)
    if refinement and facts["refiner"] is not None:
        refinement.unpack(_under("refiner.", tensors), facts["refiner"])
    origin = tensors.pop("track.origin", None)
    return Moment(
        state=state,
        speech=speech,
        refinement=refinement,
        vae=_under("vae.", tensors) or None,
        track=Track(
            taken(tensors, "track.rows").cpu(), facts["before"], None if origin is None else origin.cpu()
        ),
        keys=_driven(dialect, facts["keys"]) if facts["keys"] else None,
        latents=tensors.pop("latents", None),
    )


def taken(tensors: dict[str, Tensor], name: str) -> Tensor:
    """Take one tensor out; raises InputError if it is not there."""
    if name not in tensors:
        raise InputError(f"the snapshot has no {name}; it is of another model")
    return tensors.pop(name)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}


def _driven(dialect: Dialect, state: dict[str, Any]) -> LiveKeys:
    keys = LiveKeys(dialect)
    keys.restore(state)
    return keys
