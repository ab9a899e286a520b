"""Prometheus metrics with labels of few values: routes, never paths."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from common.settings import env

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

REQUESTS = Counter("plaza_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("plaza_request_seconds", "Time to answer, in seconds.", ["route"], buckets=BUCKETS)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method if method in METHODS else "other", route, status).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def exposition() -> bytes:
    """All metrics in Prometheus' text format, summed over the worker processes where there are several."""
    registry = REGISTRY
    if env("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
