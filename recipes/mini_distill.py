"""mini's student of few steps: `flythrough train distill recipes/mini_distill.py --minutes 14 --compile`.

Everything on one H100, from the shipped weights to runs/distill/model.safetensors:

    flythrough train distill recipes/mini_distill.py --minutes 14 --compile --out runs/distill

Or phase by phase; what is finished is not done again, and of a finished phase its model.safetensors is all that is
needed:

    flythrough train distill recipes/mini_distill.py --phases own --minutes 6 --compile --out runs/distill
    flythrough train distill recipes/mini_distill.py --phases ode,match --minutes 8 --compile --out runs/distill

First, the whole chain at real sizes: --minutes 1.5 into another folder. On several GPUs put
`torchrun --nproc-per-node 2 -m` before it: each adds flights of its own to every step.

Then the students, --steps 4, 2 and 1, beside the teacher, mini with --steps 8:

    cp src/flythrough/weights/mini/vae.safetensors runs/distill/
    flythrough evaluate runs/distill --steps 2 --clips 32 --parts truth,control,back,minute --out student-2.json

The numbers below are estimates from measured ones: 0.13 s for a training step of 8 x 21 latent frames, a third of it
without gradients, 7,000 frames a second rendered and as many encoded, and, not measured, 6 ms for one question to the
cached stream. They want checking in the first minute, by steps_per_second.

phase   a step                                         takes   rounds of 100 steps  minutes  steps
own     velocity on the truth                          0.16 s  16 s + 8 s between   6        1,500
ode     down to a question, then the exit step         0.21 s  21 s + 15 s          3        500
match   the same, the critic; every 4th time teacher   0.31 s  31 s + 9 s           5        750, the student's 190

Between rounds the student flies and worlds are rendered; in `ode` the teacher flies too. To the minutes come about
half a minute a phase for starting workers, compiling and validation, which takes some 10 s: it flies 8 minutes.
Peak memory is not known: one step holds 2 x 121 latent frames, 1.4 times what `train world` does.

What to look at: spread/4_steps_60_s, 1.0 where a flight of a minute is as rich in contrast as the truth, and
error/4_steps_5_s, which `own` should lower and the others should not raise; 1_steps and 2_steps fall in `ode`. The
first line is the teacher's. `own` alone may cure drift: its weights serve any number of steps. Should `match` make
things worse, runs/distill/ode/model.safetensors is the student.
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
            stage=MatchConfig(**shared, windows=(121, 10)),
            share=5,
            steps=800,
            muon_lr=1e-3,
            adam_lr=1e-4,
        ),
    ),
)
