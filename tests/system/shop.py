"""What many tests do in a shop: fill its catalogue, order, and count."""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import uuid4

import requests

from tests.support.http import Client, succeeded

PATIENCE_S = 60
UNDECIDED = (202, 502, 503, 504)  # the order is pending, or the answer was lost: ask again

_numbers = count(1)


def make_category(staff: Client, name: str = "") -> str:
    """Returns its slug."""
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


def send_until_decided(send: Callable[[], requests.Response]) -> requests.Response:
    """Send an order that has a key again and again, until it is confirmed or rejected."""
    give_up_s = time.monotonic() + PATIENCE_S
    while (response := send()).status_code in UNDECIDED:
        assert time.monotonic() < give_up_s, response.text
        time.sleep(random.uniform(0.1, 0.5))
    return response


def place_order(client: Client, product: dict[str, Any], quantity: int = 1) -> dict[str, Any]:
    """Order `quantity` of the product; the order must be confirmed."""
    order: dict[str, Any] = succeeded(send_order(client, product, quantity), 201)
    assert order["status"] == "confirmed"
    return order


def search_uncached(client: Client) -> requests.Response:
    """A search of the catalogue that no cache has an answer to."""
    return client.get(f"/api/products/?search={uuid4()}")


def stock_of(client: Client, product: dict[str, Any]) -> int:
    stock: int = succeeded(client.get(f"/api/products/{product['id']}/"))["stock"]
    return stock


def ledger_sum(staff: Client, product: dict[str, Any]) -> int:
    pages = staff.pages(f"/api/products/{product['id']}/stock/")
    return sum(movement["delta"] for page in pages for movement in page["results"])


def held_quantity(staff: Client, product: dict[str, Any]) -> int:
    """How much of the product all orders hold that are confirmed or further, and not cancelled."""
    return sum(
        item["quantity"]
        for page in staff.pages("/api/orders/?page_size=100")
        for order in page["results"]
        for item in order["items"]
        if item["product_id"] == product["id"] and order["status"] not in ("pending", "rejected", "cancelled")
    )
