"""Keys and poses of a live flight reach its chunks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from flythrough.camera.keys import DIALECTS
from flythrough.errors import InputError
from flythrough.serve.controls import Controls, Flown, Held
from flythrough.serve.realtime import POSES, Rejected, event_of, pack

LENS = torch.tensor([50.0, 50.0, 48.0, 32.0], dtype=torch.float64)


def controls() -> Controls:
    return Controls(DIALECTS["flythrough"], 64, 96)


def heard(steering: Controls, kind: str, payload: Any, **more: Any) -> None:
    steering.hear(event_of(pack({"type": "event", "kind": kind, "payload": payload} | more)))  # pyrefly: ignore


def state(*states: str, **more: Any) -> dict[str, Any]:
    return {"mode": "state", "transitions": [{"actions": list(keys)} | more for keys in states]}


def taken(steering: Controls, frames: int = 24, first: bool = False) -> list[tuple[str, int]]:
    pieces, _ = steering.take(frames, first, LENS)
    return [
        ("".join(sorted(p.keys)), p.frames) if isinstance(p, Held) else ("poses", len(p.c2w)) for p in pieces
    ]


def test_keys_are_held_until_further_notice() -> None:
    steering = controls()
    assert taken(steering) == [("", 24)]
    heard(steering, "camera_actions", state("W", "wd"))
    assert taken(steering) == [("dw", 24)]
    assert taken(steering) == [("dw", 24)]
    heard(steering, "camera_actions", state(""))
    assert taken(steering) == [("", 24)]


def test_a_key_pressed_and_released_between_two_chunks_counts_for_eight_frames() -> None:
    steering = controls()
    heard(steering, "camera_actions", state("w"))
    heard(steering, "camera_actions", state("w", "wd", "w"))
    heard(steering, "camera_actions", state(""))
    assert taken(steering) == [("dw", 8), ("", 16)]
    assert taken(steering) == [("", 24)]
    heard(steering, "camera_actions", state("w", ""))
    assert taken(steering, 8) == [("w", 8)]
    assert taken(steering, 8) == [("", 8)]


def test_a_key_that_was_flown_already_stops_when_it_is_released() -> None:
    steering = controls()
    heard(steering, "camera_actions", state("w"))
    taken(steering)
    heard(steering, "camera_actions", state(""))
    assert taken(steering) == [("", 24)]


def test_a_script_replaces_what_was_queued_and_ends_in_no_keys() -> None:
    steering = controls()
    heard(steering, "action", "w-40")
    heard(steering, "camera_actions", [["w"], ["w", "l"], ["l", "w"], []])
    assert taken(steering, 8) == [("w", 1), ("lw", 2), ("", 5)]
    heard(steering, "action", "w-12,none-2,d-2")
    assert taken(steering, 8) == [("w", 8)]
    heard(steering, "camera_actions", state("s"))
    assert taken(steering, 8) == [("s", 8)]


def test_a_chunk_says_which_event_it_heard_of_and_when_it_was_sent() -> None:
    steering = controls()
    assert steering.take(8, False, LENS)[1].event_id is None
    heard(steering, "camera_actions", state("w", client_ts_ms=12.5), event_id=9)
    first = steering.take(8, False, LENS)[1]
    assert (first.event_id, first.client_ts_ms) == (9, 12.5)
    assert first.arrived is not None
    again = steering.take(8, False, LENS)[1]
    assert (again.event_id, again.client_ts_ms, again.arrived) == (9, None, None)


def test_poses_wait_for_a_whole_chunk_and_keep_their_lenses() -> None:
    steering = controls()
    eye = torch.eye(4).tolist()
    heard(steering, "poses", {"c2w": [eye] * 5})
    heard(steering, "poses", {"c2w": [eye] * 4, "intrinsics": [60.0, 60, 48, 32]})
    assert not steering.ready(10)
    assert steering.ready(9)
    pieces, _ = steering.take(8, True, LENS)
    (piece,) = pieces
    assert isinstance(piece, Flown)
    assert piece.intrinsics[:, 0].tolist() == [50.0] * 5 + [60.0] * 4
    assert not steering.ready(1)
    heard(steering, "camera_actions", state("w"))
    assert steering.ready(8)
    assert taken(steering, 8) == [("w", 8)]


def test_a_path_given_at_the_start_is_flown_and_then_the_camera_stays() -> None:
    steering = controls()
    steering.follow([torch.eye(4).tolist()] * 12, None, wait=False)
    assert taken(steering, 8, first=True) == [("poses", 9)]
    assert taken(steering, 8) == [("poses", 3), ("", 5)]
    assert taken(steering, 8) == [("", 8)]


@pytest.mark.parametrize(
    ("kind", "payload", "text"),
    [
        ("camera_actions", [["x"]], "'x' is no key of flythrough"),
        ("camera_actions", state("w", "?"), "is no key"),
        ("action", "w-", "segment 1"),
        ("action", "w-5000", "5000 frames; at most 4096"),
        ("poses", {"c2w": [torch.zeros(4, 4).tolist()]}, "c2w"),
        (
            "poses",
            {"c2w": [torch.eye(4).tolist()] * 2, "intrinsics": [[60.0, 60, 48, 32]] * 3},
            "2 poses and 3 lenses",
        ),
        ("poses", {"c2w": [torch.eye(4).tolist()], "intrinsics": [0.5, 0.5, 0, 0]}, "field of view"),
    ],
)
def test_what_cannot_be_flown_is_refused_and_changes_nothing(kind: str, payload: Any, text: str) -> None:
    steering = controls()
    heard(steering, "camera_actions", state("w"))
    with pytest.raises(InputError, match=text):
        heard(steering, kind, payload)
    assert taken(steering) == [("w", 24)]


def test_only_so_many_poses_wait() -> None:
    steering = controls()
    heard(steering, "poses", {"c2w": [torch.eye(4).tolist()] * POSES})
    with pytest.raises(Rejected, match="960 poses wait already") as error:
        heard(steering, "poses", {"c2w": [torch.eye(4).tolist()]})
    assert (error.value.code, error.value.retryable) == ("queue_full", True)
