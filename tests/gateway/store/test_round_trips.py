"""What a request costs in questions to the store that processes share: with Redis each is a round trip."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
import redis
from django.test import Client
from redis.connection import AbstractConnection

from gateway_project.status.publisher import publish
from gateway_project.store import cache, fallback, throttles
from gateway_project.store.backends import LocalStore
from gateway_project.store.counters import Count
from tests.gateway.clients import send
from tests.gateway.fakes import Services, answer, problem
from tests.support.examples import NEW_ORDER, ORDER, PRODUCT, PRODUCT_ID

PUBLIC = "public, max-age=60, stale-if-error=60"
PATH = f"/api/products/{PRODUCT_ID}/"
INNER = f"/products/{PRODUCT_ID}/"


class CountingStore(LocalStore):
    """Remembers what it was asked, by the names of its methods."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.asked.append("get_many")
        return super().get_many(keys)

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self.asked.append("put")
        super().put(key, value, ttl_s)

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        self.asked.append("count")
        return super().count(key, ttl_s, by)

    def mark(self, keys: Iterable[str]) -> None:
        self.asked.append("mark")
        super().mark(keys)


@pytest.fixture(autouse=True)
def _services(services: Services) -> None:
    services.products.on("GET", INNER, answer(200, PRODUCT, Cache_Control=PUBLIC))
    services.products.on("DELETE", INNER, answer(204))
    services.orders.on("GET", "/orders/", problem(400))
    services.orders.on("POST", "/orders/", answer(201, ORDER))


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Callable[[Client, str, str, Any], list[str]]:
    """What one request asks."""
    counting = CountingStore()
    monkeypatch.setattr(throttles, "store", lambda: counting)
    monkeypatch.setattr(cache, "store", lambda: counting)

    def ask(client: Client, method: str, path: str, body: Any = None) -> list[str]:
        counting.asked.clear()
        send(client, method, path, body)
        return list(counting.asked)

    return ask


def test_a_kept_answer_costs_two(cost: Any, user: Client) -> None:
    assert cost(user, "GET", PATH) == ["count", "get_many", "put"]
    assert cost(user, "GET", PATH) == ["count", "get_many"]


def test_what_is_never_kept_costs_one(cost: Any, user: Client, anonymous: Client) -> None:
    assert cost(user, "GET", "/api/orders/") == ["count"]
    assert cost(anonymous, "GET", "/api/") == ["count"]


def test_a_write_costs_two_even_if_it_makes_several_things_old(cost: Any, user: Client, staff: Client) -> None:
    assert cost(user, "POST", "/api/orders/", NEW_ORDER) == ["count", "mark"]
    assert cost(staff, "DELETE", PATH) == ["count", "mark"]


def test_health_and_metrics_cost_nothing(cost: Any, anonymous: Client, db: None) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert cost(anonymous, "GET", path) == []


URL = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"


@pytest.fixture
def sent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What goes out to a real Redis: a packet is a round trip, however many commands are in it."""
    packets: list[Any] = []
    send_packed = AbstractConnection.send_packed_command

    def spy(connection: Any, command: Any, *args: Any, **options: Any) -> Any:
        packets.append(command)
        return send_packed(connection, command, *args, **options)

    with redis.Redis.from_url(URL) as client:
        client.flushdb()
        settings.REDIS_URL = URL
        monkeypatch.setattr(AbstractConnection, "send_packed_command", spy)
        yield packets
        monkeypatch.undo()
        client.flushdb()


@pytest.mark.redis
def test_redis_is_asked_once_for_each(sent: list[Any], user: Client, staff: Client, services: Services) -> None:
    def packets(client: Client, method: str, path: str, body: Any = None) -> int:
        sent.clear()
        send(client, method, path, body)
        return len(sent)

    packets(user, "GET", "/api/orders/")  # connects
    assert packets(user, "GET", PATH) == 3
    assert packets(user, "GET", PATH) == 2
    assert len(services.products.calls) == 1
    assert packets(user, "GET", "/api/orders/") == 1
    assert packets(staff, "DELETE", PATH) == 2
    assert fallback.mode() == fallback.REDIS


@pytest.mark.redis
def test_telling_the_others_costs_one_a_second_and_the_report_two(sent: list[Any], staff: Client) -> None:
    send(staff, "GET", "/api/orders/")  # connects
    sent.clear()
    publish()
    assert len(sent) == 1
    sent.clear()
    assert staff.get("/api/status/").json()["shared"] == "redis"
    assert len(sent) == 1 + 2
