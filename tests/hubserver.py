"""A small Hugging Face on this machine: lists repositories, serves files with Range, and breaks when told to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".pt")  # kept in LFS: listed with a SHA-256 and served from elsewhere


@dataclass
class Hub:
    """repositories: owner/name -> path -> content. The sets and tables below it are the faults it shows."""

    repositories: dict[str, dict[str, bytes]]
    break_at: dict[str, list[int]] = field(
        default_factory=dict
    )  # path -> after how many bytes, try after try
    garbled: set[str] = field(default_factory=set)  # what is sent is not what was listed
    no_range: bool = False
    gated: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    authorized: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listing(self, repository: str) -> bytes:
        siblings = []
        for path, content in self.repositories[repository].items():
            sibling: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_hash(content)}
            if path.endswith(LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 134}
            siblings.append(sibling)
        about = {
            "id": repository,
            "sha": REVISION,
            "cardData": {"license": "apache-2.0"},
            "siblings": siblings,
        }
        return json.dumps(about).encode()


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).removeprefix("/")
            hub.requests.append(path)
            if self.headers.get("Authorization"):
                hub.authorized.append(path)
            kind, *rest = path.split("/", 3)
            if kind == "api":
                self._list("/".join(rest[1:]))
            elif kind == "cdn":
                repository, file = "/".join(rest[:2]), rest[2]
                self._send(file, hub.repositories[repository][file])
            else:
                repository, file = "/".join(path.split("/")[:2]), path.split("/", 4)[4]
                self._resolve(repository, file)

        def _list(self, repository: str) -> None:
            if repository in hub.gated:
                self._answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
            elif repository not in hub.repositories:
                self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            else:
                self._answer(200, hub.listing(repository), {"Content-Type": "application/json"})

        def _resolve(self, repository: str, file: str) -> None:
            if file not in hub.repositories.get(repository, {}):
                self._answer(404, b"")
            elif file.endswith(LARGE):
                self._answer(302, b"", {"Location": f"{hub.url}/cdn/{repository}/{file}"})
            else:
                self._send(file, hub.repositories[repository][file])

        def _send(self, file: str, content: bytes) -> None:
            asked = self.headers.get("Range")
            hub.ranges.append(asked)
            if file in hub.garbled:
                content = content[:-1] + bytes([content[-1] ^ 1])
            start, headers = 0, {}
            if asked and not hub.no_range:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            body = content[start:]
            breaks = hub.break_at.get(file)
            self._answer(206 if headers else 200, body, headers, breaks.pop(0) if breaks else None)

        def _answer(
            self, status: int, body: bytes, headers: dict[str, str] | None = None, stop: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:stop])
            self.close_connection = True  # before the promised length, if the connection is to break

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
