import logging
import os
import resource
import signal
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.workers import base

from common.observability import health
from common.server import worker as module
from common.server.limits import Limits
from common.server.worker import NOTICE, Worker, fit_to_files
from tests.common.server.host import GET
from tests.support.clock import Clock

GRACE_S = 9


@pytest.fixture(autouse=True)
def _not_leaving() -> Iterator[None]:
    yield
    health._leaving.clear()


class FakeServer:
    """Is busy for `busy_turns`, each of which takes as long as it may."""

    def __init__(self, clock: Clock, busy_turns: int = 0) -> None:
        self.clock = clock
        self.busy_turns = busy_turns
        self.did: list[str] = []
        self.listeners: list[Any] = []
        self.pipes: list[int] = []
        self.loop = SimpleNamespace(watch_pipe=self.pipes.append)

    @property
    def is_busy(self) -> bool:
        return self.busy_turns > 0

    def listen(self, listeners: list[Any]) -> None:
        self.listeners = listeners

    def turn(self, timeout_s: float) -> None:
        self.clock.advance(timeout_s)
        self.busy_turns -= 1

    def stop_listening(self) -> None:
        self.did.append("stopped listening")

    def close_idle(self) -> None:
        self.did.append(f"closed idle after {self.clock() - 1000:.1f}")
        self.busy_turns = 0

    def close(self) -> None:
        self.did.append("closed")


@pytest.fixture
def worker() -> Iterator[Worker]:
    config = Config()
    config.set("graceful_timeout", GRACE_S)
    app = SimpleNamespace(limits=Limits(), wsgi=lambda: None)
    worker = Worker(1, os.getppid(), [SimpleNamespace(sock="a socket")], app, 30, config, logging.getLogger("test"))
    worker.clock = Clock()
    yield worker
    worker.tmp.close()


def test_it_serves_until_it_is_told_to_end(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    server, beats = FakeServer(worker.clock), []
    monkeypatch.setattr(worker, "make_server", lambda limits: server)
    monkeypatch.setattr(worker, "PIPE", (7, 8))

    def notify() -> None:
        beats.append(worker.clock())
        if len(beats) == 3:
            worker.handle_exit(signal.SIGTERM, None)

    monkeypatch.setattr(worker, "notify", notify)
    worker.run()
    assert (server.listeners, server.pipes) == (["a socket"], [7])
    assert beats == [1000, 1001, 1002]
    assert server.did == ["stopped listening", "closed"]


def test_it_ends_when_its_parent_has_gone(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer(worker.clock)
    monkeypatch.setattr(worker, "make_server", lambda limits: server)
    monkeypatch.setattr(worker, "PIPE", (7, 8))
    worker.ppid += 1
    worker.run()
    assert server.did == ["stopped listening", "closed"]
    assert not worker.alive


def test_leaving_it_waits_for_those_who_are_served(worker: Worker) -> None:
    server = FakeServer(worker.clock, busy_turns=5)
    worker.leave(server)  # type: ignore[arg-type]
    assert server.did == ["stopped listening", "closed"]
    assert round(worker.clock() - 1000, 1) == 0.5


def test_but_not_for_ever(worker: Worker) -> None:
    worker.leave(FakeServer(worker.clock, busy_turns=1000))  # type: ignore[arg-type]
    assert round(worker.clock() - 1000, 1) == GRACE_S - 1


def test_where_the_service_ends_a_kept_connection_has_two_seconds(worker: Worker) -> None:
    server = FakeServer(worker.clock, busy_turns=1000)
    worker.handle_notice(NOTICE, None)
    worker.leave(server)  # type: ignore[arg-type]
    assert server.did == ["stopped listening", "closed idle after 2.0", "closed"]


def test_the_notice_has_a_signal_of_its_own(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(base.Worker, "init_signals", lambda self: None)
    monkeypatch.setattr(module.signal, "signal", handlers.__setitem__)
    worker.init_signals()
    assert handlers == {NOTICE: worker.handle_notice}


@pytest.mark.parametrize("ending", ["notice", "exit"])
def test_its_server_runs_the_application_and_says_when_it_leaves(worker: Worker, settings: Any, ending: str) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        getattr(worker, f"handle_{ending}")(signal.SIGTERM, None)
        return []

    worker.wsgi = application
    del worker.clock
    listener = socket.create_server(("127.0.0.1", 0))
    server = worker.make_server(Limits(connections_per_address=1))
    server.listen([listener])
    with socket.create_connection(listener.getsockname()) as client, listener:
        client.sendall(GET)
        client.settimeout(0.05)
        heard = b""
        while not heard:
            server.turn(0.05)
            try:
                heard = client.recv(10_000)
            except TimeoutError:
                continue
        server.close()
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in heard


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "connections"),
    [
        (256, 100_000, 4416, 4096),
        (256, resource.RLIM_INFINITY, 4416, 4096),
        (256, 1024, 1024, 704),
        (256, 256, 256, 16),
        (8192, 8192, None, 4096),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None, 4096),
    ],
)
def test_there_are_no_more_connections_than_files(
    monkeypatch: pytest.MonkeyPatch,
    soft: int,
    hard: int,
    raised_to: int | None,
    connections: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(module.resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(module.resource, "setrlimit", lambda which, limits: raised.append(limits))

    limits = fit_to_files(Limits(connections=4096, threads=16))
    assert limits.connections == connections
    assert limits.connections_per_address == min(256, connections)
    assert raised == ([] if raised_to is None else [(raised_to, hard)])
    assert ("ulimit -n" in caplog.text) == (connections < 4096)
