"""The same shop on PostgreSQL: four databases instead of four files, and no other difference."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.http import Client, problem, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, free_ports
from tests.support.threads import at_once
from tests.system.shop import (
    held_quantity,
    ledger_sum,
    make_product,
    place_order,
    send_order,
    send_until_decided,
    stock_of,
)

pytestmark = pytest.mark.postgres

SERVER = postgres_url()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    with fresh_databases(SERVER) as urls:
        plaza = Plaza(tmp_path_factory.mktemp("postgres") / "data", **WITHOUT_THROTTLES, **urls)
        try:
            plaza.up()
            yield plaza
        finally:
            plaza.down()


@pytest.fixture(scope="module")
def seller(shop: Plaza) -> Client:
    return shop.staff()


@pytest.fixture(scope="module")
def buyer(shop: Plaza) -> Client:
    return shop.customer()


def test_no_database_file_is_made(shop: Plaza, buyer: Client) -> None:
    succeeded(buyer.get("/api/orders/"))

    assert list(shop.data_dir.rglob("Data-base.db*")) == []


def test_the_demo_catalogue_is_there_and_pages_both_ways(buyer: Client) -> None:
    forwards = list(buyer.pages("/api/products/?ordering=price&page_size=15"))
    backwards = list(buyer.pages(forwards[-1]["previous"], link="previous"))

    assert len(forwards) > 2
    assert [page["results"] for page in reversed(backwards)] == [page["results"] for page in forwards[:-1]]
    prices = [float(product["price"]) for page in forwards for product in page["results"]]
    assert prices == sorted(prices)


def test_an_order_is_placed_moved_cancelled_and_never_anothers(shop: Plaza, buyer: Client, seller: Client) -> None:
    product = make_product(seller, price="1.20")

    order = place_order(buyer, product, 3)
    assert (order["total"], stock_of(buyer, product)) == ("3.60", 7)
    path = f"/api/orders/{order['id']}/"
    assert succeeded(seller.patch(path, {"status": "paid"}))["status"] == "paid"
    problem(shop.customer().get(path), 404, "not-found")
    assert succeeded(buyer.post(f"{path}cancel/"))["status"] == "cancelled"
    assert succeeded(buyer.post(f"{path}cancel/"))["status"] == "cancelled"
    assert stock_of(buyer, product) == ledger_sum(seller, product) == 10


def test_unique_names_are_unique(shop: Plaza, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    taken = {"sku": product["sku"], "name": "Again", "price": "1.00", "category": product["category"]}

    problem(seller.post("/api/products/", taken), 409, "sku-taken")
    problem(buyer.patch("/api/users/me/", {"username": "ADMIN"}), 409, "username-taken")
    problem(seller.delete(f"/api/categories/{product['category']}/"), 409, "category-in-use")


def test_30_buyers_of_10_units_get_exactly_10(buyer: Client, seller: Client) -> None:
    product = make_product(seller, stock=10)

    buyers = [partial(send_order, buyer, product, key=f"buyer-{number}") for number in range(30)]
    responses = at_once([partial(send_until_decided, send) for send in buyers])
    assert Counter(response.status_code for response in responses) == {201: 10, 409: 20}
    assert (stock_of(seller, product), held_quantity(seller, product)) == (0, 10)


def test_one_key_makes_one_order(buyer: Client, seller: Client) -> None:
    product = make_product(seller)

    sends = [partial(send_until_decided, partial(send_order, buyer, product, key="the-only-key"))] * 20
    orders = [succeeded(response, 201) for response in at_once(sends)]
    assert len({order["id"] for order in orders}) == 1
    assert stock_of(seller, product) == 9


def test_more_connections_than_the_server_allows_are_refused_at_the_start(shop: Plaza) -> None:
    command = [shop.python, str(shop.root / "users_project/manage.py"), "serve", "--port", str(free_ports(1))]
    environment = {**shop.environment, "PLAZA_DATA_DIR": str(shop.data_dir), "USERS_REPLICAS": "1000"}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert refused.returncode == 1
    assert "users needs 24 threads × 1 workers × 1000 replicas = 24000 connections" in refused.stderr
