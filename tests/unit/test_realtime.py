"""What a live client says is followed or refused in a sentence, whatever its bytes are."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flythrough.serve.realtime import (
    FIELD_BYTES,
    CameraActions,
    HeldKeys,
    Init,
    NewPrompt,
    Poses,
    Rejected,
    Say,
    event_of,
    init_of,
    pack,
    unpack,
)

POSE = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]]


def event(kind: str, payload: Any = None, **more: Any) -> bytes:
    return pack({"type": "event", "kind": kind, "payload": payload} | more)


def test_an_init_of_the_peers_is_understood_and_what_nobody_knows_is_passed_over() -> None:
    said = {
        "type": "init",
        "prompt": "hills",
        "first_frame": b"\x89PNG" * 200_000,
        "size": "1280x704",
        "fps": 16,
    }
    said |= {
        "num_inference_steps": 4,
        "guidance_scale": 1.0,
        "seed": 42,
        "negative_prompt": "",
        "max_chunks": 3,
    }
    said |= {"realtime_output_format": None, "realtime_causal_sink_size": 1, "enable_teacache": False}
    init = init_of(pack(said | {"condition_inputs": {"camera_actions": [["w"], []]}}))
    assert isinstance(init, Init)
    assert (init.prompt, init.max_chunks, len(init.first_frame or b"")) == ("hills", 3, 800_000)
    assert init.condition_inputs.camera_actions == [["w"], []]
    assert not init.extensions


def test_events_come_in_all_their_forms() -> None:
    script = event_of(event("camera_actions", [["w"], ["w", "l"], []], event_id=3))
    assert isinstance(script, CameraActions)
    assert (script.payload, script.event_id) == ([["w"], ["w", "l"], []], 3)
    held = event_of(
        event("camera_actions", {"mode": "state", "transitions": [{"actions": ["w"], "client_ts_ms": 7}]})
    )
    assert isinstance(held, CameraActions)
    assert isinstance(held.payload, HeldKeys)
    assert held.payload.transitions[0].client_ts_ms == 7
    assert isinstance(event_of(event("poses", {"c2w": [POSE], "intrinsics": [1.0, 1, 0, 0]})), Poses)
    said = event_of(event("prompt", {"prompt": "snow"}))
    assert isinstance(said, Say)
    assert said.payload == NewPrompt(prompt="snow", over=4)
    assert event_of(event("prompt", "snow")).payload == "snow"
    assert event_of(event("stop")).kind == "stop"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"", "no msgpack map"),
        (b"\xc1", "no msgpack map"),
        (b"\x93abc", "no msgpack map"),
        (b"\x81" * 3000, "no msgpack map|field's name"),
        (b"\x81\xa1x" + b"\x91" * 5000, "no msgpack map"),
        (b"\xdf\xff\xff\xff\xff", "4294967295 fields"),
        (event("path") + b"\0", "more than one"),
        (b"\x81\x01\x02", "name is no text"),
        (pack({"x" * 100: 2}), "a field's name has 102 bytes"),
        (pack({"type": "init"}), "type is not 'event'"),
        (event("land"), "camera_actions"),
        (event("path", b"x" * FIELD_BYTES), "payload has"),
        (event("rewind", {"chunks": "2"}), "rewind.payload.chunks: input should be a valid integer"),
        (event("rewind", {"chunks": 0}), "chunks"),
        (event("camera_actions", {"mode": "state", "transitions": []}), "transitions"),
        (event("camera_actions", [["w"]] * 5000), "at most 4096"),
        (event("poses", {"c2w": [POSE[:3]]}), "at least 4"),
        (event("poses", {"c2w": [[[float("nan")] * 4] * 4]}), "finite"),
        (event("poses", {"c2w": [[[True] * 4] * 4]}), "valid number"),
        (event("prompt", {"prompt": "x" * 3000}), "2000"),
        (event("prompt", {"prompt": "snow", "over": 99}), "over"),
        (event("action", ""), "at least 1"),
        (event("pause", event_id="one"), "event_id"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_in_one_sentence(message: bytes, text: str) -> None:
    with pytest.raises(Rejected, match=text) as error:
        event_of(message)
    assert "\n" not in str(error.value)
    assert error.value.code in ("bad_message", "bad_value")


@pytest.mark.parametrize("name", ["camera_path", "intrinsics_path", "reference_url"])
def test_paths_and_urls_are_refused_by_name(name: str) -> None:
    for said in ({name: "/etc/passwd"}, {"condition_inputs": {name: "../x.npy"}}):
        with pytest.raises(Rejected, match="opens no path and no URL"):
            init_of(pack({"type": "init"} | said))


def test_a_message_that_would_become_large_by_being_read_is_refused_before() -> None:
    bomb = (
        b"\x82\xa4type\xa4init" + b"\xa1x" + b"\xdd\x00\x80\x00\x00" + b"\x80" * 2**23
    )  # eight million empty maps
    also = b"\x82\xa4type\xa4init" + b"\xabfirst_frame" + b"\xdd\x00\x80\x00\x00" + b"\x80" * 2**23
    tracemalloc.start()
    try:
        for message in (bomb, also):
            with pytest.raises(Rejected, match="bytes; at most"):
                init_of(message)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = ["camera_actions", "action", "poses", "prompt", "rewind", "shown", "fork", "path", "pause", "land"]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200) | TREES.map(lambda tree: msgpack.packb(tree)))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for read in (unpack, init_of, event_of):
        with suppress(Rejected):
            read(data)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(KINDS),
    TREES,
    st.dictionaries(st.sampled_from(sorted(Init.model_fields)), TREES, max_size=6),
)
def test_any_payload_and_any_field_is_followed_or_refused(
    kind: str, payload: Any, fields: dict[str, Any]
) -> None:
    for read, said in ((event_of, event(kind, payload)), (init_of, pack(fields | {"type": "init"}))):
        with suppress(Rejected):
            read(said)
