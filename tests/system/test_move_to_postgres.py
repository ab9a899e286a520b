"""`manage_all.py move-to-postgres`: a shop that has sold on SQLite goes on selling on PostgreSQL."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from experiments.bench import filling
from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.http import Client, succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza, eventually
from tests.system.shop import make_category, make_product, place_order, send_order, stock_of

pytestmark = pytest.mark.postgres

SERVER = postgres_url()
ROWS = 3_000  # more than a batch


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with fresh_databases(SERVER) as made:
        yield made


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A stopped shop with many rows of one shape, and some of each other shape."""
    plaza = Plaza(tmp_path_factory.mktemp("move") / "data", **WITHOUT_THROTTLES)
    assert plaza.run("migrate").returncode == 0
    filling.fill_sqlite(plaza.data_dir, ROWS)
    plaza.up()
    try:
        staff, customer = plaza.staff(), plaza.customer()
        kitchen = make_category(staff, "Curiosities")
        product = make_product(staff, name="Ölkännchen «Zürich» 😀", price="99989999.01", stock=50, category=kitchen)
        orders = [place_order(customer, product, number) for number in (1, 2, 3)]
        succeeded(customer.post(f"/api/orders/{orders[0]['id']}/cancel/"))
        assert send_order(customer, product, 99).status_code == 409
        search(staff, "zürich", [product["sku"]])
        orders = succeeded(customer.get("/api/orders/"))["results"]
    finally:
        plaza.down()
    return {"plaza": plaza, "customer": customer, "orders": orders, "product": product}


def on(plaza: Plaza, urls: dict[str, str]) -> Plaza:
    moved = Plaza(plaza.data_dir, **WITHOUT_THROTTLES, **urls)
    moved.port = plaza.port
    return moved


def rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert found
        return int(found[0])


def test_a_running_shop_is_not_moved_and_nothing_is_without_a_place(
    plaza: Plaza, sold: dict[str, Any], urls: dict[str, str]
) -> None:
    assert "stop it first" in plaza.run("move-to-postgres", "--yes", **urls).stderr
    assert "Name the databases" in sold["plaza"].run("move-to-postgres", "--yes").stderr
    assert sold["plaza"].run("move-to-postgres", **urls).returncode == 2


def test_a_dry_run_says_what_would_be_moved_and_moves_nothing(sold: dict[str, Any], urls: dict[str, str]) -> None:
    finished = sold["plaza"].run("move-to-postgres", "--dry-run", **urls)
    assert finished.returncode == 0, finished.stderr
    assert f"orders_order: {ROWS + 4:,} rows to move, 0 there" in finished.stdout
    with psycopg.connect(urls["ORDERS_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT to_regclass('orders_order')").fetchone() == (None,)


def test_a_run_that_is_killed_half_way_is_repeated(sold: dict[str, Any], urls: dict[str, str]) -> None:
    shop = on(sold["plaza"], urls)
    assert shop.run("migrate").returncode == 0
    with psycopg.connect(urls["ORDERS_DATABASE_URL"]) as other:
        other.execute("LOCK TABLE orders_orderevent IN SHARE MODE")
        killed = subprocess.Popen(shop.command("move-to-postgres", "--yes"), env=shop.environment)
        eventually(lambda: waits_for_a_lock(urls["ORDERS_DATABASE_URL"]), timeout_s=180)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        eventually(lambda: not shop.processes())
    assert rows(urls["PRODUCTS_DATABASE_URL"], "products_product") > ROWS
    assert rows(urls["ORDERS_DATABASE_URL"], "orders_order") == 0

    finished = shop.run("move-to-postgres", "--yes")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "All rows of products are there already, and the same." in finished.stdout
    assert f"orders_order: {ROWS + 4:,} rows, checksum" in finished.stdout


def waits_for_a_lock(url: str) -> bool:
    with psycopg.connect(url) as connection:
        waiting = (
            "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
            "WHERE NOT granted AND datname = current_database()"
        )
        return connection.execute(waiting).fetchone() != (0,)


def test_the_shop_goes_on_with_all_that_it_had(sold: dict[str, Any], urls: dict[str, str]) -> None:
    shop, before = on(sold["plaza"], urls), sold["customer"]
    files = [path.read_bytes() for path in sorted(shop.data_dir.rglob("Data-base.db"))]
    shop.up()
    try:
        customer = shop.client()
        customer.access, customer.refresh = before.access, before.refresh
        assert succeeded(customer.get("/api/orders/"))["results"] == sold["orders"]
        assert customer.renew().status_code == 200
        search(customer, "zürich", [sold["product"]["sku"]])
        place_order(customer, sold["product"], 5)
        assert stock_of(customer, sold["product"]) == 40
        new = make_product(shop.staff(), name="Quirlige Teekanne", category="curiosities")
        search(customer, "quirlig", [new["sku"]])
        assert search_count(customer, "teapot") == 100
        audited = json.loads(shop.run("audit", "--json", "--pause", "0.5").stdout)
        assert (audited["differences"], audited["orders"]) == ([], ROWS + 5)
    finally:
        shop.down()
    assert files == [path.read_bytes() for path in sorted(shop.data_dir.rglob("Data-base.db"))]


def search(client: Client, text: str, skus: list[str]) -> None:
    found = succeeded(client.get(f"/api/products/?search={text}"))["results"]
    assert [product["sku"] for product in found] == skus


def search_count(client: Client, text: str) -> int:
    return len(succeeded(client.get(f"/api/products/?search={text}&page_size=100"))["results"])


def test_what_is_there_already_and_differs_is_not_overwritten(sold: dict[str, Any], urls: dict[str, str]) -> None:
    finished = sold["plaza"].run("move-to-postgres", "--yes", **urls)
    assert finished.returncode == 1
    assert "is not the same on PostgreSQL" in finished.stderr
    assert rows(urls["ORDERS_DATABASE_URL"], "orders_order") == ROWS + 5


def test_the_tables_of_an_older_plaza_are_not_moved(tmp_path: Path, urls: dict[str, str]) -> None:
    plaza = Plaza(tmp_path / "data")
    assert plaza.run("migrate").returncode == 0
    migrate = [plaza.python, "users_project/manage.py", "migrate", "users", "0003"]
    environment = {**plaza.environment, "PLAZA_DATA_DIR": str(plaza.data_dir)}
    subprocess.run(migrate, cwd=plaza.root, env=environment, check=True, capture_output=True)
    only_users = {"USERS_DATABASE_URL": urls["USERS_DATABASE_URL"]}
    finished = plaza.run("move-to-postgres", "--yes", **only_users)
    assert (finished.returncode, "first run `manage_all.py migrate`" in finished.stderr) == (1, True)
