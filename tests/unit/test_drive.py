"""Recorded drives as camera paths, played, edited, and recorded from hands at a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flythrough.camera.drive import Drive, Event
from flythrough.camera.files import read_json
from flythrough.camera.keys import DIALECTS, parse_keys
from flythrough.camera.path import CameraPath
from flythrough.drive import Figures, Hands, Recorder, fly, play, read
from flythrough.errors import InputError
from tests import flights

KEYS = "w-13,wd-5,none-9,aj-6"
HAND_MADE: dict[str, Any] = {
    "format": "flythrough.drive",
    "version": 1,
    "fov_deg": 60,
    "events": [
        {"t": 0, "keys": "W", "say": "hills"},
        {"t": 0.51, "keys": "w + d"},
        {"t": 1, "say": "hills in the snow"},
        {"t": 1.5, "keys": "none"},
    ],
    "end": 2,
}


def written(folder: Path, **changes: Any) -> Path:
    """A file as a hand writes it; a field of None is left out."""
    data = {name: value for name, value in (HAND_MADE | changes).items() if value is not None}
    (folder / "drive.json").write_text(json.dumps(data))
    return folder / "drive.json"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_drive_flies_where_its_keys_fly(dialect: str) -> None:
    drive = Drive.from_keys(KEYS, dialect)
    assert torch.equal(drive.c2w(), parse_keys(KEYS, dialect))
    assert drive.seconds == 33 / 16


@pytest.mark.parametrize("fps", [16.0, 24.0, 29.97, 1 / 3])
def test_a_drive_read_back_is_the_same(tmp_path: Path, fps: float) -> None:
    drive = Drive.from_keys(KEYS, "sana-wm", fps=fps, height=64, width=96, lens=(70.1, 70.2, 48.0, 31.0))
    events = (*drive.events[:2], Event(frame=13, say='night, "Zürich"\n夜'), *drive.events[2:])
    drive = Drive(**(vars(drive) | {"events": events}))
    drive.write(tmp_path / "drive.json")
    assert Drive.read(tmp_path / "drive.json") == drive
    assert {file.name for file in tmp_path.iterdir()} == {"drive.json"}


def test_a_file_made_by_hand_is_a_camera_path(tmp_path: Path) -> None:
    path = CameraPath.parse(str(written(tmp_path)), height=256, width=448)
    assert torch.equal(path.c2w, parse_keys("w-8,wd-16,none-8"))
    torch.testing.assert_close(path.fov_deg[:, 0], torch.full((33,), 60.0).double())
    assert (path.height, path.width, path.fps) == (256, 448, 16)

    bare = CameraPath.parse(str(written(tmp_path, fov_deg=None, fps=8)), height=64, width=96, fov_deg=80)
    assert (bare.frames, bare.height, bare.fps) == (17, 64, 8)
    torch.testing.assert_close(bare.fov_deg[0, 0].item(), 80.0)


def test_of_keys_in_one_frame_the_last_are_held_and_all_prompts_are_said() -> None:
    d, w = frozenset("d"), frozenset("w")
    events = (Event(frame=2, keys=d), Event(frame=2, keys=w, say="a"), Event(frame=2, say="b"))
    spans = list(Drive(events=events, frames=5).spans())
    assert [(set(span.keys), span.frames, span.say) for span in spans] == [
        (set(), 2, None),
        ({"w"}, 0, "a"),
        ({"w"}, 3, "b"),
    ]


def test_an_opening_prompt_can_be_left_to_the_opening(tmp_path: Path) -> None:
    drive = Drive.read(written(tmp_path))
    assert drive.opening_prompt == "hills"
    assert drive.unsaid().opening_prompt is None
    assert torch.equal(drive.unsaid().c2w(), drive.c2w())
    assert [event.say for event in drive.unsaid().events if event.say] == ["hills in the snow"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 2}, "version is 2"),
        ({"format": "flythrough.camera"}, "c2w"),
        ({"frames": 3}, "unknown field 'frames'"),
        ({"events": None}, "no events"),
        ({"end": None}, "no end"),
        ({"end": 0}, "at least one frame"),
        ({"end": -1}, "end is -1"),
        ({"end": "2 s"}, "end is 2 s"),
        ({"end": float("nan")}, "end is nan"),
        ({"end": 10**400}, "end is 1000"),
        ({"end": 3601}, "an hour"),
        ({"fps": 0}, "fps is 0"),
        ({"width": 96.5}, "width is 96.5"),
        ({"keys": "klingon"}, "klingon"),
        ({"keys": ["flythrough"]}, "dialect"),
        ({"fov_deg": 5}, "field of view"),
        ({"fov_deg": "wide"}, "fov_deg is wide"),
        ({"intrinsics": [1, 2, 3, 4]}, "both"),
        ({"fov_deg": None, "intrinsics": [300, 300, 224]}, "four numbers"),
        ({"events": {}}, "not a list"),
        ({"events": ["w"]}, "event 0 is not an object"),
        ({"events": [{"keys": "w"}]}, "event 0 has no t"),
        ({"events": [{"t": 0}]}, "neither keys nor say"),
        ({"events": [{"t": 0, "key": "w"}]}, "unknown field 'key'"),
        ({"events": [{"t": True, "keys": "w"}]}, "t is True"),
        ({"events": [{"t": 0, "keys": "w+x"}]}, "'x' is no key"),
        ({"events": [{"t": 0, "keys": ["w"]}]}, "letters in quotes"),
        ({"events": [{"t": 0, "say": 5}]}, "say is 5"),
        ({"events": [{"t": 1, "keys": "w"}, {"t": 0.5, "keys": ""}]}, "must not fall"),
        ({"events": [{"t": 2.5, "keys": "w"}]}, "after the drive's end"),
        ({"events": [{"t": 0, "say": "a" * 3000}]}, "3000 characters"),
    ],
)
def test_a_malformed_drive_is_refused_in_a_sentence(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says) as refusal:
        read(str(written(tmp_path, **changes)))
    assert "\n" not in str(refusal.value)


def test_a_path_of_poses_is_no_drive(tmp_path: Path) -> None:
    CameraPath.parse("w-4").save(tmp_path / "walk.json")
    assert "c2w" in read_json(tmp_path / "walk.json")
    with pytest.raises(InputError, match="no recorded drive"):
        read(str(tmp_path / "walk.json"))


def test_a_played_drive_shows_what_its_path_shows() -> None:
    drive = Drive.from_keys(KEYS, height=32, width=48)
    session, figures = flights.session(), Figures(16)
    film = np.concatenate(list(play(drive, session, figures)))
    assert torch.equal(session.path.take(slice(34)).c2w, drive.c2w())

    other = flights.session()
    c2w = drive.c2w()
    pushed = np.concatenate(
        [other.push(c2w, session.path.intrinsics[:1].expand(len(c2w), 4)), other.finish()]
    )
    np.testing.assert_array_equal(film, pushed)


def test_a_recorded_prompt_is_heard_from_its_next_chunk_on() -> None:
    said = Event(frame=8, say="snow")
    drive = Drive(events=(Event(frame=0, keys=frozenset("w")), said), frames=32)
    figures = Figures(16)
    session = flights.session(on_chunk=figures.chunk)
    list(play(drive, session, figures))
    heard = [receipt.prompts[-1][0] for receipt in session.receipts]
    assert heard == ["hills", "hills", "snow", "snow", "snow"]  # chunk 1 has been made by pose 8

    assert figures.frames == 33
    assert figures.real_time == pytest.approx(33 / 16 / sum(r.total_s for r in session.receipts))
    assert len(figures.waits) == 4
    assert "x real time" in figures.report()


def test_a_letter_is_held_while_it_repeats() -> None:
    hands = Hands(DIALECTS["flythrough"])
    hands.feed("w", 10.0)
    assert hands.look(10.4) == (frozenset("w"), 10.0)  # the pause before a keyboard repeats
    hands.feed("w", 10.45)
    assert hands.look(10.6) == (frozenset("w"), None)  # a repeat is no press
    assert hands.look(10.8) == (frozenset(), None)


def test_a_tap_between_two_looks_is_seen_once() -> None:
    hands = Hands(DIALECTS["flythrough"])
    hands.feed("d?5", 1.0)
    assert hands.look(9.0) == (frozenset("d"), 1.0)
    assert hands.look(9.1) == (frozenset(), None)


def test_a_capital_stays_held_until_it_is_typed_again_or_space() -> None:
    hands = Hands(DIALECTS["flythrough"])
    hands.feed("Wd", 1.0)
    assert hands.look(1.1)[0] == frozenset("wd")
    assert hands.look(5.0)[0] == frozenset("w")
    hands.feed("W", 6.0)
    assert hands.look(6.0)[0] == frozenset()
    hands.feed("Wad ", 7.0)
    assert hands.look(7.0)[0] == frozenset()


def test_a_prompt_is_written_between_two_enters_and_presses_nothing() -> None:
    hands = Hands(DIALECTS["flythrough"])
    hands.feed("\nwade ", 1.0)
    assert hands.typed == "wade "
    hands.feed("\x7f\x7fen x\n", 1.1)
    assert hands.said() == ["waden x"]
    assert (hands.said(), hands.typed, hands.ended) == ([], None, False)
    assert hands.look(1.2)[0] == frozenset()
    hands.feed("\nno", 2.0)
    hands.feed("\x1b", 2.1)  # forgets the prompt
    assert (hands.said(), hands.typed, hands.ended) == ([], None, False)


@pytest.mark.parametrize(("text", "ends"), [("x", True), ("\x04", True), ("\x1b", True), ("\x1b[A", False)])
def test_some_keys_end_the_drive(text: str, ends: bool) -> None:
    hands = Hands(DIALECTS["flythrough"])
    hands.feed(text, 1.0)
    assert hands.ended is ends
    assert hands.look(1.0)[0] == frozenset()  # an arrow's letter is no letter


def test_what_hands_did_can_be_played_again(tmp_path: Path) -> None:
    session, hands, recorder, figures = (
        flights.session(),
        Hands(DIALECTS["flythrough"]),
        Recorder(),
        Figures(16),
    )
    script = [(0.1, "W"), (0.6, "d"), (1.1, "\nsnow\n"), (1.6, "W"), (2.2, "x")]
    now, beats = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        while script and script[0][0] <= now:
            hands.feed(script.pop(0)[1], now)

    films = []
    for film in fly(session, hands, recorder, figures, clock=lambda: now, sleep=sleep):
        films.append(film)
        beats.append(now)
    assert beats == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])  # in time with the clock
    assert figures.answers == pytest.approx([0.4, 0.4], abs=0.03)  # a press waits for the next beat

    drive = recorder.drive(session, "hills")
    assert drive is not None
    drive.write(tmp_path / "drive.json")
    again = Drive.read(tmp_path / "drive.json")
    assert again == drive
    assert [span.say for span in again.spans()] == ["hills", None, None, "snow", None]
    replay = flights.session()
    film = np.concatenate(list(play(again, replay, Figures(16))))
    np.testing.assert_array_equal(film, np.concatenate(films))
    assert torch.equal(replay.path.c2w, session.path.c2w)
    assert torch.equal(CameraPath.parse(str(tmp_path / "drive.json"), height=32, width=48).c2w, again.c2w())


def test_a_drive_that_ends_at_once_is_none() -> None:
    session, hands, recorder = flights.session(), Hands(DIALECTS["flythrough"]), Recorder()
    hands.feed("x", 0.0)
    assert list(fly(session, hands, recorder, Figures(16))) == []
    assert recorder.drive(session) is None
