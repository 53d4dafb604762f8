"""What a server may do, for whom, and where its files lie."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from flythrough.errors import InputError
from flythrough.hub import default_home

PORT = 8642
SHORTEST_TOKEN = 16  # characters
MIB = 2**20


def default_data() -> Path:
    """Where the system keeps programs' data of a user."""
    return default_home() / "serve"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A server's settings. Checked when made.

    data         the one folder for everything it keeps; other programs leave it alone
    host, port   where it listens; anything but loopback needs a token
    token        what clients send as `Authorization: Bearer ...`; None: nothing, on loopback
    names        further host names it is called by, as behind a proxy
    origins      pages of other origins that may use it, such as http://localhost:5173; none by default
    models       names or folders it serves; the first one is taken where a request names none
    device       cpu or cuda; None: the best there is
    random_weights  noise at the real speed and size, without files
    keep_alive_s how long an unused model stays loaded
    ray          a Ray cluster that makes the videos, as spread.Cluster has it; live flights stay here
    """

    data: Path = field(default_factory=default_data)
    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    models: tuple[str, ...] = ("mini",)
    device: str | None = None
    random_weights: bool = False
    keep_alive_s: float = 600.0
    ray: str | None = None

    upload_bytes: int = 32 * MIB  # of a request that may hold a picture
    json_bytes: int = 8 * MIB  # of any other request
    pixels: int = 50_000_000  # of an uploaded picture; decoded, that is 150 MB for a moment
    frames: int = 5761  # of a video: six minutes
    queue: int = 256  # jobs that wait or run
    connections: int = 1024
    body_s: float = 60.0  # in which a request's body must have come
    save_every: int | None = None  # chunks between two states of a job; None: the model's own number

    sessions: int = 4  # live flights in memory at a time
    kept_sessions: int = 64  # and on disk
    idle_s: float = 120.0  # after which a live flight without a socket goes to disk

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError(
                "a server needs at least one model; `--model mini` is there without any download"
            )
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise InputError(
                f"the token has {len(self.token)} characters; it needs at least {SHORTEST_TOKEN} of ASCII, such as"
                " what `openssl rand -hex 16` prints"
            )
        if not self.loopback and self.token is None:
            raise InputError(
                f"{self.host} can be reached by other machines, so a token is needed: --token, or FLYTHROUGH_TOKEN,"
                " with what `openssl rand -hex 16` prints; without one, the server stays on 127.0.0.1"
            )
        for name in ("upload_bytes", "json_bytes", "pixels", "frames", "queue", "connections", "save_every"):
            if (number := getattr(self, name)) is not None and number < 1:
                raise InputError(f"{name} is {number}; it must be at least 1")

    @property
    def loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def videos(self) -> Path:
        """A folder of its own for every job."""
        return self.data / "videos"

    @property
    def flights(self) -> Path:
        """Snapshots of live flights."""
        return self.data / "sessions"

    @property
    def pictures(self) -> Path:
        """First views of worlds, which take long to draw and never change."""
        return self.data / "worlds"

    def make_folders(self) -> None:
        """Raises InputError where that is not possible. Nobody else on the machine may look into them."""
        for folder in (self.data, self.videos, self.flights, self.pictures):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise InputError(f"{folder}: cannot be made ({error.strerror or error})") from None
