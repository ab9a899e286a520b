"""A circuit around a service that answers as it is told."""

from typing import Any

import pytest

from common.resilience import Circuit, Outcome, Policy, Settlement
from tests.support.clock import Clock

POLICY = Policy(
    min_calls=10,
    failure_ratio=0.5,
    consecutive_failures=5,
    min_suspects=3,
    slow_call_s=1.5,
    window_s=10,
    open_s=5.0,
    probe_interval_s=1.0,
)


class Service:
    """What the circuit guards; counts how often it was really called, and on whose behalf."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls = 0
        self.caller: str = "ada"

    def answer(self, value: Any = 200, *, takes_s: float = 0.0) -> Any:
        self.calls += 1
        self.clock.advance(takes_s)
        if isinstance(value, BaseException):
            raise value
        return value

    def settle(self, result: Any, error: Exception | None, seconds: float) -> Settlement:
        if error is None and result >= 400:
            return Settlement(Outcome.NEUTRAL)
        return Settlement(Outcome.FAILURE if error else Outcome.SUCCESS, self.caller)


def ask(circuit: Circuit, service: Service, value: Any = 200, *, takes_s: float = 0.0) -> Any:
    return circuit.call(lambda: service.answer(value, takes_s=takes_s), service.settle)


def fail(circuit: Circuit, service: Service, times: int = 1, *, callers: str = "ada") -> None:
    """The calls are made in turn on behalf of the `callers`, which are words."""
    for number in range(times):
        service.caller = callers.split()[number % len(callers.split())]
        with pytest.raises(ValueError, match=r"^broken$"):
            ask(circuit, service, ValueError("broken"))


def succeed(circuit: Circuit, service: Service, times: int = 1) -> None:
    for _ in range(times):
        assert ask(circuit, service) == 200


def open_up(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 5)
    circuit.judge(is_ready=False)
    assert circuit.state == "open"
