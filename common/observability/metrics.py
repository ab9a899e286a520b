"""Prometheus metrics. Their labels have few values: routes, never paths.

Where a service has several workers, each of them keeps its metrics in files of one directory, and any of them can add
them up.
"""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from common.settings import env, state_dir

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is first imported
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

REQUESTS = Counter("plaza_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "plaza_request_seconds",
    "Time to answer, in seconds, by the class of the status (2xx).",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
STATUS_CLASSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")


_collectors: list[Collector] = []


def register_collector(collector: Collector) -> None:
    """Register metrics that are read from the database at each scrape, and so are the same in every worker."""
    if collector not in _collectors:
        _collectors.append(collector)
        REGISTRY.register(collector)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    count, duration = _of_answers(method if method in METHODS else "other", route, status)
    count.inc()
    duration.observe(seconds)


@cache
def _of_answers(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    status_class = STATUS_CLASSES[status // 100]
    return REQUESTS.labels(method, route, status), REQUEST_SECONDS.labels(method, route, status_class)


def exposition() -> bytes:
    """All metrics of all workers, in Prometheus' text format."""
    registry = REGISTRY
    if are_shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for collector in (*_collectors, Workers()):
            registry.register(collector)
    return generate_latest(registry)


class Workers(Collector):
    """`process_…` of each worker, by its number: with several workers, prometheus_client leaves them out."""

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        merged: dict[str, Metric] = {}
        for pid in siblings():
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                family = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {"pid": str(pid)}, sample.value)
        return merged.values()


def siblings() -> list[int]:
    """The children of this process's parent, this one too. Elsewhere than on Linux, none."""
    found: list[int] = []
    for children in Path(f"/proc/{os.getppid()}/task").glob("*/children"):  # of each of its threads
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in children.read_text().split()]
    return found


class BuildInfo(Collector):
    """`plaza_build_info` is always 1; its labels say what runs."""

    def __init__(self, service: str, version: str) -> None:
        self._labels = {"service": service, "version": version}

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("plaza_build_info", "What runs.", labels=list(self._labels))
        family.add_metric(list(self._labels.values()), 1)
        yield family


def are_shared() -> bool:
    return bool(env(DIRECTORY_VARIABLE))


def fresh_directory(service: str) -> Path:
    """A new directory for the workers of this process. Those of earlier processes of `service` are removed."""
    folder = state_dir() / "metrics"
    folder.mkdir(mode=0o700, exist_ok=True)
    prefix = f"{service}@{socket.gethostname()}."
    for old in folder.glob(f"{prefix}*"):
        pid = int(old.name.removeprefix(prefix))
        if pid == os.getpid() or not _is_alive(pid):
            shutil.rmtree(old)
    own = folder / f"{prefix}{os.getpid()}"
    own.mkdir(mode=0o700)
    return own


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        pass
    return True
