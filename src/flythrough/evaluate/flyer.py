"""The model that an evaluation flies: a pipeline, through the same door as everybody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from flythrough.evaluate.film import Order
from flythrough.evaluate.paths import Camera
from flythrough.media import Film
from flythrough.pipeline import Pipeline
from flythrough.session import Session
from flythrough.shot import Shot


class ModelFlyer:
    """Flies orders one after the other, each in a Session of its own. Implements Flyer."""

    at_once = 1

    def __init__(self, pipeline: Pipeline, steps: int | None = None) -> None:
        """steps: denoising steps a chunk; None is the model's own number."""
        self.pipeline, self.steps = pipeline, steps
        plan = pipeline.preset
        self.camera = Camera(plan.height, plan.width, plan.fps)
        self.device, self.vae = pipeline.device, pipeline.vae

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        steps: int | None = None,
        device: str | None = None,
        text_folder: Path | None = None,
    ) -> ModelFlyer:
        """A named model, or a folder with its weights; text_folder: the text encoder's files."""
        return cls(Pipeline.load(model, device=device, text_folder=text_folder), steps)

    def fly(self, orders: Sequence[Order]) -> Iterator[tuple[Tensor, Tensor]]:
        """One order, chunk by chunk: frames (1, f, H, W, 3) uint8 and their latents (1, C, t, h, w)."""
        (order,) = orders
        path, first = order.path, order.first.cpu().numpy()
        shot = Shot(camera=path, prompt=order.prompt, image=first, seed=order.seed, steps=self.steps)
        session = self.pipeline.open(shot)
        step = session.chunk_frames  # so that a push makes one chunk at most, whose latents the session holds
        for poses, lenses in zip(path.c2w.split(step), path.intrinsics.split(step), strict=True):
            yield from self._shown(session, session.push(poses, lenses))
        yield from self._shown(session, session.finish())

    def _shown(self, session: Session, film: Film) -> Iterator[tuple[Tensor, Tensor]]:
        if len(film) and session.latents is not None:
            yield torch.from_numpy(film)[None].to(self.device), session.latents.float()
