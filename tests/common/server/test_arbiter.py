import json
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from gunicorn import arbiter as gunicorn

from common.server import arbiter as module
from common.server.arbiter import Arbiter, Kept, handed_on
from common.server.caretaker import BEFORE_VARIABLE, KEPT_VARIABLE, SIGNALS
from common.server.limits import Limits


class BecameCaretaker(Exception):
    """Instead of the process becoming another."""


@pytest.fixture
def did() -> list[Any]:
    return []


@pytest.fixture
def pipe() -> Any:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def arbiter(monkeypatch: pytest.MonkeyPatch, did: list[Any], pipe: tuple[int, int]) -> Arbiter:
    """Of two workers. One end of a pipe is its socket, the other the heartbeat of the worker that it begins."""

    def execv(path: str, arguments: list[str]) -> NoReturn:
        did.append((path, arguments))
        raise BecameCaretaker

    def spawn_workers(self: Arbiter) -> None:
        did.append(f"{len(self.WORKERS)} kept")
        self.WORKERS[21] = SimpleNamespace(tmp=Kept(pipe[1]))

    monkeypatch.setattr(module.os, "execv", execv)
    monkeypatch.setattr(module.sys, "argv", ["manage.py", "serve"])
    monkeypatch.setattr(module.sys, "orig_argv", ["python3", "-B", "manage.py", "serve"])
    monkeypatch.setattr(gunicorn.Arbiter, "start", lambda self: did.append("started"))
    monkeypatch.setattr(gunicorn.Arbiter, "spawn_workers", spawn_workers)
    arbiter = Arbiter.__new__(Arbiter)
    arbiter.app = SimpleNamespace(limits=Limits(notice_s=1.5))
    arbiter.cfg = SimpleNamespace(graceful_timeout=8)
    arbiter.LISTENERS = [SimpleNamespace(sock=SimpleNamespace(fileno=lambda: pipe[0]))]
    return arbiter


def test_when_its_workers_have_begun_it_becomes_their_caretaker(
    arbiter: Arbiter, did: list[Any], pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = os.dup(pipe[1])
    monkeypatch.setenv(KEPT_VARIABLE, f"12:{kept}")
    monkeypatch.setenv(BEFORE_VARIABLE, "10,11")
    with pytest.raises(BecameCaretaker):
        arbiter.run()
    assert did[:2] == ["started", "1 kept"]
    path, [python, *flags, program, charge, _, manage, serve] = did[2]
    assert (path, python, flags, manage, serve) == (sys.executable, sys.executable, ["-S", "-E"], "manage.py", "serve")
    assert os.path.basename(program) == "caretaker.py"
    assert json.loads(charge) == {
        "service": "products",
        "program": "manage.py",
        "listeners": [pipe[0]],
        "workers": {"12": kept, "21": pipe[1]},
        "before": [10, 11],
        "notice_s": 1.5,
        "grace_s": 8,
    }
    assert all(os.get_inheritable(descriptor) for descriptor in (kept, *pipe))
    assert KEPT_VARIABLE not in os.environ
    arbiter.WORKERS[12].close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kept)


def test_signals_wait_until_there_is_a_caretaker(arbiter: Arbiter, monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[Any] = []
    monkeypatch.setattr(module.signal, "pthread_sigmask", lambda how, signals: masks.append((how, signals)))
    arbiter.init_signals()
    assert masks == [(signal.SIG_BLOCK, SIGNALS)]


def test_what_was_handed_on_is_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BEFORE_VARIABLE, "10,11")
    assert handed_on(BEFORE_VARIABLE) == ["10", "11"]
    assert handed_on(BEFORE_VARIABLE) == []
