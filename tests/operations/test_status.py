import json
import os
import signal

import pytest

from operations import status
from tests.operations.plaza import Plaza


def test_the_table_names_each_service(plaza: Plaza) -> None:
    plaza.up()
    answer = plaza.run("status")
    assert answer.returncode == 0
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert lines[0] == ["service", "process", "port", "state"]
    assert lines[1] == ["gateway", str(plaza.pid("gateway")), str(plaza.port), "healthy"]
    assert lines[5] == ["relay", str(plaza.pid("relay")), "-", "healthy"]


def test_a_service_that_hangs_is_not_healthy(plaza: Plaza) -> None:
    plaza.up()
    os.kill(int(plaza.ask(1)["worker"]), signal.SIGSTOP)
    answer = plaza.run("status", "--json")
    assert answer.returncode == 1
    healthy = {service["name"]: service["healthy"] for service in json.loads(answer.stdout)["services"]}
    assert healthy == {"gateway": True, "users": False, "products": True, "orders": True, "relay": True}


def test_when_nothing_runs_it_is_said_and_has_its_own_exit_code(plaza: Plaza) -> None:
    answer = plaza.run("status")
    assert (answer.returncode, answer.stderr) == (3, "")
    assert answer.stdout.startswith("Plaza is not running; start it with `python3 manage_all.py up")
    assert plaza.services()["relay"] == {"name": "relay", "pid": None, "port": None, "healthy": False}


def test_parked_orders_are_told_by_orders_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []

    def fetch(port: int, path: str) -> str:
        asked.append((port, path))
        return "# HELP plaza_orders_parked ...\nplaza_orders_waiting 7.0\nplaza_orders_parked 3.0\n"

    monkeypatch.setattr(status, "fetch", fetch)
    orders = status.Report("orders", 1, 8003, healthy=True)
    assert status.parked_orders([status.Report("users", 2, 8001, healthy=True), orders]) == 3
    assert asked == [(8003, "/metrics")]
    assert status.parked_orders([status.Report("orders", 1, 8003, healthy=False)]) == 0
    monkeypatch.setattr(status, "fetch", lambda port, path: "")
    assert status.parked_orders([orders]) == 0
