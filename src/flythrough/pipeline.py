"""Pipeline: a model with all that belongs to it, from a shot to frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from flythrough import __version__, grid, hub, loading, parameters
from flythrough.camera.keys import Dialect
from flythrough.camera.path import CameraPath
from flythrough.clip import decoded, sample_clip
from flythrough.errors import InputError
from flythrough.film import to_video
from flythrough.flight.receipt import Receipt
from flythrough.media import Film, Picture, fit
from flythrough.model.transformer import SanaWM
from flythrough.presets import Preset, preset
from flythrough.randomness import random_module
from flythrough.refinement import Refinement
from flythrough.refiner.transformer import LTX2Refiner
from flythrough.sampling.graphs import Steps
from flythrough.session import Opening, Session
from flythrough.shot import Shot
from flythrough.tensors import best_dtype, device_named
from flythrough.text.base import Reader
from flythrough.vae.base import VideoVAE
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig
from flythrough.vae.mini import MiniVAE
from flythrough.words import MiniReader, RandomReader

if TYPE_CHECKING:
    from flythrough.worlds.world import World

Progress = Callable[[str, int, int], None]  # what is being done, how much of it, of how much


class Pipeline:
    """Load once, generate often.

    pipeline = Pipeline.load("mini")
    for frames in pipeline.generate(shot):  # (n, H, W, 3) uint8, piece by piece
        ...
    """

    def __init__(
        self,
        name: str,
        preset: Preset,
        model: SanaWM,
        vae: VideoVAE,
        read: Reader,
        device: torch.device,
        dtype: torch.dtype,
        refiner: LTX2Refiner | None = None,
    ) -> None:
        """model, vae and refiner are on the device; read turns a prompt and what should not be there into words."""
        self.name, self.preset, self.device, self.dtype = name, preset, device, dtype
        self.model, self.vae, self.refiner, self.read = model, vae, refiner, read
        self._steps = Steps(model)  # of all its flights

    @classmethod
    def load(
        cls,
        model: str | Path = "mini",
        *,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        text_folder: Path | None = None,
        refine: bool = True,
    ) -> Pipeline:
        """A named model, or a folder: one of mini's shape, or an official model as any of its publishers lays it out.

        dtype        what is computed with; bfloat16 where the device has it in hardware, else float32
        text_folder  the text encoder's files, where they are not installed or not with the model
        refine       False leaves out the second stage of an official model
        """
        where = device_named(device)
        numbers = dtype or best_dtype(where)
        name, plan, folder = _resolve(model)
        if isinstance(plan.vae, LTX2VAEConfig):
            parts = hub.parts(name) if folder is None else loading.parts_in(folder)[1]
            if text_folder is not None:
                parts |= {"text": text_folder}
            got = loading.load(name, parts, where, numbers, refine=refine)
            return cls(name, got.preset, got.model, got.vae, got.read, where, numbers, got.refiner)
        assert folder is not None
        world, vae = SanaWM(plan.model), MiniVAE(plan.vae)
        parameters.load(world, folder / "model.safetensors")
        parameters.load(vae, folder / "vae.safetensors")
        vae.to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]
        read = MiniReader(text_folder, where)
        read.load()
        return cls(
            str(model),
            plan,
            _settled(world, where, numbers),
            _settled(vae, where, numbers),
            read,
            where,
            numbers,
        )

    @classmethod
    def random(
        cls,
        model: str = "mini",
        seed: int = 0,
        *,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        refine: bool = True,
    ) -> Pipeline:
        """A model of any size with random weights: it flies, but shows noise. For speed, memory and plumbing.

        Of a full-size model the text encoders are left out, and prompts become random words.
        """
        where, plan = device_named(device), preset(model)
        numbers = dtype or best_dtype(where)
        world = random_module(lambda: SanaWM(plan.model), where, numbers, seed)
        refiner = None
        if isinstance(plan.vae, LTX2VAEConfig):
            vae = random_module(lambda: LTX2VAE(plan.vae), where, numbers, seed)
            vae.to(memory_format=torch.channels_last_3d)  # pyrefly: ignore[no-matching-overload]
            read: Reader = RandomReader(plan, where, numbers, seed)
            if refine and plan.refining is not None:
                refiner = random_module(lambda: LTX2Refiner(plan.refining.model), where, numbers, seed)
        else:
            vae, read = (
                random_module(lambda: MiniVAE(plan.vae), where, numbers, seed),
                MiniReader(None, where),
            )
        return cls(f"{model}, random weights", plan, world, vae, read, where, numbers, refiner)

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
        video = to_video(image, self.device)
        # the official model was trained on first frames encoded in tiles
        encode = self.vae.encode_tiled if isinstance(self.vae, LTX2VAE) else self.vae.encode
        words = self.read(shot.prompt, shot.negative_prompt)
        return Opening(latent=encode(video).float(), words=words, prompt=shot.prompt)

    def open(
        self,
        shot: Shot,
        *,
        keys: str | Dialect = "flythrough",
        rewinds: int = 0,
        on_chunk: Callable[[Receipt], None] | None = None,
    ) -> Session:
        """Start a flight from a shot's picture, prompt and seed; its camera path is the caller's to push.

        keys, rewinds, on_chunk  as Session has them. Held keys look through the lens of the shot's first frame.
        """
        self._check_streams()
        sampling, size = self.preset.sampling, (self.preset.height, self.preset.width)
        opening = self.encode(shot)
        return Session(
            self.model,
            self.vae,
            opening,
            encoding=self.preset.camera_encoding,
            sigmas=tuple(sampling.sigmas(shot.steps).tolist()),
            seed=shot.seed,
            first_plus_one=sampling.first_plus_one,
            refine=self._second_stage(opening, shot.seed),
            read=self.read,
            name=self.name,
            fps=self.preset.fps,
            keys=keys,
            lens=shot.camera.fitted(*size).intrinsics[0],
            rewinds=rewinds,
            on_chunk=on_chunk,
            steps=self._steps,
        )

    def restore(
        self, path: str | Path, *, rewinds: int = 0, on_chunk: Callable[[Receipt], None] | None = None
    ) -> Session:
        """Take up a flight that `Session.snapshot` has written, of this model, bit for bit."""
        self._check_streams()
        return Session.restore(
            path,
            self.model,
            self.vae,
            second_stage=self._second_stage,
            read=self.read,
            rewinds=rewinds,
            on_chunk=on_chunk,
            steps=self._steps,
        )

    def generate(
        self,
        shot: Shot,
        on_progress: Progress | None = None,
        *,
        session: Session | None = None,
        together: int = 0,
    ) -> Iterator[Film]:
        """Fly a shot: frames (n, H, W, 3) uint8 as they are made, as many in all as the path has poses.

        session  of a streaming model, a flight of this very shot, just opened or restored: what is left of it
        together  of a streaming model, see Session.fly
        on_progress(doing, done, of) is called after each piece of work: frames flown, or steps of denoising and
        refining before the first frames. It may raise to stop. Memory does not grow with the length of a stream.
        """
        path = shot.camera.fitted(self.preset.height, self.preset.width)
        tell = on_progress or (lambda *_: None)
        films = (
            self._stream(session or self.open(shot), path, together)
            if self.preset.sampling.order == "stream"
            else self._clip(shot, path, tell)
        )
        done = session.frames_made if session else 0
        for film in films:
            if len(film):
                done += len(film)
                tell("flying", done, path.frames)
                yield film

    @staticmethod
    def _stream(session: Session, path: CameraPath, together: int) -> Iterator[Film]:
        """Fly the poses that the session does not know yet."""
        known = session.poses_known
        yield from session.fly(path.c2w[known:], path.intrinsics[known:], together)

    @torch.inference_mode()
    def _clip(self, shot: Shot, path: CameraPath, tell: Progress) -> Iterator[Film]:
        """Denoise all frames, refine them, decode them piece by piece."""
        opening = self.encode(shot)
        whole = path.held(grid.frames(grid.latent_frames_covering(path.frames)))
        sampling, encoding = self.preset.sampling, self.preset.camera_encoding
        latents = opening.latent
        guesses = sample_clip(
            self.model,
            opening,
            whole,
            encoding=encoding,
            sampling=sampling,
            seed=shot.seed,
            steps=shot.steps,
            guidance_scale=shot.guidance_scale,
        )
        for done, of, guess in guesses:
            latents = guess
            tell("denoising", done, of)
        refine = self._second_stage(opening, shot.seed)
        if refine is not None:
            latents = refine(latents)
        yield from decoded(self.vae, latents, path.frames)

    def _check_streams(self) -> None:
        if self.preset.sampling.order != "stream":
            raise InputError(f"{self.name} makes whole clips; a live flight needs a streaming model")

    def _second_stage(self, opening: Opening, seed: int) -> Refinement | None:
        plan, captions = self.preset.refining, opening.words.refiner
        if self.refiner is None or plan is None or captions is None:
            return None
        return Refinement(self.refiner, plan, captions, seed=seed, fps=self.preset.fps)


def first_frame(shot: Shot, height: int, width: int) -> Picture:
    """The first view of a rendered world that fits the prompt, through the lens of the shot's first frame."""
    from flythrough.worlds.captions import matching_seed
    from flythrough.worlds.world import World

    seed, kind = matching_seed(shot.prompt)
    return first_view(World.from_seed(seed, kind=kind), shot.camera, height, width)


def first_view(world: World, camera: CameraPath, height: int, width: int) -> Picture:
    """A world's first view (height, width, 3), through the lens of the camera's first frame."""
    from flythrough.worlds.render import prepare, render

    path = camera.fitted(height, width).take(slice(1)).placed(world.start())
    points = path.positions.float()
    scene = prepare(world.mesh(points), world.light, points)
    return render(scene, path.c2w, path.intrinsics, height, width, supersample=3).rgb[0, 0].numpy()


def _resolve(model: str | Path) -> tuple[str, Preset, Path | None]:
    """A name's or folder's (name of its preset, preset, folder with weights)."""
    folder = Path(model)
    if folder.is_dir():
        mini = (folder / "model.safetensors").is_file() or not any(
            (folder / place).exists() for place in loading.PLACES["transformer"]
        )
        name = "mini" if mini else loading.parts_in(folder)[0]
        return name, preset(name), folder
    if isinstance(model, Path) or folder.suffix or len(folder.parts) > 1:
        raise InputError(f"{model}: there is no such folder; a model is a name or a folder with its weights")
    plan = preset(str(model))
    return str(model), plan, plan.weights


def _settled(module: nn.Module, device: torch.device, dtype: torch.dtype) -> Any:
    return module.to(device, dtype).eval().requires_grad_(False)
