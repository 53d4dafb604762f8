"""The jobs: taken on, put in a fair order, made one chunk a turn, and gone on with after whatever happened."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flythrough.serve.asking import Wanted, understood
from flythrough.serve.events import Events
from flythrough.serve.failures import Refusal
from flythrough.serve.folder import Folder
from flythrough.serve.making import Ended, Maker
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.schema import Gone, Problem, VideoJob, VideoRequest
from flythrough.serve.settings import Settings
from flythrough.serve.store import ACTIVE, DELETED, Store, Video
from flythrough.serve.turns import Turns
from flythrough.spread import LeftError, LostError

log = logging.getLogger("flythrough.serve")
MOST_CRASHES = 20  # in a row, without a frame more: then the video itself is what ends the server


@dataclass
class Pace:
    """How fast a job goes. rate: frames a second of late, waiting for turns included."""

    frames_done: int = 0
    rate: float | None = None


class Jobs:
    """All jobs of a server. Safe from threads; threads of its own make the videos, one each."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        models: Models,
        turns: Turns,
        events: Events,
        metrics: Metrics,
        at_once: int = 1,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        """at_once: how many are made at a time; hurry: called at the end, so that nothing waits for a cluster."""
        self.settings, self.store, self.models, self.events, self.metrics = (
            settings,
            store,
            models,
            events,
            metrics,
        )
        self.maker = Maker(settings, models, turns, events, metrics)
        self.at_once, self._hurry = at_once, hurry
        self._changed = threading.Condition()  # guards all below
        self._board: dict[str, Video] = {}  # queued and running, in the order in which they will be made
        self._pace: dict[str, Pace] = {}
        self._rates: dict[str, float] = {}  # frames a second, by model
        self._served: dict[str, float] = {}
        self._wishes: dict[str, str] = {}  # of a running job: "cancelled" or "deleted"
        self._stopping = False
        self._threads: list[threading.Thread] = []

    # what requests ask for

    def accept(
        self, request: VideoRequest, upload: bytes | None, client: str, repeat: str | None = None
    ) -> VideoJob:
        """Take a job on. When this returns, it outlives the server. Raises InputError, or Refusal of a full queue."""
        key = None if repeat is None else f"{client}\n{repeat}"
        if key is not None and (earlier := self.store.repeated(key)):
            return self._job(earlier)
        self._check_room()
        wanted = understood(request, upload, self.settings, self.models)
        id = f"video_{secrets.token_hex(16)}"
        folder = self.folder(id)
        video = self._row(id, client, key, wanted)
        folder.begin(wanted.camera, wanted.picture)
        try:
            with self._changed:
                self._check_room()
                if not self.store.add(video):
                    folder.remove()
                    again = self.store.repeated(key or "")
                    assert again is not None
                    return self._job(again)
                self._board[id] = video
                self._put_in_order()
                self._changed.notify_all()
        except Refusal:
            folder.remove()
            raise
        self.metrics.accepted.inc()
        self._announce()
        return self._job(video)

    def get(self, id: str) -> VideoJob | None:
        video = self._board.get(id) or self.store.get(id)
        return None if video is None or self._wishes.get(id) == DELETED else self._job(video)

    def page(self, limit: int, after: str | None, newest_first: bool) -> tuple[list[VideoJob], bool]:
        """Some jobs, and whether there are more; raises InputError where `after` is none."""
        videos, more = self.store.page(limit, after, newest_first)
        return [self._job(self._board.get(video.id, video)) for video in videos], more

    def request(self, id: str) -> VideoRequest:
        """What was asked for, without the picture."""
        video = self.store.get(id)
        assert video is not None
        return VideoRequest.model_validate_json(video.request)

    def cancel(self, id: str) -> VideoJob:
        """Stop a job; one that has ended stays as it is."""
        return self._stop_one(id, "cancelled")

    def delete(self, id: str) -> bool:
        """Forget a job and its files, at the end of its turn if it has one. False: there is none."""
        with self._changed:
            if self.store.get(id) is None:
                return False
            self.store.change(id, status=DELETED)
            if self._board.get(id) is not None and self._board[id].status == "in_progress":
                self._wishes[id] = DELETED
            else:
                self._board.pop(id, None)
                self._purge(id)
            self._put_in_order()
        self.events.tell("gone", id, Gone(id=id).model_dump_json())
        self._announce()
        return True

    def retry(self, id: str) -> VideoJob:
        """Queue a failed or cancelled job again; raises Refusal for another one."""
        with self._changed:
            video = self._board.get(id) or self.store.get(id)
            if video is None or video.status not in ("failed", "cancelled"):
                status = video.status if video else "gone"
                raise Refusal(409, f"{id} is {status}; only failed and cancelled videos are tried again")
            self._check_room()
            self._set(
                video, status="queued", completed_at=None, error_code=None, error_message=None, crashes=0
            )
            self._board[id] = video
            self._put_in_order()
            self._changed.notify_all()
        self._announce()
        return self._job(video)

    def folder(self, id: str) -> Folder:
        """The files of a job."""
        return Folder(self.settings.videos / id)

    def active(self) -> list[VideoJob]:
        """Jobs that wait or run, in the order in which they are made."""
        with self._changed:
            videos = [video for video in self._board.values() if self._wishes.get(video.id) != DELETED]
        return [self._job(video) for video in videos]

    def running(self) -> list[VideoJob]:
        return [job for job in self.active() if job.status == "in_progress"]

    @property
    def waiting(self) -> int:
        """Jobs that wait or run."""
        return len(self._board)

    @property
    def queued(self) -> int:
        return sum(video.status == "queued" for video in list(self._board.values()))

    # the worker

    def start(self) -> None:
        """Clear up after the last server, and go on with what it had taken on."""
        for video in self.store.with_status(DELETED):
            self._purge(video.id)
        known = self.store.ids()
        for path in self.settings.videos.iterdir():  # of a request that was not answered any more
            if path.name not in known and path.name.startswith("video_"):
                Folder(path).remove()
        with self._changed:
            self._served = self.store.served()
            for video in self.store.with_status(*ACTIVE):
                if video.status == "in_progress":
                    self._recover(video)
                if video.status in ACTIVE:
                    self._board[video.id] = video
            self._put_in_order()
        self._threads = [
            threading.Thread(target=self._work, name=f"jobs {n}", daemon=True) for n in range(self.at_once)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the worker after the chunk that it makes; its job goes on with the next server."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._hurry()
        for thread in self._threads:
            thread.join()

    def _recover(self, video: Video) -> None:
        done = self.folder(video.id).frames()
        crashes = 0 if done > video.frames_done else video.crashes + 1
        self._set(video, frames_done=done, crashes=crashes)
        if crashes >= MOST_CRASHES:
            message = f"the server ended {crashes} times while it made this video; /retry tries again"
            self._set(
                video, status="failed", completed_at=time.time(), error_code="crashes", error_message=message
            )

    def _work(self) -> None:
        while (video := self._next()) is not None:
            self._announce()
            try:
                ended = self.maker.make(
                    video, self.folder(video.id), lambda: self._wish(video.id), self._progress
                )
            except LeftError:
                ended = Ended("stopped")
            except LostError as error:
                ended = Ended("failed", "unavailable", str(error))
            except Exception as error:  # whatever it is, the next job has its turn
                log.exception("%s failed", video.id)
                ended = Ended(
                    "failed", "internal_error", f"the server made a mistake ({type(error).__name__})"
                )
            self._end(video, ended)

    def _next(self) -> Video | None:
        """Wait for the next job, and mark it as running. None: there is to be no other."""
        with self._changed:
            while not self._stopping:
                video = next((video for video in self._board.values() if video.id not in self._pace), None)
                if video is not None:
                    break
                self._changed.wait()
            else:
                return None
            now = time.time()
            self._served[video.client] = now
            self._set(video, status="in_progress", started_at=video.started_at or now)
            self._pace[video.id] = Pace(video.frames_done, self._rates.get(video.model))
            self._put_in_order()
            return video

    def _end(self, video: Video, ended: Ended) -> None:
        with self._changed:
            wish = self._wishes.pop(video.id, None)
            pace = self._pace.pop(video.id, Pace())
            if wish == DELETED:
                self._board.pop(video.id)
                self._purge(video.id)
            elif ended.status != "stopped":  # else it stays as it is, for the next server
                self._board.pop(video.id)
                self._set(
                    video,
                    status=ended.status,
                    frames_done=self.folder(video.id).frames(),
                    completed_at=time.time(),
                    error_code=ended.code,
                    error_message=ended.message,
                )
                self.metrics.jobs.labels(ended.status).inc()
            if pace.rate:
                self._rates[video.model] = pace.rate
            self._put_in_order()
        if wish != DELETED and ended.status != "stopped":
            self.events.tell("job", video.id, self._job(video).model_dump_json())
        self._announce()

    def _wish(self, id: str) -> str | None:
        """What is to become of a running job instead."""
        return self._wishes.get(id) or ("stopped" if self._stopping else None)

    def _progress(self, video: Video, frames_done: int, rate: float | None) -> None:
        with self._changed:
            self._pace[video.id] = Pace(frames_done, rate)
        self.events.tell("job", video.id, self._job(video).model_dump_json())

    def _stop_one(self, id: str, status: str) -> VideoJob:
        with self._changed:
            video = self._board.get(id)
            if video is None:
                ended = self.store.get(id)
                assert ended is not None
                return self._job(ended)
            if video.status == "in_progress":
                self._wishes.setdefault(id, status)
            else:
                self._board.pop(id)
                self._set(video, status=status, completed_at=time.time())
                self.metrics.jobs.labels(status).inc()
                self._put_in_order()
        self.events.tell("job", id, self._job(video).model_dump_json())
        self._announce()
        return self._job(video)

    # the board

    def _check_room(self) -> None:
        if len(self._board) >= self.settings.queue:
            raise Refusal(
                429, f"{len(self._board)} videos wait already, which is as many as may; try again later"
            )

    def _put_in_order(self) -> None:
        order = fair_order(self._board.values(), self._served)
        self._board = {video.id: video for video in order}

    def _announce(self) -> None:
        """Tell everybody where they are in the queue."""
        if not self.events.listeners:
            return
        for job in self.active():
            self.events.tell("job", job.id, job.model_dump_json())

    def _set(self, video: Video, **values: object) -> None:
        """Change a job, on the disk first."""
        self.store.change(video.id, **values)
        for name, value in values.items():
            setattr(video, name, value)

    def _purge(self, id: str) -> None:
        self.folder(id).remove()
        self.store.remove(id)

    def _row(self, id: str, client: str, repeat: str | None, wanted: Wanted) -> Video:
        return Video(
            id=id,
            client=client,
            repeat=repeat,
            model=wanted.model,
            prompt=wanted.request.prompt,
            name=wanted.request.name,
            seed=wanted.seed,
            fps=wanted.camera.fps,
            width=wanted.camera.width,
            height=wanted.camera.height,
            frames=wanted.camera.frames,
            request=wanted.request.model_dump_json(exclude_none=True),
            created_at=time.time(),
        )

    def _job(self, video: Video) -> VideoJob:
        """A job as everybody sees it."""
        pace = self._pace.get(video.id)
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
        for position, other in enumerate(list(self._board.values())):
            pace = self._pace.get(other.id, Pace(other.frames_done))
            rate = pace.rate or self._rates.get(other.model)
            left = (other.frames - pace.frames_done) / rate if rate else None
            if other.id == video.id:
                now = 0.0 if video.id in self._pace else wait
                return position, None if now is None or left is None else round(now + left, 1)
            wait = None if wait is None or left is None else wait + left / self.at_once
        return None, None


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
