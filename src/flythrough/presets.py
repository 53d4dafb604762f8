"""The one table: a model's name -> its shape, its camera encoding, its sampling and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, tensor

from flythrough.conditioning import CameraEncoding
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.refiner.config import RefinerConfig
from flythrough.sampling.schedules import few_step_sigmas, flow_match_sigmas
from flythrough.vae.ltx2 import LTX2VAEConfig
from flythrough.vae.mini import MiniVAEConfig

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How noise becomes latents.

    order           "stream": chunk by chunk, each in a few steps; "whole": all latent frames together; "staggered":
                    together too, but each chunk begins some steps after the one before
    shift           of the noise levels, for any number of steps
    levels          those of a stream's own number of steps, falling from 1 to 0, where its release states them
    guidance_scale  1: the model is asked once, without a negative prompt
    first_plus_one  the first chunk of a stream has one latent frame more: the picture
    """

    order: Literal["stream", "whole", "staggered"]
    steps: int
    shift: float
    levels: tuple[float, ...] | None = None
    guidance_scale: float = 1.0
    first_plus_one: bool = False

    def sigmas(self, steps: int | None = None) -> Tensor:
        """(steps + 1,) float32."""
        steps = steps or self.steps
        if self.order != "stream":
            return flow_match_sigmas(steps, self.shift)
        return tensor(
            self.levels if self.levels and steps == self.steps else few_step_sigmas(steps, self.shift)
        )


@dataclass(frozen=True, kw_only=True)
class Refining:
    """How a second stage goes over the latents. block: latent frames at once, None: all; the first `sink` stay."""

    model: RefinerConfig
    block: int | None
    sink: int = 1
    kv_max_frames: int = 11  # latent frames remembered, the sink's included


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All numbers that belong to a named model. height, width in pixels.

    save_every  chunks between two states of a film: of mini 4 s, made in about as long; of the full size a minute,
                since a state is of up to 12 GB
    """

    model: ModelConfig
    camera_encoding: CameraEncoding
    height: int
    width: int
    fps: float
    sampling: Sampling
    vae: MiniVAEConfig | LTX2VAEConfig
    refining: Refining | None = None
    save_every: int = 40
    weights: Path | None = (
        None  # a folder with model.safetensors and vae.safetensors, if they come with the package
    )


def _official(*, softmax_scale_main: float, window: int | None = None, sink: bool = False) -> ModelConfig:
    """The 2.66B transformer. Its camera branch, and in places its main one, was trained with heads padded to 128."""
    return ModelConfig(
        depth=20,
        heads=20,
        head_dim=112,
        latent_channels=128,
        caption_channels=2304,
        mlp_ratio=3.0,
        softmax_scale_main=softmax_scale_main,
        softmax_scale_camera=128**-0.5,
        chunk=3,
        window=window,
        sink=sink,
    )


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
        sampling=Sampling(order="stream", steps=4, shift=2.0, levels=(1.0, 0.857, 0.667, 0.4, 0.0)),
        save_every=8,
        weights=WEIGHTS / "mini",
    ),
    # NVIDIA's three releases of one 2.66B transformer, each with LTX-2's autoencoder and refiner
    "sana-wm": Preset(
        model=_official(softmax_scale_main=112**-0.5),
        camera_encoding=CameraEncoding(),
        vae=LTX2VAEConfig(),
        refining=Refining(model=RefinerConfig(rope_type="split"), block=None),
        height=704,
        width=1280,
        fps=16.0,
        sampling=Sampling(order="whole", steps=60, shift=9.8, guidance_scale=5.0),
    ),
    "sana-wm-chunk-causal": Preset(
        model=_official(softmax_scale_main=112**-0.5),
        camera_encoding=CameraEncoding(),
        vae=LTX2VAEConfig(),
        refining=Refining(model=RefinerConfig(rope_type="split"), block=None),
        height=704,
        width=1280,
        fps=16.0,
        sampling=Sampling(order="staggered", steps=60, shift=9.8, guidance_scale=5.0),
    ),
    "sana-wm-streaming": Preset(
        model=_official(softmax_scale_main=128**-0.5, window=2, sink=True),
        camera_encoding=CameraEncoding(),
        vae=LTX2VAEConfig(decoder_causal=True),
        refining=Refining(model=RefinerConfig(rope_type="split"), block=3),
        height=704,
        width=1280,
        fps=16.0,
        sampling=Sampling(
            order="stream",
            steps=4,
            shift=8.0,
            levels=(1.0, 0.96, 0.889, 0.727, 0.0),
            first_plus_one=True,
        ),
    ),
}


def preset(name: str) -> Preset:
    """Look a model up; raises InputError with the names there are."""
    if name not in PRESETS:
        raise InputError(
            f"there is no model called {name!r}; there are {', '.join(PRESETS)}, or a folder with weights"
        )
    return PRESETS[name]
