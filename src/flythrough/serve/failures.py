"""What went wrong, in the shape that OpenAI's clients read."""

from __future__ import annotations

import logging
from typing import Any

import fastapi
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from flythrough.errors import InputError

log = logging.getLogger("flythrough.serve")
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "invalid_input",
    429: "queue_full",
    503: "unavailable",
}


class Refusal(fastapi.HTTPException):  # which FastAPI lets through wherever it is raised
    """A request that is answered by an error: its status, one sentence, and the field at fault if it is one."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(status, message)
        self.status, self.message, self.param = status, message, param


def body(status: int, message: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "code": CODES.get(status, "error"), "param": param}}


def answer(status: int, message: str, param: str | None = None) -> JSONResponse:
    headers = {"Retry-After": "5"} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body(status, message, param), status, headers)


def install(app: FastAPI) -> None:
    """Answer the errors that a request may end in."""

    @app.exception_handler(Refusal)
    async def _(request: Request, error: Refusal) -> JSONResponse:
        return answer(error.status, error.message, error.param)

    @app.exception_handler(InputError)
    async def _(request: Request, error: InputError) -> JSONResponse:
        return answer(422, str(error))

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        message, param = sentence(error.errors())
        return answer(422, message, param)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        log.exception("a request failed: %s %s", request.method, request.url.path, exc_info=error)
        return answer(500, "the server made a mistake; its log says which")


def sentence(errors: Any) -> tuple[str, str | None]:
    """Pydantic's complaints as one sentence about the first of them, and the field it is about."""
    first = errors[0]
    place = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path")]
    param = ".".join(place) or None
    said = str(first.get("msg", "it is not valid"))
    if first.get("type") == "json_invalid":
        return "the body is not valid JSON", None
    given = first.get("input")
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float)) and len(str(given)) < 60 else ""
    return f"{param or 'the request'}: {said[:1].lower()}{said[1:]}{shown}", param
