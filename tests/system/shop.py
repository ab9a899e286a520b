"""What tests do in a shop again and again."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

import requests

from tests.system.client import Client, succeeded

PATIENCE_S = 60
NO_VERDICT = (202, 502, 503, 504)  # ask again

T = TypeVar("T")
_numbers = count(1)


def make_category(staff: Client, name: str = "") -> str:
    """Its slug."""
    name = name or f"Category {next(_numbers)}"
    slug: str = succeeded(staff.post("/api/categories/", {"name": name}), 201)["slug"]
    return slug


def make_product(staff: Client, **fields: Any) -> dict[str, Any]:
    """A product in a category of its own, unless `fields` name one."""
    sku = f"TEST-{next(_numbers)}"
    body = {"sku": sku, "name": f"Thing {sku}", "price": "2.50", "currency": "EUR", "stock": 10, **fields}
    if "category" not in body:
        body["category"] = make_category(staff)
    product: dict[str, Any] = succeeded(staff.post("/api/products/", body), 201)
    return product


def order_body(product: dict[str, Any], quantity: int = 1) -> dict[str, Any]:
    return {"items": [{"product_id": product["id"], "quantity": quantity}]}


def send_order(client: Client, product: dict[str, Any], quantity: int = 1, *, key: str = "") -> requests.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/orders/", order_body(product, quantity), headers=headers)


def insist(send: Callable[[], requests.Response]) -> requests.Response:
    """The verdict on an order with a key, sent again and again while there is none."""
    give_up_s = time.monotonic() + PATIENCE_S
    while (response := send()).status_code in NO_VERDICT:
        assert time.monotonic() < give_up_s, response.text
        time.sleep(random.uniform(0.1, 0.5))
    return response


def place_order(client: Client, product: dict[str, Any], quantity: int = 1) -> dict[str, Any]:
    """One that is confirmed."""
    order: dict[str, Any] = succeeded(send_order(client, product, quantity), 201)
    assert order["status"] == "confirmed"
    return order


def stock_of(client: Client, product: dict[str, Any]) -> int:
    stock: int = succeeded(client.get(f"/api/products/{product['id']}/"))["stock"]
    return stock


def ledger_sum(staff: Client, product: dict[str, Any]) -> int:
    pages = staff.pages(f"/api/products/{product['id']}/stock/")
    return sum(movement["delta"] for page in pages for movement in page["results"])


def held_quantity(staff: Client, product: dict[str, Any]) -> int:
    """What all orders that were taken and not cancelled hold of the product."""
    return sum(
        item["quantity"]
        for page in staff.pages("/api/orders/?page_size=100")
        for order in page["results"]
        for item in order["items"]
        if item["product_id"] == product["id"] and order["status"] not in ("pending", "rejected", "cancelled")
    )


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What each of `calls` gave, each in a thread of its own."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
