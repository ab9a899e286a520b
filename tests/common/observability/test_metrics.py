import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from common.observability import metrics
from common.server.caretaker import forget_gauges
from common.settings import ROOT


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def exposed(name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_a_request_is_counted_and_timed() -> None:
    counted = {"method": "GET", "route": "tests/counted", "status": "200"}
    metrics.observe_request("GET", "tests/counted", 200, 0.3)
    metrics.observe_request("GET", "tests/counted", 200, 4.0)
    assert value("plaza_requests_total", **counted) == 2
    timed = counted | {"status": "2xx"}
    assert value("plaza_request_seconds_count", **timed) == 2
    assert value("plaza_request_seconds_sum", **timed) == pytest.approx(4.3)
    buckets = {le: value("plaza_request_seconds_bucket", **timed, le=le) for le in ("0.25", "0.5", "3.0")}
    assert buckets == {"0.25": 0, "0.5": 1, "3.0": 1}


@pytest.mark.parametrize("method", ["BREW", "get", "", "X" * 4000])
def test_an_unknown_method_gets_no_label_of_its_own(method: str) -> None:
    other = {"method": "other", "route": "tests/methods", "status": "405"}
    before = value("plaza_requests_total", **other)
    metrics.observe_request(method, "tests/methods", 405, 0.1)
    assert value("plaza_requests_total", **other) == before + 1
    assert value("plaza_requests_total", **{**other, "method": method}) == 0


def test_counted_requests_are_exposed() -> None:
    metrics.observe_request("PUT", "tests/exposed", 204, 0.1)
    assert exposed("plaza_requests_total", method="PUT", route="tests/exposed", status="204") == 1.0


def test_the_workers_of_one_service_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = "from common.observability import metrics; metrics.observe_request('GET', 'tests/workers', 200, 0.1)"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen([sys.executable, "-c", work], env=environment) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert exposed("plaza_requests_total", method="GET", route="tests/workers", status="200") == 2.0


def test_each_worker_of_several_says_what_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(metrics, "siblings", lambda: [os.getpid(), os.getppid()])
    for pid in (os.getpid(), os.getppid()):
        assert (exposed("process_resident_memory_bytes", pid=str(pid)) or 0) > 1_000_000
        assert exposed("process_cpu_seconds_total", pid=str(pid)) is not None


def test_a_process_is_among_its_parents_children() -> None:
    assert os.getpid() in metrics.siblings()


def test_what_runs_is_said(tmp_path: Path) -> None:
    (family,) = metrics.BuildInfo("shop", "1.2.3").collect()
    ((name, labels, one, *_),) = family.samples
    assert (name, labels, one) == ("plaza_build_info", {"service": "shop", "version": "1.2.3"}, 1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds a directory for the workers of each service."""
    monkeypatch.setenv("PLAZA_DATA_DIR", str(tmp_path))
    return tmp_path / "metrics"


def test_each_start_has_a_new_and_private_directory(folder: Path) -> None:
    made = metrics.fresh_directory("shop")
    assert made.parent == folder
    assert [path.stat().st_mode & 0o777 for path in (folder, made)] == [0o700, 0o700]
    (made / "counter_1.db").touch()
    assert metrics.fresh_directory("shop") == made  # the same process, a second time
    assert list(made.iterdir()) == []


def test_directories_of_dead_processes_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, number: int) -> None:
        assert number == 0
        if pid == 1001:
            raise ProcessLookupError
        if pid == 1002:
            raise PermissionError  # another user's process

    monkeypatch.setattr(metrics.os, "kill", kill)
    monkeypatch.setattr(metrics.socket, "gethostname", lambda: "host")
    for name in ("shop@host.1001", "shop@host.1002", "shop@host.1003", "shop@elsewhere.1001", "users@host.1001"):
        (folder / name).mkdir(parents=True)
        (folder / name / "counter_1.db").touch()
    made = metrics.fresh_directory("shop")
    assert {path.name for path in folder.iterdir()} == {
        made.name,
        "shop@host.1002",
        "shop@host.1003",
        "shop@elsewhere.1001",
        "users@host.1001",
    }


def test_the_counters_of_a_dead_worker_stay_and_its_live_gauges_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = """
from prometheus_client import Gauge
from common.observability import metrics
from common.server.caretaker import forget_gauges
metrics.observe_request('GET', 'tests/dead', 200, 0.1)
Gauge('tests_in_flight', 'x', multiprocess_mode='livesum').set(3)
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen([sys.executable, "-c", work], env=environment)
    assert worker.wait(30) == 0
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert metrics.are_shared()
    assert exposed("tests_in_flight") == 3
    forget_gauges(worker.pid)
    assert exposed("tests_in_flight") is None
    assert exposed("plaza_requests_total", method="GET", route="tests/dead", status="200") == 1


class Kettle(Collector):
    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        return [GaugeMetricFamily("kettle_litres", "What is in it.", 1.5)]


def test_a_registered_collector_is_exposed_once_by_one_worker_and_by_several(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(metrics, "_collectors", [])
    kettle = Kettle()
    metrics.register_collector(kettle)
    metrics.register_collector(kettle)
    try:
        assert metrics.exposition().count(b"\nkettle_litres 1.5\n") == 1
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        assert metrics.exposition().count(b"kettle_litres 1.5\n") == 1
    finally:
        REGISTRY.unregister(kettle)
