"""A film stopped at any moment is taken up to the same bytes; what cannot be taken up is refused in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import ContactSheet, read_video
from flythrough.order import Order
from flythrough.pipeline import Pipeline
from flythrough.presets import PRESETS, preset
from flythrough.resume import Flight, begin, resume
from flythrough.session import Session
from flythrough.shot import Shot
from tests.flights import FIRST, path, two_stages
from tests.toys import toy

FRAMES = 92  # four chunks of 24 frames: the first has one more, and of the last the path needs some


@pytest.fixture(autouse=True, scope="module")
def toys() -> Iterator[None]:
    known = dict(PRESETS)
    two_stages()
    PRESETS["toy clip"] = toy("whole")
    yield
    PRESETS.clear()
    PRESETS.update(known)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stopped(tmp_path_factory.mktemp("once") / "a", 3).parent


@pytest.fixture
def out(once: Path, tmp_path: Path) -> Path:
    """A film that was stopped after three chunks, with a state of two."""
    return shutil.copytree(once, tmp_path / "a") / "fly.mp4"


def order(out: Path, **more: Any) -> Order:
    shot = Shot(camera=path(FRAMES), image=FIRST, prompt="hills", seed=4, steps=1)
    plain = Order(out=out, shot=shot, model="toy", random_weights=True, device="cpu", dtype=torch.float32)
    given: dict[str, Any] = {"contact_sheet": True, "save_every": 2} | more
    return replace(plain, **given)


def fly(flight: Flight, chunks: int | None = None, save: bool = False) -> None:
    """To the end, or until so many chunks are made and the process is told to stop."""
    with flight:
        for number, _ in enumerate(flight, 1):
            if number == chunks:
                if save:
                    flight.save()
                raise KeyboardInterrupt


def stopped(folder: Path, chunks: int, name: str = "fly.mp4", **more) -> Path:
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        fly(begin(order(folder / name, **more)), chunks)
    return folder / name


def taken_up(out: Path) -> list[str]:
    """Resume to the end; what was noted."""
    notes: list[str] = []
    fly(resume(out, notes.append))
    return notes


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(params=["fly.mp4", "fly.m3u8"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_whatever_moment_it_is_killed_at_the_film_becomes_the_same(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments: list[Path] = []

    def now() -> None:
        """What a kill would leave behind now."""
        moments.append(tmp_path / f"{len(moments)}")
        shutil.copytree(tmp_path / "whole", moments[-1])

    def half(snapshot: Session, file: Path) -> dict[str, int]:
        now()
        sizes = write(snapshot, file)
        whole = file.read_bytes()
        file.with_name(f"{file.name}.part").write_bytes(whole[: len(whole) // 2])
        now()
        file.with_name(f"{file.name}.part").unlink()
        return sizes

    write = Session.snapshot
    (tmp_path / "whole").mkdir()
    with monkeypatch.context() as patch, begin(order(tmp_path / "whole" / name)) as flight:
        patch.setattr(Session, "snapshot", half)
        now()
        for _ in flight:
            now()
    expected = content(tmp_path / "whole")

    assert len(moments) >= 7
    assert f"{name}.resume/state.safetensors" in content(moments[-1])
    for moment in moments:
        assert taken_up(moment / name) == []
        assert content(moment) == expected
        assert not (moment / f"{name}.resume").exists()


def test_a_film_that_is_stopped_again_and_again_becomes_the_same(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    fly(begin(order(tmp_path / "whole" / "fly.mp4")))
    out = stopped(tmp_path / "a", 1, save_every=1)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fly(resume(out, pytest.fail), 1)
    taken_up(out)

    assert content(tmp_path / "a") == content(tmp_path / "whole")


def test_what_is_saved_on_the_way_out_need_not_be_made_again(tmp_path: Path) -> None:
    flight = begin(order(tmp_path / "fly.mp4"))
    with pytest.raises(KeyboardInterrupt):
        fly(flight, 1, save=True)
    assert 25 <= flight.frames < FRAMES
    with resume(tmp_path / "fly.mp4", pytest.fail) as again:
        assert again.frames == flight.frames
        for _ in again:
            pass
    assert len(read_video(tmp_path / "fly.mp4")[0]) == FRAMES


def test_a_deleted_film_is_made_again_from_its_first_frame_and_that_is_said(
    out: Path, tmp_path: Path
) -> None:
    before = content(tmp_path / "a")["fly.mp4"]
    out.unlink()
    (note,) = taken_up(out)

    assert note == f"{out} is not there any more, so it is made again from its first frame"
    assert len(read_video(out)[0]) == FRAMES
    assert np.array_equal(read_video(out, 1)[0], read_video_of(before, tmp_path)[:1])


def read_video_of(data: bytes, folder: Path) -> np.ndarray:
    (folder / "before.mp4").write_bytes(data)
    return read_video(folder / "before.mp4")[0]


def refusal(out: Path) -> str:
    """Why a film is not taken up; nothing of it has changed."""
    before = content(out.parent)
    with pytest.raises(InputError) as caught:
        resume(out, pytest.fail)
    assert content(out.parent) == before
    return str(caught.value)


def test_without_a_state_there_is_nothing_to_resume(tmp_path: Path, name: str) -> None:
    fly(begin(order(tmp_path / name)))
    sentence = (
        f"{tmp_path / name}: there is nothing to resume; an unfinished film has its state in "
        f"{tmp_path / name}.resume, a finished one has none"
    )
    assert refusal(tmp_path / name) == sentence
    assert "there is nothing to resume" in refusal(tmp_path / "no.mp4")
    with pytest.raises(InputError, match="standard output cannot be resumed"):
        resume(Path("-"), pytest.fail)


def test_a_film_killed_when_nothing_was_left_to_do_is_finished(out: Path, tmp_path: Path) -> None:
    keep = shutil.copytree(tmp_path / "a" / "fly.mp4.resume", tmp_path / "keep")
    taken_up(out)
    before = content(tmp_path / "a")
    shutil.copytree(keep, tmp_path / "a" / "fly.mp4.resume")

    with pytest.raises(InputError, match=f"it is finished, with all its {FRAMES} frames"):
        resume(out, pytest.fail)
    assert content(tmp_path / "a") == before


@pytest.mark.parametrize("file", ["shot.json", "camera.npz", "first.png", "cells.npy", "state.safetensors"])
@pytest.mark.parametrize("half", [True, False])
def test_damage_is_named(out: Path, tmp_path: Path, file: str, half: bool) -> None:
    broken = tmp_path / "a" / "fly.mp4.resume" / file
    data = broken.read_bytes()
    broken.write_bytes(data[: len(data) // 2] if half else b"\0" * len(data))

    assert file in refusal(out)


def test_a_number_that_another_one_replaced_in_the_state_is_found(out: Path, tmp_path: Path) -> None:
    state = tmp_path / "a" / "fly.mp4.resume" / "state.safetensors"
    data = bytearray(state.read_bytes())
    data[-9] ^= 1
    state.write_bytes(data)

    said = refusal(out)
    assert "the snapshot is damaged" in said
    assert said.endswith("; without this file, the film would begin again")


def test_a_film_that_the_state_is_not_of_is_left_alone(out: Path, tmp_path: Path) -> None:
    other = order(tmp_path / "b.mp4")
    fly(begin(replace(other, shot=replace(other.shot, seed=5))))
    shutil.copy(tmp_path / "b.mp4", out)
    assert "this is not the film whose state lies in" in refusal(out)

    out.write_bytes(b"no film")
    assert "cannot be read as a video" in refusal(out)


def test_a_film_that_is_behind_its_state_is_left_alone(out: Path, tmp_path: Path) -> None:
    early = stopped(tmp_path / "b", 1)
    shutil.copy(early, out)
    assert "cannot be continued after frame 49 of 25" in refusal(out)


def test_other_weights_do_not_go_on_with_it(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Pipeline.random
    monkeypatch.setattr(Pipeline, "random", lambda model, seed, **more: load(model, seed + 1, **more))

    assert "whose weights, dtype or stages are not those loaded here" in refusal(out)


def test_weights_that_are_gone_are_named(out: Path, tmp_path: Path) -> None:
    asked = tmp_path / "a" / "fly.mp4.resume" / "shot.json"
    gone = str(tmp_path / "weights")
    asked.write_text(json.dumps(json.loads(asked.read_text()) | {"model": gone, "random_weights": False}))

    assert f"{gone}: there is no such folder" in refusal(out)


def test_one_film_is_made_by_one_process(tmp_path: Path) -> None:
    flight = begin(order(tmp_path / "fly.mp4"))
    with flight:
        assert next(iter(flight))
        for start in (lambda: resume(tmp_path / "fly.mp4", pytest.fail), lambda: begin(flight.order)):
            with pytest.raises(InputError, match="another process is making this film"):
                start()


def test_another_flight_to_the_same_output_replaces_film_and_state(out: Path, tmp_path: Path) -> None:
    wanted = order(out)
    flight = begin(replace(wanted, shot=replace(wanted.shot, seed=5, image=None)))

    assert sorted(file.name for file in Path(f"{out}.resume").iterdir()) == ["camera.npz", "shot.json"]
    assert json.loads(Path(f"{out}.resume/shot.json").read_text())["seed"] == 5
    del flight


def test_what_is_not_ours_stays_in_the_folder(out: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "fly.mp4.resume" / "notes.txt").write_text("mine")
    taken_up(out)
    assert content(tmp_path / "a" / "fly.mp4.resume") == {"notes.txt": b"mine"}


@pytest.mark.parametrize("more", [{"save_every": 0}, {"model": "toy clip"}])
def test_without_states_a_film_leaves_none(tmp_path: Path, more: dict) -> None:
    flight = begin(order(tmp_path / "fly.mp4", **more))
    with pytest.raises(KeyboardInterrupt):
        fly(flight, 1)
    assert not flight.resumable
    assert "fly.mp4.resume" not in {file.name for file in tmp_path.iterdir()}


def test_stopped_before_its_first_frame_it_leaves_nothing(tmp_path: Path) -> None:
    flight = begin(order(tmp_path / "fly.mp4"))
    with pytest.raises(KeyboardInterrupt), flight:
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_fewer_than_no_chunks_between_states_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every -1 chunks"):
        order(tmp_path / "fly.mp4", save_every=-1)


@pytest.mark.parametrize(("asked", "mini", "large"), [(None, 8, 40), (3, 3, 3), (0, 0, 0)])
def test_how_often_a_state_is_written_is_the_models_own_number_unless_told(
    tmp_path: Path, asked: int | None, mini: int, large: int
) -> None:
    asked_for = order(tmp_path / "fly.mp4", save_every=asked)
    assert asked_for.chunks_apart(preset("mini")) == mini
    assert asked_for.chunks_apart(preset("sana-wm-streaming")) == large


def test_a_path_comes_back_exactly(out: Path, tmp_path: Path) -> None:
    flight = resume(out, pytest.fail)
    with pytest.raises(KeyboardInterrupt):
        fly(flight, 1)
    shot, again = order(out).shot, flight.order.shot
    assert shot.metadata() == again.metadata()
    assert np.array_equal(np.asarray(shot.image), np.asarray(again.image))
    assert isinstance(again.camera, CameraPath)


@pytest.mark.parametrize("frames", [1, 2, 30, 100])
def test_a_contact_sheet_is_taken_up_at_any_frame(frames: int) -> None:
    film = np.random.default_rng(1).integers(0, 255, (100, 32, 48, 3), np.uint8)
    whole, late = ContactSheet(100), ContactSheet(100)
    whole.add(film)
    late.take_up(whole.cells, frames)
    late.add(film[frames:])
    assert np.array_equal(whole.picture(), late.picture())

    with pytest.raises(InputError, match="these are not they"):
        late.take_up(whole.cells[:0], frames)
