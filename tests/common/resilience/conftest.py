import pytest

from common.resilience import Circuit, Transition
from tests.common.fakes import FakeClock
from tests.common.resilience.guarded import POLICY, Service


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> Service:
    return Service(clock)


@pytest.fixture
def transitions() -> list[Transition]:
    return []


@pytest.fixture
def circuit(clock: FakeClock, transitions: list[Transition]) -> Circuit:
    return Circuit(
        "products", POLICY, is_neutral=lambda status: status >= 400, on_transition=transitions.append, clock=clock
    )
