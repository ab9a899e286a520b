import os
import signal
import sys
import time
from pathlib import Path

import pytest

from operations.child import Child, describe
from operations.layout import System
from operations.state import State
from operations.supervisor import Supervisor
from tests.operations.plaza import Plaza, eventually

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [sys.executable, "-c", f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP[-1]}"]
FAILING = [sys.executable, "-c", "raise SystemExit(3)"]


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


def test_a_killed_service_is_back_within_two_seconds_and_its_strays_are_gone(plaza: Plaza) -> None:
    plaza.up()
    before, worker = plaza.pid("products"), plaza.ask(2)["worker"]
    os.kill(before, signal.SIGKILL)
    killed_s = time.monotonic()
    eventually(lambda: plaza.services()["products"]["pid"] not in (before, None), timeout_s=2)
    eventually(lambda: plaza.services()["products"]["healthy"], timeout_s=2)
    assert time.monotonic() - killed_s < 2
    assert worker not in plaza.strays()
    assert "products ended with SIGKILL; starts again in 0 s" in plaza.run("logs", "supervisor").stdout


def test_no_process_survives_a_killed_supervisor(plaza: Plaza) -> None:
    plaza.up()
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: plaza.strays() == [])
    assert plaza.run("status").returncode == 3
    assert plaza.up().returncode == 0


def test_up_ends_what_a_killed_supervisor_left_behind(plaza: Plaza) -> None:
    plaza.up()
    orders, worker = plaza.pid("orders"), plaza.ask(3)["worker"]
    os.kill(orders, signal.SIGSTOP)  # so that it can't obey SIGTERM
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: set(plaza.strays()) == {orders, worker})
    os.kill(orders, signal.SIGCONT)
    os.kill(orders, signal.SIGKILL)
    assert plaza.up().returncode == 0
    assert worker not in plaza.strays()


def test_a_process_that_keeps_ending_is_started_ever_later(system: System) -> None:
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
    supervisor = supervise(system, SLEEP)
    supervisor.log_limit_bytes = 10
    system.log("0").write_text("a line of an earlier life\n")
    supervisor.turn(0.0)
    eventually(lambda: system.log("0").read_text() == "up\n")
    supervisor.stop()
    assert system.log("0").with_name("0.log.1").read_text() == "a line of an earlier life\n"


def test_an_end_is_described_by_its_signal_or_code() -> None:
    assert describe(-9) == "SIGKILL"
    assert describe(3) == "exit code 3"
