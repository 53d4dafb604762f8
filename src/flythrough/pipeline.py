"""Pipeline: a model with all that belongs to it, from a shot to frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from flythrough import __version__, parameters
from flythrough.camera.path import CameraPath
from flythrough.errors import InputError, WeightsError
from flythrough.media import Film, Picture, fit
from flythrough.model.transformer import SanaWM
from flythrough.presets import Preset, preset
from flythrough.session import Opening, Session, to_video
from flythrough.shot import Shot
from flythrough.tensors import best_dtype, device_named
from flythrough.text.base import TextEncoder
from flythrough.vae.mini import MiniVAE


class Pipeline:
    """Load once, generate often.

    pipeline = Pipeline.load("mini")
    for frames in pipeline.generate(shot):  # (n, H, W, 3) uint8, chunk by chunk
        ...
    """

    def __init__(
        self, name: str, preset: Preset, model: SanaWM, vae: MiniVAE, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.name, self.preset, self.device, self.dtype = name, preset, device, dtype
        self.model, self.vae = _settled(model, device, dtype), _settled(vae, device, dtype)
        self.vae.to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]
        self.text_folder: Path | None = None
        self._text: TextEncoder | None = None

    @classmethod
    def load(
        cls,
        model: str | Path = "mini",
        *,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        text_folder: Path | None = None,
    ) -> Pipeline:
        """A named model, or a folder with model.safetensors and vae.safetensors of mini's shape.

        dtype        what is computed with; bfloat16 where the device has it in hardware, else float32
        text_folder  the text encoder's files, where its package is not installed
        """
        name, plan, folder = _resolve(model)
        if folder is None:
            raise WeightsError(f"the weights of {name} are not part of this version; mini's are")
        where = device_named(device)
        world, vae = SanaWM(plan.model), MiniVAE(plan.vae)
        parameters.load(world, folder / "model.safetensors")
        parameters.load(vae, folder / "vae.safetensors")
        pipeline = cls(name, plan, world, vae, where, dtype or best_dtype(where))
        pipeline.text_folder = text_folder
        return pipeline

    @classmethod
    def random(
        cls,
        model: str = "mini",
        seed: int = 0,
        *,
        device: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Pipeline:
        """A model with random weights: it flies, but shows noise. For tests and timing."""
        where = device_named(device)
        plan = preset(model)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            world, vae = SanaWM(plan.model), MiniVAE(plan.vae)
        return cls(f"{model}, random weights", plan, world, vae, where, dtype or best_dtype(where))

    @staticmethod
    def check(model: str | Path) -> Preset:
        """The preset of a name or folder; raises InputError for an unknown one, before anything is loaded."""
        return _resolve(model)[1]

    def metadata(self) -> dict[str, Any]:
        """What a video says of the model that made it."""
        return {
            "model": self.name,
            "flythrough": __version__,
            "dtype": str(self.dtype).removeprefix("torch."),
        }

    @torch.inference_mode()
    def encode(self, shot: Shot) -> Opening:
        """The first frame and the prompt, as the model reads them."""
        height, width = self.preset.height, self.preset.width
        image = (
            first_frame(shot, height, width)
            if shot.image is None
            else fit(np.asarray(shot.image), height, width)
        )
        latent = self.vae.encode(to_video(image, self.device)).float()
        text, mask = self.text.encode([shot.prompt])
        return Opening(latent=latent, text=text.to(self.device), text_mask=mask.to(self.device))

    def open(self, shot: Shot) -> Session:
        """Start a flight from a shot's picture, prompt and seed; its camera path is the caller's to push."""
        return Session(
            self.model,
            self.vae,
            self.encode(shot),
            encoding=self.preset.camera_encoding,
            sigmas=self.preset.sigmas_for(shot.steps),
            seed=shot.seed,
            first_plus_one=self.preset.first_plus_one,
        )

    def generate(self, shot: Shot, on_progress: Callable[[int, int], None] | None = None) -> Iterator[Film]:
        """Fly a shot: frames (n, H, W, 3) uint8 as they are made, as many in all as the path has poses.

        on_progress(done, of) is called after each chunk. Memory does not grow with the length of the path.
        """
        session, path = self.open(shot), shot.camera.fitted(self.preset.height, self.preset.width)
        done = 0
        for film in _flights(session, path):
            done += len(film)
            if on_progress is not None:
                on_progress(done, path.frames)
            if len(film):
                yield film

    @property
    def text(self) -> TextEncoder:
        """The text encoder, loaded when first used."""
        if self._text is None:
            from flythrough.text.mini import MiniText

            self._text = MiniText(folder=self.text_folder, device=self.device)
        return self._text


def first_frame(shot: Shot, height: int, width: int) -> Picture:
    """The first view of a rendered world that fits the prompt, through the lens of the shot's first frame."""
    from flythrough.worlds.captions import matching_seed
    from flythrough.worlds.render import prepare, render
    from flythrough.worlds.world import World

    seed, kind = matching_seed(shot.prompt)
    world = World.from_seed(seed, kind=kind)
    path = shot.camera.fitted(height, width).take(slice(1)).placed(world.start())
    points = path.positions.float()
    scene = prepare(world.mesh(points), world.light, points)
    return render(scene, path.c2w, path.intrinsics, height, width, supersample=3).rgb[0, 0].numpy()


def _flights(session: Session, path: CameraPath) -> Iterator[Film]:
    step = session.chunk_frames
    for poses, lenses in zip(path.c2w.split(step), path.intrinsics.split(step), strict=True):
        yield session.push(poses, lenses)
    yield session.finish()


def _resolve(model: str | Path) -> tuple[str, Preset, Path | None]:
    """A name's or folder's (name, preset, folder with weights)."""
    folder = Path(model)
    if folder.is_dir():
        return str(model), preset("mini"), folder
    if isinstance(model, Path) or folder.suffix or len(folder.parts) > 1:
        raise InputError(f"{model}: there is no such folder; a model is a name or a folder with its weights")
    plan = preset(str(model))
    return str(model), plan, plan.weights


def _settled(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Any:
    return module.to(device, dtype).eval().requires_grad_(False)
