"""The board: jobs that wait or run, in the order in which they will be made, and how long each will take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flythrough.serve.schema import Problem, VideoJob
from flythrough.serve.store import ACTIVE, Video


@dataclass
class Pace:
    """How fast a job goes. rate: frames a second of late, waiting for turns included."""

    frames_done: int = 0
    rate: float | None = None


class Board:
    """Nothing here is on the disk. It may be read from any thread, and changed by one at a time."""

    def __init__(self, at_once: int = 1) -> None:
        """at_once: how many jobs are made at a time."""
        self._at_once = at_once
        self._videos: dict[str, Video] = {}  # replaced, never changed: readers see one order
        self._paces: dict[str, Pace] = {}  # of those that are being made
        self._rates: dict[str, float] = {}  # frames a second, by model
        self._served: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._videos)

    def __iter__(self) -> Iterator[Video]:
        """In the order in which they are made."""
        return iter(self._videos.values())

    def get(self, id: str) -> Video | None:
        return self._videos.get(id)

    def fill(self, videos: Iterable[Video], served: Mapping[str, float]) -> None:
        """Begin with these; served: when a job of each client was started last."""
        self._served = dict(served)
        self._arrange(videos)

    def put(self, video: Video) -> None:
        """Add a job."""
        self._arrange([*self, video])

    def take(self, id: str) -> None:
        """Take a job off, if it is there."""
        self._arrange(video for video in self if video.id != id)

    def next(self) -> Video | None:
        """The job to be made next, if there is one."""
        return next((video for video in self if video.id not in self._paces), None)

    def begin(self, video: Video, now: float) -> None:
        """It is being made from now on, and its status says so."""
        self._served[video.client] = now
        self._paces[video.id] = Pace(video.frames_done, self._rates.get(video.model))
        self._arrange(self)

    def progress(self, id: str, frames_done: int, rate: float | None) -> None:
        """It has so many frames now."""
        self._paces[id] = Pace(frames_done, rate)

    def rest(self, video: Video) -> None:
        """It is not being made any more."""
        pace = self._paces.pop(video.id, Pace())
        if pace.rate:
            self._rates[video.model] = pace.rate
        self._arrange(self)

    def view(self, video: Video) -> VideoJob:
        """A job, on the board or not, as everybody sees it."""
        pace = self._paces.get(video.id)
        done = pace.frames_done if pace else video.frames_done
        position, eta = self._outlook(video)
        percent = 100 if video.status == "completed" else min(99, 100 * done // video.frames)
        return VideoJob.model_construct(
            id=video.id,
            object="video",
            model=video.model,
            status=video.status,
            progress=percent,
            created_at=int(video.created_at),
            started_at=None if video.started_at is None else int(video.started_at),
            completed_at=None if video.completed_at is None else int(video.completed_at),
            size=f"{video.width}x{video.height}",
            seconds=f"{video.frames / video.fps:g}",
            fps=video.fps,
            num_frames=video.frames,
            frames_done=done,
            eta_s=eta,
            position=position,
            prompt=video.prompt,
            name=video.name,
            seed=video.seed,
            error=Problem(code=video.error_code, message=video.error_message or "")
            if video.error_code
            else None,
            has_content=done > 0,
        )

    def _outlook(self, video: Video) -> tuple[int | None, float | None]:
        """How many come before it, and seconds until it is there; None where that cannot be told."""
        if video.status not in ACTIVE:
            return None, None
        wait: float | None = 0.0
        for position, other in enumerate(self):
            pace = self._paces.get(other.id, Pace(other.frames_done))
            rate = pace.rate or self._rates.get(other.model)
            left = (other.frames - pace.frames_done) / rate if rate else None
            if other.id == video.id:
                now = 0.0 if video.id in self._paces else wait
                return position, None if now is None or left is None else round(now + left, 1)
            wait = None if wait is None or left is None else wait + left / self._at_once
        return None, None

    def _arrange(self, videos: Iterable[Video]) -> None:
        self._videos = {video.id: video for video in fair_order(videos, self._served)}


def fair_order(videos: Iterable[Video], served: Mapping[str, float]) -> list[Video]:
    """What runs first, then round robin over clients: the one served longest ago first, its oldest job first.

    served: when a job of each client was started last.
    """
    rows = sorted(videos, key=lambda video: video.number)
    order = [video for video in rows if video.status == "in_progress"]
    queues: dict[str, deque[Video]] = {}
    for video in rows:
        if video.status != "in_progress":
            queues.setdefault(video.client, deque()).append(video)
    last, clock = dict(served), max(served.values(), default=0.0)
    while queues:
        client = min(queues, key=lambda name: (last.get(name, -1.0), queues[name][0].number))
        order.append(queues[client].popleft())
        clock += 1
        last[client] = clock
        if not queues[client]:
            del queues[client]
    return order
