"""Shot: all that a user may ask for. Checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import Picture, load_image

LONGEST_PROMPT = 2000  # characters; mini's text encoder hears the first 48 tokens
MOST_STEPS = 100
HARDEST_GUIDANCE = 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One flight: where the camera goes, through which place, from which first frame.

    camera  one pose per frame; only its shape counts, not where it starts
    prompt  the place, in words
    image   the first frame: a file, an (H, W, 3) uint8 array, or None for a rendered world to fit the prompt
    negative_prompt  what should not be there, for models that are guided
    seed    everything random follows from it
    steps   denoising steps a chunk; None is the model's own number
    guidance_scale  how far from the negative prompt; None is the model's own number
    """

    camera: CameraPath
    prompt: str = ""
    image: Path | str | Picture | None = None
    negative_prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance_scale: float | None = None

    def __post_init__(self) -> None:
        check_prompt(self.prompt)
        check_prompt(self.negative_prompt, "negative prompt")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed is {self.seed}; it must be between 0 and {2**63 - 1}")
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise InputError(f"steps is {self.steps}; it must be between 1 and {MOST_STEPS}")
        if self.guidance_scale is not None and not 1 <= self.guidance_scale <= HARDEST_GUIDANCE:
            raise InputError(
                f"guidance_scale is {self.guidance_scale:g}; it must be 1 to {HARDEST_GUIDANCE:g}"
            )
        object.__setattr__(self, "image", self._picture())

    @property
    def frames(self) -> int:
        return self.camera.frames

    @property
    def fps(self) -> float:
        return self.camera.fps

    def metadata(self) -> dict[str, Any]:
        """What a video says of itself: enough to fly the same path again, in plain JSON types."""
        camera = self.camera
        return {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "seed": self.seed,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "camera": {
                "height": camera.height,
                "width": camera.width,
                "fps": camera.fps,
                "intrinsics": camera.intrinsics.tolist(),
                "c2w": camera.c2w.tolist(),
            },
        }

    def _picture(self) -> Picture | None:
        if self.image is None:
            return None
        if isinstance(self.image, (str, Path)):
            return load_image(self.image)
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype.name != "uint8":
            raise InputError(
                f"the image is an array {image.shape} of {image.dtype}; it must be (H, W, 3) of uint8"
            )
        return image


def check_prompt(text: str, name: str = "prompt") -> None:
    """Raise InputError unless this is text of a length that is read."""
    if len(text) > LONGEST_PROMPT:
        raise InputError(f"the {name} has {len(text)} characters; at most {LONGEST_PROMPT} are possible")
    if "\0" in text:
        raise InputError(f"the {name} contains a zero character; only text is possible")
