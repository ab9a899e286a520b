import pytest

from common.resilience import Circuit, CircuitOpen
from tests.common.fakes import FakeClock, HeldCall
from tests.common.resilience.guarded import Service, fail, open_up, succeed


def test_after_the_open_time_a_probe_is_made_and_its_success_closes(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(4.99)
    with pytest.raises(CircuitOpen):
        circuit.call(service.answer)
    clock.advance(0.01)
    succeed(circuit, service)
    assert (circuit.current_state, service.calls) == ("closed", 6)


def test_a_closed_circuit_starts_with_an_empty_window(circuit: Circuit, service: Service, clock: FakeClock) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    succeed(circuit, service)
    assert circuit.window.totals() == (0, 0)
    fail(circuit, service, 4)
    assert circuit.current_state == "closed"


def test_a_probe_that_gets_a_4xx_in_time_closes(circuit: Circuit, service: Service, clock: FakeClock) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    assert circuit.call(service.answer, 404) == 404
    assert circuit.current_state == "closed"
    succeed(circuit, service)


@pytest.mark.parametrize("status", [200, 404])
def test_a_slow_probe_opens_again(circuit: Circuit, service: Service, clock: FakeClock, status: int) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    assert circuit.call(service.answer, status, takes_s=1.5) == status
    assert circuit.current_state == "open"


def test_a_probe_that_fails_opens_for_the_whole_time_again(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    fail(circuit, service)
    assert circuit.retry_after_s() == 5.0
    clock.advance(4.99)
    with pytest.raises(CircuitOpen):
        circuit.call(service.answer)
    clock.advance(0.01)
    succeed(circuit, service)
    assert circuit.current_state == "closed"


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_a_probe_whose_caller_gives_up_leaves_its_place_to_the_next(
    circuit: Circuit, service: Service, clock: FakeClock, ending: BaseException
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    with pytest.raises(type(ending)):
        circuit.call(service.answer, ending)
    assert circuit.current_state == "half-open"
    succeed(circuit, service)
    assert circuit.current_state == "closed"


def test_a_probe_whose_result_cannot_be_judged_is_a_failure_and_wedges_nothing(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    with pytest.raises(TypeError):
        circuit.call(service.answer, "no status")
    assert circuit.current_state == "open"
    clock.advance(5.0)
    succeed(circuit, service)


@pytest.mark.parametrize("state", ["open", "half_open"])
def test_a_transition_by_hand_during_a_probe_wedges_nothing(
    circuit: Circuit, service: Service, clock: FakeClock, state: str
) -> None:
    open_up(circuit, service)
    clock.advance(5.0)
    probe = HeldCall(circuit.call)
    getattr(circuit, state)()
    probe.end(lambda: 200)
    assert circuit.current_state == state.replace("_", "-")
    clock.advance(5.0)
    succeed(circuit, service)
    assert circuit.current_state == "closed"
