"""Presets of the official models' structure, as small as can be."""

from __future__ import annotations

from flythrough.conditioning import CameraEncoding
from flythrough.model.config import ModelConfig
from flythrough.presets import Preset, Refining, Sampling
from flythrough.refiner.config import RefinerConfig
from flythrough.vae.ltx2_config import LTX2VAEConfig

REFINER = RefinerConfig(
    layers=2, heads=2, head_dim=16, latent_channels=8, caption_channels=32, rope_type="split"
)


def toy(order: str) -> Preset:
    stream = order == "stream"
    return Preset(
        model=ModelConfig(
            depth=4,
            heads=2,
            head_dim=16,
            latent_channels=8,
            caption_channels=12,
            mlp_ratio=2.0,
            softmax_scale_main=0.25,
            softmax_scale_camera=0.25,
            window=2 if stream else None,
            sink=stream,
        ),
        camera_encoding=CameraEncoding(),
        height=64,
        width=96,
        fps=16.0,
        sampling=Sampling(
            order=order,  # pyrefly: ignore
            steps=2,
            shift=8.0,
            guidance_scale=1.0 if stream else 5.0,
            first_plus_one=stream,
        ),
        vae=LTX2VAEConfig(
            latent_channels=8,
            block_out_channels=(8, 16, 32, 64),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_block_out_channels=(8, 16, 32),
            decoder_layers_per_block=(1, 1, 1, 1),
            decoder_causal=stream,
        ),
        refining=Refining(model=REFINER, block=3 if stream else None),
    )
