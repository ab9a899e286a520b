"""What a request costs from end to end: CPU of the gateway and of all services together.

Beside Plaza stands what its first users had: a FastAPI gateway before three FastAPI services with SQLAlchemy and
SQLite, which promise nothing. Each page of 20 is asked for once, so no cache has it. An order has one line and an
idempotency key. Plaza's relay is counted too.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from experiments.chaos.shop import Shop

from . import packages, sides, stock
from .report import Report
from .rounds import Plan, Side, compared, samples
from .stock import Stock
from .wrk import Request

NOTES = ("Plaza's order keeps every promise of its README; the peer's is written after its stock was taken, or lost.",)


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, ExitStack() as stack:
        compared_sides = [stack.enter_context(plaza_side(Path(directory)))]
        if packages.available([("FastAPI", packages.python_environment)]):
            compared_sides.append(stack.enter_context(fastapi_side(Path(directory))))
        comparison = compared(samples(compared_sides, plan), "CPU µs", lambda sample: sample.cpu_us)
    return Report.of("The whole path's CPU a request: gateway and services", comparison, notes=NOTES)


@contextmanager
def plaza_side(directory: Path) -> Iterator[Side]:
    with Shop(directory / "plaza", proxied=False) as shop:
        customer = stock.customer(shop)
        product_ids = stock.fill(shop)
        placed = stock.place_orders(shop.port, customer.sign_in(), product_ids)
        yield Side("Plaza", shop.port, sides.leaders(shop), customer.tokens, requests(product_ids, placed))


@contextmanager
def fastapi_side(directory: Path) -> Iterator[Side]:
    with ExitStack() as stack:
        users = stack.enter_context(sides.fastapi_service("users", {}, directory))
        products = stack.enter_context(sides.fastapi_service("products", {}, directory))
        orders = stack.enter_context(sides.fastapi_service("orders", {"PRODUCTS_URL": products.url}, directory))
        upstreams = sides.urls(users.url, products.url, orders.url)
        gateway = stack.enter_context(sides.fastapi_gateway(upstreams, directory))
        rows = Stock.invent()
        _insert(directory / "users.db", "users", [rows.user])
        _insert(directory / "products.db", "products", rows.products)
        user_id, product_ids = str(rows.user["id"]), rows.product_ids
        placed = stock.place_orders(gateway.port, sides.peer_tokens(user_id)[0], product_ids)
        leaders = [server.pid for server in (gateway, users, products, orders)]
        tokens = lambda: sides.peer_tokens(user_id)  # noqa: E731
        yield Side("FastAPI", gateway.port, leaders, tokens, requests(product_ids, placed))


def requests(product_ids: Sequence[str], order_ids: Sequence[str]) -> dict[str, Request]:
    return {
        "own account": Request(["/api/users/me/"]),
        "page of 20": Request(["/api/products/?max_price=%d&page_size=20"]),
        "an order read": Request([f"/api/orders/{order_id}/" for order_id in order_ids]),
        "an order placed": Request(
            ["/api/orders/"], [stock.order_of(product_id) for product_id in product_ids], "POST", 201
        ),
        "cached product": Request([f"/api/products/{product_ids[0]}/"]),
    }


def _insert(database: Path, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    columns = list(rows[0])
    marks = ", ".join(f":{column}" for column in columns)
    with sqlite3.connect(database) as connection:
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", map(_stored, rows))
    connection.close()


def _stored(row: Mapping[str, object]) -> dict[str, object]:
    """As SQLAlchemy keeps ids on SQLite."""
    return {name: str(value).replace("-", "") if name == "id" else value for name, value in row.items()}
