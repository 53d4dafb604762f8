"""What a client of a live flight may say: binary msgpack maps, of bounded size, checked on arrival.

The first message is an `Init`, all later ones are events. Names and meanings are those of sglang's realtime video
server, which this one is a superset of: some fields of `Init` and the events from `Poses` on are ours. Fields that
nobody knows are passed over, as there; what a known field holds is checked.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

import msgpack
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flythrough.camera.intrinsics import FOV_RANGE_DEG
from flythrough.errors import InputError
from flythrough.flight.speech import LONGEST
from flythrough.serve.schema import Matrix, Number, Numbers4, Prompt
from flythrough.session import CHANGE
from flythrough.shot import MOST_STEPS

FIELDS = 128  # of a message; all that a video may be asked with are fewer
NAME_BYTES = 64
FIELD_BYTES = 256 * 1024  # packed; as objects they may be 64 times as large
PICTURES = frozenset({"first_frame"})  # as long as a message may be, for they are flat
FLAT = frozenset((*range(0xA0, 0xC0), *range(0xC4, 0xC7), *range(0xD9, 0xDC)))  # msgpack's strings and bytes
SCRIPT_FRAMES = 4096
POSES = 960  # of one event: a minute
MOST_REWINDS = 8
PATHS = ("camera_path", "intrinsics_path", "image_path", "reference_url")  # the peer opens these

Keys = Annotated[list[Annotated[str, Field(min_length=1, max_length=8)]], Field(max_length=32)]
Script = Annotated[list[Keys], Field(max_length=SCRIPT_FRAMES)]
KeyText = Annotated[str, Field(min_length=1, max_length=4096)]
Poses4 = Annotated[list[Matrix], Field(min_length=1, max_length=POSES)]
Lenses = Numbers4 | Annotated[list[Numbers4], Field(min_length=1, max_length=POSES)]


class Rejected(InputError):
    """A message that cannot be followed. The flight goes on, and the client may say something else.

    code       for programs: bad_message, bad_value, busy, not_found, queue_full, ...
    retryable  whether the same message may do later
    """

    def __init__(
        self, text: str, code: str = "bad_value", param: str | None = None, *, retryable: bool = False
    ) -> None:
        super().__init__(text)
        self.code, self.param, self.retryable = code, param, retryable


class Message(BaseModel):
    """A number is a number here, and a text a text."""

    model_config = ConfigDict(strict=True, extra="ignore")


class World(Message):
    """A rendered world, whose first view is the first frame."""

    seed: Annotated[int, Field(ge=0, le=2**31)]
    kind: Annotated[str, Field(max_length=40)] | None = None


class Conditions(Message):
    """Where the camera goes at first. Speeds are per frame of 1/16 s, as the peer counts them."""

    action: KeyText | None = None
    camera_actions: Script | KeyText | None = None
    camera: Poses4 | None = None
    intrinsics: Lenses | None = None
    translation_speed: Annotated[Number, Field(ge=0, le=10)] | None = None
    rotation_speed_deg: Annotated[Number, Field(ge=0, le=45)] | None = None
    pitch_limit_deg: Annotated[Number, Field(gt=0, lt=90)] | None = None


class Init(Message):
    """How a flight begins, or which one goes on, and in which form its frames are wanted.

    first_frame  a picture's bytes, or a data: URI; never a path, never a URL
    session      a flight to be taken up; of the fields before it only num_frames and max_chunks count then
    extensions   whether the client understands messages that the peer's server does not send
    """

    type: Literal["init"]
    prompt: Prompt = ""
    negative_prompt: Prompt = ""
    model: Annotated[str, Field(max_length=200)] | None = None
    first_frame: bytes | str | None = None
    world: World | None = None
    size: Annotated[str, Field(pattern="^[0-9]{1,5}x[0-9]{1,5}$")] | None = None
    fps: Number | None = None
    fov_deg: Annotated[Number, Field(ge=FOV_RANGE_DEG[0], le=FOV_RANGE_DEG[1])] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 42
    num_inference_steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    guidance_scale: Number | None = None
    num_frames: Annotated[int, Field(ge=1, le=2**31)] | None = None
    max_chunks: Annotated[int, Field(ge=1, le=2**31)] | None = None
    condition_inputs: Conditions = Conditions()
    keys: Annotated[str, Field(max_length=40)] = "flythrough"
    rewinds: Annotated[int, Field(ge=0, le=MOST_REWINDS)] = 4
    session: Annotated[str, Field(max_length=64)] | None = None
    paused: bool = False
    extensions: bool = False
    realtime_output_format: Literal["raw", "webp", "jpeg", "fmp4"] | None = None
    realtime_preview_max_width: Annotated[int, Field(ge=0, le=8192)] | None = None
    realtime_output_pacing: bool = False
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None


class Transition(Message):
    """What is held from now on."""

    actions: Keys
    client_ts_ms: Number | None = None


class HeldKeys(Message):
    mode: Literal["state"]
    transitions: Annotated[list[Transition], Field(min_length=1, max_length=256)]


class NewPoses(Message):
    c2w: Poses4
    intrinsics: Lenses | None = None


class NewPrompt(Message):
    prompt: Prompt
    over: Annotated[int, Field(ge=1, le=LONGEST)] = CHANGE


class Back(Message):
    chunks: Annotated[int, Field(ge=1, le=MOST_REWINDS)]


class LastShown(Message):
    frame: Annotated[int, Field(ge=0, le=2**53)]


class _Event(Message):
    """event_id comes back with the first frames that heard of the event, and with the answer."""

    type: Literal["event"]
    event_id: Annotated[int, Field(ge=-(2**63), lt=2**64)] | None = None


class CameraActions(_Event):
    kind: Literal["camera_actions"]
    payload: Script | HeldKeys


class Action(_Event):
    kind: Literal["action"]
    payload: KeyText


class Poses(_Event):
    kind: Literal["poses"]
    payload: NewPoses


class Say(_Event):
    kind: Literal["prompt"]
    payload: NewPrompt | Prompt


class Rewind(_Event):
    kind: Literal["rewind"]
    payload: Back


class Shown(_Event):
    kind: Literal["shown"]
    payload: LastShown


class Plain(_Event):
    """Events that need no more than their name."""

    kind: Literal["fork", "path", "snapshot", "pause", "resume", "stop"]
    payload: Any = None


Event: TypeAlias = CameraActions | Action | Poses | Say | Rewind | Shown | Plain
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def init_of(data: bytes) -> Init:
    """The first message. Raises Rejected."""
    fields = unpack(data)
    _check_type(fields, "init")
    given = fields.get("condition_inputs")
    for name in PATHS:
        if name in fields or (isinstance(given, dict) and name in given):
            raise Rejected(
                f"{name} is not possible: this server opens no path and no URL; send the data", param=name
            )
    return _checked(TypeAdapter(Init), fields)


def event_of(data: bytes) -> Event:
    """A later message. Raises Rejected."""
    fields = unpack(data)
    _check_type(fields, "event")
    return _checked(EVENT, fields)


def unpack(data: bytes) -> dict[str, Any]:
    """A message's fields, each unpacked only if it is short, so that no message becomes large by being read.

    Raises Rejected for anything that is not one msgpack map with a few fields.
    """
    reader = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    reader.feed(data)
    fields: dict[str, Any] = {}
    try:
        count = reader.read_map_header()
        if count > FIELDS:
            raise Rejected(f"the message has {count} fields; at most {FIELDS} are possible", "bad_message")
        for _ in range(count):
            name = _value(_next(reader, data), NAME_BYTES, "a field's name")
            if not isinstance(name, str):
                raise Rejected("a field's name is no text", "bad_message")
            packed = _next(reader, data)
            flat = name in PICTURES and packed[0] in FLAT
            fields[name] = _value(packed, len(data) if flat else FIELD_BYTES, name)
    except Rejected:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException):
        raise Rejected("the message is no msgpack map", "bad_message") from None
    if reader.tell() != len(data):
        raise Rejected("the message has more than one msgpack map", "bad_message")
    return fields


def pack(message: dict[str, Any]) -> bytes:
    """A message of the server's."""
    return bytes(msgpack.packb(message) or b"")


def _next(reader: msgpack.Unpacker, data: bytes) -> memoryview:
    begin = reader.tell()
    reader.skip()
    return memoryview(data)[begin : reader.tell()]


def _value(packed: memoryview, most: int, name: str) -> Any:
    if len(packed) > most:
        raise Rejected(f"{name} has {len(packed)} bytes; at most {most} are possible", "bad_message", name)
    return msgpack.unpackb(packed)


def _check_type(fields: dict[str, Any], wanted: str) -> None:
    if fields.get("type") != wanted:
        raise Rejected(f"the message's type is not '{wanted}'", "bad_message", "type")


def _checked(adapter: TypeAdapter[Any], fields: dict[str, Any]) -> Any:
    try:
        return adapter.validate_python(fields)
    except ValidationError as errors:
        found = errors.errors(include_url=False, include_input=False, include_context=False)
        worst = max(found, key=lambda one: len(one["loc"]))  # of several forms the one that fits best
        names = [str(part) for part in worst["loc"] if not re.search(r"[^a-z0-9_]", str(part))]
        param = ".".join(names) or "message"
        raise Rejected(f"{param}: {worst['msg'].lower()}", param=param) from None
    except RecursionError:
        raise Rejected("the message is nested too deeply", "bad_message") from None
