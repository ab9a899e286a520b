from typing import Any

import pytest

from common.resilience import Circuit, Deadline, Policy
from common.upstream import Answer, Call, Prober, TimedOut
from tests.support.clock import Clock

POLICY = Policy(consecutive_failures=1, open_s=5.0, probe_interval_s=1.0)


class Service:
    """A transport whose service says whether it is ready."""

    def __init__(self) -> None:
        self.reply: int | Exception = 200
        self.calls: list[Call] = []

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        self.calls.append(call)
        if isinstance(self.reply, Exception):
            raise self.reply
        return Answer(self.reply, {}, b"")


class Watched:
    """A service, the prober that asks it and two circuits; `sleeps` are done by moving the clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.service: Any = Service()
        self.spawned: list[Any] = []
        self.prober = Prober(self.service, POLICY, sleep=self._sleep, spawn=self.spawned.append)
        self.circuits = [
            Circuit(name, POLICY, ask=self.prober.wake, clock=self.clock) for name in ("catalogue", "search")
        ]
        for circuit in self.circuits:
            self.prober.watch(circuit)
        self.becomes_ready_after = 0

    def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if len(self.service.calls) == self.becomes_ready_after:
            self.service.reply = 200

    def fail(self, circuit: Circuit) -> None:
        with pytest.raises(TimedOut):
            circuit.call(lambda: (_ for _ in ()).throw(TimedOut("products", "as told")))

    def states(self) -> list[str]:
        return [circuit.state for circuit in self.circuits]


def test_nobody_asks_while_all_is_well() -> None:
    watched = Watched()
    assert watched.circuits[0].call(lambda: 200) == 200
    assert (watched.spawned, watched.service.calls) == ([], [])


def test_a_ready_service_is_asked_once() -> None:
    watched = Watched()
    watched.fail(watched.circuits[0])
    watched.spawned[0]()
    assert watched.service.calls == [Call("GET", "/health/ready")]
    assert watched.states() == ["closed", "closed"]


def test_only_one_asks_however_many_want_to_know() -> None:
    watched = Watched()
    watched.fail(watched.circuits[0])
    watched.fail(watched.circuits[1])
    assert len(watched.spawned) == 1
    watched.spawned[0]()
    assert len(watched.service.calls) == 1


@pytest.mark.parametrize("reply", [503, 404, 500, TimedOut("products", "as told"), ValueError("a bug")])
def test_a_service_that_is_not_ready_is_cut_off_and_asked_until_it_is(reply: int | Exception) -> None:
    watched = Watched()
    watched.service.reply, watched.becomes_ready_after = reply, 4
    watched.fail(watched.circuits[0])
    watched.spawned[0]()
    assert watched.states() == ["closed", "closed"]
    # Every second: four times not ready, then ready, but it stays open for its five seconds.
    assert len(watched.service.calls) == 6


def test_a_circuit_that_nobody_doubts_stays_closed_beside_an_open_one() -> None:
    watched = Watched()
    watched.service.reply = 503
    watched.fail(watched.circuits[0])
    watched._sleep = lambda seconds: watched.circuits[0].judge(is_ready=True)  # type: ignore[method-assign]
    seen: list[list[str]] = []

    def look(seconds: float) -> None:
        seen.append(watched.states())
        watched.clock.advance(5.0)
        watched.service.reply = 200

    watched.prober._sleep = look
    watched.spawned[0]()
    assert seen == [["open", "closed"], ["closed", "closed"]]


def test_it_can_be_woken_again_after_it_ended() -> None:
    watched = Watched()
    for _ in range(2):
        watched.clock.advance(2.0)
        watched.fail(watched.circuits[0])
        watched.spawned[-1]()
    assert (len(watched.spawned), len(watched.service.calls)) == (2, 2)
