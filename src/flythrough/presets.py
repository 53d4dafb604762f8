"""The one table: a model's name -> its shape, its camera encoding, its sampling and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flythrough.conditioning import CameraEncoding
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.sampling.schedules import few_step_sigmas
from flythrough.vae.mini import MiniVAEConfig

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All numbers that belong to a named model. height, width in pixels; sigmas fall from 1 to 0."""

    model: ModelConfig
    camera_encoding: CameraEncoding
    height: int
    width: int
    fps: float
    sigmas: tuple[float, ...]
    first_plus_one: bool  # the first chunk has one latent frame more: the picture
    vae: MiniVAEConfig | None = None  # None: an autoencoder that is not here yet
    weights: Path | None = None  # a folder with model.safetensors and vae.safetensors

    def sigmas_for(self, steps: int | None) -> tuple[float, ...]:
        """The sigmas of a number of steps: the preset's own, or the same shift at evenly spaced times."""
        if steps is None or steps == len(self.sigmas) - 1:
            return self.sigmas
        return few_step_sigmas(steps, SHIFT)


SHIFT = 2.0  # mini's: shift(0.75), shift(0.5), shift(0.25) are 0.857, 0.667, 0.4

PRESETS: dict[str, Preset] = {
    "mini": Preset(
        model=ModelConfig(
            depth=8,
            heads=5,
            head_dim=64,
            latent_channels=64,
            caption_channels=384,
            mlp_ratio=2.5,
            softmax_scale_main=1 / 8,
            softmax_scale_camera=1 / 8,
            chunk=1,
            window=20,
            sink=True,
        ),
        # steps between latent frames, not places since the start: small numbers for any length of flight
        camera_encoding=CameraEncoding(
            translation_scale=0.1,
            relative_plucker=True,
            plucker_gain=4.0,
            plucker_translation_scale=0.25,
        ),
        vae=MiniVAEConfig(),
        height=256,
        width=448,
        fps=16.0,
        sigmas=(1.0, 0.857, 0.667, 0.4, 0.0),
        first_plus_one=False,
        weights=WEIGHTS / "mini",
    ),
    # NVIDIA's 2.6B release in its streaming form; its VAE and text encoder are not part of this version.
    "sana-wm": Preset(
        model=ModelConfig(
            depth=20,
            heads=20,
            head_dim=112,
            latent_channels=128,
            caption_channels=2304,
            mlp_ratio=3.0,
            softmax_scale_main=128**-0.5,
            softmax_scale_camera=128**-0.5,
            chunk=3,
            window=2,
            sink=True,
        ),
        camera_encoding=CameraEncoding(),
        height=704,
        width=1280,
        fps=16.0,
        sigmas=(1.0, 0.96, 0.889, 0.727, 0.0),
        first_plus_one=True,
    ),
}


def preset(name: str) -> Preset:
    """Look a model up; raises InputError with the names there are."""
    if name not in PRESETS:
        raise InputError(
            f"there is no model called {name!r}; there are {', '.join(PRESETS)}, or a folder with weights"
        )
    return PRESETS[name]
