"""One job, made: a chunk a turn, from its last saved chunk if there is one."""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from flythrough.errors import InputError
from flythrough.media import save_image
from flythrough.order import Order
from flythrough.pipeline import Pipeline, first_view
from flythrough.resume import Flight, begin, resume
from flythrough.serve import pictures
from flythrough.serve.events import Events
from flythrough.serve.folder import Folder
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.schema import Preview, VideoRequest
from flythrough.serve.settings import Settings
from flythrough.serve.store import Video
from flythrough.serve.turns import Turns
from flythrough.shot import Shot
from flythrough.worlds.world import World

log = logging.getLogger("flythrough.serve")
PREVIEW_S = 0.4  # between two previews
SMOOTH = 0.2  # the newest chunk's share in the rate

Wish = Callable[[], str | None]
Progress = Callable[[Video, int, float | None], None]


@dataclass(frozen=True)
class Ended:
    """How a job came to its end. status: completed, failed, cancelled or deleted, or stopped with the server."""

    status: str
    code: str | None = None
    message: str | None = None


class _Stop(Exception):
    """Leave a flight as it is."""


class Maker:
    """Makes videos. One at a time, in the thread that calls it."""

    def __init__(
        self, settings: Settings, models: Models, turns: Turns, events: Events, metrics: Metrics
    ) -> None:
        self.settings, self.models, self.turns = settings, models, turns
        self.events, self.metrics = events, metrics

    def make(self, video: Video, folder: Folder, wish: Wish, progress: Progress) -> Ended:
        """Make a video, or what is left of it. wish is asked between two chunks what is to become of it instead."""
        if folder.finished(video.frames):  # the last server ended before it could say so
            return Ended("completed")
        try:
            self.turns.run(video.id, self.models.get, video.model)
            with self.models.using(video.model) as pipeline:
                flight = self._flight(video, folder, pipeline)
                return self._fly(video, folder, flight, wish, progress)
        except InputError as error:
            return Ended("failed", "invalid_input", str(error).replace(str(folder.path), "the job's folder"))
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
                log.exception("%s: out of memory", video.id)
                return Ended("failed", "out_of_memory", f"the memory is too small for {video.model}")
            raise

    def _flight(self, video: Video, folder: Folder, pipeline: Pipeline) -> Flight:
        if folder.resumable:
            try:
                flight = resume(folder.film, log.info, lambda _: pipeline)
            except InputError as error:  # of a power failure, half a file; of an update, other weights
                log.warning("%s begins again: %s", video.id, error)
            else:
                log.info("%s goes on after frame %d", video.id, flight.frames)
                self.metrics.resumed.inc()
                return flight
        folder.start_over()
        request = VideoRequest.model_validate_json(video.request)
        camera = folder.camera()
        if request.world is not None and not folder.picture.is_file():
            world = World.from_seed(request.world.seed, kind=request.world.kind)
            view = self.turns.run(video.id, first_view, world, camera, video.height, video.width)
            save_image(view, folder.picture)
        shot = Shot(
            camera=camera,
            image=folder.first_frame(),
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            seed=video.seed,
            steps=request.steps,
            guidance_scale=request.guidance_scale,
        )
        order = Order(
            out=folder.film,
            shot=shot,
            model=self.models.source(video.model),
            random_weights=self.settings.random_weights,
            device=self.settings.device,
            refine=request.refine,
            contact_sheet=True,
            save_every=self.settings.save_every,
        )
        return begin(order, lambda _: pipeline)

    def _fly(self, video: Video, folder: Folder, flight: Flight, wish: Wish, progress: Progress) -> Ended:
        ended = "completed"
        rate, shown_at, opened = None, 0.0, False
        try:
            with flight:
                chunks = iter(flight)
                while True:
                    start = time.monotonic()
                    began, count = self.turns.run(video.id, lambda: (time.monotonic(), next(chunks, None)))
                    now = time.monotonic()
                    if count is not None:
                        self.metrics.turn("job", count, began - start, now - began)
                        if opened:  # the first chunk reads the prompt and the picture too
                            latest = count / max(now - start, 1e-6)
                            rate = latest if rate is None else rate + SMOOTH * (latest - rate)
                        opened = True
                        progress(video, flight.frames, rate)
                        if now - shown_at >= PREVIEW_S or flight.frames == video.frames:
                            self._show(video, folder, flight)
                            shown_at = now
                    if count is None or flight.frames == video.frames:
                        break
                    if (instead := wish()) is not None:
                        ended = instead
                        flight.save()
                        raise _Stop
        except _Stop:
            pass
        return Ended(ended)

    def _show(self, video: Video, folder: Folder, flight: Flight) -> None:
        """The newest frame, to those who watch and for those who come."""
        if flight.newest is None:
            return
        small = pictures.jpeg(flight.newest, pictures.PREVIEW_WIDTH, quality=80)
        folder.keep_poster(small)
        if self.events.listeners:
            preview = Preview(id=video.id, frame=flight.frames - 1, jpeg=base64.b64encode(small).decode())
            self.events.tell("preview", video.id, preview.model_dump_json())
