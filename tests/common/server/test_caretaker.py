import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from common.server import caretaker as module
from common.server.caretaker import (
    BEFORE_VARIABLE,
    HUNG_S,
    KEPT_VARIABLE,
    LISTENERS_VARIABLE,
    NOTICE,
    PAUSED_S,
    SIGNALS,
    TABLES_VARIABLE,
    Caretaker,
)

VARIABLES = (LISTENERS_VARIABLE, KEPT_VARIABLE, BEFORE_VARIABLE, TABLES_VARIABLE)


class BeganAgain(Exception):
    """Instead of the process becoming another."""


class FakeTrial:
    """Is over at once, and finds `failure_found`."""

    failure_found = ""

    def __init__(self, program: str = "") -> None:
        self.program = program
        self.has_ended = False

    def is_over(self) -> bool:
        return True

    def failure(self) -> str:
        return self.failure_found

    def end(self) -> None:
        self.has_ended = True


@pytest.fixture
def did() -> list[Any]:
    return []


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Children whose end nobody has noticed yet, with their wait statuses."""
    children: list[tuple[int, int]] = []

    def wait(pid: int, options: int) -> tuple[int, int]:
        if pid != -1:
            return (pid, 0)
        return children.pop(0) if children else (0, 0)

    monkeypatch.setattr(module.os, "waitpid", wait)
    return children


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGUSR1, signal.SIGUSR2)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def beats() -> Iterator[dict[int, int]]:
    """The descriptors of the heartbeats of two workers, which have just beaten."""
    descriptors = {pid: os.memfd_create(f"beat-{pid}") for pid in (11, 12)}
    for descriptor in descriptors.values():
        beat(descriptor)
    yield descriptors
    for descriptor in descriptors.values():
        try:
            os.close(descriptor)
        except OSError:
            continue


def beat(descriptor: int, ago_s: float = 0.0) -> None:
    moment = module.time.monotonic() - ago_s
    os.utime(descriptor, (moment, moment))


@pytest.fixture
def caretaker(
    monkeypatch: pytest.MonkeyPatch, did: list[Any], ended: list[tuple[int, int]], beats: dict[int, int]
) -> Caretaker:
    """Of two workers, and of one from before. It does nothing to this process, but says what it would do."""

    def execv(path: str, arguments: list[str]) -> NoReturn:
        did.append(("became", path, *arguments))
        raise BeganAgain

    listener = os.memfd_create("listener")
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    monkeypatch.setattr(module.os, "execv", execv)
    monkeypatch.setattr(module.os, "kill", lambda pid, number: did.append((pid, signal.Signals(number))))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: did.append(("slept", seconds)))
    monkeypatch.setattr(module.signal, "pthread_sigmask", lambda how, signals: None)
    monkeypatch.setattr("common.server.trial.Trial", FakeTrial)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    charge = {
        "service": "products",
        "program": "manage.py",
        "listeners": [listener],
        "workers": {str(pid): descriptor for pid, descriptor in beats.items()},
        "before": [10],
        "notice_s": 1.5,
        "grace_s": 8,
    }
    return Caretaker(charge, ["-B", "manage.py", "serve"])


def coming(caretaker: Caretaker, *numbers: int) -> None:
    caretaker._late = bytes(numbers)


def listener_of(caretaker: Caretaker) -> str:
    (descriptor,) = caretaker.charge["listeners"]
    return str(descriptor)


def handed_on() -> dict[str, str]:
    return {variable: os.environ[variable] for variable in VARIABLES if variable in os.environ}


BECAME = ("became", sys.executable, sys.executable, "-B", "manage.py", "serve")


def test_the_workers_of_before_are_relieved_at_once(caretaker: Caretaker, did: list[Any]) -> None:
    coming(caretaker, signal.SIGINT)
    assert caretaker.run() == 0
    assert did[0] == (10, signal.SIGTERM)


def test_before_the_end_everyone_says_for_a_while_that_he_is_not_ready(caretaker: Caretaker, did: list[Any]) -> None:
    assert caretaker.end(graceful=True) == 0
    everyone = (11, 12, 10)
    told = [(pid, NOTICE) for pid in everyone], [(pid, signal.SIGTERM) for pid in everyone]
    assert did == [*told[0], ("slept", 1.5), *told[1], ("slept", 0.05)]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(int(listener_of(caretaker)))


def test_who_is_in_a_hurry_does_not_wait(caretaker: Caretaker, did: list[Any]) -> None:
    coming(caretaker, signal.SIGQUIT)
    caretaker.run()
    assert (11, signal.SIGQUIT) in did
    assert ("slept", 1.5) not in did


def test_who_does_not_end_in_time_is_killed(
    caretaker: Caretaker, did: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_there", lambda pid: pid == 12)
    caretaker.charge["grace_s"] = 0.01
    caretaker.end(graceful=True)
    assert did[-1] == (12, signal.SIGKILL)


def test_for_new_code_it_becomes_a_process_with_its_sockets_and_all_workers_to_relieve(
    caretaker: Caretaker, did: list[Any]
) -> None:
    coming(caretaker, signal.SIGHUP)
    with pytest.raises(BeganAgain):
        caretaker.run()
    assert did == [(10, signal.SIGTERM), BECAME]
    assert handed_on() == {LISTENERS_VARIABLE: listener_of(caretaker), BEFORE_VARIABLE: "10,11,12"}


def test_code_that_does_not_start_changes_nothing(
    caretaker: Caretaker, monkeypatch: pytest.MonkeyPatch, did: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FakeTrial, "failure_found", "SyntaxError: no")
    caretaker.begin_trial(keeps_workers=False)
    trial: Any = caretaker.trial
    caretaker.judge(trial)
    assert (did, caretaker.trial, trial.has_ended) == ([], None, True)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["service"], line["failure"]) == ("error", "products", "SyntaxError: no")
    assert "does not start" in line["event"]


def test_a_trial_ends_when_nobody_wants_to_know_any_more(caretaker: Caretaker) -> None:
    for then in (lambda: caretaker.begin_trial(keeps_workers=False), lambda: caretaker.end(graceful=False)):
        caretaker.begin_trial(keeps_workers=False)
        trial: Any = caretaker.trial
        then()
        assert trial.has_ended


def test_a_worker_that_ended_is_replaced_and_the_others_stay(
    caretaker: Caretaker, did: list[Any], ended: list[tuple[int, int]], beats: dict[int, int]
) -> None:
    ended[:] = [(11, signal.SIGKILL), (10, 0)]
    coming(caretaker, signal.SIGCHLD)
    with pytest.raises(BeganAgain):
        caretaker.run()
    assert did[-1] == BECAME
    kept = {
        LISTENERS_VARIABLE: listener_of(caretaker),
        BEFORE_VARIABLE: "",
        KEPT_VARIABLE: f"12:{beats[12]}",
        TABLES_VARIABLE: "true",
    }
    assert handed_on() == kept


def test_the_last_worker_is_replaced_without_a_trial(
    caretaker: Caretaker, did: list[Any], ended: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTrial, "failure_found", "it would not start")
    ended[:] = [(11, signal.SIGKILL), (12, signal.SIGKILL)]
    with pytest.raises(BeganAgain):
        caretaker.reap()
    assert handed_on()[KEPT_VARIABLE] == ""


def test_if_the_code_does_not_start_those_who_are_left_go_on(
    caretaker: Caretaker, did: list[Any], ended: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeTrial, "failure_found", "SyntaxError: no")
    ended[:] = [(11, signal.SIGKILL)]
    caretaker.reap()
    assert caretaker.trial
    caretaker.judge(caretaker.trial)
    caretaker.reap()
    assert (did, caretaker.trial, list(caretaker.workers)) == ([], None, [12])


def test_a_worker_of_before_may_end(caretaker: Caretaker, did: list[Any], ended: list[tuple[int, int]]) -> None:
    ended[:] = [(10, 0), (99, 0)]
    caretaker.reap()
    assert (did, caretaker.before, caretaker.trial) == ([], [], None)


def test_if_workers_cannot_begin_the_service_ends(caretaker: Caretaker, ended: list[tuple[int, int]]) -> None:
    ended[:] = [(11, 3 << 8)]
    assert caretaker.run() == 3


def test_a_worker_that_hangs_is_killed(caretaker: Caretaker, did: list[Any], beats: dict[int, int]) -> None:
    beat(beats[12], ago_s=HUNG_S + 1)
    caretaker.look_at_heartbeats()
    assert did == [(12, signal.SIGKILL)]


def test_workers_that_were_paused_with_the_caretaker_are_not_hung(
    caretaker: Caretaker, did: list[Any], beats: dict[int, int]
) -> None:
    beat(beats[12], ago_s=HUNG_S + 1)
    caretaker._looked_at -= PAUSED_S + 1
    caretaker.look_at_heartbeats()
    assert did == []
    caretaker.look_at_heartbeats()
    assert did == [(12, signal.SIGKILL)]


def test_a_signal_that_came_meanwhile_is_heeded_first(
    caretaker: Caretaker, did: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    came = [bytes([signal.SIGTERM]), bytes([signal.SIGCHLD, signal.SIGHUP])]
    monkeypatch.setattr(caretaker, "take", lambda: came.pop(0))
    caretaker.begin_again(keeps_workers=False)
    assert (did, caretaker._late) == ([], bytes([signal.SIGTERM]))
    with pytest.raises(BeganAgain):
        caretaker.begin_again(keeps_workers=False)


def test_signals_that_mean_nothing_end_nothing(caretaker: Caretaker) -> None:
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.raise_signal(number)
    assert caretaker.wait() == b""


def test_signals_are_waited_for(caretaker: Caretaker) -> None:
    assert caretaker.wait() == b""
    signal.raise_signal(signal.SIGHUP)
    assert caretaker.wait() == bytes([signal.SIGHUP])


def test_the_gauges_of_a_worker_that_ended_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module.forget_gauges(11)
    for name in ("gauge_livemax_11.db", "gauge_livemax_12.db", "counter_11.db"):
        (tmp_path / name).touch()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    module.forget_gauges(11)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counter_11.db", "gauge_livemax_12.db"]


def test_children_and_processes_that_are_gone_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: int) -> NoReturn:
        raise ChildProcessError

    def nobody(*arguments: int) -> NoReturn:
        raise ProcessLookupError

    monkeypatch.setattr(module.os, "waitpid", gone)
    monkeypatch.setattr(module.os, "kill", nobody)
    module.tell([11], signal.SIGTERM)
    assert (module.ended_children(), module.is_there(11)) == ([], False)
