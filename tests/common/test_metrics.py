import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from common import metrics
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
    assert value("plaza_request_seconds_count", route="tests/counted") == 2
    assert value("plaza_request_seconds_sum", route="tests/counted") == pytest.approx(4.3)
    buckets = {le: value("plaza_request_seconds_bucket", route="tests/counted", le=le) for le in ("0.25", "0.5", "3.0")}
    assert buckets == {"0.25": 0, "0.5": 1, "3.0": 1}


@pytest.mark.parametrize("method", ["BREW", "get", "", "X" * 4000])
def test_a_made_up_method_makes_no_label_of_its_own(method: str) -> None:
    other = {"method": "other", "route": "tests/methods", "status": "405"}
    before = value("plaza_requests_total", **other)
    metrics.observe_request(method, "tests/methods", 405, 0.1)
    assert value("plaza_requests_total", **other) == before + 1
    assert value("plaza_requests_total", **{**other, "method": method}) == 0


def test_what_was_counted_is_exposed() -> None:
    metrics.observe_request("PUT", "tests/exposed", 204, 0.1)
    assert exposed("plaza_requests_total", method="PUT", route="tests/exposed", status="204") == 1.0


def test_the_workers_of_one_service_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = "from common import metrics; metrics.observe_request('GET', 'tests/workers', 200, 0.1)"
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen([sys.executable, "-c", work], env=environment) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert exposed("plaza_requests_total", method="GET", route="tests/workers", status="200") == 2.0
