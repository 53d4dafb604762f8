"""`flythrough drive --server`: the flight is the one that is flown here, and what goes wrong is a sentence."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from flythrough import Client, InputError, Pipeline
from flythrough.camera.drive import Drive
from flythrough.camera.path import CameraPath
from flythrough.cli import app
from flythrough.drive import Figures, Line, begun, play, play_afar, read, run, run_afar
from flythrough.drive.afar import prompts_by_chunk
from flythrough.media import load_image, read_metadata, read_video
from flythrough.presets import PRESETS
from flythrough.shot import Shot
from tests.command import ENVIRONMENT, flythrough
from tests.pilots import PRESETS as _tiny  # noqa: F401 - registers the preset "tiny", of mini's structure
from tests.serving import TOKEN, Running, png, serving, toy

DRIVE: dict[str, Any] = {
    "format": "flythrough.drive",
    "version": 1,
    "keys": "sana-wm",
    "fov_deg": 60,
    "events": [
        {"t": 0, "keys": "w", "say": "hills"},
        {"t": 0.5, "keys": "w+d"},
        {"t": 1.25, "say": "hills in the snow"},
        {"t": 2, "keys": "j"},
        {"t": 2, "say": "a bridge"},
        {"t": 2, "say": "a bridge at night"},
        {"t": 2.5, "keys": ""},
    ],
    "end": 2.8125,  # 46 frames: the last chunk is not full
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    PRESETS["clip"] = replace(toy("whole"), refining=None)
    with serving(tmp_path_factory.mktemp("data"), models=("toy", "tiny", "clip")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "first.png").write_bytes(png(seed=3))
    (tmp_path / "drive.json").write_text(json.dumps(DRIVE))
    return tmp_path


def shot(folder: Path, recording: str, prompt: str = "") -> tuple[Drive, Shot]:
    """A recording and its opening, of a picture larger than the model's frames."""
    drive, prompt = begun(read(recording), prompt)
    camera = CameraPath.parse(recording, height=96, width=128, fov_deg=75)
    return drive, Shot(camera=camera, prompt=prompt, image=load_image(folder / "first.png"), seed=7, steps=1)


def typed(*words: str) -> None:
    """The command in this process; what it says against its input comes as an exception."""
    app(list(words), standalone_mode=False)


def model(client: Client, name: str) -> dict[str, Any]:
    return next(one for one in client.models() if one["id"] == name)


@pytest.mark.parametrize("name", ["toy", "tiny"])
@pytest.mark.parametrize("keys", ["", "w-3", "w-13,wd-5,none-9,aj-5"])
def test_the_frames_of_a_drive_at_a_server_are_those_of_a_session(
    running: Running, folder: Path, name: str, keys: str
) -> None:
    drive, opening = shot(folder, keys or str(folder / "drive.json"))
    session = Pipeline.random(name, device="cpu").open(opening, keys=drive.dialect)
    here = np.concatenate(list(play(drive, session, Figures(16))))

    figures, there = Figures(16), []
    path = opening.camera.fitted(64, 96)
    first = {"first_frame": png(seed=3), "prompt": opening.prompt, "seed": 7, "num_inference_steps": 1}
    with Client(running.address) as client, Line(client, model=name, **first) as line:
        there = list(play_afar(drive, path, line, figures))
        flown = running.http.get(f"/v1/sessions/{line.facts['session_id']}/path").json()
    np.testing.assert_array_equal(np.concatenate(there), here)
    assert len(here) == drive.frames + 1
    assert torch.equal(torch.tensor(flown["c2w"], dtype=torch.float64), session.path.c2w)
    assert torch.equal(torch.tensor(flown["intrinsics"], dtype=torch.float64), session.path.intrinsics)
    assert figures.frames >= len(here)
    assert len(figures.waits) == len(there)
    assert figures.busy_s > 0
    assert [one["id"] for one in running.http.get("/v1/sessions").json()["data"]] == []


def test_both_ways_leave_the_same_files(running: Running, folder: Path) -> None:
    drive, opening = shot(folder, str(folder / "drive.json"), "a lake")
    pipeline = Pipeline.random("toy", device="cpu")
    run(pipeline, opening, folder / "here.mp4", drive=drive, record=folder / "here.drive.json")
    with Client(running.address) as client:
        info, record = model(client, "toy"), folder / "there.drive.json"
        figures = run_afar(client, info, opening, folder / "there.mp4", drive, record=record)
    assert figures.written == 46
    for one in ("camera", "drive"):
        assert (folder / f"there.{one}.json").read_text() == (folder / f"here.{one}.json").read_text()
    here, there = read_metadata(folder / "here.mp4"), read_metadata(folder / "there.mp4")
    assert (here.pop("model"), there.pop("model")) == ("toy, random weights", "toy")
    assert here == there
    assert here["prompt"] == "a lake"
    one, other = (read_video(folder / f"{name}.mp4")[0] for name in ("here", "there"))
    np.testing.assert_array_equal(one, other)


def test_without_a_picture_the_world_that_fits_the_prompt_is_the_same(running: Running, folder: Path) -> None:
    opening = Shot(
        camera=CameraPath.parse("w-4", height=64, width=96, fov_deg=50), prompt="a desert", steps=1
    )
    drive = read("w-4")
    with Client(running.address) as client:
        pipeline = Pipeline.random("toy", device="cpu")
        run(pipeline, opening, folder / "here.mp4", drive=drive)
        run_afar(client, model(client, "toy"), opening, folder / "there.mp4", drive)
    one, other = (read_video(folder / f"{name}.mp4")[0] for name in ("here", "there"))
    np.testing.assert_array_equal(one, other)
    assert one.std() > 0


def test_prompts_are_said_before_the_chunk_that_hears_them() -> None:
    drive = Drive.from_dict(DRIVE | {"fps": 16.0, "height": 64, "width": 96}, "drive.json")
    assert prompts_by_chunk(drive, 8) == {
        0: ["hills"],
        2: ["hills in the snow"],
        4: ["a bridge", "a bridge at night"],
    }


def test_the_command_plays_a_drive_at_a_server(running: Running, folder: Path) -> None:
    words = ("drive", "drive.json", "--server", running.address, "--model", "toy", "--image", "first.png")
    made = flythrough(folder, *words, "--steps", "1", "--seed", "7", "--record", "again.json")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "drive.mp4: 46 frames, 2.9 s\n"
    assert "x real time at 16 fps; keys to frames" in made.stderr
    assert CameraPath.load(folder / "drive.camera.json").frames == 46
    assert Drive.read(folder / "again.json").frames == 45
    with av.open(str(folder / "drive.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 46


def test_a_drive_that_is_stopped_leaves_what_was_flown_and_no_flight(running: Running, folder: Path) -> None:
    drive, opening = shot(folder, "w-400")

    def stop(frames: int) -> None:
        nonlocal left
        left -= frames
        if left <= 0:
            raise KeyboardInterrupt

    left = 40
    with Client(running.address) as client, pytest.raises(KeyboardInterrupt):
        run_afar(client, model(client, "toy"), opening, folder / "fly.mp4", drive, after=stop)
    film, _ = read_video(folder / "fly.mp4")
    assert len(film) == 41 == CameraPath.load(folder / "fly.camera.json").frames
    assert running.http.get("/v1/sessions").json()["data"] == []


def test_a_server_that_goes_down_leaves_what_was_flown_and_a_sentence(folder: Path, tmp_path: Path) -> None:
    drive, opening = shot(folder, "w-4000")
    halfway, ended = threading.Event(), []

    def fly() -> None:
        with Client(server.address) as client:
            info, out = model(client, "toy"), folder / "fly.mp4"
            with pytest.raises(InputError) as error:
                run_afar(client, info, opening, out, drive, after=lambda _: halfway.set())
        ended.append(str(error.value))

    with serving(tmp_path / "data") as server:
        flying = threading.Thread(target=fly)
        flying.start()
        assert halfway.wait(30)
    flying.join(30)
    assert ended == [f"{server.address}: the flight was ended there (the server is going down)"]
    film, _ = read_video(folder / "fly.mp4")
    assert len(film) == CameraPath.load(folder / "fly.camera.json").frames > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "clip"), "clip makes whole clips; a live flight needs a streaming model"),
        (("--model", "sora"), "has no model called 'sora'; it has toy, tiny, clip"),
        (("--model", "toy", "--device", "cpu"), "--device is the server's choice"),
        (("--model", "toy", "--server", "http://127.0.0.1:9"), "`flythrough serve` starts a server"),
        (("--model", "toy", "--server", "127.0.0.1"), "expected an address"),
    ],
)
def test_what_cannot_be_driven_is_one_sentence(
    running: Running, folder: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=said):
        typed("drive", "w-8", "--server", running.address, *words)
    assert not (folder / "drive.mp4").exists()


def test_a_token_is_needed_where_the_server_has_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with serving(tmp_path / "data", token=TOKEN) as server:
        words = ("drive", "w-8", "--server", server.address, "--model", "toy", "--image", "first.png")
        give = "give it as --token or FLYTHROUGH_TOKEN"
        with pytest.raises(InputError, match=f"it wants its token; {give}"):
            typed(*words)
        with pytest.raises(InputError, match=f"it knows another token; {give}"):
            typed(*words, "--token", "not the right one")
        monkeypatch.setenv("FLYTHROUGH_TOKEN", TOKEN)
        typed(*words)
    assert CameraPath.load(folder / "drive.camera.json").frames == 9


def test_without_a_recording_the_studio_opens_where_it_flies(
    running: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "browser").write_text('#!/bin/sh\nprintf %s "$1" > page\n')
    (folder / "browser").chmod(0o700)
    monkeypatch.setitem(ENVIRONMENT, "BROWSER", f"{folder}/browser")
    opened = flythrough(folder, "drive", "--server", running.address)
    assert opened.returncode == 0, opened.stderr
    assert (folder / "page").read_text() == f"{running.address}/#fly"
    assert opened.stdout == f"{running.address}/#fly: it is open in your browser\n"

    for words, said in (
        (("--prompt", "hills"), "leave out --prompt"),
        (("--out", "fly.mp4"), "leave out --out"),
        (("--server", "http://127.0.0.1:9"), "`flythrough serve` starts a server"),
    ):
        with pytest.raises(InputError, match=said):
            typed("drive", "--server", running.address, *words)
