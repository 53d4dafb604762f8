"""A request for a video, however it comes: JSON or a form, in OpenAI's words, ours, SGLang's or vLLM-Omni's."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ValidationError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from flythrough.serve.failures import Refusal, sentence
from flythrough.serve.schema import VideoRequest

FLATTENED = ("extra_body", "extra_json", "extra_params", "video_params", "sana_wm", "condition_inputs")
RENAMED = {"num_inference_steps": "steps", "frames": "num_frames", "image_reference": "input_reference"}
# words of other servers without a meaning here, which change nothing about the picture asked for
IDLE = {
    "quality", "output_quality", "output_compression", "x264_preset", "generator_device", "max_sequence_length",
    "profile", "perf_dump_path", "return_stage_metrics", "response_format", "stream", "expires_after",
}  # fmt: skip
# and those that would change it, and cannot: allowed where they ask for nothing
WISHES = {
    "n": 1, "num_outputs_per_prompt": 1, "enable_frame_interpolation": False, "enable_upscaling": False,
    "enable_teacache": False, "enhance_prompt": False, "lora": None, "video_reference": None, "audio_reference": None,
    "reference_url": None, "output_path": None, "guidance_scale_2": None, "true_cfg_scale": None, "flow_shift": None,
    "frame_interpolation_exp": None, "frame_interpolation_scale": None, "frame_interpolation_model_path": None,
    "upscaling_model_path": None, "upscaling_scale": None, "diffusers_kwargs": None,
}  # fmt: skip
OBJECTS = ("camera", "world", "camera_to_world", "camera_actions", "intrinsics", *FLATTENED)  # JSON in a form
PICTURES = ("input_reference", "image_reference")


async def read(request: Request) -> tuple[VideoRequest, bytes | None]:
    """The request, checked field by field, and the bytes of an uploaded picture. Raises Refusal."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    upload = None
    if kind == "multipart/form-data":
        raw, upload = await _form(request)
    elif kind in ("application/json", ""):
        raw = _object(await request.body())
    else:
        raise Refusal(415, f"the body is {kind[:60]}; send application/json or multipart/form-data")
    try:
        return VideoRequest.model_validate(translated(raw)), upload
    except ValidationError as error:
        raise Refusal(422, *sentence(error.errors())) from None


def translated(raw: dict[str, Any]) -> dict[str, Any]:
    """A request in other servers' words -> ours. Raises Refusal."""
    given = _flattened(raw, 0)
    for theirs, ours in RENAMED.items():
        if theirs in given:
            given.setdefault(ours, given.pop(theirs))
    for name, nothing in WISHES.items():
        if (value := given.pop(name, nothing)) not in (nothing, None, "", str(nothing)):
            raise Refusal(
                422, f"{name} is {str(value)[:60]!r}, which is not possible here; leave it out", name
            )
    for name in IDLE:
        given.pop(name, None)
    reference = given.get("input_reference")
    if isinstance(reference, dict):
        given["input_reference"] = reference.get("image_url") or reference.get("url") or str(reference)[:60]
    _sized(given)
    _steered(given)
    return {name: value for name, value in given.items() if value is not None}


async def _form(request: Request) -> tuple[dict[str, Any], bytes | None]:
    try:
        form = await request.form(max_files=2, max_fields=100, max_part_size=8 * 2**20)
    except (MultiPartException, MultipartParseError) as error:
        raise Refusal(400, f"the form cannot be read ({getattr(error, 'message', error)})") from None
    except (AssertionError, KeyError, ValueError, LookupError):  # charsets that nobody knows, and the like
        raise Refusal(400, "the form cannot be read") from None
    raw: dict[str, Any] = {}
    upload = None
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name.removesuffix("[]") not in PICTURES:
                    raise Refusal(
                        422,
                        f"{name[:60]!r} came as a file; the picture is input_reference",
                        "input_reference",
                    )
                if upload is not None:
                    raise Refusal(422, "two pictures came; send one input_reference", "input_reference")
                upload = await value.read()
            else:
                _put(raw, name, value)
    finally:
        await form.close()
    return raw, upload


def _put(raw: dict[str, Any], name: str, value: str) -> None:
    """One field of a form; objects come as JSON, or as name[key], as OpenAI's client writes them."""
    inner = re.fullmatch(r"([a-z_0-9]+)\[([a-z_0-9]+)\]", name)
    if inner and isinstance(raw.setdefault(inner[1], {}), dict):
        raw[inner[1]][inner[2]] = value
        return
    if name in OBJECTS and value.lstrip()[:1] in ("{", "["):
        try:
            raw[name] = json.loads(value)
        except (ValueError, RecursionError):
            raise Refusal(422, f"{name} is not valid JSON", name) from None
    elif value != "":
        raw[name] = value


def _object(body: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not valid JSON") from None
    if not isinstance(raw, dict):
        raise Refusal(422, "the body is not a JSON object with the fields of a video request")
    return raw


def _flattened(raw: dict[str, Any], depth: int) -> dict[str, Any]:
    """What other servers nest, laid out; a field that is there twice keeps its outer value."""
    given = dict(raw)
    for name in FLATTENED:
        inner = given.pop(name, None)
        if isinstance(inner, str) and inner.strip():
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                raise Refusal(422, f"{name} is not valid JSON", name) from None
        if inner in (None, ""):
            continue
        if not isinstance(inner, dict) or depth > 3:
            raise Refusal(422, f"{name} is no object of fields", name)
        given = _flattened(inner, depth + 1) | given
    return given


def _sized(given: dict[str, Any]) -> None:
    """width and height -> size."""
    width, height = given.pop("width", None), given.pop("height", None)
    if (width is None) != (height is None):
        raise Refusal(422, "of width and height only one was given", "width" if height is None else "height")
    if width is not None:
        size = f"{width}x{height}"
        if given.setdefault("size", size) != size:
            raise Refusal(
                422, f"size is {given['size']} and width x height is {size}; one of them is enough", "size"
            )


def _steered(given: dict[str, Any]) -> None:
    """Other servers' ways to say where the camera goes -> camera and keys."""
    camera, intrinsics = given.get("camera"), given.pop("intrinsics", None)
    if isinstance(camera, dict) and "poses" in camera:
        if camera.get("format", "c2w_4x4") != "c2w_4x4":
            raise Refusal(422, "camera.format is not c2w_4x4, the only one that is read", "camera.format")
        given["camera"] = {"c2w": camera["poses"]}
    ways = [name for name in ("camera_to_world", "action", "camera_actions") if given.get(name) is not None]
    if len(ways) + ("camera" in given) > 1:
        both = ["camera", *ways] if "camera" in given else ways
        raise Refusal(422, f"the camera is said in two ways, {both[0]} and {both[1]}; keep one", both[1])
    if ways == ["camera_to_world"]:
        given["camera"] = {"c2w": given["camera_to_world"]}
    elif ways == ["action"]:
        given["camera"] = given["action"]
        given.setdefault("keys", "sana-wm")
    elif ways:
        given["camera"] = _script(given["camera_actions"])
        given.setdefault("keys", "sana-wm")
    for name in ("camera_to_world", "action", "camera_actions"):
        given.pop(name, None)
    if intrinsics is not None:
        if not isinstance(given.get("camera"), dict) or "c2w" not in given["camera"]:
            given["lens"] = lens_rows(intrinsics)
        else:
            given["camera"] = {**given["camera"], "intrinsics": lens_rows(intrinsics)}


def lens_rows(value: Any) -> Any:
    """(4,), (3, 3), (F, 4), (F, 3, 3) or {fx, fy, cx, cy} -> (4,) or (F, 4), as far as it is one of them."""
    try:
        if isinstance(value, dict):
            return [value[name] for name in ("fx", "fy", "cx", "cy")]
        if isinstance(value[0], list) and isinstance(value[0][0], list):
            return [_four(matrix) for matrix in value]
        return _four(value) if isinstance(value[0], list) and len(value[0]) == 3 else value
    except (KeyError, IndexError, TypeError):
        raise Refusal(
            422, "intrinsics are fx fy cx cy, or a 3x3 matrix, for all frames or each of them", "intrinsics"
        ) from None


def _four(matrix: Any) -> list[Any]:
    return [matrix[0][0], matrix[1][1], matrix[0][2], matrix[1][2]]


def _script(actions: Any) -> str:
    """[["w"], ["w", "l"], []] -> "w-1,wl-1,none-1"."""
    if not isinstance(actions, list) or not all(isinstance(held, list) for held in actions):
        raise Refusal(422, "camera_actions is no list of lists of keys, one for each frame", "camera_actions")
    return ",".join(f"{''.join(map(str, held)) or 'none'}-1" for held in actions)
