import pybreaker
import pytest

from common.resilience import Circuit, CircuitOpen, Transition
from tests.common.resilience.guarded import Service, ask, fail, open_up, succeed
from tests.support.clock import Clock


def test_a_call_returns_what_the_service_returns(circuit: Circuit) -> None:
    assert circuit.call(lambda: 201) == 201


def test_an_open_circuit_answers_without_calling_the_service(circuit: Circuit, service: Service, clock: Clock) -> None:
    open_up(circuit, service)
    clock.advance(2.0)
    with pytest.raises(CircuitOpen, match=r"^the circuit to products is open$") as refusal:
        ask(circuit, service)
    assert refusal.value.retry_after_s == 3.0
    assert isinstance(refusal.value, pybreaker.CircuitBreakerError)
    assert service.calls == 5


def test_the_fifth_failure_in_a_row_raises_the_question(circuit: Circuit, service: Service, asked: list[str]) -> None:
    fail(circuit, service, 4)
    assert (circuit.state, circuit.awaits_probe, asked) == ("closed", False, [])
    fail(circuit, service)
    assert (circuit.state, circuit.awaits_probe, asked) == ("closed", True, ["ready?"])


def test_a_service_that_is_not_ready_opens_it(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 5)
    circuit.judge(is_ready=False)
    assert circuit.state == "open"


def test_a_service_that_is_ready_keeps_it_closed_for_all(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 5)
    circuit.judge(is_ready=True)
    assert (circuit.state, circuit.awaits_probe) == ("closed", False)
    succeed(circuit, service)


def test_while_calls_go_on_failing_the_question_is_asked_once_an_interval(
    circuit: Circuit, service: Service, clock: Clock
) -> None:
    fail(circuit, service, 5)
    circuit.judge(is_ready=True)
    fail(circuit, service, 20)
    assert circuit.awaits_probe is False
    clock.advance(1.0)
    fail(circuit, service)
    assert circuit.awaits_probe is True
    circuit.judge(is_ready=False)
    assert circuit.state == "open"


def test_an_answer_to_no_question_opens_nothing(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 4)
    circuit.judge(is_ready=False)
    assert circuit.state == "closed"


def test_a_success_starts_the_row_anew(circuit: Circuit, service: Service) -> None:
    succeed(circuit, service, 10)
    fail(circuit, service, 4)
    succeed(circuit, service)
    fail(circuit, service, 4)
    assert circuit.awaits_probe is False
    fail(circuit, service)
    assert circuit.awaits_probe is True


def test_half_of_10_calls_failed_raises_the_question_and_half_of_9_does_not(circuit: Circuit, service: Service) -> None:
    for _ in range(4):
        fail(circuit, service)
        succeed(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (9, 5)
    assert circuit.awaits_probe is False
    fail(circuit, service)
    assert circuit.awaits_probe is True


def test_below_half_does_not_and_half_exactly_does(circuit: Circuit, service: Service) -> None:
    succeed(circuit, service, 6)
    for _ in range(4):
        fail(circuit, service)
    succeed(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (12, 5)
    assert circuit.awaits_probe is False
    fail(circuit, service)
    fail(circuit, service)
    assert circuit.window.totals() == (14, 7)
    assert circuit.awaits_probe is True


def test_a_success_never_raises_the_question_however_bad_the_window_is(circuit: Circuit, service: Service) -> None:
    for _ in range(3):
        fail(circuit, service, 2)
        succeed(circuit, service)
    succeed(circuit, service)
    assert circuit.window.totals() == (10, 6)
    assert circuit.awaits_probe is False


def test_failures_that_left_the_window_no_longer_count(circuit: Circuit, service: Service, clock: Clock) -> None:
    for _ in range(4):
        fail(circuit, service)
        succeed(circuit, service)
    clock.advance(10.0)
    succeed(circuit, service, 5)
    fail(circuit, service, 4)
    assert circuit.window.totals() == (9, 4)
    assert circuit.awaits_probe is False


def test_one_caller_alone_never_opens_it_without_the_service(circuit: Circuit, service: Service) -> None:
    for _ in range(20):
        fail(circuit, service, 5, callers="ada")
        circuit.judge(is_ready=True)
    fail(circuit, service, 40, callers="ada bob")
    assert circuit.state == "closed"


def test_when_all_of_several_callers_fail_it_opens_by_itself(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 9, callers="ada bob eve")
    assert circuit.state == "closed"
    fail(circuit, service, 1, callers="ada")
    assert (circuit.state, circuit.awaits_probe) == ("open", True)


def test_one_who_is_served_shows_that_the_service_works(circuit: Circuit, service: Service) -> None:
    succeed(circuit, service)
    fail(circuit, service, 40, callers="ada bob eve")
    assert circuit.state == "closed"


def test_slow_calls_count_as_failures(circuit: Circuit, service: Service) -> None:
    for _ in range(4):
        assert ask(circuit, service, 200, takes_s=1.5) == 200
    assert circuit.awaits_probe is False
    ask(circuit, service, 200, takes_s=1.5)
    assert circuit.awaits_probe is True


def test_a_call_just_below_slow_is_a_success(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 4)
    ask(circuit, service, 200, takes_s=1.25)
    fail(circuit, service, 4)
    assert circuit.awaits_probe is False


@pytest.mark.parametrize("takes_s", [0.0, 1.75])
def test_neutral_results_neither_count_nor_reset(circuit: Circuit, service: Service, takes_s: float) -> None:
    fail(circuit, service, 4)
    for _ in range(3):
        assert ask(circuit, service, 404, takes_s=takes_s) == 404
    assert circuit.window.totals() == (4, 4)
    fail(circuit, service)
    assert circuit.awaits_probe is True


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_a_caller_that_gives_up_says_nothing_of_the_service(
    circuit: Circuit, service: Service, ending: BaseException
) -> None:
    fail(circuit, service, 4)
    with pytest.raises(type(ending)):
        ask(circuit, service, ending)
    assert circuit.window.totals() == (4, 4)
    fail(circuit, service)
    assert circuit.awaits_probe is True


def test_a_result_that_cannot_be_settled_blocks_nothing(circuit: Circuit, service: Service) -> None:
    with pytest.raises(TypeError):
        ask(circuit, service, "no status")
    assert circuit.window.totals() == (0, 0)
    succeed(circuit, service)


def test_the_time_to_retry_is_never_nothing(circuit: Circuit, service: Service, clock: Clock) -> None:
    open_up(circuit, service)
    clock.advance(4.95)
    assert circuit.retry_after_s() == 0.1
    clock.advance(60.0)
    assert circuit.retry_after_s() == 0.1


def test_listeners_are_told_of_each_transition_once_with_the_counts(
    circuit: Circuit, service: Service, clock: Clock, transitions: list[Transition]
) -> None:
    succeed(circuit, service, 2)
    open_up(circuit, service)
    clock.advance(5.0)
    circuit.judge(is_ready=True)
    assert transitions == [
        Transition("products", "closed", "open", failed=5, total=7),
        Transition("products", "open", "half-open", failed=5, total=7),
        Transition("products", "half-open", "closed", failed=0, total=0),
    ]
