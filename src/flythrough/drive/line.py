"""A live flight at a server, from here: poses and prompts go there, raw frames come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flythrough.camera.path import CameraPath
from flythrough.client import Client
from flythrough.errors import InputError
from flythrough.media import Film

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

ROUTE = "/v1/realtime_video/generate"
CONNECT_S = 20.0


def check_line() -> None:
    """Raise InputError where the packages are missing that speak to a live flight."""
    try:
        import msgpack  # noqa: F401
        import websockets  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            f"flying at a server needs {error.name}; `pip install 'flythrough[serve]'` brings it"
        ) from None


class Line:
    """`with` it for as long as the flight lasts; nothing is made there but what `fly` asks for.

    facts  what the server says of the flight: session_id, chunk_frames, width, height, fps, ...
    Every method raises InputError, one sentence, where the server refuses, goes away or puts the flight out.
    """

    def __init__(self, client: Client, **opening: Any) -> None:
        """opening: fields of the protocol's init, those of None left out."""
        self.facts: dict[str, Any] = {}
        self._client, self._paused, self._open = client, True, ExitStack()
        self._init = {name: value for name, value in opening.items() if value is not None}

    def __enter__(self) -> Self:
        from websockets.exceptions import InvalidHandshake
        from websockets.sync.client import connect

        address = self._client.address
        try:
            self._socket: ClientConnection = self._open.enter_context(
                connect(
                    "ws" + address.removeprefix("http") + ROUTE,
                    additional_headers=self._client.headers,
                    compression=None,
                    max_size=None,  # sixteen raw frames are one message
                    proxy=None,
                    open_timeout=CONNECT_S,
                )
            )
        except InvalidHandshake as error:
            raise InputError(f"{address}: it lets nobody fly live ({error})") from None
        except (OSError, TimeoutError) as error:
            raise InputError(f"{address}: there is no answer ({error or type(error).__name__})") from None
        try:
            fixed = {"type": "init", "extensions": True, "paused": True, "rewinds": 0}
            self._say(self._init | fixed | {"realtime_output_format": "raw"})
            self.facts = self._hear("session")
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The flight ends and is forgotten there, as one in this process would be."""
        self._open.close()
        with suppress(InputError):  # a server that has gone has told so already
            self._client.delete_flight(self.facts["session_id"])

    def fly(self, path: CameraPath) -> None:
        """Ask for the frames of the next poses. A chunk is made when all of its poses are there."""
        self._tell("poses", {"c2w": path.c2w.tolist(), "intrinsics": path.intrinsics.tolist()})
        if self._paused:  # until there was somewhere to go
            self._tell("resume")
            self._paused = False

    def say(self, prompt: str) -> None:
        """Change the prompt for chunks whose poses are still to be told."""
        self._tell("prompt", {"prompt": prompt})
        self._hear("prompted")

    def chunk(self) -> tuple[Film, float]:
        """Wait for the next chunk: frames (n, H, W, 3) uint8, and the seconds that the server worked on it."""
        films = []
        while True:
            header = self._hear("frame_batch", "frame_batch_header")
            payload = header.get("payload")
            if payload is None:
                with self._explained():
                    payload = self._socket.recv(decode=False)
            frames = np.frombuffer(payload, np.uint8)
            films.append(frames.reshape(header["num_frames"], header["height"], header["width"], 3))
            if header["is_final_frame_batch"]:
                return np.concatenate(films), header["make_ms"] / 1000

    def _tell(self, kind: str, payload: Any = None) -> None:
        self._say({"type": "event", "kind": kind, "payload": payload})

    def _say(self, message: dict[str, Any]) -> None:
        import msgpack

        with self._explained():
            self._socket.send(bytes(msgpack.packb(message) or b""))

    def _hear(self, *kinds: str) -> dict[str, Any]:
        """The next message of these types; others are passed over."""
        import msgpack

        while True:
            with self._explained():
                message = msgpack.unpackb(self._socket.recv(decode=False))
            if message["type"] == "error":
                raise InputError(f"{self._client.address}: {message['content']}")
            if message["type"] in kinds:
                return message

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from websockets.exceptions import ConnectionClosed

        try:
            yield
        except ConnectionClosed as closed:
            said = closed.rcvd
            down = "the server is going down" if said and said.code == 1012 else "the connection broke"
            why = said.reason if said and said.reason else down
            raise InputError(f"{self._client.address}: the flight was ended there ({why})") from None
