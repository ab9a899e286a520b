"""Processes that are told to end, or to load new code, under traffic: no request that was sent stays unanswered."""

import http.client
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import requests

from operations.layout import ROOT
from tests.support.checkout import copy_of
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, children_of, clean_environment, eventually, free_ports
from tests.system.shop import make_product, order_body

REDIS_URL = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
CLIENTS = 30
PAUSE_S = 2.5  # between two requests of a client: longer than a connection that is idle is waited for anywhere
AFTER_S = 3.0
RELOADED_S = 60  # within which a service has started again on a busy machine
OVERLOADED = (503, 504)  # what a busy machine answers; a service that has gone is a 502
ANSWER_S = 10.0


@dataclass(frozen=True)
class Question:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None = None


class Traffic:
    """Clients who each repeat one of `questions`, from the beginning of the block to its end.

    Two of three keep their connections; as long as the service stays, they send on them without looking whether the
    server has closed. `lost` are requests that were sent and not answered, or answered with a failure; `refused` found
    nobody who listens.
    """

    looks = False

    def __init__(self, port: int, *questions: Question) -> None:
        self.answered = 0
        self.lost: list[str] = []
        self.refused = 0
        self._port = port
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        pairs = zip(range(CLIENTS), itertools.cycle(questions), strict=False)
        self._threads = [threading.Thread(target=self._repeat, args=pair, daemon=True) for pair in pairs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
            time.sleep(PAUSE_S / CLIENTS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        time.sleep(AFTER_S)
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, number: int, question: Question) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        while not self._is_over.is_set():
            self._count(self._outcome(connection, question))
            if number // 3 % 3 == 0:
                connection.close()
            self._is_over.wait(PAUSE_S)
        connection.close()

    def _outcome(self, connection: http.client.HTTPConnection, question: Question) -> str:
        """Empty when it was answered."""
        if self.looks and connection.sock and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        try:
            connection.request(question.method, question.path, question.body, question.headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            refused = isinstance(error, ConnectionRefusedError)
            return "refused" if refused else f"{question.method} {question.path}: {error!r}"
        if answer.status < 500 or answer.status in OVERLOADED:
            return ""
        return f"{question.method} {question.path}: {answer.status} {text[:200]!r}"

    def _count(self, outcome: str) -> None:
        with self._lock:
            if not outcome:
                self.answered += 1
            elif outcome == "refused":
                self.refused += 1
            else:
                self.lost.append(outcome)


def shopping(plaza: Plaza) -> Traffic:
    """Customers who look at their account, read the catalogue, and order."""
    customer, product = plaza.customer(), make_product(plaza.staff(), stock=100_000)
    headers = {"Authorization": f"Bearer {customer.access}", "Content-Type": "application/json"}
    return Traffic(
        plaza.port,
        Question("GET", "/api/users/me/", headers),
        Question("POST", "/api/orders/", headers, json.dumps(order_body(product)).encode()),
        Question("GET", f"/api/products/{product['id']}/", headers),
    )


@pytest.fixture(scope="module")
def plaza(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    plaza = Plaza(tmp_path_factory.mktemp("leaving") / "data", **WITHOUT_THROTTLES)
    plaza.up("--no-demo")
    yield plaza
    plaza.down()


@pytest.mark.parametrize("service", ["gateway", "orders"])
def test_a_service_that_loads_its_code_anew_loses_nothing(plaza: Plaza, service: str) -> None:
    pid = plaza.pid(service)
    workers = children_of(pid)

    with shopping(plaza) as traffic:
        os.kill(pid, signal.SIGHUP)
        eventually(lambda: not set(workers) & set(children_of(pid)), timeout_s=RELOADED_S)
    assert (traffic.lost, traffic.refused) == ([], 0)
    assert traffic.answered > 60
    assert plaza.pid(service) == pid


@pytest.mark.redis
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_of_several_workers_each_may_go_at_any_time(tmp_path: Path, number: signal.Signals) -> None:
    plaza = Plaza(tmp_path / "data", REDIS_URL=REDIS_URL, **WITHOUT_THROTTLES)
    plaza.up("--no-demo", "--workers", "4")
    try:
        gateway = plaza.pid("gateway")
        with shopping(plaza) as traffic:
            for _ in range(3):
                before = children_of(gateway)
                os.kill(before[0] if number is signal.SIGTERM else gateway, number)
                eventually(lambda before=before: before[0] not in children_of(gateway), timeout_s=RELOADED_S)
        assert (traffic.lost, traffic.refused) == ([], 0)
        eventually(lambda: len(children_of(gateway)) == 4)
        assert traffic.answered > 60
    finally:
        plaza.down()


def test_down_loses_no_request_that_was_taken(tmp_path: Path) -> None:
    plaza = Plaza(tmp_path / "data", **WITHOUT_THROTTLES)
    plaza.up("--no-demo")

    with shopping(plaza) as traffic:
        traffic.looks = True
        plaza.down()
    assert traffic.lost == []
    assert traffic.answered > 20
    assert traffic.refused > 0


def test_new_code_is_loaded_and_broken_code_is_not(tmp_path: Path) -> None:
    for folder in ("common", "products_project"):
        copy_of(folder, tmp_path)
    port = free_ports(1)
    command = [sys.executable, str(tmp_path / "products_project/manage.py"), "serve", "--port", str(port)]
    environment = clean_environment(PLAZA_DATA_DIR=str(tmp_path / "data"))
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, env=environment, stdout=log) as process:
        eventually(lambda: what_is_said(port) == "ok", timeout_s=RELOADED_S)
        with Traffic(port, Question("GET", "/health/ready", {})) as traffic:
            rewrite(tmp_path / "common/observability/health.py", '{"status": "ok"}', '{"status": "new"}')
            process.send_signal(signal.SIGHUP)
            eventually(lambda: what_is_said(port) == "new", timeout_s=RELOADED_S)
            rewrite(tmp_path / "common/observability/health.py", '{"status": "new"}', "{{")
            process.send_signal(signal.SIGHUP)
            eventually(lambda: "does not start" in (tmp_path / "log").read_text(), timeout_s=RELOADED_S)
        assert what_is_said(port) == "new"
        process.terminate()
    assert (traffic.lost, traffic.refused) == ([], 0)
    assert process.returncode == 0


def test_a_service_that_ends_says_first_that_it_is_not_ready(tmp_path: Path) -> None:
    port = free_ports(1)
    command = [sys.executable, str(ROOT / "users_project/manage.py"), "serve", "--port", str(port)]
    environment = clean_environment(PLAZA_DATA_DIR=str(tmp_path / "data"), LEAVING_NOTICE_S="4")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: what_is_said(port) == "ok", timeout_s=RELOADED_S)
        process.terminate()
        eventually(lambda: status_of(port, "/health/ready") == 503, timeout_s=RELOADED_S)
        assert status_of(port, "/health/live") == 200
    assert process.returncode == 0


def what_is_said(port: int) -> str:
    try:
        status: str = requests.get(f"http://127.0.0.1:{port}/health/live", timeout=ANSWER_S).json()["status"]
    except requests.ConnectionError:
        return ""
    return status


def status_of(port: int, path: str) -> int:
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_S).status_code


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
