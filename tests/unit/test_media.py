"""Pictures and videos: what comes back is what went in, and bad files get one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flythrough.errors import InputError
from flythrough.media import (
    ContactSheet,
    VideoWriter,
    check_writable,
    exif_fov_deg,
    fit,
    load_image,
    read_metadata,
    read_video,
)


def film(frames: int = 9, height: int = 64, width: int = 96) -> np.ndarray:
    """A smooth gradient that moves."""
    rows, columns = np.mgrid[:height, :width]
    pictures = [
        np.stack([rows * 3 + 2 * i, columns * 2 + 2 * i, np.full_like(rows, 90)], -1) for i in range(frames)
    ]
    return np.clip(pictures, 0, 255).astype(np.uint8)


def test_a_video_keeps_frames_rate_and_metadata(tmp_path: Path) -> None:
    about = {"prompt": 'a "valley" in spring, Täler', "seed": 7, "camera": {"c2w": [[1.0, 0.1]] * 4000}}
    with VideoWriter(tmp_path / "a.mp4", 16, about) as video:
        video.write(film()[:1])
        video.write(film()[1:])

    frames, fps = read_video(tmp_path / "a.mp4")

    assert frames.shape == film().shape
    assert fps == 16
    assert np.abs(frames.astype(int) - film()).mean() < 2.5  # colours survive: BT.709 both ways
    assert read_metadata(tmp_path / "a.mp4") == about
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_the_same_frames_give_the_same_file(tmp_path: Path) -> None:
    rng, files = np.random.default_rng(0), set()
    for _ in range(6):
        with VideoWriter(tmp_path / "a.mp4", 16) as video:
            video.write(np.roll(film(17), 3, axis=1))
        files.add((tmp_path / "a.mp4").read_bytes())
        rng.integers(
            0, 255, int(rng.integers(1000, 400_000)), np.uint8
        )  # so that memory holds something else

    assert len(files) == 1


def test_ctrl_c_keeps_the_frames_so_far(tmp_path: Path) -> None:
    def interrupted() -> None:
        with VideoWriter(tmp_path / "a.mp4", 16) as video:
            video.write(film(5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert len(read_video(tmp_path / "a.mp4")[0]) == 5


def test_no_frames_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 16):
        pass

    assert not list(tmp_path.iterdir())


def test_an_existing_video_stays_until_the_new_one_has_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 16) as video:
        video.write(film(3))
    with VideoWriter(tmp_path / "a.mp4", 16) as video:
        assert len(read_video(tmp_path / "a.mp4")[0]) == 3
        video.write(film(9))

    assert len(read_video(tmp_path / "a.mp4")[0]) == 9


@pytest.mark.parametrize("name", ["missing/a.mp4", "folder.mp4", "a.avi", "file/a.mp4", "/proc/a.mp4"])
def test_an_output_that_cannot_be_is_refused_before_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"mp4|avi"):
        check_writable(tmp_path / name, (".mp4",))


def test_a_turned_photo_stands_upright(tmp_path: Path) -> None:
    image = Image.fromarray(film(1, 64, 128)[0])
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    image.save(tmp_path / "a.jpg", exif=exif)

    assert load_image(tmp_path / "a.jpg").shape == (128, 64, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16", "CMYK"])
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((80, 80), 40_000, np.uint16))
    else:
        image = Image.fromarray(film(1, 80, 80)[0]).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)

    assert load_image(path).shape == (80, 80, 3)
    assert load_image(path).dtype == np.uint8


def test_transparency_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (80, 80), (10, 20, 30, 0)).save(tmp_path / "a.png")

    assert (load_image(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize("fault", ["absent", "text", "cut", "tiny", "empty", "folder", "bomb"])
def test_a_bad_picture_gets_one_sentence(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "a.png"
    if fault == "text":
        path.write_text("not a picture")
    elif fault == "cut":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif fault == "tiny":
        Image.new("RGB", (16, 400)).save(path)
    elif fault == "empty":
        path.touch()
    elif fault == "folder":
        path.mkdir()
    elif fault == "bomb":
        Image.new("1", (20_000, 20_000)).save(path)

    with pytest.raises(InputError, match=r"a\.png: ") as caught:
        load_image(path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "fov"),
    [
        ({0xA405: 28}, 65.5),  # on 35 mm film 36 x 24; here the picture is 3:2 too
        ({0x920A: 6.0, 0xA20E: 200.0, 0xA210: 4}, 53.1),  # 6 mm at 200 pixels a mm, 1200 pixels wide
        ({}, None),
        ({0xA405: 0}, None),
    ],
)
def test_a_photographs_exif_tells_its_field_of_view(
    tmp_path: Path, tags: dict[int, float], fov: float | None
) -> None:
    photo, exif = tmp_path / "photo.jpg", Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    Image.new("RGB", (1200, 800)).save(photo, exif=exif)
    assert exif_fov_deg(photo) == (None if fov is None else pytest.approx(fov, abs=0.1))


def test_fit_cuts_at_the_centre() -> None:
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255

    assert fit(image, 64, 64).min() >= 240
    assert fit(image, 64, 64).shape == (64, 64, 3)


def test_a_contact_sheet_shows_first_and_last() -> None:
    sheet = ContactSheet(100, columns=2, rows=2, width=32)
    frames = np.arange(100, dtype=np.uint8)[:, None, None, None].repeat(32, 1).repeat(32, 2).repeat(3, 3)
    for part in np.split(frames, 10):
        sheet.add(part)

    picture = sheet.picture()

    assert picture.shape == (76, 76, 3)
    assert [picture[8, 8, 0], picture[8, 44, 0], picture[44, 8, 0], picture[44, 44, 0]] == [0, 33, 66, 99]


def test_a_video_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no")
    with pytest.raises(InputError, match="cannot be read as a video"):
        read_video(tmp_path / "a.mp4")
