"""Prometheus metrics with labels of few values: routes, never paths.

Several workers of one service keep theirs in files of one directory, which each of them can add up.
"""

import os
import shutil
import socket
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from common.settings import env, state_dir

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client, when it is first imported
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

REQUESTS = Counter("plaza_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("plaza_request_seconds", "Time to answer, in seconds.", ["route"], buckets=BUCKETS)


_state: list[Collector] = []


def add_state(collector: Collector) -> None:
    """Metrics that are read from the database at each look, and so are the same in every worker."""
    if collector not in _state:
        _state.append(collector)
        REGISTRY.register(collector)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method if method in METHODS else "other", route, status).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def exposition() -> bytes:
    """All metrics in Prometheus' text format, of all worker processes where there are several."""
    registry = REGISTRY
    if are_shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for collector in _state:
            registry.register(collector)
    return generate_latest(registry)


def are_shared() -> bool:
    return bool(env(DIRECTORY_VARIABLE))


def fresh_directory(service: str) -> Path:
    """For the workers of this process. Those of dead ones of `service` on this machine are removed."""
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


def forget_process(pid: int) -> None:
    """What process `pid` counted stays counted; what it is at the moment, it is no longer."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
