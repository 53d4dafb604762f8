"""mini's world transformer, on the shipped autoencoder: `flythrough train world recipes/mini_world.py`."""

from flythrough.presets import PRESETS
from flythrough.train.data import ClipConfig
from flythrough.train.run import WorldRecipe
from flythrough.train.world_stage import WorldStageConfig

mini = PRESETS["mini"]

recipe = WorldRecipe(
    model=mini.model,
    stage=WorldStageConfig(
        clips=ClipConfig(frames=321, clips_per_world=2, worlds_per_batch=4, workers=12, through=0.1),
        encoding=mini.camera_encoding,
        sigmas=tuple(mini.sampling.sigmas().tolist()),
        lengths=((0.0, 21), (0.6, 41)),  # ten seconds, then twenty: two shapes to compile
        batch=4,
        refresh_every=20,
        own_context_from=0.05,
        own_context_share=0.4,
    ),
    steps=40_000,
    muon_lr=0.01,
    adam_lr=1e-3,
)
