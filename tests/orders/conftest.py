"""A clock that tests move, products in memory, and users who place orders."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.management import call_command

from common.resilience import Deadline
from common.upstream import Prober, Upstream
from orders_project.orders import products_client as client_module
from orders_project.orders.management.commands import relay as relay_command
from orders_project.orders.models import Order, Wants
from orders_project.orders.products_client import ProductsClient
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts
from tests.support.clock import Clock
from tests.support.properties import load_profile

load_profile()

# SQLite has one writer at a time, and no locks of rows.
collect_ignore = ["test_claims_beside_locks.py"] if settings.DATABASES["default"]["ENGINE"] == "common.sqlite" else []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", clock.now)
    return clock


@pytest.fixture(autouse=True)
def products(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProducts]:
    """The products service that the client calls. The client's policy and keys are those of the settings."""
    fake = FakeProducts()
    monkeypatch.setattr(client_module, "Transport", lambda *args: fake)
    monkeypatch.setattr(client_module, "Upstream", partial(Upstream, clock=clock, sleep=clock.advance))
    monkeypatch.setattr(Prober, "wake", Prober.probe)  # at once, and not in a thread of its own
    # The caller's deadline uses the same clock.
    monkeypatch.setattr("common.upstream.transport.time", SimpleNamespace(monotonic=clock))
    monkeypatch.setattr("common.upstream.transport.Deadline", partial(Deadline, clock=clock))
    client_module.products_client.cache_clear()
    yield fake
    client_module.products_client.cache_clear()


@pytest.fixture
def client(products: FakeProducts) -> ProductsClient:
    return client_module.products_client()


class OneAfterTheOther(Executor):
    """In this thread, whose transaction other threads' connections can't see."""

    def __init__(self, threads: int) -> None:
        self.map = map  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _relay_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_command, "ThreadPoolExecutor", OneAfterTheOther)


@pytest.fixture
def user() -> Api:
    return Api()


@pytest.fixture
def stranger() -> Api:
    return Api()


@pytest.fixture
def staff() -> Api:
    return Api(is_staff=True)


@pytest.fixture
def kettle(products: FakeProducts) -> object:
    return products.add(stock=10, price="19.90")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restores the signal handlers of the test run after a relay has run in its process."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def relay_until_idle(handlers: None, clock: Clock) -> Callable[[], None]:
    """Run the relay again and again, while time passes, until no order wants anything."""

    def run() -> None:
        for _ in range(20):
            clock.advance(60)  # claims expire and pauses end
            call_command("relay", once=True)
            if not Order.objects.exclude(wants=Wants.NOTHING).exists():
                return
        raise AssertionError("the relay does not come to an end")

    return run


@pytest.fixture(autouse=True)
def _tables_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made in a fork, which must not have this process's connections."""
    monkeypatch.setattr("orders_project.orders.management.commands.relay.make_tables", lambda: None)
