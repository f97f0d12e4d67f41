"""What a service counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
PICTURES = (1, 2, 4, 8, 16)
TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Of one service, in a registry of its own, so that several can live in a process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "lama_requests", "Requests by route and status.", ("route", "status"), registry=registry
        )
        self._whole = Histogram(
            "lama_request_seconds", "From a request's first byte to the end of its answer.", ("route",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._stages = Histogram(
            "lama_stage_seconds", "Of a picture: decode, queue (waiting for the engine), infer, encode.", ("stage",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._together = Histogram(
            "lama_batch_pictures", "Pictures that the engine was given together.", ("model",), buckets=PICTURES,
            registry=registry,
        )  # fmt: skip
        self._queues = Gauge("lama_queue_pictures", "Pictures that wait for the engine.", ("model",), registry=registry)
        self._pixels = Counter("lama_pixels", "Pixels of the pictures that were filled.", ("model",), registry=registry)

    def watch(self, name: str, told: str, read: Callable[[], float]) -> None:
        """A value that is asked for whenever somebody looks."""
        Gauge(name, told, registry=self._registry).set_function(read)

    def watch_queue(self, model: str, read: Callable[[], float]) -> None:
        """How many pictures wait for a model."""
        self._queues.labels(model).set_function(read)

    def request(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._whole.labels(route).observe(seconds)

    def stage(self, name: str, seconds: float) -> None:
        self._stages.labels(name).observe(seconds)

    def ran(self, model: str, pictures: int, pixels: int) -> None:
        self._together.labels(model).observe(pictures)
        self._pixels.labels(model).inc(pixels)

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self._registry)
