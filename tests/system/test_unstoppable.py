"""Nobody can stop the shop: whatever others do, a bystander is answered as on a quiet day.

How long the bystander waits is written into the test report, not asserted: this machine is shared.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import pytest
import requests

from common.settings import ROOT
from tests.support.bystander import Bystander
from tests.support.http import HANG_S, Client, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, clean_environment
from tests.support.threads import at_once
from tests.system.shop import make_product, place_order, send_order

pytestmark = pytest.mark.long

CROWD = 64
PRODUCTS = 60_000
FILL = f"""
from products_project.products.models import Category, Product
category = Category.objects.create(slug="many", name="Many")
Product.objects.bulk_create(
    (Product(sku=f"MANY-{{n}}", name=f"Thing {{n}}", description="plain " * 40, price=n, category=category)
     for n in range({PRODUCTS})), batch_size=2000)
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    """A shop whose statements end soon, so that a costly search needs no million of products."""
    plaza = Plaza(tmp_path_factory.mktemp("busy") / "data", **WITHOUT_THROTTLES, STATEMENT_LIMIT_S="0.1")
    plaza.up("--no-demo")
    try:
        fill(plaza)
        yield plaza
    finally:
        plaza.down()


def fill(plaza: Plaza) -> None:
    command = [sys.executable, str(ROOT / "products_project/manage.py"), "shell", "--command", FILL]
    subprocess.run(command, env=clean_environment(PLAZA_DATA_DIR=str(plaza.data_dir)), check=True)


@pytest.fixture(scope="module")
def customers(busy: Plaza) -> list[Client]:
    return at_once([busy.customer] * 6)


@contextmanager
def bystander_of(plaza: Plaza, record_property: object = None) -> Iterator[Bystander]:
    """Goes on during the block, and must be served all the while."""
    client = plaza.customer()
    product = make_product(plaza.staff(), stock=10)
    order = place_order(client, product)
    paths = ["/api/users/me/", f"/api/products/{product['id']}/", f"/api/orders/{order['id']}/", "/health/ready"]
    bystander = Bystander(client, paths)
    with bystander.going_on():
        yield bystander
    assert bystander.unserved == {}
    assert sum(bystander.answers.values()) >= 2 * len(paths)
    if callable(record_property):
        record_property("bystander_median_ms", round(bystander.median_ms, 1))


def statuses(answers: list[requests.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_a_crowd_of_healthy_customers_is_served_to_the_last_one(busy: Plaza, record_property: object) -> None:
    crowd = [client for _ in range(CROWD // 8) for client in at_once([busy.customer] * 8)]
    product = make_product(busy.staff(), stock=50)
    reads = [partial(client.get, path) for client in crowd for path in ("/api/users/me/", "/api/products/?page_size=5")]
    with bystander_of(busy, record_property):
        for begin in range(0, len(reads), CROWD):
            assert statuses(at_once(reads[begin : begin + CROWD])) == {200: CROWD}
        bought = at_once([partial(send_order, client, product) for client in crowd])
    assert set(statuses(bought)) <= {201, 202, 409}  # refused only because it is sold out
    assert {answer.json().get("type") for answer in bought if answer.status_code == 409} <= {
        "/problems/insufficient-stock"
    }


LONG = {
    "a query that grows when it is encoded": "/api/products/?search=" + "%F0%9F%98%80" * 200,
    "a long cursor": "/api/products/?cursor=" + "a" * 1990,
    "everything at once": "/api/orders/?cursor=" + "a" * 1990 + "&status=delivered&user_id=" + str(uuid4()),
}


@pytest.mark.parametrize("path", LONG.values(), ids=LONG.keys())
def test_long_queries_open_no_circuit(busy: Plaza, customers: list[Client], path: str) -> None:
    with bystander_of(busy):
        answers = at_once([partial(customers[0].get, path) for _ in range(20)])
    assert all(answer.status_code < 500 for answer in answers), statuses(answers)


def test_searches_for_what_is_not_there_stop_nobody(
    busy: Plaza, customers: list[Client], record_property: object
) -> None:
    searches = [partial(client.get, f"/api/products/?search=missing{n}") for client in customers for n in range(4)]
    with bystander_of(busy, record_property):
        answers = at_once(searches)
    assert set(statuses(answers)) <= {200, 422}, statuses(answers)


def test_large_pages_of_large_orders_stop_nobody(busy: Plaza, customers: list[Client], record_property: object) -> None:
    lines = [make_product(busy.staff(), category="many", stock=1000)["id"] for _ in range(100)]
    order = {"items": [{"product_id": line, "quantity": 1} for line in lines]}
    with bystander_of(busy, record_property):
        placed = at_once([partial(client.post, "/api/orders/", order) for client in customers for _ in range(6)])
        pages = at_once([partial(client.get, "/api/orders/?page_size=100") for client in customers[:1] * 8])
    # More than two cores can place at once; what finds no place in time is refused, or pending when its time is up.
    assert set(statuses(placed)) <= {201, 202, 503, 504}, statuses(placed)
    assert all("Retry-After" in answer.headers for answer in placed if answer.status_code == 503)
    assert statuses(pages) == {200: 8}


def test_bodies_of_many_members_cost_next_to_nothing(busy: Plaza) -> None:
    body = json.dumps({f"member{n}": n for n in range(90_000)})
    headers = {"Content-Type": "application/json"}
    stranger = busy.client()
    with bystander_of(busy):
        answers = at_once(
            [partial(stranger.request, "POST", "/api/auth/token/", data=body, headers=headers) for _ in range(4)]
        )
    assert statuses(answers) == {413: 4}
    assert all(len(answer.content) < 2_000 for answer in answers)


def test_a_flood_of_wrong_sign_ins_takes_nothing_from_who_is_signed_in(busy: Plaza, record_property: object) -> None:
    stranger = busy.client()
    guesses = [
        partial(stranger.post, "/api/auth/token/", {"username": f"nobody{n}", "password": "wrong-password-1"})
        for n in range(40)
    ]
    with bystander_of(busy, record_property):
        answers = at_once(guesses)
    assert set(statuses(answers)) <= {401, 429, 503}, statuses(answers)


def test_a_service_that_healed_is_found_without_a_customer(fragile: Plaza) -> None:
    client = fragile.customer()
    with fragile.dead("products"):
        while client.get(f"/api/products/?search={uuid4()}").status_code != 503:
            pass
        assert succeeded(client.get("/health/ready"))["out"] == ["products"]
    fragile.wait_until_healthy()
    for _ in range(int(HANG_S / 0.1)):
        if not succeeded(client.get("/health/ready"))["out"]:
            return
        os.sched_yield()
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the circuit did not close by itself")
