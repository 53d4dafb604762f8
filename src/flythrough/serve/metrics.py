"""What a server counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CHUNK_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)


class Metrics:
    """Counters of one server; a registry of its own, so that two servers in a process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        own = {"registry": self.registry, "namespace": "flythrough"}
        self.jobs = Counter("jobs", "Jobs that came to an end.", ["status"], **own)
        self.accepted = Counter("jobs_accepted", "Jobs that were taken on.", **own)
        self.resumed = Counter("jobs_resumed", "Jobs that went on from a saved chunk.", **own)
        self.queue = Gauge("queue_length", "Jobs that wait or run.", **own)
        self.frames = Counter("frames", "Frames made.", ["by"], **own)  # job or live
        self.chunk = Histogram(
            "turn_seconds", "Time of a turn on the device.", ["by"], buckets=CHUNK_S, **own
        )
        self.waited = Histogram(
            "turn_wait_seconds", "Time until a turn came.", ["by"], buckets=CHUNK_S, **own
        )
        self.requests = Counter("http_requests", "Answers, by status.", ["status"], **own)
        self.refused = Counter("http_refused", "Requests that the guard stopped.", ["why"], **own)
        self.sessions = Gauge("sessions", "Live flights.", ["state"], **own)
        self.listeners = Gauge("event_listeners", "Open event streams.", **own)
        self.models = Gauge("model_bytes", "Weights in memory.", ["model"], **own)

    def turn(self, by: str, frames: int, waited_s: float, made_s: float) -> None:
        """Count a turn on the device, of a job or live."""
        self.frames.labels(by).inc(frames)
        self.waited.labels(by).observe(waited_s)
        self.chunk.labels(by).observe(made_s)

    def text(self) -> bytes:
        return generate_latest(self.registry)
