"""CameraPath: round trips, resampling, lens, and everything that parse accepts or refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from flythrough.camera import intrinsics as lens
from flythrough.camera import presets
from flythrough.camera.motion import speeds, warnings
from flythrough.camera.path import CameraPath
from flythrough.camera.pose import angle_deg, angles, check_poses
from flythrough.errors import InputError


def a_path(text: str = "wdi-16,rqj-8", frames: int | None = None) -> CameraPath:
    return CameraPath.parse(text, frames=frames)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_saved_path_comes_back_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    path = a_path().resized(120, 200)

    path.save(tmp_path / f"path{suffix}")
    again = CameraPath.load(tmp_path / f"path{suffix}", height=1, width=1, fps=1)

    assert torch.equal(again.c2w, path.c2w)
    assert torch.equal(again.intrinsics, path.intrinsics)
    assert (again.height, again.width, again.fps) == (120, 200, 16)
    assert [file.name for file in tmp_path.iterdir()] == [f"path{suffix}"]


def test_npy_holds_the_poses(tmp_path: Path) -> None:
    a_path().save(tmp_path / "path.npy")

    assert torch.equal(CameraPath.load(tmp_path / "path.npy").c2w, a_path().c2w)


@pytest.mark.parametrize("shape", [(4,), (3, 3), (1, 4), (25, 4), (25, 3, 3), (40, 4), (3, 4)])
def test_intrinsics_come_in_every_accepted_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    k = np.array([300.0, 310, 220, 130])
    if shape[-1] == 3:
        k = np.array([[300.0, 0, 220], [0, 310, 130], [0, 0, 1]])
    np.save(tmp_path / "k.npy", np.broadcast_to(k, shape))
    a_path().save(tmp_path / "path.npy")

    path = CameraPath.load(tmp_path / "path.npy", intrinsics=tmp_path / "k.npy")

    assert_close(path.intrinsics, torch.tensor([300.0, 310, 220, 130]).double().expand(25, 4))


def test_a_short_list_of_intrinsics_is_stretched_over_the_clip() -> None:
    k = torch.tensor([[300.0, 300, 224, 128], [400, 400, 224, 128]])

    assert_close(lens.expand(k, 5)[:, 0], torch.tensor([300.0, 325, 350, 375, 400]).double())


def test_resizing_there_and_back_changes_nothing_and_keeps_the_field_of_view() -> None:
    path = a_path()
    other = path.resized(704, 1232)

    assert_close(other.fov_deg, path.fov_deg)
    assert_close(other.resized(256, 448).intrinsics, path.intrinsics)


def test_fitting_cuts_the_view_at_the_centre() -> None:
    path = a_path().fitted(256, 256)

    assert_close(path.intrinsics[0, 2:], torch.tensor([128.0, 128]).double())
    assert_close(path.intrinsics[0, :2], a_path().intrinsics[0, :2])


def test_resampling_keeps_the_ends_and_stays_on_the_way() -> None:
    path = a_path("dw-32")
    double = path.resampled(2 * path.frames - 1)

    assert_close(double.take(slice(None, None, 2)).c2w, path.c2w)
    assert_close(double.resampled(path.frames).c2w, path.c2w)
    half_turn = angle_deg(double.c2w[:-1], double.c2w[1:])
    assert_close(half_turn, half_turn.mean().expand_as(half_turn), rtol=1e-6, atol=1e-9)
    assert path.resampled(path.frames) is path


def test_another_frame_rate_keeps_the_speeds() -> None:
    path = a_path("w-32").at_fps(24)

    assert (path.frames, path.seconds) == (49, 2.0)
    assert_close(speeds(path)[0], torch.full((48,), 2.0).double())


def test_latent_frames_sit_on_every_eighth_frame() -> None:
    path = a_path("w-16").latent()

    assert path.frames == 3
    assert_close(path.positions[:, 2], torch.tensor([0.0, 1, 2]).double())


def test_there_and_back_ends_at_home() -> None:
    path = a_path().joined(a_path().reversed())

    assert path.frames == 2 * 25 - 1
    assert_close(path.c2w[-1], path.c2w[0], rtol=0, atol=1e-12)


def test_a_placed_path_is_the_same_path() -> None:
    start = a_path().c2w[-1]
    path = a_path().placed(start)

    assert_close(path.c2w[0], start)
    assert_close(path.relative_to_first().c2w, a_path().c2w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_starts_at_the_identity_and_is_rigid_and_smooth(name: str) -> None:
    path = a_path(name, frames=97)

    check_poses(path.c2w)
    assert path.frames == 97
    assert_close(path.c2w[0], torch.eye(4).double(), rtol=0, atol=1e-12)
    assert not warnings(path)
    assert a_path(name, frames=1).frames == 1


@pytest.mark.parametrize("degrees", [90, -90, 360])
def test_an_orbit_keeps_its_distance_and_its_target_centred(degrees: int) -> None:
    path = a_path(f"orbit:radius=6,degrees={degrees},ease=0", frames=33)
    away = torch.tensor([0.0, 0, 6]).double() - path.positions

    assert_close(away.norm(dim=-1), torch.full((33,), 6.0).double())
    assert_close(path.c2w[:, :3, 2] * 6, away, rtol=0, atol=1e-12)
    assert_close(float(angles(path.c2w[8])[0]), -math.radians(degrees) / 4)


def test_amounts_are_met_exactly() -> None:
    assert_close(float(a_path("dolly:metres=-4", frames=50).positions[-1, 2]), -4.0)
    assert_close(float(a_path("pedestal:metres=2,ease=0.5", frames=50).positions[-1, 1]), -2.0)
    assert_close(math.degrees(float(angles(a_path("pan:degrees=40", frames=9).c2w[-1])[0])), 40.0)


@pytest.mark.parametrize(("axis", "at"), [("x", 0), ("y", 1), ("z", 2)])
def test_a_drive_along_one_axis_moves_along_it_alone(axis: str, at: int) -> None:
    expected = torch.zeros(3).double()
    expected[at] = 1.5

    assert_close(a_path(f"drive:{axis}=1.5", frames=17).positions[-1], expected)


def test_a_drive_about_all_axes_turns_as_fast_as_told() -> None:
    path = a_path("drive:yaw=10,pitch=-5,roll=7,x=1", frames=17)

    assert_close(torch.rad2deg(angles(path.c2w[-1])), torch.tensor([10.0, -5, 7]).double())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orbitt", "neither a file .* nor keys .* nor a preset .*still, dolly, truck"),
        ("orbitt:radius=3", "preset 'orbitt' is unknown; there are still, dolly"),
        ("orbit:radios=3", "no parameter 'radios'; its parameters: degrees, radius"),
        ("orbit:radius=big", "radius is 'big'; expected a number"),
        ("orbit:radius=nan", "radius is 'nan'; expected a number"),
        ("orbit:radius=-1", "expected more than 0"),
        ("orbit:degrees=90,speed=3", "degrees or speed, not both"),
        ("pan:ease=0.6", "ease is 0.6"),
        ("w-4,x-3", "segment 2"),
        ("", "camera is empty"),
    ],
)
def test_a_text_that_is_no_path_is_refused_with_what_there_is(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        a_path(text)


def test_a_missing_file_names_those_that_are_there(tmp_path: Path) -> None:
    a_path().save(tmp_path / "walk.json")

    with pytest.raises(
        InputError, match=r"wlak\.json: there is no such file; of camera paths there are walk\.json"
    ):
        a_path(str(tmp_path / "wlak.json"))


@pytest.mark.parametrize("frames", [0, -3])
def test_no_frames_are_refused(frames: int) -> None:
    with pytest.raises(InputError, match=r"expected 1 to 57601 \(an hour\)"):
        a_path("w-40", frames=frames)


@pytest.mark.parametrize("fov", [24.9, 120.1, 0, math.nan, -60, 180])
def test_a_field_of_view_outside_25_to_120_is_refused(fov: float) -> None:
    with pytest.raises(InputError, match="expected 25 to 120"):
        CameraPath.parse("w-4", fov_deg=fov)


@pytest.mark.parametrize("fov", [25, 70, 120])
def test_a_field_of_view_within_25_to_120_passes(fov: float) -> None:
    assert_close(float(CameraPath.parse("w-4", fov_deg=fov).fov_deg[0, 0]), float(fov))


def test_focal_lengths_as_fractions_are_explained(tmp_path: Path) -> None:
    a_path().save(tmp_path / "path.npy")

    with pytest.raises(InputError, match=r"fx is 0\.8, so it may be a fraction instead of pixels"):
        CameraPath.load(tmp_path / "path.npy", intrinsics=np.array([0.8, 1.2, 0.5, 0.5]))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"\xff\xfe\x00", "not valid JSON"),
        ("a.json", b"[1, 2]", "expected a JSON object"),
        ("a.json", b"{}", 'with "c2w"'),
        ("a.json", b'{"c2w": "no"}', "rectangular array of numbers"),
        ("a.json", b'{"c2w": [[1, 2], [3]]}', "rectangular array of numbers"),
        ("a.json", b'{"c2w": []}', "zero frames"),
        ("a.json", b'{"c2w": [[[NaN]]]}', "poses have shape"),
        ("a.json", b'{"c2w": [], "version": 9}', "version is 9"),
        ("a.json", b'{"c2w": [], "fps": "fast"}', "fps is fast"),
        ("a.npy", b"not numpy", "not a readable .npy"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b'{"c2w": [[[1' + b"0" * 400 + b"]]]}", "rectangular array of numbers"),
        ("a.npy", b"", "not a readable .npy"),
        ("a.npz", b"PK broken", "not a readable .npz"),
    ],
)
def test_a_broken_file_gets_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError, match=words) as refused:
        a_path(str(tmp_path / name))
    assert "\n" not in str(refused.value)


def test_arrays_that_are_no_poses_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "complex.npy", np.zeros((2, 4, 4), complex))
    np.savez(tmp_path / "other.npz", poses=np.zeros(3))
    np.savez(tmp_path / "sizes.npz", c2w=np.eye(4)[None], height=np.zeros(2))
    with (tmp_path / "packed.npy").open("wb") as file:
        np.savez(file, a=np.zeros(1), b=np.zeros(1))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "sizes.npz").read_bytes()[:300])

    for name, words in {
        "complex.npy": "rectangular array of numbers",
        "other.npz": "it holds poses; expected an array named c2w",
        "sizes.npz": "height is .*expected a positive number",
        "packed.npy": "rename it to .npz",
        "cut.npz": "not a readable .npz",
    }.items():
        with pytest.raises(InputError, match=words):
            a_path(str(tmp_path / name))


def test_zero_frames_in_a_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 4, 4)))

    with pytest.raises(InputError, match=r"none\.npy: it has zero frames"):
        a_path(str(tmp_path / "none.npy"))


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        a_path().save(tmp_path / "missing" / "path.json")
    with pytest.raises(InputError, match=r"is saved as \.json"):
        a_path().save(tmp_path / "path.txt")


def test_a_path_too_fast_for_the_model_is_said_to_be() -> None:
    fast = a_path("drive:z=20,yaw=90", frames=17)
    jump = a_path("dolly", frames=33).joined(a_path("dolly", frames=33).placed(torch.eye(4)))
    jumped = CameraPath(
        torch.cat([jump.c2w, jump.c2w + torch.tensor([[0.0, 0, 0, 4]] + [[0.0] * 4] * 3)]),
        jump.intrinsics[:1].expand(130, 4),
        256,
        448,
    )

    assert [w.split(" at ")[0] for w in warnings(fast)] == ["the camera moves", "the camera turns"]
    assert any("jumps between frames 64 and 65" in w for w in warnings(jumped))


def test_the_picture_of_a_path_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from flythrough.camera.show import draw

    draw(a_path(), tmp_path / "path.png", "a walk")

    assert (tmp_path / "path.png").read_bytes()[:4] == b"\x89PNG"


def test_our_json_is_plain_and_says_what_it_is(tmp_path: Path) -> None:
    a_path("w-8").save(tmp_path / "path.json")
    data = json.loads((tmp_path / "path.json").read_text())

    assert data["format"] == "flythrough.camera"
    assert np.array(data["c2w"]).shape == (9, 4, 4)
    assert np.array(data["intrinsics"]).shape == (9, 4)
