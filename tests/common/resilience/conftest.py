import pytest

from common.resilience import Circuit, Transition
from tests.common.resilience.guarded import POLICY, Service
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> Service:
    return Service(clock)


@pytest.fixture
def transitions() -> list[Transition]:
    return []


@pytest.fixture
def asked() -> list[str]:
    """One entry for each time that the circuit wanted a probe."""
    return []


@pytest.fixture
def circuit(clock: Clock, transitions: list[Transition], asked: list[str]) -> Circuit:
    return Circuit(
        "products", POLICY, ask=lambda: asked.append("ready?"), on_transition=transitions.append, clock=clock
    )
