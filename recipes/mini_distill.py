"""mini's student of few steps: `flythrough train distill recipes/mini_distill.py --phases own,match --compile`.

From the weights of `train world` to runs/distill/model.safetensors, mini's weights:

    flythrough train distill recipes/mini_distill.py --start runs/world/model.safetensors \
      --vae runs/world/vae.safetensors --phases own,match --minutes 9 --compile --out runs/distill

What is finished is not done again, and of a finished phase its model.safetensors is all that is needed. First, the
whole chain at real sizes: --minutes 1.5 into another folder. On several GPUs put `torchrun --nproc-per-node 4
--no-python --` before it: each adds flights of its own to every step.

Then the student, --steps 4, 2 and 1, beside the teacher, the weights of `train world` with --steps 8:

    flythrough evaluate runs/distill --steps 2 --clips 32 --parts truth,control,back,minute --out student-2.json

Measured with torch 2.11, on four H200 for `own` and on one for `match`:

phase   a step                                         with rounds  before the first  steps of the shipped weights
own     velocity on the truth                          0.30 s       80 s              1,080
match   the same, the critic; every 4th time teacher   0.5 s        35 s, compiled    120, the student's 30

Between rounds the student flies and worlds are rendered. A phase ends with 10 s of validation, which flies 8 minutes.
`match` takes 53 GiB. `ode` comes between the two; it was run on small models only, and mini does without it.

What to look at: spread/4_steps_60_s, 1.0 where a flight of a minute is as rich in contrast as the truth, and
error/4_steps_5_s. The first line is the teacher's. `own` lowers the error at 60 s (1.33 to 1.17), and the spread with
it (0.91 to 0.83; at 5 s from 0.93 to 0.87). `match` brings spread back (5 s: 1.00) and sharpness with it, within 30
steps of the student; at twice the rate it overshoots (1.07). The mean of the three, `blend`, keeps most of the
teacher's fidelity and of the student's sharpness.
"""

from flythrough.presets import PRESETS
from flythrough.train.data import ClipConfig
from flythrough.train.distill_stage import MatchConfig, OdeConfig, OwnConfig
from flythrough.train.flights import FlightsConfig
from flythrough.train.run import DistillRecipe, Phase

mini = PRESETS["mini"]
schedules = tuple(tuple(mini.sampling.sigmas(steps).tolist()) for steps in (4, 2, 1))
teacher = tuple(mini.sampling.sigmas(8).tolist())

ten_seconds = ClipConfig(frames=161, clips_per_world=2, worlds_per_batch=4, workers=8)
a_minute = ClipConfig(frames=961, clips_per_world=1, worlds_per_batch=4, workers=6, tours=0.7)
flights = (
    FlightsConfig(clips=ten_seconds, count=64, batch=8),  # 168 latent frames a step
    FlightsConfig(clips=a_minute, count=16, batch=2, renew_every=3),  # 242 of them
)
shared = {
    "flights": flights,
    "held_out": ClipConfig(frames=961, clips_per_world=1, tours=1.0),
    "encoding": mini.camera_encoding,
    "schedules": schedules,
    "marks": (1.0, 2.5, 5.0, 20.0, 60.0),
}

recipe = DistillRecipe(
    model=mini.model,
    teacher_sigmas=teacher,
    phases=(
        Phase(
            name="own",
            stage=OwnConfig(**shared),
            share=6,
            steps=1500,
            muon_lr=2e-3,
            adam_lr=2e-4,
            sample_every=750,
        ),
        Phase(
            name="ode",
            stage=OdeConfig(**shared, teacher_sigmas=teacher),
            share=3,
            steps=600,
            muon_lr=2e-3,
            adam_lr=2e-4,
            sample_every=1000,
        ),
        Phase(
            name="match",
            # a window of 5 s has no past of its own; the whole flight keeps what was seen in mind
            stage=MatchConfig(**shared, windows=(121, 10), guidance=0.4),
            share=1,
            steps=120,
            muon_lr=7.5e-4,
            adam_lr=7.5e-5,
        ),
    ),
    blend={"start": 0.4, "own": 0.1, "match": 0.5},
)
