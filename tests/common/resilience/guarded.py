"""A circuit around a service that answers as it is told."""

from typing import Any

import pytest

from common.resilience import Circuit, Policy
from tests.common.fakes import FakeClock

POLICY = Policy(min_calls=10, failure_ratio=0.5, consecutive_failures=5, slow_call_s=1.5, window_s=10, open_s=5.0)


class Service:
    """What the circuit guards; counts how often it was really called."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.calls = 0

    def answer(self, value: Any = 200, *, takes_s: float = 0.0) -> Any:
        self.calls += 1
        self.clock.advance(takes_s)
        if isinstance(value, BaseException):
            raise value
        return value


def fail(circuit: Circuit, service: Service, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ValueError, match=r"^broken$"):
            circuit.call(service.answer, ValueError("broken"))


def succeed(circuit: Circuit, service: Service, times: int = 1) -> None:
    for _ in range(times):
        assert circuit.call(service.answer, 200) == 200


def open_up(circuit: Circuit, service: Service) -> None:
    fail(circuit, service, 5)
    assert circuit.current_state == "open"
