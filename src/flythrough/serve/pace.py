"""When to begin the next chunk of a live flight, so that keys are heard late and its frames still come in time."""

from __future__ import annotations

MARGIN_S = 0.08  # for packing, sending and the client's own work


class Pace:
    """A clock of film: it knows when what was sent will have been shown. All times by one monotonic clock, in s."""

    def __init__(self, fps: float, chunk_frames: int, on: bool) -> None:
        self._fps, self._chunk_s, self._on = fps, chunk_frames / fps, on
        self._due: float | None = None
        self._making_s = 0.0

    def begin_at(self, now: float) -> float:
        """When to begin: as late as making has lately allowed, and never more than a chunk ahead."""
        if not self._on or self._due is None:
            return now
        return self._due - min(self._chunk_s, 1.25 * self._making_s + MARGIN_S)

    def ahead(self, now: float) -> float:
        """Seconds of film sent and not shown yet."""
        return max(0.0, (self._due or now) - now)

    def made(self, frames: int, making_s: float, now: float) -> None:
        """Frames go out now; they are shown when those before them have been, or at once."""
        self._making_s = max(making_s, 0.7 * self._making_s + 0.3 * making_s)
        self._due = max(self._due or now, now) + frames / self._fps

    def restart(self) -> None:
        """What was sent is void."""
        self._due = None
