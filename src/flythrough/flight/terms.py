"""What a flight starts from, and what holds for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from flythrough.camera.keys import Dialect
from flythrough.conditioning import CameraEncoding
from flythrough.text.base import Words


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a flight starts from.

    latent  (1, C, 1, h, w) float32: the first frame, encoded and normalised
    words   the prompt, on the latent's device
    prompt  the prompt as it was written
    """

    latent: Tensor
    words: Words
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for all of a flight.

    sigmas    fall from 1 to 0, one step between two
    first_plus_one  the first chunk has one latent frame more
    name      of the model, for messages
    fps       frames a second, for `Session.path`
    keys      the dialect of held keys
    lens      (4,) fx fy cx cy in pixels of a camera under keys that has not been given another
    """

    encoding: CameraEncoding
    sigmas: tuple[float, ...]
    seed: int
    first_plus_one: bool
    name: str
    fps: float
    keys: Dialect
    lens: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Terms:
        """The inverse of asdict, by way of JSON."""
        letters = {key: (control, sign) for key, (control, sign) in values["keys"]["letters"].items()}
        given: dict[str, Any] = {
            "encoding": CameraEncoding(**values["encoding"]),
            "keys": Dialect(**(values["keys"] | {"letters": letters})),
        }
        given |= {name: tuple(values[name]) for name in ("sigmas", "lens")}
        return cls(**(values | given))
