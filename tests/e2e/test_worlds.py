"""`flythrough worlds` and `flythrough camera`, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.media import read_metadata, read_video
from tests.command import flythrough

SMALL = ("--height", "64", "--width", "112")


def size(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


def test_a_world_as_a_folder(tmp_path: Path) -> None:
    words = ("--seed", "2147483648", "--split", "test", "--camera", "wd-3", "--out", "w", "--depth", *SMALL)
    done = flythrough(tmp_path, "worlds", "render", *words)

    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in (tmp_path / "w" / "frames").iterdir())
    assert names == [f"{number:05d}.png" for number in range(4)]
    assert size(tmp_path / "w" / "frames" / "00000.png") == (112, 64)
    depth = np.load(tmp_path / "w" / "depth" / "00003.npy")
    assert depth.shape == (64, 112)
    assert depth.min() > 0
    assert (tmp_path / "w" / "caption.txt").read_text().strip()
    assert CameraPath.load(tmp_path / "w" / "camera.json").frames == 4


def test_the_same_world_again_from_its_own_poses(tmp_path: Path) -> None:
    assert flythrough(tmp_path, "worlds", "render", "--camera", "wd-2", "--out", "a", *SMALL).returncode == 0
    again = ("--camera", "a/camera.json", "--as-is", "--out", "b", *SMALL)
    assert flythrough(tmp_path, "worlds", "render", *again).returncode == 0

    for number in range(3):
        a, b = (tmp_path / folder / "frames" / f"{number:05d}.png" for folder in "ab")
        assert a.read_bytes() == b.read_bytes()


def test_a_world_as_a_video(tmp_path: Path) -> None:
    done = flythrough(
        tmp_path, "worlds", "render", "--seed", "3", "--camera", "w-2", "--out", "w.mp4", *SMALL
    )

    assert done.returncode == 0, done.stderr
    assert read_video(tmp_path / "w.mp4")[0].shape == (3, 64, 112, 3)
    assert read_metadata(tmp_path / "w.mp4")["world"]["seed"] == 3


def test_a_path_as_a_picture(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "camera", "show", "orbit:radius=4", "--out", "orbit.png")

    assert done.returncode == 0, done.stderr
    assert min(size(tmp_path / "orbit.png")) > 400


def test_many_worlds_on_one_picture(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "worlds", "sheet", "--seeds", "3:5", "--columns", "2", "--out", "sheet.png")

    assert done.returncode == 0, done.stderr
    assert size(tmp_path / "sheet.png") == (460, 136)
