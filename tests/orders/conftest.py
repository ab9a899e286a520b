"""Time that stands still until a test moves it, products in memory, and users who place orders."""

import signal
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from common.resilience import Deadline
from common.upstream import Upstream
from orders_project.orders import products_client as client_module
from orders_project.orders.models import Order, Wants
from orders_project.orders.products_client import ProductsClient
from tests.orders.api import Api
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", clock.now)
    return clock


@pytest.fixture(autouse=True)
def products(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProducts]:
    """What the process's one client talks to; its policy and keys are the settings' own."""
    fake = FakeProducts()
    with_fake = partial(Upstream, transport=fake, clock=clock.monotonic, sleep=clock.advance)
    monkeypatch.setattr(client_module, "Upstream", with_fake)
    after = partial(Deadline.after, clock=clock.monotonic)  # what a caller left of its own deadline stands still too
    monkeypatch.setattr("common.upstream.transport.Deadline", SimpleNamespace(after=after))
    client_module.products_client.cache_clear()
    yield fake
    client_module.products_client.cache_clear()


@pytest.fixture
def client(products: FakeProducts) -> ProductsClient:
    return client_module.products_client()


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
    """The test run's own signal handlers come back after a relay ran in its process."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def relay_until_idle(handlers: None, clock: Clock) -> Callable[[], None]:
    """Run the relay, again and again as time passes, until no order wants anything."""

    def run() -> None:
        for _ in range(20):
            clock.advance(60)  # claims expire and pauses end
            call_command("relay", once=True)
            if not Order.objects.exclude(wants=Wants.NOTHING).exists():
                return
        raise AssertionError("the relay does not come to an end")

    return run
