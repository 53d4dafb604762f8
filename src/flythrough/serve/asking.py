"""From a request to what is made: camera flown, picture decoded, everything checked before anything heavy loads."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import Picture, fit
from flythrough.serve import cameras, pictures
from flythrough.serve.models import Models
from flythrough.serve.schema import VideoRequest
from flythrough.serve.settings import Settings
from flythrough.shot import Shot

DEFAULT_CAMERA = "dolly"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A video that can be made. request: as it came, without the picture, with the seed and the model settled."""

    request: VideoRequest
    model: str
    seed: int
    camera: CameraPath
    picture: Picture | None


def understood(request: VideoRequest, upload: bytes | None, settings: Settings, models: Models) -> Wanted:
    """Check a request and prepare it. Raises InputError, one sentence."""
    model = request.model or models.names[0]
    plan = models.preset(model)
    height, width = plan.height, plan.width
    if request.size not in (None, cameras.size_of(plan)):
        raise InputError(f"size is {request.size}; {model} makes {cameras.size_of(plan)}, so leave size out")
    if upload is not None and request.input_reference is not None:
        raise InputError("two pictures came, one as a file and one as text; send one input_reference")
    data = upload
    if request.input_reference is not None:
        data = pictures.from_data_uri(request.input_reference)
    if data is not None and request.world is not None:
        raise InputError("both input_reference and world say what the first frame is; keep one")
    if request.world is not None:
        _check_world(request.world.kind)
    picture, along = (None, None) if data is None else pictures.decode(data, settings.pixels)
    camera = _camera(request, picture, along, height, width, settings.frames)
    seed = secrets.randbelow(2**31) if request.seed is None else request.seed
    settled = request.model_copy(update={"input_reference": None, "seed": seed, "model": model})
    Shot(
        camera=camera,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=seed,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
    )
    if picture is not None:
        picture = fit(picture, height, width)
    return Wanted(request=settled, model=model, seed=seed, camera=camera, picture=picture)


def _camera(
    request: VideoRequest, picture: Picture | None, along: float | None, height: int, width: int, most: int
) -> CameraPath:
    """The path for the model's picture, through the lens that is known: said, or of the photograph's EXIF."""
    frames, fps = request.num_frames, request.fps
    if frames is None and request.seconds is not None:
        frames = max(1, round(request.seconds * (fps or 16.0)))
    rows, columns, lens = height, width, request.lens
    if picture is not None and along is not None and request.fov_deg is None and lens is None:
        rows, columns = picture.shape[:2]
        lens = cameras.exif_lens(along, rows, columns)
    speeds = (request.translation_speed, request.rotation_speed_deg, request.pitch_limit_deg)
    return cameras.fly(
        DEFAULT_CAMERA if request.camera is None else request.camera,
        keys=cameras.dialect(request.keys, *speeds),
        frames=frames,
        fov_deg=request.fov_deg,
        height=rows,
        width=columns,
        fps=fps,
        most=most,
        lens=lens,
    ).fitted(height, width)


def _check_world(kind: str | None) -> None:
    from flythrough.worlds.scenes import KINDS

    if kind is not None and kind not in KINDS:
        raise InputError(f"there is no kind of world called {kind!r}; there are {', '.join(KINDS)}")
