"""A live flight's frames in each form, and when they are begun."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import msgpack
import numpy as np
import pytest
from PIL import Image

from flythrough.media import read_video
from flythrough.serve.controls import Heard
from flythrough.serve.pace import MARGIN_S, Pace
from flythrough.serve.parcels import Chunk, Packer, wire
from flythrough.serve.realtime import Init

RAMP = np.linspace(0, 255, 96).astype(np.uint8)
FILM = np.stack([np.broadcast_to(np.roll(RAMP, 4 * i)[None, :, None], (64, 96, 3)) for i in range(25)])


def chunk(film: np.ndarray, first: int = 0, epoch: int = 0) -> Chunk:
    poses = np.arange(len(film))[:, None] * np.ones(16)
    return Chunk(
        film=film,
        index=3,
        request_id="r",
        first=first,
        poses=poses,
        heard=Heard(event_id=5, client_ts_ms=2.5, arrived=0.0),
        asked=0.0,
        begun=0.0,
        waited_s=0.0,
        made_s=0.25,
        ahead_s=0.0,
        prompt_share=0.5,
        epoch=epoch,
    )


def packer(**wanted: object) -> Packer:
    return Packer(Init(type="init", **wanted), "flight_1", 16.0)  # pyrefly: ignore


def test_raw_frames_come_sixteen_a_message_with_all_the_fields_of_the_peer() -> None:
    batches = packer().pack(chunk(FILM, first=24)).batches
    header, _ = batches[0]
    wanted = {
        "content_type": "application/x-raw-rgb",
        "format": "rgb24",
        "encoding": "raw",
        "width": 96,
        "height": 64,
    }
    wanted |= {"channels": 3, "bytes_per_frame": 18432, "raw_size": 16 * 18432, "total_size": 16 * 18432}
    wanted |= {
        "chunk_index": 3,
        "num_frames": 16,
        "frame_batch_index": 0,
        "num_frame_batches": 2,
        "request_id": "r",
    }
    wanted |= {"is_final_frame_batch": False, "event_id": 5}
    wanted |= {
        "session_id": "flight_1",
        "first_frame": 24,
        "client_ts_ms": 2.5,
        "make_ms": 250,
        "pose": [15.0] * 16,
    }
    assert {name: header[name] for name in wanted} == wanted
    last, _ = batches[1]
    assert (last["num_frames"], last["first_frame"], last["is_final_frame_batch"]) == (9, 40, True)
    assert b"".join(payload for _, payload in batches) == FILM.tobytes()


@pytest.mark.parametrize(("kind", "error"), [("webp", 3), ("jpeg", 2)])
def test_previews_are_pictures_six_a_message_and_as_wide_as_asked(kind: str, error: float) -> None:
    batches = packer(realtime_output_format=kind).pack(chunk(FILM[:9])).batches
    assert [header["num_frames"] for header, _ in batches] == [6, 3]
    found, (header, payload) = [], batches[0]
    for length in header["payload_lengths"]:
        found.append(np.asarray(Image.open(BytesIO(payload[:length]))))
        payload = payload[length:]
    assert payload == b""
    assert np.abs(np.stack(found).astype(float) - FILM[:6]).mean() < error
    assert header["content_type"] == f"image/{kind}"

    (header, payload), *_ = (
        packer(realtime_output_format=kind, realtime_preview_max_width=48).pack(chunk(FILM)).batches
    )
    assert Image.open(BytesIO(payload[: header["payload_lengths"][0]])).size == (48, 32)
    names = ("width", "height", "preview_width", "preview_height", "source_width", "source_height")
    assert [header[name] for name in names] == [48, 32, 48, 32, 96, 64]


def test_pieces_of_an_mp4_follow_one_header_and_a_way_back_brings_another(tmp_path: Path) -> None:
    pack = packer(realtime_output_format="fmp4").pack
    parts = [pack(chunk(FILM[:9])).batches, pack(chunk(FILM[9:17], first=9)).batches]
    (tmp_path / "film.mp4").write_bytes(b"".join(payload for batches in parts for _, payload in batches))
    film, fps = read_video(tmp_path / "film.mp4")
    assert (film.shape, fps) == ((17, 64, 96, 3), 16.0)
    headers = [batches[0][0] for batches in parts]
    assert headers[0]["header_bytes"] > 0 == headers[1]["header_bytes"]
    assert headers[0]["codecs"].startswith("avc1.")
    assert pack(chunk(FILM[:8], first=9, epoch=1)).batches[0][0]["header_bytes"] > 0


def test_small_frames_travel_with_their_header_and_large_ones_behind_it() -> None:
    (small,) = wire({"a": 1}, b"x" * 65535)
    assert msgpack.unpackb(small) == {"type": "frame_batch", "a": 1, "payload": b"x" * 65535}
    header, payload = wire({"a": 1}, b"x" * 65536)
    assert msgpack.unpackb(header) == {"type": "frame_batch_header", "a": 1}
    assert payload == b"x" * 65536


def test_a_paced_chunk_is_begun_as_late_as_its_making_allows_and_never_more_than_a_chunk_ahead() -> None:
    pace = Pace(16.0, 8, True)
    assert pace.begin_at(10.0) == 10.0
    pace.made(9, 0.2, 10.0)  # shown until 10.5625
    assert pace.begin_at(10.0) == pytest.approx(10.5625 - 1.25 * 0.2 - MARGIN_S)
    assert pace.ahead(10.25) == pytest.approx(0.3125)
    pace.made(8, 2.0, 10.5)  # slow: the next one is begun a chunk ahead, not more
    assert pace.begin_at(10.6) == pytest.approx(11.0625 - 0.5)
    pace.made(8, 0.2, 20.0)  # late: the clock begins again
    assert pace.ahead(20.0) == pytest.approx(0.5)
    pace.restart()
    assert pace.begin_at(30.0) == 30.0


def test_without_pacing_a_chunk_is_begun_at_once() -> None:
    pace = Pace(16.0, 8, False)
    pace.made(9, 0.2, 10.0)
    assert pace.begin_at(10.0) == 10.0
