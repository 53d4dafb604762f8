"""Live flights over a real WebSocket: the frames are a session's, and nobody disturbs anybody."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus

from flythrough.camera.path import CameraPath
from flythrough.serve.realtime import pack
from flythrough.session import Session
from flythrough.shot import Shot
from tests.flights import FIRST, two_stages
from tests.pilots import Pilot, serving

STRICT = {
    "frame_batch_header",
    "frame_batch",
    "chunk_stats",
    "error",
}  # all that the peer's server ever sends


def png(picture: np.ndarray = FIRST) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


OPENING = {"prompt": "hills", "first_frame": png(), "seed": 5, "num_inference_steps": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    with serving(tmp_path_factory.mktemp("data"), sessions=6) as running:
        yield running


def session(app: Any, rewinds: int = 0) -> Session:
    """The flight of OPENING without any server."""
    camera = CameraPath.parse("none-1", height=64, width=96)
    shot = Shot(camera=camera, prompt="hills", image=FIRST, seed=5, steps=1)
    return app.state.server.models.get("tiny").open(shot, rewinds=rewinds)


def closed(pilot: Pilot) -> tuple[int, str]:
    """Hear what still comes; how it ends."""
    with suppress(ConnectionClosed):
        while True:
            pilot.hear()
    return pilot.socket.close_code or 0, pilot.socket.close_reason or ""


def way(frames: int) -> CameraPath:
    return CameraPath.parse("w-40,dw-24,iw-16,aw-40", height=64, width=96).take(slice(frames))


def poses(path: CameraPath, part: slice) -> dict[str, Any]:
    return {"c2w": path.c2w[part].tolist(), "intrinsics": path.intrinsics[part].tolist()}


def test_a_client_of_the_peers_gets_what_its_server_sends_and_the_frames_of_a_session(server) -> None:
    address, app = server
    with Pilot.at(address) as pilot:
        conditions = {"action": "w-8,wl-8"}
        pilot.init(
            **OPENING, size="96x64", fps=16, guidance_scale=1.0, max_chunks=3, condition_inputs=conditions
        )
        assert closed(pilot) == (1000, "generation complete")
    assert {message["type"] for message in pilot.others} == {"chunk_stats"}
    assert [header["num_frames"] for header in pilot.headers] == [9, 8, 8]
    assert [header["chunk_index"] for header in pilot.headers] == [0, 1, 2]
    np.testing.assert_array_equal(pilot.film, session(app).push("w-8,wl-8,none-8"))
    stats = pilot.others[-1]
    times = ("request_prepare", "scheduler_forward", "pace_wait", "header_write", "raw_payload_build")
    times += ("raw_write", "ws_write", "chunk_total")
    assert all(isinstance(stats[f"{name}_ms"], int) for name in times)
    assert {stats["request_id"], stats["session_id"]} == {
        pilot.headers[-1][f"{name}_id"] for name in ("request", "session")
    }
    assert (stats["num_frames"], stats["num_batches"], stats["raw_bytes"]) == (8, 1, 8 * 64 * 96 * 3)


def test_an_invalid_init_is_answered_and_another_one_is_heard(server) -> None:
    address, _ = server
    with Pilot.at(address) as pilot:
        for field, text in (
            ({"first_frame": "/etc/passwd"}, "paths are not opened"),
            ({"first_frame": "https://example.com/a.png"}, "URLs are not fetched"),
            ({"condition_inputs": {"camera_path": "../walk.npy"}}, "opens no path"),
            ({"first_frame": b"no picture"}, "none that can be read"),
            ({"session": "../../etc"}, "there is no flight"),
            ({"size": "1280x704"}, "tiny flies at 96x64"),
            ({"fps": 24}, "tiny flies at 16"),
            ({"model": "../mini"}, "there is no model"),
            ({"world": {"seed": 1, "kind": "swamp"}, "first_frame": None}, "no kind of world"),
            ({"keys": "klingon"}, "keys dialect"),
            ({"guidance_scale": 5.0}, "guidance_scale"),
            ({"condition_inputs": {"action": "w-8", "camera_actions": [["w"]]}}, "one is enough"),
            ({"condition_inputs": {"action": "x-8"}}, "is no key"),
            ({"seed": -1}, "seed"),
        ):
            pilot.init(**OPENING | field)
            answer = pilot.hear()
            assert answer["type"] == "error"
            assert text in answer["content"]
        pilot.init(**OPENING, num_frames=12)
        assert closed(pilot) == (1000, "generation complete")
    assert len(pilot.film) == 12


def test_held_keys_are_heard_by_the_next_chunk_and_a_tap_lasts_eight_frames(server) -> None:
    address, app = server
    with Pilot.at(address) as pilot:
        pilot.init(**OPENING, extensions=True, paused=True)
        assert pilot.hear()["paused"]
        transitions = [{"actions": ["w"], "client_ts_ms": 1}, {"actions": [], "client_ts_ms": 2}]
        pilot.event("camera_actions", {"mode": "state", "transitions": transitions}, event_id=7)
        pilot.event("resume")
        pilot.chunks(2)
        pilot.event("pause")
        pilot.until("paused")
    heard = [(header.get("event_id"), header["client_ts_ms"]) for header in pilot.headers[:2]]
    assert heard == [(7, 2.0), (7, None)]
    assert pilot.headers[0]["control_ms"] >= pilot.headers[0]["make_ms"]
    assert pilot.headers[1]["control_ms"] is None
    flight = session(app)
    np.testing.assert_array_equal(pilot.film[:17], flight.push("w-8,none-8"))
    np.testing.assert_allclose(pilot.headers[1]["pose"], flight.path.c2w[16].flatten().tolist())


def test_poses_prompts_a_way_back_and_a_fork_are_those_of_a_session(server) -> None:
    address, app = server
    path, flight = way(97), session(app, rewinds=4)
    push = lambda begin, end: flight.push(path.c2w[begin:end], path.intrinsics[begin:end])  # noqa: E731
    with Pilot.at(address) as pilot, Pilot.at(address) as second:
        pilot.init(**OPENING, extensions=True, rewinds=4, paused=True)
        assert pilot.hear()["letters"][:2] == ["w", "s"]
        pilot.event("poses", poses(path, slice(0, 30)))
        pilot.event("resume")
        pilot.chunks(3)
        film = [push(0, 25)]
        pilot.event("prompt", {"prompt": "snow", "over": 2}, event_id=11)
        assert pilot.until("prompted") == {
            "type": "prompted",
            "prompt": "snow",
            "over": 2,
            "chunk": 4,
            "event_id": 11,
        }
        flight.say("snow", over=2)
        pilot.event("poses", poses(path, slice(30, 49)))
        pilot.chunks(3)
        film.append(push(25, 49))
        assert [header["prompt_share"] for header in pilot.headers[2:]] == [1.0, 0.5, 1.0, 1.0]

        pilot.event("rewind", {"chunks": 2})
        back = pilot.until("rewound")
        flight.rewind(2)
        assert (back["frames_made"], back["rewindable"]) == (33, flight.rewindable)
        pilot.event("rewind", {"chunks": 8})
        assert "it can take back 2" in pilot.hear()["content"]

        pilot.event("fork")
        id = pilot.until("forked")["session_id"]
        other = flight.fork()
        pilot.event("poses", poses(path, slice(33, 41)))
        pilot.chunks(1)
        film.append(push(33, 41))
        assert pilot.headers[-1]["first_frame"] == 33
        second.init(session=id, extensions=True)
        welcome = second.hear()
        assert (welcome["session_id"], welcome["frames_made"], welcome["resumed"]) == (id, 33, True)
        second.event("action", "aw-8")
        while not (
            second.headers and "control_ms" in second.headers[-1] and second.headers[-1]["control_ms"]
        ):
            second.chunks(1)
        pilot.event("path")
        assert pilot.until("path")["frames"] == 41
    np.testing.assert_array_equal(pilot.film, np.concatenate(film))
    coasting = (second.headers[-1]["first_frame"] - 33) // 8
    expected = [other.hold("", 8) for _ in range(coasting)] + [other.hold("aw", 8)]
    np.testing.assert_array_equal(second.film, np.concatenate(expected))


def test_a_flight_outlives_its_socket_its_memory_and_its_server_with_identical_frames(tmp_path: Path) -> None:
    path = way(73)
    with serving(tmp_path / "one", idle_s=0.4) as (address, app):
        flight = session(app)
        with Pilot.at(address) as pilot:
            pilot.init(**OPENING, extensions=True, paused=True)
            id = pilot.hear()["session_id"]
            pilot.event("poses", poses(path, slice(0, 28)))
            pilot.event("resume")
            pilot.chunks(3)
        with Pilot.at(address) as again:  # at once: it is in memory
            again.init(session=id, extensions=True, paused=True)
            assert again.hear()["frames_made"] == 25
            again.event("poses", poses(path, slice(25, 41)))
            again.event("resume")
            again.chunks(2)
        deadline = time.monotonic() + 15
        while httpx2.get(f"http://{address}/v1/sessions/{id}").json()["state"] != "stored":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert app.state.server.flights.figures()["in_memory"] == 0
        with Pilot.at(address) as back:  # later: it comes from disk
            back.init(session=id, extensions=True, paused=True)
            assert back.hear()["frames_made"] == 41
            back.event("poses", poses(path, slice(41, 57)))
            back.event("resume")
            back.chunks(2)
            back.event("snapshot")
            assert back.until("snapshot")["bytes"] > 10_000
            copied = shutil.copytree(tmp_path / "one" / "sessions", tmp_path / "two" / "sessions")
    assert list(copied.iterdir())
    film = [*pilot.payloads, *again.payloads, *back.payloads]
    for folder in ("one", "two"):  # a server that was stopped, and one that was killed after the snapshot
        with serving(tmp_path / folder) as (address, _), Pilot.at(address) as later:
            (known,) = httpx2.get(f"http://{address}/v1/sessions").json()["data"]
            assert (known["id"], known["state"], known["frames_made"]) == (id, "stored", 57)
            assert httpx2.get(f"http://{address}/v1/sessions/{id}/path?every=8").json()["frames"] == 57
            later.init(session=id, extensions=True, paused=True)
            later.event("poses", poses(path, slice(57, 73)))
            later.event("resume")
            later.chunks(2)
        whole = np.frombuffer(b"".join([*film, *later.payloads]), np.uint8).reshape(73, 64, 96, 3)
        flight = session(app) if folder == "two" else flight
        np.testing.assert_array_equal(whole, flight.push(path.c2w, path.intrinsics))


def test_a_newcomer_takes_a_flight_over_and_a_deleted_one_is_gone(server) -> None:
    address, _ = server
    with Pilot.at(address) as first, Pilot.at(address) as second:
        first.init(**OPENING, extensions=True)
        id = first.hear()["session_id"]
        second.init(session=id, extensions=True)
        assert closed(first) == (4001, "taken over")
        assert second.hear()["session_id"] == id
        second.chunks(1)
        url = f"http://{address}/v1/sessions/{id}"
        assert httpx2.get(url).json()["state"] == "flying"
        assert httpx2.delete(url).json() == {"id": id, "object": "flight.deleted", "deleted": True}
        assert closed(second) == (4004, "the flight was deleted")
    assert httpx2.get(url).status_code == 404
    assert id not in {flight["id"] for flight in httpx2.get(f"http://{address}/v1/sessions").json()["data"]}


def test_where_all_places_are_taken_a_newcomer_is_told_and_the_others_fly_on(tmp_path: Path) -> None:
    with serving(tmp_path, sessions=1) as (address, _), Pilot.at(address) as first:
        first.init(**OPENING)
        first.chunks(1)
        with Pilot.at(address) as second:
            second.init(**OPENING)
            answer = second.hear()
            assert (answer["code"], answer["retryable"]) == ("busy", True)
            assert closed(second) == (1008, "busy")
        first.chunks(1)
        first.event("stop")
        assert closed(first) == (1000, "stopped")
        with Pilot.at(address) as third:  # the first one makes room, and is kept
            third.init(**OPENING)
            third.chunks(1)
        states = {flight["state"] for flight in httpx2.get(f"http://{address}/v1/sessions").json()["data"]}
        assert "stored" in states


def garbage(address: str, seed: int) -> None:
    """All kinds of nonsense, before an init and after one."""
    rng = np.random.default_rng(seed)
    kinds = ["camera_actions", "poses", "prompt", "rewind", "shown", "land"]
    junk = [
        None,
        True,
        -1,
        2.5,
        float("nan"),
        "x" * 300,
        b"\0" * 300,
        [],
        {},
        [["w"]] * 3,
        {"mode": "state"},
        {"chunks": 9},
    ]
    for round in range(6):
        with Pilot.at(address) as pilot:
            if round % 2:
                pilot.init(**OPENING, extensions=bool(round % 4 == 1))
            try:
                for _ in range(40):
                    kind, payload = kinds[rng.integers(len(kinds))], junk[rng.integers(len(junk))]
                    message = pack({"type": "event", "kind": kind, "payload": payload})
                    roll = rng.integers(4)
                    if roll == 0:
                        message = rng.bytes(int(rng.integers(0, 400)))
                    elif roll == 1:
                        message = message[: rng.integers(len(message))]
                    pilot.socket.send("text" if roll == 2 else message)
            except ConnectionClosed:
                pass
            if round == 3:
                pilot.socket.socket.close()  # without a word


def test_garbage_and_broken_lines_hurt_nobody_else(server, caplog: pytest.LogCaptureFixture) -> None:
    address, app = server
    vandals = [threading.Thread(target=garbage, args=(address, seed)) for seed in range(2)]
    with Pilot.at(address) as pilot:
        pilot.init(**OPENING, num_frames=161, condition_inputs={"action": "w-80,dw-80"})
        for vandal in vandals:
            vandal.start()
        assert closed(pilot) == (1000, "generation complete")
        for vandal in vandals:
            vandal.join()
    np.testing.assert_array_equal(pilot.film, session(app).push("w-80,dw-80"))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert httpx2.get(f"http://{address}/health").status_code == 200


def test_a_client_that_does_not_read_waits_alone_and_is_put_out_in_the_end(server, monkeypatch) -> None:
    address, app = server
    flights = app.state.server.flights
    monkeypatch.setattr(flights, "limits", replace(flights.limits, stall_s=2.0))
    host, _, port = address.partition(":")
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    line.connect((host, int(port)))
    with Pilot.at(address, max_queue=1, sock=line) as sleeper, Pilot.at(address) as pilot:
        sleeper.init(**OPENING)
        sleeper.hear()
        asleep = sleeper.headers[0]["session_id"]
        pilot.init(**OPENING, num_frames=81)
        assert closed(pilot) == (1000, "generation complete")
        made = -1
        while (
            made != (made := flights.get(asleep).noted().frames_made)
            or flights.get(asleep).client is not None
        ):
            time.sleep(1.0)
        assert made < 3000  # what fits into the network's buffers, 18 kB a frame, and three chunks
        assert closed(sleeper)[0] in (1008, 1006)


def test_a_client_that_says_what_it_shows_is_never_sent_more_than_three_chunks_ahead(server) -> None:
    address, _ = server
    with Pilot.at(address) as pilot:
        pilot.init(**OPENING, extensions=True, paused=True)
        pilot.event("shown", {"frame": 0})
        pilot.event("resume")
        pilot.chunks(3)
        with pytest.raises(TimeoutError):
            pilot.hear(timeout=1.0)
        pilot.event("shown", {"frame": 8})
        pilot.chunks(1)
        with pytest.raises(TimeoutError):
            pilot.hear(timeout=1.0)


def test_a_paced_flight_keeps_the_clock_of_its_film(server) -> None:
    address, _ = server
    with Pilot.at(address) as pilot:
        pilot.init(**OPENING, realtime_output_pacing=True)
        pilot.chunks(1)
        begun = time.monotonic()
        pilot.chunks(4)
        assert time.monotonic() - begun > 4 * 0.5 - 0.5
        assert all(header["ahead_ms"] <= 500 for header in pilot.headers)


@pytest.mark.parametrize("kind", ["webp", "jpeg", "fmp4"])
def test_frames_come_in_the_form_that_was_asked_for(server, kind: str) -> None:
    address, _ = server
    with Pilot.at(address) as pilot:
        pilot.init(**OPENING, realtime_output_format=kind, max_chunks=2)
        assert closed(pilot) == (1000, "generation complete")
    assert {header["encoding"] for header in pilot.headers} == {kind}
    assert sum(header["num_frames"] for header in pilot.headers) == 17


def test_a_model_of_two_stages_and_long_chunks_is_flown_in_the_same_way(tmp_path: Path) -> None:
    two_stages()
    with serving(tmp_path, models=("toy",)) as (address, app), Pilot.at(address) as pilot:
        opening = {"prompt": "hills", "first_frame": png(), "seed": 5}
        pilot.init(**opening, condition_inputs={"action": "w-24,wd-24"}, max_chunks=2)
        assert closed(pilot) == (1000, "generation complete")
        camera = CameraPath.parse("none-1", height=64, width=96)
        flight = app.state.server.models.get("toy").open(
            Shot(camera=camera, prompt="hills", image=FIRST, seed=5)
        )
    assert [header["num_frames"] for header in pilot.headers] == [16, 9, 16, 8]
    np.testing.assert_array_equal(pilot.film, flight.push("w-24,wd-24"))


def test_a_world_can_be_flown_into(server) -> None:
    address, _ = server
    with Pilot.at(address) as pilot:
        pilot.init(world={"seed": 7, "kind": "meadow"}, num_inference_steps=1, extensions=True, max_chunks=1)
        assert "meadow" in pilot.hear()["prompt"]
        pilot.chunks(1)


def test_foreign_pages_foreign_names_and_strangers_stay_outside(tmp_path: Path) -> None:
    with serving(tmp_path, token="a-very-long-secret") as (address, _):
        right = {"Authorization": "Bearer a-very-long-secret"}
        for headers in (
            {},
            {"Authorization": "Bearer a-very-long-guess"},
            right | {"Origin": "https://evil.example"},
            right | {"Origin": "null"},
        ):
            with pytest.raises(InvalidStatus) as refused, Pilot.at(address, additional_headers=headers):
                pass
            assert refused.value.response.status_code in (401, 403)
        host, _, port = address.partition(":")
        with (
            socket.create_connection((host, int(port))) as line,
            pytest.raises(InvalidStatus) as refused,
            Pilot.at(f"evil.example:{port}", additional_headers=right, sock=line),
        ):
            pass
        assert refused.value.response.status_code == 403
        with Pilot.at(address, additional_headers=right, subprotocols=["flythrough"]) as pilot:
            assert pilot.socket.subprotocol == "flythrough"
            pilot.init(**OPENING, max_chunks=1)
            assert closed(pilot)[0] == 1000


def test_flights_take_turns(server) -> None:
    address, app = server
    flights = app.state.server.flights
    with Pilot.at(address) as one, Pilot.at(address) as other:
        ids = []
        for pilot in (one, other):
            pilot.init(**OPENING, extensions=True, paused=True, realtime_output_format="jpeg")
            ids.append(pilot.hear()["session_id"])
        for pilot in (one, other):
            pilot.event("resume")
        reader = threading.Thread(target=other.chunks, args=(20,))
        reader.start()
        one.chunks(20)
        made = [flights.get(id).noted().frames_made // 8 for id in ids]
        reader.join()
    assert abs(made[0] - made[1]) <= 4, made  # two that are on the way to each, at most
