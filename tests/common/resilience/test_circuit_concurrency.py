import threading
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.resilience import Circuit, CircuitOpen, Policy
from tests.common.fakes import FakeClock, HeldCall, in_threads
from tests.common.resilience.guarded import Service, open_up


class Broken(Exception):
    pass


def ok() -> int:
    return 200


def break_down() -> None:
    raise Broken


def give_up() -> None:
    raise KeyboardInterrupt


def test_8_threads_are_inside_one_circuit_at_once(circuit: Circuit) -> None:
    all_inside = threading.Barrier(8, timeout=10)
    assert sorted(in_threads(8, lambda: circuit.call(all_inside.wait))) == list(range(8))
    assert circuit.window.totals() == (8, 0)


def test_of_8_threads_at_a_half_open_circuit_exactly_one_probes(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    at_the_door, others_refused, probes = threading.Barrier(8, timeout=10), threading.Event(), []
    refused: list[CircuitOpen] = []

    def probe() -> int:
        probes.append(threading.get_ident())
        assert others_refused.wait(10)
        return 200

    def call() -> Any:
        at_the_door.wait()
        try:
            return circuit.call(probe)
        except CircuitOpen as error:
            refused.append(error)
            if len(refused) == 7:
                others_refused.set()
            return "refused"

    assert sorted(in_threads(8, call), key=str) == [200] + ["refused"] * 7
    assert len(probes) == 1
    assert {error.retry_after_s for error in refused} == {0.1}
    assert circuit.current_state == "closed"


def test_a_late_failure_from_before_it_opened_does_not_extend_the_open_time(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    late = HeldCall(circuit.call)
    open_up(circuit, service)
    clock.advance(4.0)
    late.end(break_down)
    assert circuit.retry_after_s() == 1.0
    clock.advance(1.0)
    assert circuit.call(ok) == 200


def test_a_late_outcome_from_before_it_opened_does_not_settle_the_probe(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    late_success, late_failure, given_up = HeldCall(circuit.call), HeldCall(circuit.call), HeldCall(circuit.call)
    open_up(circuit, service)
    clock.advance(5.0)
    probe = HeldCall(circuit.call)
    late_success.end(ok)
    late_failure.end(break_down)
    given_up.end(give_up)
    assert circuit.current_state == "half-open"
    assert HeldCall(circuit.call).was_let_in is False  # the probe's place is still taken
    probe.end(ok)
    assert circuit.current_state == "closed"


def test_a_late_failure_does_not_count_against_the_closed_circuit(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    late = HeldCall(circuit.call)
    open_up(circuit, service)
    clock.advance(5.0)
    circuit.call(ok)
    late.end(break_down)
    assert circuit.window.totals() == (0, 0)


def test_a_refused_call_says_so_while_the_probe_is_in_flight(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    probe = HeldCall(circuit.call)
    refused = HeldCall(circuit.call)
    assert isinstance(refused.refusal, CircuitOpen)
    probe.end(break_down)
    assert circuit.current_state == "open"


class CircuitUnderFire(RuleBasedStateMachine):
    """Any interleaving of calls that begin, end well, end badly, are given up or crawl.

    `state` and `opened_at` are kept from what the circuit announces, so that each admission can be foretold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.state, self.opened_at = "closed", 0.0
        self.in_flight: list[HeldCall] = []
        self.probe: HeldCall | None = None
        policy = Policy(consecutive_failures=2, min_calls=4, window_s=5, open_s=3.0)
        self.circuit = Circuit("products", policy, on_transition=self._announced, clock=self.clock)

    def _announced(self, transition: Any) -> None:
        assert transition.old == self.state
        self.state = transition.new
        if self.state == "open":
            self.opened_at = self.clock.now

    @rule()
    def begin(self) -> None:
        is_due = self.state == "open" and self.clock.now >= self.opened_at + 3.0
        may_enter = self.state == "closed" or is_due or (self.state == "half-open" and self.probe is None)
        is_probe = self.state != "closed"
        call = HeldCall(self.circuit.call)
        assert call.was_let_in == may_enter
        if call.was_let_in:
            self.in_flight.append(call)
            self.probe = call if is_probe else self.probe
        else:
            assert isinstance(call.refusal, CircuitOpen)

    @precondition(lambda self: self.in_flight)
    @rule(which=st.integers(0, 100), ending=st.sampled_from(["ok", "broken", "given up"]))
    def end(self, which: int, ending: str) -> None:
        call = self.in_flight.pop(which % len(self.in_flight))
        state_before, was_probe = self.state, call is self.probe
        if was_probe:
            self.probe = None
        call.end({"ok": ok, "broken": break_down, "given up": give_up}[ending])
        if was_probe and ending != "given up":
            assert self.state in {"closed", "open"}
        elif state_before != "closed":
            assert self.state == state_before

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.5, 3.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def its_state_is_the_one_it_announced(self) -> None:
        assert self.circuit.current_state == self.state

    def teardown(self) -> None:
        """Nothing is wedged: once all have ended, one timely success after the open time closes it."""
        for call in self.in_flight:
            call.end(break_down)
        self.clock.advance(3.0)
        assert self.circuit.call(ok) == 200
        assert self.state == "closed"


TestCircuitUnderFire = CircuitUnderFire.TestCase
TestCircuitUnderFire.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, database=None)
