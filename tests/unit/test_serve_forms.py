from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.serve import cameras, forms
from flythrough.serve.failures import Refusal
from flythrough.serve.schema import VideoRequest

POSES = np.eye(4)[None].repeat(9, 0).tolist()


def understood(**raw: Any) -> VideoRequest:
    return VideoRequest.model_validate(forms.translated(raw))


def path_of(request: VideoRequest, most: int = 2000) -> CameraPath:
    assert request.camera is not None
    speeds = (request.translation_speed, request.rotation_speed_deg, request.pitch_limit_deg)
    return cameras.fly(
        request.camera,
        keys=cameras.dialect(request.keys, *speeds),
        frames=request.num_frames,
        fov_deg=request.fov_deg,
        height=256,
        width=448,
        most=most,
    )


def test_sglang_s_words_are_understood() -> None:
    request = understood(
        prompt="hills", num_inference_steps=3, width=448, height=256, quality="high", n=1,
        extra_body='{"action": "w-8", "translation_speed": 0.05, "rotation_speed_deg": 1.2}',
    )  # fmt: skip
    assert (request.steps, request.size, request.keys, request.camera) == (3, "448x256", "sana-wm", "w-8")
    assert float(path_of(request).positions[-1, 2]) == pytest.approx(8 * 0.05, rel=1e-5)


def test_vllm_omni_s_words_are_understood() -> None:
    lens = {"fx": 400, "fy": 400, "cx": 224, "cy": 128}
    where = {"poses": POSES, "format": "c2w_4x4", "coordinate_system": "official"}
    request = understood(extra_params={"sana_wm": {"camera": where, "intrinsics": lens}})
    path = path_of(request)
    assert path.frames == 9
    assert path.intrinsics[0].tolist() == [400, 400, 224, 128]


@pytest.mark.parametrize(
    "intrinsics",
    [[300, 310, 224, 128], [[300, 0, 224], [0, 310, 128], [0, 0, 1]], [[300, 310, 224, 128]] * 9],
)
def test_intrinsics_come_in_any_of_the_shapes_in_use(intrinsics: list[Any]) -> None:
    request = understood(camera_to_world=POSES, intrinsics=intrinsics)
    assert path_of(request).intrinsics[3].tolist() == [300, 310, 224, 128]


def test_a_script_of_held_keys_flies_as_keys_do() -> None:
    script = understood(camera_actions=[["w"], ["w", "d"], []])
    assert script.camera == "w-1,wd-1,none-1"
    assert torch.equal(path_of(script).c2w, CameraPath.parse("w-1,wd-1,none-1", keys="sana-wm").c2w)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"n": 2}, "n is '2', which is not possible here"),
        ({"enable_upscaling": True}, "enable_upscaling"),
        ({"reference_url": "http://example.org"}, "reference_url"),
        ({"output_path": "films/x.mp4"}, "output_path"),
        ({"width": 448}, "only one was given"),
        ({"camera": "w-8", "action": "w-8"}, "in two ways, camera and action"),
        ({"extra_body": "{"}, "extra_body is not valid JSON"),
        ({"extra_body": [1]}, "extra_body is no object"),
        ({"intrinsics": {"fx": 1}, "camera_to_world": POSES}, "intrinsics are"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_left_out(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        understood(**raw)


def test_an_unknown_field_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="camrea"):
        understood(camrea="w-8")


@pytest.mark.parametrize("camera", ["walk.json", " /etc/walk.NPZ ", "../../a.npy", "w-8/../x.json"])
def test_no_file_is_opened(camera: str) -> None:
    with pytest.raises(InputError, match="a server opens none"):
        path_of(understood(camera=camera))


@pytest.mark.parametrize("camera", ["w-57000", "w-1500,d-1500", {"keyframes": [
    {"time": 0, "position": [0, 0, 0]}, {"time": 3000, "position": [0, 0, 1]}]}])  # fmt: skip
def test_a_long_flight_is_refused_before_it_is_flown(camera: Any) -> None:
    with pytest.raises(InputError, match="this server makes videos of at most 2000"):
        path_of(understood(camera=camera))


def test_keyframes_fly_as_from_a_file(tmp_path: Any) -> None:
    keys = [
        {"time": 0, "position": [0, 0, 0], "yaw": 0},
        {"time": 2, "position": [1, 0, 3], "yaw": 30, "ease": "in"},
    ]
    (tmp_path / "walk.json").write_text(VideoRequest(camera={"keyframes": keys}).model_dump_json(exclude_none=True)[
        len('{"prompt":"","camera":') : -len(',"keys":"flythrough","negative_prompt":"","refine":true,"name":""}')
    ])  # fmt: skip
    known = CameraPath.load(tmp_path / "walk.json")
    path = path_of(understood(camera={"keyframes": keys}))
    assert torch.equal(path.c2w, known.c2w)


def test_every_preset_and_parameter_that_is_shown_can_be_flown() -> None:
    for preset in cameras.presets():
        for parameter in preset.parameters:
            for value in (parameter.low, parameter.high):
                path_of(understood(camera=f"{preset.name}:{parameter.name}={value}"))
