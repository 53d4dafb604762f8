"""Routes about videos: ask for one, watch it come, take it, stop it, throw it away."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse

from flythrough.media import pieces
from flythrough.serve import cameras, forms
from flythrough.serve.failures import Refusal
from flythrough.serve.schema import (
    CameraPoses,
    Gone,
    Preview,
    VideoDeleted,
    VideoJob,
    VideoList,
    VideoRequest,
)
from flythrough.serve.server import Here, Server

router = APIRouter(prefix="/v1")
Id = Annotated[str, Path(pattern=r"^video_[0-9a-f]{32}$", max_length=38)]
Variant = Literal["video", "thumbnail", "spritesheet"]
HEARTBEAT_S = 10.0
MP4 = {"content": {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events `job` (VideoJob), `preview` (Preview) and `gone` (Gone).",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/VideoRequest"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "prompt": {"type": "string"},
                        "model": {"type": "string"},
                        "camera": {"type": "string", "description": "Text, or JSON of an object."},
                        "input_reference": {"type": "string", "format": "binary"},
                        "seconds": {"type": "string"},
                        "seed": {"type": "integer"},
                    },
                    "additionalProperties": True,
                }
            },
        },
    }
}


@router.post("/videos", response_model=VideoJob, openapi_extra=BODY)
async def create_video(
    request: Request,
    server: Here,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    x_flythrough_client: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Ask for a video. Once this answers, the job outlives the server; a repeated Idempotency-Key makes no second one.

    JSON, or a form with the picture as a file. OpenAI's fields, ours, and those of SGLang and vLLM-Omni for SANA-WM.
    """
    wanted, upload = await forms.read(request)
    client = wanted.user or x_flythrough_client or (request.client.host if request.client else "nobody")
    job = await run_in_threadpool(server.jobs.accept, wanted, upload, client, idempotency_key)
    return _job(job, server)


@router.get("/videos")
def list_videos(
    server: Here,
    limit: Annotated[int, Query(ge=0, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=100)] = None,
    order: Literal["asc", "desc"] = "desc",
) -> VideoList:
    """Videos in the order in which they were asked for."""
    jobs, more = server.jobs.page(limit, after, order == "desc")
    return VideoList(
        data=jobs,
        first_id=jobs[0].id if jobs else None,
        last_id=jobs[-1].id if jobs else None,
        has_more=more,
    )


@router.get("/videos/{id}", response_model=VideoJob)
async def get_video(id: Id, server: Here) -> Response:
    """How far a video is."""
    return _job(_found(server, id), server)


@router.delete("/videos/{id}")
def delete_video(id: Id, server: Here) -> VideoDeleted:
    """Throw a video away with all that belongs to it; one on its way is stopped."""
    if not server.jobs.delete(id):
        raise _missing(id)
    return VideoDeleted(id=id)


@router.post("/videos/{id}/cancel")
def cancel_video(id: Id, server: Here) -> VideoJob:
    """Stop a video; the frames that are there stay. One that is finished is left as it is."""
    _found(server, id)
    return server.jobs.cancel(id)


@router.post("/videos/{id}/retry")
def retry_video(id: Id, server: Here) -> VideoJob:
    """Queue a failed or cancelled video again; it goes on where it stopped."""
    _found(server, id)
    return server.jobs.retry(id)


@router.head("/videos/{id}/content", include_in_schema=False)
@router.get("/videos/{id}/content", response_class=FileResponse, responses={200: MP4, 206: MP4})
def video_content(id: Id, server: Here, variant: Variant = "video") -> Response:
    """The video; while it is made, the part that exists, which plays. Ranges are served."""
    job = _found(server, id)
    folder = server.jobs.folder(id)
    if variant != "video":
        return _file(folder.poster if variant == "thumbnail" else folder.sheet, id)
    try:
        status = os.stat(folder.film)
    except FileNotFoundError:
        raise Refusal(404, f"{id} has no frames yet; it is {job.status}") from None
    if job.status != "completed":
        _, found = pieces.scan(folder.film)
        if found:  # what lies behind the last whole piece is being written
            status = os.stat_result((*status[:6], found[-1][1], *status[7:10]))
    name = f"{id}.mp4"
    return FileResponse(
        folder.film,
        media_type="video/mp4",
        filename=name,
        stat_result=status,
        content_disposition_type="inline",
    )


@router.head("/videos/{id}/poster.jpg", include_in_schema=False)
@router.get("/videos/{id}/poster.jpg", response_class=FileResponse)
def video_poster(id: Id, server: Here) -> Response:
    """The newest frame that was shown, as JPEG."""
    _found(server, id)
    return _file(server.jobs.folder(id).poster, id)


@router.head("/videos/{id}/sheet.png", include_in_schema=False)
@router.get("/videos/{id}/sheet.png", response_class=FileResponse)
def video_sheet(id: Id, server: Here) -> Response:
    """The whole video on one picture, once it is completed or was stopped."""
    _found(server, id)
    return _file(server.jobs.folder(id).sheet, id)


@router.get("/videos/{id}/camera", response_model=CameraPoses)
def video_camera(id: Id, server: Here) -> Response:
    """The path that it flies, frame by frame."""
    _found(server, id)
    path = server.jobs.folder(id).camera()
    return Response(cameras.poses(path).model_dump_json(), media_type="application/json")


@router.get("/videos/{id}/request")
def video_request(id: Id, server: Here) -> VideoRequest:
    """What was asked for, without the picture; `/picture.png` has that."""
    _found(server, id)
    return server.jobs.request(id)


@router.head("/videos/{id}/picture.png", include_in_schema=False)
@router.get("/videos/{id}/picture.png", response_class=FileResponse)
def video_picture(id: Id, server: Here) -> Response:
    """The first frame that was given, as the model sees it."""
    _found(server, id)
    return _file(server.jobs.folder(id).picture, id)


@router.get("/videos/{id}/events", response_class=StreamingResponse, responses=STREAM)
async def video_events(id: Id, server: Here) -> Response:
    """News of one video, from how it is now until it has come to an end."""
    return _stream(server, id, [_found(server, id)])


@router.get("/events", response_class=StreamingResponse, responses=STREAM)
async def all_events(server: Here) -> Response:
    """News of all videos. Those on their way come first, as they are now."""
    return _stream(server, None, server.jobs.active())


def _stream(server: Server, only: str | None, now: list[VideoJob]) -> Response:
    if server.events.full:
        raise Refusal(503, "too many programs listen to events already")

    async def text() -> AsyncIterator[str]:
        with server.events.listening(only) as listener:
            for job in now:
                yield f"event: job\ndata: {job.model_dump_json()}\n\n"
            if only and now[0].status not in ("queued", "in_progress"):
                return
            async for news in listener.news(HEARTBEAT_S):
                if news is None:
                    yield ": still here\n\n"
                    continue
                event, data = news
                yield f"event: {event}\ndata: {data}\n\n"
                if only and (event == "gone" or (event == "job" and _ended(data))):
                    return

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(text(), media_type="text/event-stream", headers=headers)


def _ended(data: str) -> bool:
    return VideoJob.model_validate_json(data).status not in ("queued", "in_progress")


def _found(server: Server, id: str) -> VideoJob:
    job = server.jobs.get(id)
    if job is None:
        raise _missing(id)
    return job


def _missing(id: str) -> Refusal:
    return Refusal(404, f"there is no video {id}", "id")


def _job(job: VideoJob, server: Server) -> Response:
    """A job, and when asking again makes sense; OpenAI's client heeds it."""
    least = 1.0 if job.eta_s is None else min(max(job.eta_s / 10, 1.0), 10.0)
    wait_s = server.crowd.wait_s(least, time.monotonic())
    headers = {"openai-poll-after-ms": str(round(wait_s * 1000))}
    return Response(job.model_dump_json(), media_type="application/json", headers=headers)


def _file(path: os.PathLike[str], id: str) -> Response:
    if not os.path.isfile(path):
        raise Refusal(404, f"{id} has none yet")
    return FileResponse(path, headers={"Cache-Control": "no-cache"})


SCHEMAS = (VideoRequest, Preview, Gone)  # of the page, beyond those that routes name
