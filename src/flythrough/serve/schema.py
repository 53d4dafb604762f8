"""What goes over the wire: requests, jobs and facts, as the OpenAPI page and the studio's types show them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flythrough.camera.keys import MOST_FRAMES
from flythrough.shot import HARDEST_GUIDANCE, LONGEST_PROMPT, MOST_STEPS

Number = Annotated[float, Field(allow_inf_nan=False)]
Numbers3 = Annotated[list[Number], Field(min_length=3, max_length=3)]
Numbers4 = Annotated[list[Number], Field(min_length=4, max_length=4)]
Matrix = Annotated[list[Numbers4], Field(min_length=4, max_length=4)]
Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
Frames = Annotated[int, Field(ge=1, le=MOST_FRAMES + 1)]
Side = Annotated[int, Field(ge=2, le=8192)]
Fps = Annotated[float, Field(ge=1, le=120, allow_inf_nan=False)]
Prompt = Annotated[str, Field(max_length=LONGEST_PROMPT)]


class Strict(BaseModel):
    """A part of a request: a field that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid")


class Keyframe(Strict):
    """Where the camera is at a moment; see docs/conventions.md. Metres and degrees, y down."""

    time: Number
    position: Numbers3
    look_at: Numbers3 | None = None
    quaternion: Numbers4 | None = None
    yaw: Number | None = None
    pitch: Number | None = None
    roll: Number | None = None
    fov_deg: Number | None = None
    ease: Literal["linear", "in", "out", "in_out"] | None = None


class KeyframePath(Strict):
    """A smooth path through a few keyframes."""

    keyframes: Annotated[list[Keyframe], Field(min_length=2, max_length=1000)]
    fps: Fps = 16.0
    width: Side | None = None
    height: Side | None = None
    fov_deg: Number | None = None
    format: str | None = None
    version: int | None = None


class PosePath(Strict):
    """Every frame's pose: camera to world, OpenCV axes (x right, y down, z forward), metres."""

    c2w: Annotated[list[Matrix], Field(min_length=1, max_length=MOST_FRAMES + 1)]
    intrinsics: Numbers4 | Annotated[list[Numbers4], Field(max_length=MOST_FRAMES + 1)] | None = None
    fov_deg: Number | None = None
    width: Side | None = None
    height: Side | None = None
    fps: Fps = 16.0
    format: str | None = None
    version: int | None = None
    axes: str | None = None


Camera = Annotated[str, Field(max_length=100_000)] | KeyframePath | PosePath


class WorldRef(Strict):
    """A rendered world, whose first view is the first frame."""

    seed: Annotated[int, Field(ge=0, le=2**31)]
    kind: str | None = None


class VideoRequest(Strict):
    """A video to be made. OpenAI's fields, and those of a camera that flies.

    camera      keys ("w-40,jw-20"), a preset ("orbit:radius=6"), keyframes, or poses. Never a file.
    keys        what the letters of keys mean: flythrough, sana-wm or sana-wm-v1
    fov_deg     horizontal; by default what the picture's EXIF says, else 70
    input_reference  the first frame: an upload, or a data: URI of PNG, JPEG or WebP. Never a path, never a URL.
    world       or a rendered world; with neither, one that fits the prompt
    lens        fx fy cx cy in pixels of the video, of keys and presets; poses and keyframes have their own
    translation_speed, rotation_speed_deg, pitch_limit_deg  of keys: metres and degrees a frame, as SGLang has them
    num_frames  or seconds: how many frames a preset flies; of keys, keyframes and poses the first so many are taken
    size        "WxH"; only the model's own is possible
    seed        the same one gives the same video; left out, it is drawn
    """

    prompt: Prompt = ""
    model: Annotated[str, Field(max_length=200)] | None = None
    camera: Camera | None = None
    keys: str = "flythrough"
    translation_speed: Number | None = None
    rotation_speed_deg: Number | None = None
    pitch_limit_deg: Number | None = None
    fov_deg: Number | None = None
    lens: Numbers4 | None = None
    input_reference: str | None = None
    world: WorldRef | None = None
    negative_prompt: Prompt = ""
    num_frames: Frames | None = None
    seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] | None = None
    fps: Fps | None = None
    size: Annotated[str, Field(pattern=r"^[0-9]{1,5}x[0-9]{1,5}$")] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=HARDEST_GUIDANCE, allow_inf_nan=False)] | None = None
    refine: bool = True
    name: Annotated[str, Field(max_length=200)] = ""
    user: Annotated[str, Field(max_length=200)] | None = None


class Problem(BaseModel):
    """Why a video was not made."""

    code: str
    message: str


class VideoJob(BaseModel):
    """A video, made or on its way: OpenAI's video object, and ours. Times are Unix seconds.

    progress   0 to 100, and 100 only when it is completed
    position   how many jobs are made before this one; 0: it is the next, or it runs
    eta_s      until it is completed, if that can be told
    has_content  whether there are frames to watch already
    """

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int
    created_at: int
    started_at: int | None = None
    completed_at: int | None = None
    expires_at: int | None = None
    size: str
    seconds: str
    quality: str = "standard"
    fps: float
    num_frames: int
    frames_done: int
    eta_s: float | None = None
    position: int | None = None
    prompt: str
    name: str
    seed: int
    error: Problem | None = None
    has_content: bool
    remixed_from_video_id: str | None = None


class VideoList(BaseModel):
    object: Literal["list"] = "list"
    data: list[VideoJob]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(BaseModel):
    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool = True


class Preview(BaseModel):
    """The newest frame of a video on its way: JPEG, base64, at most 320 pixels wide."""

    id: str
    frame: int
    jpeg: str


class Gone(BaseModel):
    """A video that was deleted."""

    id: str


class ResolveRequest(Strict):
    """A camera to be flown without a video: what will it do? every: only each so-manieth pose in the answer."""

    camera: Camera
    keys: str = "flythrough"
    frames: Frames | None = None
    fov_deg: Number | None = None
    width: Side | None = None
    height: Side | None = None
    fps: Fps | None = None
    every: Annotated[int, Field(ge=1, le=1000)] = 1
    model: str | None = None


class Warning(BaseModel):
    """Something about a path that the model is likely to get wrong. axis: move, turn, fov, jump or center."""

    frame: int
    axis: Literal["move", "turn", "fov", "jump", "center"]
    message: str


class CameraPoses(BaseModel):
    """A path, resolved: c2w (F, 4, 4), OpenCV axes, metres; intrinsics (F, 4), fx fy cx cy in pixels."""

    c2w: list[Matrix]
    intrinsics: list[Numbers4]
    width: int
    height: int
    fps: float


class Resolved(CameraPoses):
    """A path and what it is like: poses of frames 0, every, 2 every, ... and the last one.

    frames  how many there are in all; at: which of them c2w, intrinsics, speed, turn and fov_deg speak of
    speed   metres a second at each; turn: degrees a second; fov_deg: horizontal
    """

    frames: int
    at: list[int]
    speed: list[float]
    turn: list[float]
    fov_deg: list[float]
    warnings: list[Warning]


class Parameter(BaseModel):
    """A number of a preset. default None: it is a speed that is left out where the amount is given."""

    name: str
    default: float | None
    low: float
    high: float
    unit: Literal["m", "degrees", "m/s", "degrees/s", "share", "seed", ""]


class CameraPreset(BaseModel):
    name: str
    about: str
    parameters: list[Parameter]


class WorldInfo(BaseModel):
    seed: int
    kind: str
    prompt: str


class ModelInfo(BaseModel):
    """OpenAI's model object, and what this one can do."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "flythrough"
    width: int
    height: int
    fps: float
    streams: bool
    chunk_frames: int
    steps: int
    loaded: bool


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelInfo]


class LoadedModel(BaseModel):
    name: str
    device: str
    dtype: str
    bytes: int
    users: int
    idle_s: float
    loaded_s: float


class Running(BaseModel):
    """What the server does now. sessions: how many live flights are flying, in_memory and stored."""

    models: list[LoadedModel]
    running: list[VideoJob]
    queued: int
    sessions: dict[str, int]
    holder: str | None
    uptime_s: float


class Comfort(BaseModel):
    """What the model has seen in training; beyond it, it gets worse."""

    metres_per_s: float
    degrees_per_s: float
    fov_deg: tuple[float, float]


class LimitsInfo(BaseModel):
    """What the server accepts."""

    frames: int
    pixels: int
    least_pixels: int
    upload_bytes: int
    queue: int
    sessions: int
    prompt_characters: int
    steps: int
    fov_deg: tuple[float, float]
    comfort: Comfort
    keys: list[str]
    token_needed: bool


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str


class Login(Strict):
    token: Annotated[str, Field(max_length=1000)]


class ErrorBody(BaseModel):
    message: str
    type: str
    code: str
    param: str | None = None


class ErrorResponse(BaseModel):
    """OpenAI's shape of an error."""

    error: ErrorBody


def camera_dict(camera: KeyframePath | PosePath) -> dict[str, Any]:
    """A camera as a JSON path file holds it."""
    return camera.model_dump(exclude_none=True)
