"""The jobs: taken on, put in a fair order, made one chunk a turn, and gone on with after whatever happened."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable

from flythrough.serve.asking import Wanted, understood
from flythrough.serve.board import Board
from flythrough.serve.events import Events
from flythrough.serve.failures import Refusal
from flythrough.serve.folder import Folder
from flythrough.serve.making import Ended, Maker
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.schema import Gone, VideoJob, VideoRequest
from flythrough.serve.settings import Settings
from flythrough.serve.store import ACTIVE, DELETED, Store, Video
from flythrough.serve.turns import Turns
from flythrough.spread import LeftError, LostError

log = logging.getLogger("flythrough.serve")
MOST_CRASHES = 20  # in a row, without a frame more: then the video itself is what ends the server


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
        self._board = Board(at_once)
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
            return self._board.view(earlier)
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
                    return self._board.view(again)
                self._board.put(video)
                self._changed.notify_all()
        except Refusal:
            folder.remove()
            raise
        self.metrics.accepted.inc()
        self._announce()
        return self._board.view(video)

    def get(self, id: str) -> VideoJob | None:
        video = self._board.get(id) or self.store.get(id)
        return None if video is None or self._wishes.get(id) == DELETED else self._board.view(video)

    def page(self, limit: int, after: str | None, newest_first: bool) -> tuple[list[VideoJob], bool]:
        """Some jobs, and whether there are more; raises InputError where `after` is none."""
        videos, more = self.store.page(limit, after, newest_first)
        return [self._board.view(self._board.get(video.id) or video) for video in videos], more

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
            video = self._board.get(id)
            if video is not None and video.status == "in_progress":
                self._wishes[id] = DELETED
            else:
                self._board.take(id)
                self._purge(id)
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
            self._board.put(video)
            self._changed.notify_all()
        self._announce()
        return self._board.view(video)

    def folder(self, id: str) -> Folder:
        """The files of a job."""
        return Folder(self.settings.videos / id)

    def active(self) -> list[VideoJob]:
        """Jobs that wait or run, in the order in which they are made."""
        with self._changed:
            videos = [video for video in self._board if self._wishes.get(video.id) != DELETED]
        return [self._board.view(video) for video in videos]

    def running(self) -> list[VideoJob]:
        return [job for job in self.active() if job.status == "in_progress"]

    @property
    def waiting(self) -> int:
        """Jobs that wait or run."""
        return len(self._board)

    @property
    def queued(self) -> int:
        return sum(video.status == "queued" for video in self._board)

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
            left = self.store.with_status(*ACTIVE)
            for video in left:
                if video.status == "in_progress":
                    self._recover(video)
            self._board.fill((video for video in left if video.status in ACTIVE), self.store.served())
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
                video = self._board.next()
                if video is not None:
                    break
                self._changed.wait()
            else:
                return None
            now = time.time()
            self._set(video, status="in_progress", started_at=video.started_at or now)
            self._board.begin(video, now)
            return video

    def _end(self, video: Video, ended: Ended) -> None:
        with self._changed:
            wish = self._wishes.pop(video.id, None)
            self._board.rest(video)
            if wish == DELETED:
                self._board.take(video.id)
                self._purge(video.id)
            elif ended.status != "stopped":  # else it stays as it is, for the next server
                self._board.take(video.id)
                self._set(
                    video,
                    status=ended.status,
                    frames_done=self.folder(video.id).frames(),
                    completed_at=time.time(),
                    error_code=ended.code,
                    error_message=ended.message,
                )
                self.metrics.jobs.labels(ended.status).inc()
        if wish != DELETED and ended.status != "stopped":
            self.events.tell("job", video.id, self._board.view(video).model_dump_json())
        self._announce()

    def _wish(self, id: str) -> str | None:
        """What is to become of a running job instead."""
        return self._wishes.get(id) or ("stopped" if self._stopping else None)

    def _progress(self, video: Video, frames_done: int, rate: float | None) -> None:
        with self._changed:
            self._board.progress(video.id, frames_done, rate)
        self.events.tell("job", video.id, self._board.view(video).model_dump_json())

    def _stop_one(self, id: str, status: str) -> VideoJob:
        with self._changed:
            video = self._board.get(id)
            if video is None:
                ended = self.store.get(id)
                assert ended is not None
                return self._board.view(ended)
            if video.status == "in_progress":
                self._wishes.setdefault(id, status)
            else:
                self._board.take(id)
                self._set(video, status=status, completed_at=time.time())
                self.metrics.jobs.labels(status).inc()
        self.events.tell("job", id, self._board.view(video).model_dump_json())
        self._announce()
        return self._board.view(video)

    # what both share

    def _check_room(self) -> None:
        if len(self._board) >= self.settings.queue:
            raise Refusal(
                429, f"{len(self._board)} videos wait already, which is as many as may; try again later"
            )

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
