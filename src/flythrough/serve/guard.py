"""What stands before every request and every WebSocket: who calls, from which page, by which name, how much.

A browser sends requests for any page that it shows. So a page of another origin is told by Origin or Sec-Fetch-Site,
and a page whose name was pointed at this machine (DNS rebinding) by Host; neither comes through, token or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flythrough.serve.failures import Refusal, answer
from flythrough.serve.metrics import Metrics
from flythrough.serve.settings import Settings

COOKIE = "flythrough"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPEN = ("/health", "/v1/login")  # answered without a token, as are the studio's own files
UPLOADS = ("/v1/videos",)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
            receive = self._bounded(scope, headers, receive)
        except Refusal as error:
            self.metrics.refused.labels(error.param or "size").inc()
            await self._refuse(scope, receive, send, error)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                kept = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    kept.setdefault(name, value)
                kept.setdefault("Cache-Control", "no-store")
                self.metrics.requests.labels(str(message["status"])).inc()
            await send(message)

        try:
            await self.app(scope, receive, send_safely)
        except Refusal as error:  # of a body, while it came
            if started:
                raise
            await self._refuse(scope, receive, send_safely, error)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._known(host, scope):
            raise Refusal(
                403,
                "this server is not called by that name; --name adds one that it may be called by",
                "host",
            )
        self._check_origin(scope, headers, host)
        if self.settings.token and not _public(scope) and not self._authorized(headers):
            raise Refusal(
                401, "a token is needed: Authorization: Bearer ..., or log in with the studio", "token"
            )

    def _known(self, host: str, scope: Scope) -> bool:
        """Whether a Host header names this server: by loopback, its own address, or a name that it was given."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        if not name:
            return False
        if name in LOOPBACK or name in {n.lower() for n in (*self.settings.names, self.settings.host)}:
            return True
        here = (scope.get("server") or ("",))[0]
        try:
            return not self.settings.loopback and ipaddress.ip_address(name) == ipaddress.ip_address(here)
        except ValueError:
            return False

    def _check_origin(self, scope: Scope, headers: Headers, host: str) -> None:
        origin = headers.get("origin")
        if origin is not None:
            same = origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")
            if not same and origin not in self.settings.origins:
                raise Refusal(403, "pages of another origin may not use this server", "origin")
            return
        visit = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not visit:
            raise Refusal(403, "pages of another origin may not use this server", "origin")

    def _authorized(self, headers: Headers) -> bool:
        token = self.settings.token or ""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
            return True
        for offered in headers.get("sec-websocket-protocol", "").split(
            ","
        ):  # all that a browser's socket can send
            kind, _, given = offered.strip().partition(".")
            if kind == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
                return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), pass_of(token).encode())

    def _bounded(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """A body that is neither too long nor too slow."""
        if scope["type"] != "http":
            return receive
        uploads = scope["path"] in UPLOADS
        most = self.settings.upload_bytes if uploads else self.settings.json_bytes
        said = headers.get("content-length", "0")
        if not said.isdecimal() or int(said) > most:
            raise Refusal(413, f"the body has {said[:20]} bytes; at most {most} are read")
        return _counted(receive, most, self.settings.body_s)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: Refusal) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
            return
        response = answer(error.status, error.message)
        response.headers.update(HEADERS)
        response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, send)


def pass_of(token: str) -> str:
    """What a browser's cookie holds: proof of the token, but not the token."""
    return hmac.new(token.encode(), b"flythrough studio", hashlib.sha256).hexdigest()


def _public(scope: Scope) -> bool:
    path = scope["path"]
    if scope["type"] == "websocket":
        return False
    api = path.startswith("/v1/") or path in ("/metrics", "/openapi.json")
    return path in OPEN or (not api and scope["method"] in ("GET", "HEAD"))


def _counted(receive: Receive, most: int, seconds: float) -> Callable[[], Awaitable[Message]]:
    got, done, deadline = 0, False, asyncio.get_running_loop().time() + seconds

    async def counted() -> Message:
        nonlocal got, done
        if done:
            return await receive()  # a disconnect, whenever it comes
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise Refusal(408, f"the body has not come within {seconds:g} s") from None
        got += len(message.get("body", b""))
        done = message["type"] == "http.disconnect" or not message.get("more_body", False)
        if got > most:
            raise Refusal(413, f"the body has more than {most} bytes, which are the most that are read")
        return message

    return counted
