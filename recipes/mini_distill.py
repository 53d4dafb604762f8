"""mini's student of few steps: `flythrough train distill recipes/mini_distill.py --phases own,match --compile`.

From the weights of `train world` to runs/a/model.safetensors, a model like mini:

    flythrough train distill recipes/mini_distill.py --start runs/world/model.safetensors \
      --vae runs/world/vae.safetensors --phases own,match --minutes 17 --compile --out runs/a

That is the `blend` of one run. mini's own weights are of three: 0.4 of the start, and 0.2 of what `match` made in each,
twice after --phases own,match (once from the world before its last training) and once after --phases ode,match, with
windows (121, 10, 10). Such a mean, to stand beside the autoencoder, is taken with the `recipe` below by

    import torch
    from pathlib import Path
    from flythrough import parameters
    from flythrough.model.transformer import SanaWM

    model = SanaWM(recipe.model)
    runs = {Path(f"runs/{run}/match/model.safetensors"): 0.2 for run in "abc"}
    parameters.load_mean(model, {Path("runs/world/model.safetensors"): 0.4} | runs)
    parameters.save(model, Path("runs/mean/model.safetensors"), {}, torch.float16)

What is finished is not done again, and of a finished phase its model.safetensors is all that is needed. First, the
whole chain at real sizes: --minutes 8 into another folder. On several GPUs put `torchrun --nproc-per-node 4
--no-python --` before it: each adds flights of its own to every step.

Then the student, --steps 4, 2 and 1, beside the teacher, the weights of `train world` with --steps 8:

    flythrough evaluate mini --steps 2 --clips 32 --parts truth,control,back,minute --out student-2.json

Measured with torch 2.11 on H100s, compiled; `own` on four of them, the others on one:

phase   a step                                         with rounds  before the first  steps of the three runs
own     velocity on the truth                          0.44 s       140 s             1,080 and 620
ode     the teacher's answer, from the same noise      0.6 s        180 s             about 620
match   the same look, the critic; every 4th teacher   0.8 s        150 to 220 s      420, 220 and about 505

Between rounds the student flies and worlds are rendered. A phase ends with 10 s of validation, which flies 8 minutes.
`match` takes 68 GiB.

What to look at: spread/1_steps_60_s and its like, 1.0 where a flight of a minute is as rich in contrast as the truth,
and error/4_steps_5_s. The first line is the teacher's.
`own` lowers the error at 60 s (1.24 to 1.15), and the spread with it (0.86 to 0.80). It alone learns from the truth:
of eight flights of a minute two flew into walls that they had drawn across their way, and got out with what `match`
had made after `own`, not with what it had made without.
`ode` makes every number of steps what the teacher's eight are: one step's spread at 5 and 60 s is 0.96 and 0.91, the
teacher's in eight 0.95 and 0.89, in one 0.87 and 0.79.
`match` makes flights as rich as the truth: after `ode` 1.00 at every mark in one step, 0.98 to 1.03 in four; after
`own` 1.08 to 1.13 in four; straight from the teacher, with guidance 0, 1.26 at 20 s. It costs fidelity, which the mean
with the start gives back.
"""

from flythrough.presets import PRESETS
from flythrough.train.data import ClipConfig
from flythrough.train.distill_stage import MatchConfig, OdeConfig, OwnConfig
from flythrough.train.flights import FlightsConfig
from flythrough.train.run import DistillRecipe, Phase

mini = PRESETS["mini"]
schedules = tuple(tuple(mini.sampling.sigmas(steps).tolist()) for steps in (4, 2, 1))
teacher = tuple(mini.sampling.sigmas(8).tolist())

ten_seconds = ClipConfig(frames=161, clips_per_world=2, worlds_per_batch=4, workers=8, through=0.1)
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
            share=1,
            steps=620,
            muon_lr=2e-3,
            adam_lr=2e-4,
            sample_every=750,
        ),
        Phase(
            name="ode",
            stage=OdeConfig(**shared, teacher_sigmas=teacher),
            share=1,
            steps=620,
            muon_lr=1e-3,
            adam_lr=1e-4,
            sample_every=1000,
        ),
        Phase(
            name="match",
            # a window of 5 s has no past of its own; the whole flight keeps what was seen in mind
            stage=MatchConfig(**shared, windows=(121, 10), guidance=0.2),
            share=1,
            steps=420,
            muon_lr=6e-4,
            adam_lr=6e-5,
        ),
    ),
    blend={"start": 0.4, "match": 0.6},
)
