"""`simulate`: the scheduler, the decisions, how a failure is made shorter, and a few runs of the real services."""

import argparse
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiments import simulation
from experiments.simulation import command
from experiments.simulation.choices import Choices
from experiments.simulation.scheduler import SCHEDULER, Died, Lock, Process
from experiments.simulation.shrinking import shortest
from experiments.simulation.world import Outcome
from operations.layout import ROOT
from tests.support.plaza import eventually


@pytest.fixture(autouse=True)
def begin() -> Iterator[None]:
    SCHEDULER.begin(Choices(1))
    yield
    SCHEDULER.begin(Choices(1))


@pytest.fixture
def process() -> Process:
    return Process("shop", "orders")


def run() -> None:
    SCHEDULER.run(lambda: False)


def simulate(*arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, str(ROOT / "manage_all.py"), "simulate", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line for line in finished.stdout.splitlines() if not line.startswith("runs a second"))


def test_a_seed_is_the_same_run_in_every_process_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    first = simulate("--seed", "28", "--runs", "1", "--trace")
    monkeypatch.setenv("PRODUCTS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("UPSTREAM_READ_TIMEOUT_S", "0.1")
    assert simulate("--seed", "28", "--runs", "1", "--trace") == first
    assert "COMMIT" in first
    assert "failed runs" in first


def test_what_ran_before_and_beside_makes_no_difference() -> None:
    assert simulate("--seed", "20", "--runs", "12", "--jobs", "1") == simulate(
        "--seed", "20", "--runs", "12", "--jobs", "2"
    )


def test_a_planted_bug_is_found_and_its_trace_is_shown() -> None:
    found = simulate("--bug", "verdict-not-stored", "--seed", "1", "--runs", "5", "--jobs", "1")
    assert "but its reservation is missing" in found
    assert "The shortest trace found" in found


def test_its_databases_go_when_it_ends_before_its_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command.os.path, "isdir", lambda path: False)  # no memory to put them into
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    messages: queue.Queue[Any] = queue.Queue()
    with command.workers([(0, ["1", "1000", "1"])], messages):
        (directory,) = tmp_path.iterdir()
        eventually(lambda: list(directory.rglob("*.db")))
    assert list(tmp_path.iterdir()) == []
    while messages.get(timeout=60) != (0, None):  # its last words, or those of whoever reads them
        pass


def test_a_failed_run_ends_the_command_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    total = command.Total()
    short = {"failures": ["n1 is lost"], "trace": ["one step"], "decisions": 1}
    total.failure = {"seed": 7, "failures": ["n1 is lost"], "steps": 90, "shortest": short}
    monkeypatch.setattr(command, "run", lambda *arguments: total)
    parser = argparse.ArgumentParser()
    simulation.configure(parser)
    assert simulation.run(parser.parse_args(["--seed", "1"])) == 1
    assert "Again: python3 manage_all.py simulate --runs 1 --seed 7" in capsys.readouterr().out


def test_a_tape_repeats_decisions_and_then_nothing_happens() -> None:
    first = Choices(3)
    made = [first.below(10), first.weighted((0.2, 0.7)), first.one_of("abcdef")]
    again = Choices(99, first.made)
    assert [again.below(10), again.weighted((0.2, 0.7)), again.one_of("abcdef")] == made
    assert [again.below(10), again.weighted((0.2, 0.7)), again.one_of("abcdef")] == [0, 0, "a"]


def test_of_a_weighted_decision_each_interval_is_a_number() -> None:
    drawn = [Choices(seed).weighted((0.5, 0.5, 0.9)) for seed in range(300)]
    assert set(drawn) == {0, 2, 3}


def test_who_steps_goes_on_unless_turns_change(process: Process) -> None:
    def work(name: str) -> None:
        for number in range(2):
            SCHEDULER.step(f"{name}{number}")

    def turns(change: bool) -> list[str]:
        SCHEDULER.begin(Choices(1, []))
        SCHEDULER.weather = lambda: SCHEDULER.change_turns if change else None
        SCHEDULER.spawn(process, "a", lambda: work("a"))
        SCHEDULER.spawn(process, "b", lambda: work("b"))
        run()
        return [line.split()[-1] for line in SCHEDULER.trace]

    assert turns(False) == ["a0", "a1", "b0", "b1"]
    assert turns(True) == ["a0", "b0", "a1", "b1"]


def test_time_passes_to_the_next_timer_when_nobody_can_go_on(process: Process) -> None:
    SCHEDULER.spawn(process, "sleeper", lambda: SCHEDULER.sleep(5.0))
    run()
    assert SCHEDULER.now == 5.0


def test_a_wait_ends_when_it_is_woken_or_too_long(process: Process) -> None:
    ended: list[bool] = []
    waiting = SCHEDULER.spawn(process, "waits", lambda: ended.append(SCHEDULER.block(1.0)))
    SCHEDULER.spawn(process, "waits in vain", lambda: ended.append(SCHEDULER.block(2.0)))
    SCHEDULER.after(0.5, lambda: SCHEDULER.wake(waiting))
    run()
    assert ended == [True, False]


def test_a_dead_process_does_nothing_more_and_says_nothing(process: Process) -> None:
    done: list[Any] = []

    def work() -> None:
        try:
            SCHEDULER.step("once")
            SCHEDULER.sleep(1.0)
            done.append("more")
        finally:
            SCHEDULER.step("a last word")

    SCHEDULER.spawn(process, "works", work, done.append)
    SCHEDULER.spawn(process, "has not begun", lambda: SCHEDULER.sleep(9.0), done.append)
    SCHEDULER.after(0.5, lambda: SCHEDULER.kill(process))
    run()
    assert done == [Died, Died]
    assert [line.split()[-1] for line in SCHEDULER.trace] == ["once"]
    assert (process.tasks, process.is_alive, SCHEDULER.ready) == ([], False, [])


def test_a_task_that_raises_is_a_failure(process: Process) -> None:
    SCHEDULER.spawn(process, "works", lambda: 1 / 0)
    run()
    assert "ZeroDivisionError" in SCHEDULER.failures[0]


def test_a_run_without_an_end_is_a_failure(process: Process) -> None:
    def work() -> None:
        while True:
            SCHEDULER.step("again")

    SCHEDULER.weather = lambda: SCHEDULER.leap
    SCHEDULER.spawn(process, "works", work)
    run()
    assert SCHEDULER.failures == ["it does not come to an end"]
    SCHEDULER.kill(process)


def test_a_lock_is_waited_for_and_given_on(process: Process) -> None:
    lock = Lock()
    said: list[str] = []

    def work(name: str, patience_s: float) -> None:
        if lock.acquire(patience_s):
            said.append(name)
            SCHEDULER.sleep(2.0)
            lock.release()
        else:
            said.append(f"not {name}")

    for name, patience_s in (("a", -1), ("b", 1.0), ("c", -1)):
        SCHEDULER.spawn(process, name, lambda name=name, patience_s=patience_s: work(name, patience_s))  # type: ignore[misc]
    SCHEDULER.choices = Choices(1, [])
    run()
    assert said == ["a", "not b", "c"]


def outcome(made: Sequence[int]) -> Outcome:
    """A run that fails if its third decision is 4 and any later one is not 0."""
    fails = len(made) > 3 and made[2] == 4 and any(made[3:])
    return Outcome(1, list(made), [str(each) for each in made], len(made), ["it fails"] if fails else [])


def test_of_a_failure_only_the_decisions_that_matter_are_left() -> None:
    found = shortest(outcome([1, 2, 4, 3, 3, 0, 9, 1]), outcome)
    assert found.failures
    assert sum(map(bool, found.made)) == 2
    assert found.made[2] == 4
