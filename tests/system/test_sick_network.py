"""A products service behind a bad line: dripping, breaking off, crawling, under load. Nobody else notices."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from operations.chaos.proxy import FaultProxy
from tests.system.client import Client, succeeded
from tests.system.plaza import WITHOUT_THROTTLES, System, eventually
from tests.system.shop import make_product, send_order, stock_of

HANG_S = 5  # beyond any deadline: only tells a hang from an answer
AT_ONCE = 20  # more than the bulkhead takes


@pytest.fixture(scope="module")
def line_and_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FaultProxy, System]]:
    system = System(tmp_path_factory.mktemp("sick") / "data", **WITHOUT_THROTTLES)
    line = FaultProxy(system.port + 2, random.Random(4))
    system.environment["PRODUCTS_URL"] = line.url
    system.up("--no-demo")
    try:
        yield line, system
    finally:
        system.down()
        line.close()


@pytest.fixture
def line(line_and_system: tuple[FaultProxy, System]) -> Iterator[FaultProxy]:
    line = line_and_system[0]
    yield line
    line.drip_s = line.delay_s = line.cut_chance = 0.0


@pytest.fixture
def buyer(line_and_system: tuple[FaultProxy, System], line: FaultProxy) -> Client:
    buyer = line_and_system[1].customer()
    eventually(partial(is_answered, buyer))
    return buyer


@pytest.fixture
def product(line_and_system: tuple[FaultProxy, System], buyer: Client) -> dict[str, Any]:
    return make_product(line_and_system[1].staff())


def is_answered(client: Client) -> bool:
    return client.get(f"/api/products/?search={uuid4()}").status_code == 200


def under_load(buyer: Client) -> tuple[Counter[int], Counter[int]]:
    """What many who look for products are told at once, and meanwhile those who look at their account and orders."""
    looking: Counter[int] = Counter()
    others: Counter[int] = Counter()

    def look() -> None:
        response = buyer.get(f"/api/products/?search={uuid4()}")
        assert response.elapsed.total_seconds() < HANG_S
        assert response.headers["Content-Type"] == "application/problem+json"
        looking[response.status_code] += 1

    threads = [Thread(target=look) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for path in ("/api/users/me/", "/api/orders/"):
            others[buyer.get(path).status_code] += 1
    for thread in threads:
        thread.join()
    return looking, others


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"drip_s": 1.0}, {503, 504}),
        ({"delay_s": 4.0}, {503, 504}),
        ({"cut_chance": 1.0}, {502, 503}),
    ],
    ids=["dripping", "crawling", "breaking off"],
)
def test_a_sick_line_to_products_stays_products_own(
    fault: dict[str, float], expected: set[int], line: FaultProxy, buyer: Client, product: dict[str, Any]
) -> None:
    vars(line).update(fault)
    looking, others = under_load(buyer)
    assert looking.total() == AT_ONCE
    assert set(looking) <= expected
    assert set(others) == {200}
    order = succeeded(send_order(buyer, product, 2, key=str(uuid4())), 202)
    assert (order["status"], order["total"]) == ("pending", None)
    line.drip_s = line.delay_s = line.cut_chance = 0.0
    path = f"/api/orders/{order['id']}/"
    eventually(lambda: succeeded(buyer.get(path))["status"] == "confirmed", timeout_s=40)
    eventually(partial(is_answered, buyer))
    assert stock_of(buyer, product) == 10 - 2
