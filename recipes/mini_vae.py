"""mini's autoencoder, from nothing to the shipped weights: `flythrough train vae recipes/mini_vae.py`."""

from flythrough.train.data import ClipConfig
from flythrough.train.run import VAERecipe
from flythrough.train.vae_stage import VAEStageConfig
from flythrough.vae.mini import MiniVAEConfig

recipe = VAERecipe(
    vae=MiniVAEConfig(),
    stage=VAEStageConfig(clips=ClipConfig(frames=33, clips_per_world=2, worlds_per_batch=4, workers=12)),
    steps=25_000,
    muon_lr=0.01,
    adam_lr=1.5e-3,
    ema_decay=0.998,
    save_minutes=2.0,
    sample_every=5000,
)
