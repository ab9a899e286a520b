import os
import signal
import sys
from pathlib import Path

import pytest

from operations.child import Backoff, Child, describe
from operations.layout import System
from operations.log_rotation import Retention
from operations.status import State
from operations.supervisor import Supervisor
from tests.operations.fake_plaza import FakePlaza
from tests.support.plaza import eventually

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [sys.executable, "-c", f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP[-1]}"]
FAILING = [sys.executable, "-c", "raise SystemExit(3)"]
AGAIN_AT_A_SIGNAL = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("up", flush=True)
signal.sigwait([signal.SIGUSR1])
print("again", flush=True)
"""


def supervise(system: System, *commands: list[str]) -> Supervisor:
    system.create()
    children = [
        Child(str(number), None, command, dict(os.environ), system.log(str(number)))
        for number, command in enumerate(commands)
    ]
    return Supervisor(system, 8000, children)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_a_killed_service_is_started_again_at_once_and_its_workers_are_gone(plaza: FakePlaza) -> None:
    plaza.up()
    before, worker = plaza.pid("products"), plaza.ask("products")["worker"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: plaza.services()["products"]["pid"] not in (before, None))
    eventually(lambda: plaza.services()["products"]["healthy"])
    assert worker not in plaza.processes()
    assert "products ended with SIGKILL; starts again in 0 s" in plaza.run("logs", "supervisor").stdout


def test_no_process_survives_a_killed_supervisor(plaza: FakePlaza) -> None:
    plaza.up()
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: plaza.processes() == [])
    assert plaza.run("status").returncode == 3
    assert plaza.try_up().returncode == 0


def test_up_ends_what_a_killed_supervisor_left_behind(plaza: FakePlaza) -> None:
    plaza.up()
    orders, worker = plaza.pid("orders"), plaza.ask("orders")["worker"]
    os.kill(orders, signal.SIGSTOP)  # so that it can't obey SIGTERM
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: set(plaza.processes()) == {orders, worker})
    os.kill(orders, signal.SIGCONT)
    os.kill(orders, signal.SIGKILL)
    assert plaza.try_up().returncode == 0
    assert worker not in plaza.processes()


def test_a_process_that_keeps_ending_is_started_after_longer_pauses(system: System) -> None:
    supervisor = supervise(system, FAILING)
    (child,) = supervisor.children
    now_s, pauses_s = 100.0, []
    supervisor.turn(now_s)
    for _ in range(3):
        eventually(child.is_gone)
        assert child.reap(now_s) == "exit code 3"
        pauses_s.append(child.due_s - now_s)
        now_s = child.due_s
        supervisor.turn(now_s)
    supervisor.stop()
    assert pauses_s == [0.0, 1.0, 2.0]
    assert child.restarts == 3


def test_the_state_names_a_process_only_while_it_lives(system: System) -> None:
    supervisor = supervise(system, SLEEP, FAILING)
    supervisor.turn(0.0)
    eventually(supervisor.children[1].is_gone)
    supervisor.children[1].backoff.failures = 3
    supervisor.turn(0.5)
    state = State.read(system.state_file)
    assert state is not None
    assert [record.pid for record in state.services] == [supervisor.children[0].process.pid, None]  # type: ignore[union-attr]
    assert state.services[0].is_alive()
    supervisor.stop()
    assert not state.services[0].is_alive()
    assert not system.state_file.exists()


def test_a_process_that_ignores_sigterm_is_killed(system: System) -> None:
    supervisor = supervise(system, STUBBORN)
    supervisor.grace_s = supervisor.head_start_s = 0.2
    supervisor.turn(0.0)
    process = supervisor.children[0].process
    assert process is not None
    eventually(lambda: system.log("0").read_text() == "up\n")
    supervisor.stop()
    assert process.returncode == -signal.SIGKILL


def test_a_program_that_can_not_be_started_is_tried_again_later(system: System) -> None:
    supervisor = supervise(system, ["/nowhere/at/all"])
    supervisor.turn(50.0)
    supervisor.turn(50.1)
    assert supervisor.children[0].due_s == pytest.approx(51.1)
    assert "0 could not be started" in system.log("supervisor").read_text()


def test_a_long_log_is_cut_while_it_is_written(system: System) -> None:
    supervisor = supervise(system, [sys.executable, "-c", AGAIN_AT_A_SIGNAL])
    log, child = system.log("0"), supervisor.children[0]
    log.write_text("a line of an earlier life\n")
    supervisor.turn(0.0)
    eventually(lambda: log.read_text() == "a line of an earlier life\nup\n")
    supervisor.retention = Retention(limit_bytes=10)
    supervisor.turn(supervisor.rotation_due_s)
    assert log.with_name("0.log.1").read_text() == "a line of an earlier life\nup\n"
    os.kill(child.record().pid or 0, signal.SIGUSR1)
    eventually(lambda: log.read_text() == "again\n")
    supervisor.stop()


def test_an_end_is_described_by_its_signal_or_code() -> None:
    assert describe(-9) == "SIGKILL"
    assert describe(3) == "exit code 3"


def test_the_pauses_grow_to_ten_seconds() -> None:
    backoff = Backoff()
    assert [backoff.pause_after(lived_s=0.5) for _ in range(7)] == [0, 1, 2, 4, 8, 10, 10]


def test_after_ten_seconds_of_life_the_next_failure_counts_as_the_first() -> None:
    backoff = Backoff(failures=4)
    assert backoff.pause_after(lived_s=9.9) == 8
    assert backoff.pause_after(lived_s=10.0) == 0
    assert backoff.pause_after(lived_s=0.0) == 1
