"""The same shop on PostgreSQL: four databases instead of four files, and nothing else different."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.system.client import Client, problem, succeeded
from tests.system.plaza import WITHOUT_THROTTLES, System
from tests.system.shop import (
    at_once,
    held_quantity,
    insist,
    ledger_sum,
    make_product,
    place_order,
    send_order,
    stock_of,
)

pytestmark = pytest.mark.postgres

SERVER = os.environ.get("PLAZA_TEST_POSTGRES") or "postgresql://postgres@127.0.0.1:5432/postgres"


@contextmanager
def fresh_databases() -> Iterator[dict[str, str]]:
    """The four `…_DATABASE_URL` variables; what they name is gone after the block."""
    run = uuid4().hex[:8]
    names = {project: f"plaza_system_{run}_{project}" for project in ("gateway", "users", "products", "orders")}
    with psycopg.connect(SERVER, autocommit=True) as server:
        try:
            for name in names.values():
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            url = urlsplit(SERVER)
            yield {
                f"{project.upper()}_DATABASE_URL": url._replace(path=name).geturl() for project, name in names.items()
            }
        finally:
            for name in names.values():
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with fresh_databases() as urls:
        system = System(tmp_path_factory.mktemp("postgres") / "data", **WITHOUT_THROTTLES, **urls)
        try:
            system.up()
            yield system
        finally:
            system.down()


@pytest.fixture(scope="module")
def seller(shop: System) -> Client:
    return shop.staff()


@pytest.fixture(scope="module")
def buyer(shop: System) -> Client:
    return shop.customer()


def test_no_database_file_is_made(shop: System, buyer: Client) -> None:
    succeeded(buyer.get("/api/orders/"))

    assert list(shop.data_dir.rglob("Data-base.db*")) == []


def test_the_demo_catalogue_is_there_and_pages_both_ways(buyer: Client) -> None:
    forwards = list(buyer.pages("/api/products/?ordering=price&page_size=15"))
    backwards = list(buyer.pages(forwards[-1]["previous"], link="previous"))

    assert len(forwards) > 2
    assert [page["results"] for page in reversed(backwards)] == [page["results"] for page in forwards[:-1]]
    prices = [float(product["price"]) for page in forwards for product in page["results"]]
    assert prices == sorted(prices)


def test_an_order_is_placed_moved_cancelled_and_never_anothers(shop: System, buyer: Client, seller: Client) -> None:
    product = make_product(seller, price="1.20")

    order = place_order(buyer, product, 3)
    assert (order["total"], stock_of(buyer, product)) == ("3.60", 7)
    path = f"/api/orders/{order['id']}/"
    assert succeeded(seller.patch(path, {"status": "paid"}))["status"] == "paid"
    problem(shop.customer().get(path), 404, "not-found")
    assert succeeded(buyer.post(f"{path}cancel/"))["status"] == "cancelled"
    problem(buyer.post(f"{path}cancel/"), 409, "wrong-status")
    assert stock_of(buyer, product) == ledger_sum(seller, product) == 10


def test_what_must_be_unique_is(shop: System, buyer: Client, seller: Client) -> None:
    product = make_product(seller)
    taken = {"sku": product["sku"], "name": "Again", "price": "1.00", "category": product["category"]}

    problem(seller.post("/api/products/", taken), 409, "sku-taken")
    problem(buyer.patch("/api/users/me/", {"username": "ADMIN"}), 409, "username-taken")
    problem(seller.delete(f"/api/categories/{product['category']}/"), 409, "category-in-use")


def test_30_buyers_of_10_units_get_exactly_10(buyer: Client, seller: Client) -> None:
    product = make_product(seller, stock=10)

    buyers = [partial(send_order, buyer, product, key=f"buyer-{number}") for number in range(30)]
    responses = at_once([partial(insist, send) for send in buyers])
    assert Counter(response.status_code for response in responses) == {201: 10, 409: 20}
    assert (stock_of(seller, product), held_quantity(seller, product)) == (0, 10)


def test_one_key_makes_one_order(buyer: Client, seller: Client) -> None:
    product = make_product(seller)

    sends = [partial(insist, partial(send_order, buyer, product, key="the-only-key"))] * 20
    orders = [succeeded(response, 201) for response in at_once(sends)]
    assert len({order["id"] for order in orders}) == 1
    assert stock_of(seller, product) == 9
