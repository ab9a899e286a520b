import pybreaker
import pytest

from common.resilience import Circuit, CircuitOpen, Transition
from tests.common.fakes import FakeClock
from tests.common.resilience.guarded import Service, fail, open_up, succeed


def test_a_call_returns_what_the_service_returns_and_hands_its_arguments_on(circuit: Circuit, clock: FakeClock) -> None:
    assert circuit.call(lambda *args, **kwargs: (200 if args == (1,) else 0) + len(kwargs), 1, x=2) == 201


def test_an_open_circuit_answers_without_calling_the_service(
    circuit: Circuit, service: Service, clock: FakeClock
) -> None:
    open_up(circuit, service)
    clock.advance(2.0)
    with pytest.raises(CircuitOpen, match=r"^the circuit to products is open$") as refusal:
        circuit.call(service.answer)
    assert refusal.value.retry_after_s == 3.0
    assert isinstance(refusal.value, pybreaker.CircuitBreakerError)
    assert service.calls == 5


def test_the_fifth_failure_in_a_row_opens_and_keeps_its_cause(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 4)
    assert circuit.current_state == "closed"
    fail(circuit, service)
    assert circuit.current_state == "open"


def test_a_success_starts_the_row_anew(circuit: Circuit, service: Service, clock: FakeClock) -> None:
    succeed(circuit, service, 10)
    fail(circuit, service, 4)
    succeed(circuit, service)
    fail(circuit, service, 4)
    assert circuit.current_state == "closed"
    fail(circuit, service)
    assert circuit.current_state == "open"


def test_half_of_10_calls_failed_opens_and_half_of_9_does_not(circuit: Circuit, service: Service) -> None:
    for _ in range(4):
        fail(circuit, service)
        succeed(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (9, 5)
    assert circuit.current_state == "closed"
    fail(circuit, service)
    assert circuit.current_state == "open"


def test_below_half_stays_closed_and_half_exactly_opens(circuit: Circuit, service: Service) -> None:
    succeed(circuit, service, 6)
    for _ in range(4):
        fail(circuit, service)
    succeed(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (12, 5)
    assert circuit.current_state == "closed"
    fail(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (14, 7)
    assert circuit.current_state == "open"


def test_a_success_never_opens_however_bad_the_window_is(circuit: Circuit, service: Service) -> None:
    for _ in range(3):
        fail(circuit, service, 2)
        succeed(circuit, service)
    succeed(circuit, service)
    assert circuit.window.totals() == (10, 6)
    assert circuit.current_state == "closed"


def test_failures_that_left_the_window_no_longer_count(circuit: Circuit, service: Service, clock: FakeClock) -> None:
    for _ in range(4):
        fail(circuit, service)
        succeed(circuit, service)
    clock.advance(10.0)
    succeed(circuit, service, 5)
    fail(circuit, service, 4)
    assert circuit.window.totals() == (9, 4)
    assert circuit.current_state == "closed"


def test_slow_calls_count_as_failures(circuit: Circuit, service: Service) -> None:
    for _ in range(4):
        assert circuit.call(service.answer, 200, takes_s=1.5) == 200
    circuit.call(service.answer, 404, takes_s=1.5)
    assert circuit.current_state == "open"


def test_a_call_just_below_slow_is_a_success(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 4)
    circuit.call(service.answer, 200, takes_s=1.25)
    fail(circuit, service, 4)
    assert circuit.current_state == "closed"


def test_neutral_results_neither_count_nor_reset(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 4)
    for _ in range(20):
        assert circuit.call(service.answer, 404) == 404
    assert circuit.window.totals() == (4, 4)
    fail(circuit, service)
    assert circuit.current_state == "open"


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_a_caller_that_gives_up_says_nothing_of_the_service(
    circuit: Circuit, service: Service, ending: BaseException
) -> None:
    fail(circuit, service, 4)
    with pytest.raises(type(ending)):
        circuit.call(service.answer, ending)
    assert circuit.window.totals() == (4, 4)
    fail(circuit, service)
    assert circuit.current_state == "open"


def test_the_time_to_retry_is_never_nothing(circuit: Circuit, service: Service, clock: FakeClock) -> None:
    open_up(circuit, service)
    clock.advance(4.95)
    assert circuit.retry_after_s() == 0.1
    clock.advance(60.0)
    assert circuit.retry_after_s() == 0.1


def test_listeners_are_told_of_each_transition_once_with_the_counts(
    circuit: Circuit, service: Service, clock: FakeClock, transitions: list[Transition]
) -> None:
    succeed(circuit, service, 2)
    open_up(circuit, service)
    clock.advance(5.0)
    succeed(circuit, service)
    assert transitions == [
        Transition("products", "closed", "open", failed=5, total=7),
        Transition("products", "open", "half-open", failed=5, total=7),
        Transition("products", "half-open", "closed", failed=0, total=0),
    ]


def test_pybreakers_other_ways_to_call_are_closed(circuit: Circuit, service: Service) -> None:
    with pytest.raises(NotImplementedError, match=r"use call\(\)$"):
        circuit.calling()
    with pytest.raises(NotImplementedError, match=r"use call\(\)$"):
        circuit.call_async(service.answer)
    assert service.calls == 0


def test_as_a_decorator_it_guards_like_call(circuit: Circuit, service: Service) -> None:
    guarded = circuit(service.answer)
    assert guarded(200) == 200
    open_up(circuit, service)
    with pytest.raises(CircuitOpen):
        guarded(200)
    assert service.calls == 6
