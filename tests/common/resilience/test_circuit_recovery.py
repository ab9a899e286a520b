"""An open circuit closes when the service itself says that it is ready. No call of a customer finds that out."""

import pytest

from common.resilience import Circuit, CircuitOpen
from tests.common.resilience.guarded import Service, ask, fail, open_up, succeed
from tests.support.clock import Clock


def test_it_stays_open_for_the_open_time_whatever_the_service_says(
    circuit: Circuit, service: Service, clock: Clock
) -> None:
    open_up(circuit, service)
    clock.advance(4.99)
    circuit.judge(is_ready=True)
    assert circuit.state == "open"
    clock.advance(0.01)
    circuit.judge(is_ready=True)
    assert circuit.state == "closed"
    succeed(circuit, service)


def test_it_stays_open_as_long_as_the_service_is_not_ready(circuit: Circuit, service: Service, clock: Clock) -> None:
    open_up(circuit, service)
    for _ in range(100):
        clock.advance(1.0)
        circuit.judge(is_ready=False)
    assert (circuit.state, circuit.awaits_probe) == ("open", True)
    circuit.judge(is_ready=True)
    assert (circuit.state, circuit.awaits_probe) == ("closed", False)


def test_time_alone_lets_no_customer_in(circuit: Circuit, service: Service, clock: Clock) -> None:
    open_up(circuit, service)
    clock.advance(600.0)
    with pytest.raises(CircuitOpen):
        ask(circuit, service)
    assert service.calls == 5


def test_who_is_refused_sees_to_it_that_somebody_probes(circuit: Circuit, service: Service, asked: list[str]) -> None:
    open_up(circuit, service)
    asked.clear()
    with pytest.raises(CircuitOpen):
        ask(circuit, service)
    assert asked == ["ready?"]


def test_a_closed_circuit_starts_with_an_empty_window(circuit: Circuit, service: Service, clock: Clock) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    circuit.judge(is_ready=True)
    assert circuit.window.totals() == (0, 0)
    fail(circuit, service, 4)
    assert circuit.awaits_probe is False
