"""A shot is valid or is not made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.shot import Shot


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 101}, "steps is 101"),
        ({"prompt": "a" * 2001}, "2001 characters"),
        ({"prompt": "a\0b"}, "zero character"),
        ({"image": np.zeros((80, 80), np.uint8)}, r"\(H, W, 3\)"),
        ({"image": np.zeros((80, 80, 3))}, "uint8"),
        ({"image": "nowhere.png"}, "there is no such picture"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Shot(camera=CameraPath.parse("w-8"), **wrong)


def test_the_first_frame_is_read_when_the_shot_is_made(tmp_path: Path) -> None:
    Image.new("RGB", (80, 70), (1, 2, 3)).save(tmp_path / "a.png")

    image = Shot(camera=CameraPath.parse("w-8"), image=tmp_path / "a.png").image

    assert isinstance(image, np.ndarray)
    assert image.shape == (70, 80, 3)


def test_metadata_flies_the_same_path_again(tmp_path: Path) -> None:
    shot = Shot(camera=CameraPath.parse("w-9,wdr-16"), prompt="hills", seed=3)
    (tmp_path / "again.json").write_text(json.dumps(shot.metadata()["camera"]))

    again = CameraPath.load(tmp_path / "again.json")

    assert (again.c2w == shot.camera.c2w).all()
    assert (again.intrinsics == shot.camera.intrinsics).all()
    assert shot.frames == 26
