"""What the server counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

PATHS = frozenset({"/", "/health", "/metrics", "/openapi.json", "/predict", "/page"})
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts of one server.

    Attributes:
        stage: Seconds of ``decode``, ``network`` (waiting for it included) and ``page``.
        batch: Clips a batch.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        labels = ["path", "status"]
        self._requests = Counter("st_abn_requests", "Answered", labels, registry=registry)
        self._running = Gauge("st_abn_requests_running", "Under way", registry=registry)
        self._seconds = Histogram(
            "st_abn_request_seconds", "Whole requests", ["path"], registry=registry
        )
        self.stage = Histogram(
            "st_abn_stage_seconds", "Parts of requests", ["stage"], registry=registry
        )
        self.batch = Histogram(
            "st_abn_batch_clips", "Clips a batch", buckets=BATCH_SIZES, registry=registry
        )

    @contextmanager
    def request(self, path: str) -> Iterator[list[int]]:
        """Counts a request, whose status is to be put into the list within the block."""
        path = path if path in PATHS else "other"
        answered = [499]  # as proxies call it: who asked has left before an answer was begun
        try:
            with self._running.track_inprogress(), self._seconds.labels(path).time():
                yield answered
        finally:
            self._requests.labels(path, answered[-1]).inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
