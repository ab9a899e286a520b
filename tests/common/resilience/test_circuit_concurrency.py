import threading
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.resilience import Circuit, CircuitOpen, Policy
from tests.common.resilience.guarded import Service, open_up
from tests.support.clock import Clock
from tests.support.threads import HeldCall, in_threads


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


def test_a_late_failure_from_before_it_opened_does_not_extend_the_open_time(
    circuit: Circuit, service: Service, clock: Clock
) -> None:
    late = HeldCall(circuit.call)
    open_up(circuit, service)
    clock.advance(4.0)
    late.end(break_down)
    assert circuit.retry_after_s() == 1.0
    clock.advance(1.0)
    circuit.judge(is_ready=True)
    assert circuit.call(ok) == 200


def test_a_late_outcome_from_before_it_opened_does_not_close_it(circuit: Circuit, service: Service) -> None:
    late_success, late_failure, given_up = HeldCall(circuit.call), HeldCall(circuit.call), HeldCall(circuit.call)
    open_up(circuit, service)
    late_success.end(ok)
    late_failure.end(break_down)
    given_up.end(give_up)
    assert circuit.state == "open"


def test_a_late_failure_does_not_count_against_the_closed_circuit(
    circuit: Circuit, service: Service, clock: Clock
) -> None:
    late = HeldCall(circuit.call)
    open_up(circuit, service)
    clock.advance(5.0)
    circuit.judge(is_ready=True)
    late.end(break_down)
    assert circuit.window.totals() == (0, 0)


class CircuitUnderFire(RuleBasedStateMachine):
    """Any interleaving of calls that begin, end well, end badly or are given up, and of probes.

    `state` and `opened_at` are kept from what the circuit announces, so that each admission can be foretold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.state, self.opened_at = "closed", 0.0
        self.in_flight: list[HeldCall] = []
        self.asked = 0
        policy = Policy(consecutive_failures=2, min_calls=4, window_s=5, open_s=3.0)
        self.circuit = Circuit("products", policy, ask=self._ask, on_transition=self._announced, clock=self.clock)

    def _ask(self) -> None:
        self.asked += 1

    def _announced(self, transition: Any) -> None:
        assert transition.old == self.state
        self.state = transition.new
        if self.state == "open":
            self.opened_at = self.clock()

    @rule()
    def begin(self) -> None:
        call = HeldCall(self.circuit.call)
        assert call.was_let_in == (self.state == "closed")
        if call.was_let_in:
            self.in_flight.append(call)
        else:
            assert isinstance(call.refusal, CircuitOpen)

    @precondition(lambda self: self.in_flight)
    @rule(which=st.integers(0, 100), ending=st.sampled_from(["ok", "broken", "given up"]))
    def end(self, which: int, ending: str) -> None:
        state_before = self.state
        self.in_flight.pop(which % len(self.in_flight)).end(
            {"ok": ok, "broken": break_down, "given up": give_up}[ending]
        )
        assert self.state == state_before  # all calls have one suspect, so only a probe may open it

    @rule(is_ready=st.booleans())
    def probe(self, is_ready: bool) -> None:
        state_before, was_asked = self.state, self.circuit.awaits_probe
        is_due = self.clock() >= self.opened_at + 3.0
        self.circuit.judge(is_ready=is_ready)
        if state_before == "closed":
            assert self.state == ("open" if was_asked and not is_ready else "closed")
        else:
            assert self.state == ("closed" if is_due and is_ready else "open")

    @rule(seconds=st.sampled_from([0.5, 1.0, 1.5, 3.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def its_state_is_the_one_it_announced(self) -> None:
        assert self.circuit.state == self.state

    @invariant()
    def whoever_probes_was_asked(self) -> None:
        assert self.asked or not self.circuit.awaits_probe

    def teardown(self) -> None:
        """Nothing blocks it for ever: once the service is ready after the open time, it is closed."""
        for call in self.in_flight:
            call.end(break_down)
        self.clock.advance(3.0)
        self.circuit.judge(is_ready=True)
        assert self.circuit.call(ok) == 200
        assert self.state == "closed"


TestCircuitUnderFire = CircuitUnderFire.TestCase
TestCircuitUnderFire.settings = settings(max_examples=60, stateful_step_count=30)
