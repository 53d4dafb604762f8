"""A server's videos from Python, in the calling thread or on an event loop.

from flythrough import Client

with Client() as client:
    job = client.create(camera="w-40,jw-20", prompt="hills at dawn", image="first.png")
    client.save(client.wait(job["id"]), "fly.mp4")
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flythrough.errors import InputError

if TYPE_CHECKING:
    import httpx2

ADDRESS = "http://127.0.0.1:8642"
ENDED = ("completed", "failed", "cancelled")
PATIENCE_S = 60.0  # that a server may be away, as when it is started anew; its jobs are still there then
Job = dict[str, Any]  # a VideoJob, as the server's OpenAPI page shows it
OnChange = Callable[[Job], None]


class ServerError(InputError):
    """What a server said against a request. status: of HTTP; 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _Base:
    """What both clients share: how a request looks, and what an answer means."""

    def __init__(self, address: str = ADDRESS, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        """token: the server's, if it has one; by default FLYTHROUGH_TOKEN's."""
        self.address = address.rstrip("/")
        if not self.address.startswith(("http://", "https://")):
            raise InputError(f"the server is {address!r}; expected an address such as {ADDRESS}")
        token = token or os.environ.get("FLYTHROUGH_TOKEN")
        self.headers = {"X-Flythrough-Client": secrets.token_hex(8)}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self._options: dict[str, Any] = {
            "base_url": self.address,
            "timeout": timeout_s,
            "headers": self.headers,
            "trust_env": False,  # a proxy has no business between a program and its own machine
        }

    @staticmethod
    def _asked(image: str | Path | bytes | None, fields: dict[str, Any]) -> dict[str, Any]:
        """A request for a video, as keywords of httpx2. The key makes it harmless to send it again."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        fields = {name: value for name, value in fields.items() if value is not None}
        if image is None:
            return {"json": fields, "headers": headers}
        if not isinstance(image, bytes):
            try:
                image = Path(image).read_bytes()
            except OSError as error:
                raise InputError(f"{image}: cannot be read ({error.strerror or error})") from None
        text = {name: v if isinstance(v, str) else json.dumps(v) for name, v in fields.items()}
        return {"data": text, "files": {"input_reference": ("first", image)}, "headers": headers}

    def _understood(self, response: httpx2.Response) -> Any:
        if response.status_code == 204:
            return None
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        if response.is_success:
            return answer
        if response.status_code == 401:
            what = "knows another token" if "Authorization" in self.headers else "wants its token"
            raise ServerError(f"{self.address}: it {what}; give it as --token or FLYTHROUGH_TOKEN", 401)
        said = answer.get("error") if isinstance(answer, dict) else None
        message = said.get("message") if isinstance(said, dict) else None
        raise ServerError(message or f"{self.address}: answered {response.status_code}", response.status_code)

    def _away(self, error: Exception) -> ServerError:
        return ServerError(
            f"{self.address}: there is no answer ({error or type(error).__name__}); `flythrough serve` starts a server"
        )


class Client(_Base):
    """A server, asked from this thread; `with` it. Raises ServerError, an InputError, where it refuses or is away."""

    def __init__(self, address: str = ADDRESS, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        super().__init__(address, token=token, timeout_s=timeout_s)
        import httpx2

        self._http = httpx2.Client(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def create(self, *, image: str | Path | bytes | None = None, **fields: Any) -> Job:
        """Ask for a video. image: the first frame, a file or its bytes; fields: those of a VideoRequest.

        A camera is keys, a preset, or an object with keyframes or c2w.
        """
        return self._patiently("POST", "/v1/videos", **self._asked(image, fields))

    def get(self, id: str) -> Job:
        return self._ask("GET", f"/v1/videos/{id}")

    def videos(self, limit: int = 20, after: str | None = None, order: str = "desc") -> list[Job]:
        wanted = {"limit": limit, "order": order} | ({"after": after} if after else {})
        return self._ask("GET", "/v1/videos", params=wanted)["data"]

    def cancel(self, id: str) -> Job:
        return self._ask("POST", f"/v1/videos/{id}/cancel")

    def retry(self, id: str) -> Job:
        return self._ask("POST", f"/v1/videos/{id}/retry")

    def delete(self, id: str) -> None:
        self._ask("DELETE", f"/v1/videos/{id}")

    def wait(self, id: str, on_change: OnChange = lambda job: None, patience_s: float = PATIENCE_S) -> Job:
        """Wait until a video has come to an end, however; a server that is away meanwhile may be for patience_s."""
        job: Job | None = None
        for job in self.events(id, patience_s):
            on_change(job)
        assert job is not None
        return job

    def events(self, id: str, patience_s: float = PATIENCE_S) -> Iterator[Job]:
        """A video's states as they change, from now to its end."""
        import httpx2

        seen = time.monotonic()
        while True:
            try:
                with self._http.stream("GET", f"/v1/videos/{id}/events") as response:
                    if not response.is_success:
                        response.read()
                        self._understood(response)
                    for event, data in _events(response.iter_lines()):
                        seen = time.monotonic()
                        if (job := _job_in(event, data, id)) is not None:
                            yield job
                            if job["status"] in ENDED:
                                return
            except httpx2.TransportError as error:
                if time.monotonic() - seen > patience_s:
                    raise self._away(error) from None
            time.sleep(0.3)

    def save(self, job: Job | str, path: str | Path, variant: str = "video") -> Path:
        """Write a video to a file, whole or not at all. variant: video, thumbnail or spritesheet."""
        import httpx2

        from flythrough.media import written_whole

        id = job if isinstance(job, str) else job["id"]
        try:
            with self._http.stream(
                "GET", f"/v1/videos/{id}/content", params={"variant": variant}
            ) as response:
                if not response.is_success:
                    response.read()
                    self._understood(response)
                with written_whole(Path(path)) as part, part.open("wb") as file:
                    for data in response.iter_bytes():
                        file.write(data)
        except httpx2.TransportError as error:
            raise self._away(error) from None
        return Path(path)

    def health(self) -> dict[str, Any]:
        """Whether the server answers, and its version; it needs no token."""
        return self._ask("GET", "/health")

    def models(self) -> list[dict[str, Any]]:
        return self._ask("GET", "/v1/models")["data"]

    def studio(self, mode: str = "path") -> str:
        """The address of the server's page, the Studio, in a mode: path, takes or fly. Raises where it has none."""
        try:
            self._ask("GET", "/")
        except ServerError as error:
            if error.status == 404:
                raise ServerError(f"{self.address}: this server has no Studio", 404) from None
            raise
        return f"{self.address}/#{mode}"

    def delete_flight(self, id: str) -> None:
        """Forget a live flight; whoever is in it is put out."""
        self._ask("DELETE", f"/v1/sessions/{id}")

    def ps(self) -> dict[str, Any]:
        return self._ask("GET", "/v1/ps")

    def limits(self) -> dict[str, Any]:
        return self._ask("GET", "/v1/limits")

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        import httpx2

        try:
            return self._understood(self._http.request(method, path, **more))
        except httpx2.TransportError as error:
            raise self._away(error) from None

    def _patiently(self, method: str, path: str, **more: Any) -> Any:
        """Ask again where there was no answer: the request says itself that it is the same one."""
        for wait_s in (0.5, 1.0, 2.0):
            try:
                return self._ask(method, path, **more)
            except ServerError as error:
                if error.status:
                    raise
            time.sleep(wait_s)
        return self._ask(method, path, **more)


class AsyncClient(_Base):
    """As Client, on an event loop; `async with` it."""

    def __init__(self, address: str = ADDRESS, *, token: str | None = None, timeout_s: float = 60.0) -> None:
        super().__init__(address, token=token, timeout_s=timeout_s)
        import httpx2

        self._http = httpx2.AsyncClient(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def create(self, *, image: str | Path | bytes | None = None, **fields: Any) -> Job:
        """Ask for a video, as Client.create."""
        return await self._patiently("POST", "/v1/videos", **self._asked(image, fields))

    async def get(self, id: str) -> Job:
        return await self._ask("GET", f"/v1/videos/{id}")

    async def videos(self, limit: int = 20, after: str | None = None, order: str = "desc") -> list[Job]:
        wanted = {"limit": limit, "order": order} | ({"after": after} if after else {})
        return (await self._ask("GET", "/v1/videos", params=wanted))["data"]

    async def cancel(self, id: str) -> Job:
        return await self._ask("POST", f"/v1/videos/{id}/cancel")

    async def retry(self, id: str) -> Job:
        return await self._ask("POST", f"/v1/videos/{id}/retry")

    async def delete(self, id: str) -> None:
        await self._ask("DELETE", f"/v1/videos/{id}")

    async def wait(
        self, id: str, on_change: OnChange = lambda job: None, patience_s: float = PATIENCE_S
    ) -> Job:
        """Wait until a video has come to an end, as Client.wait."""
        job: Job | None = None
        async for job in self.events(id, patience_s):
            on_change(job)
        assert job is not None
        return job

    async def events(self, id: str, patience_s: float = PATIENCE_S) -> AsyncIterator[Job]:
        """A video's states as they change, from now to its end."""
        import httpx2

        seen = time.monotonic()
        while True:
            try:
                async with self._http.stream("GET", f"/v1/videos/{id}/events") as response:
                    if not response.is_success:
                        await response.aread()
                        self._understood(response)
                    event = ""
                    async for line in response.aiter_lines():
                        event, data = _line(line, event)
                        if data is None:
                            continue
                        seen = time.monotonic()
                        if (job := _job_in(event, data, id)) is not None:
                            yield job
                            if job["status"] in ENDED:
                                return
            except httpx2.TransportError as error:
                if time.monotonic() - seen > patience_s:
                    raise self._away(error) from None
            await asyncio.sleep(0.3)

    async def save(self, job: Job | str, path: str | Path, variant: str = "video") -> Path:
        """Write a video to a file, as Client.save."""
        import httpx2

        from flythrough.media import written_whole

        id = job if isinstance(job, str) else job["id"]
        try:
            async with self._http.stream(
                "GET", f"/v1/videos/{id}/content", params={"variant": variant}
            ) as response:
                if not response.is_success:
                    await response.aread()
                    self._understood(response)
                with written_whole(Path(path)) as part, part.open("wb") as file:
                    async for data in response.aiter_bytes():
                        file.write(data)
        except httpx2.TransportError as error:
            raise self._away(error) from None
        return Path(path)

    async def health(self) -> dict[str, Any]:
        """As Client.health."""
        return await self._ask("GET", "/health")

    async def models(self) -> list[dict[str, Any]]:
        return (await self._ask("GET", "/v1/models"))["data"]

    async def delete_flight(self, id: str) -> None:
        """As Client.delete_flight."""
        await self._ask("DELETE", f"/v1/sessions/{id}")

    async def ps(self) -> dict[str, Any]:
        return await self._ask("GET", "/v1/ps")

    async def limits(self) -> dict[str, Any]:
        return await self._ask("GET", "/v1/limits")

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        import httpx2

        try:
            return self._understood(await self._http.request(method, path, **more))
        except httpx2.TransportError as error:
            raise self._away(error) from None

    async def _patiently(self, method: str, path: str, **more: Any) -> Any:
        for wait_s in (0.5, 1.0, 2.0):
            try:
                return await self._ask(method, path, **more)
            except ServerError as error:
                if error.status:
                    raise
            await asyncio.sleep(wait_s)
        return await self._ask(method, path, **more)


def _job_in(event: str, data: Any, id: str) -> Job | None:
    """The job, if that is what an event tells; raises ServerError if it tells that there is none any more."""
    if event == "gone":
        raise ServerError(f"{id} was deleted", 404)
    return data if event == "job" else None


def _line(line: str, event: str) -> tuple[str, Any]:
    """One line of an event stream -> the event that is being told, and its data if this line has it."""
    name, _, value = line.partition(":")
    if name == "event":
        return value.strip(), None
    if name == "data":
        with suppress(ValueError):
            return event, json.loads(value)
    return event, None


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    event = ""
    for line in lines:
        event, data = _line(line, event)
        if data is not None:
            yield event, data
