"""The same shop on every side: one customer, a hundred products, a few orders."""

import http.client
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.chaos.shop import Shop
from operations.console import OperationError
from operations.layout import LOOPBACK

from .sides import Customer

PRODUCTS = 100
ORDERS = 20
IN_STOCK = 1_000_000
DESCRIPTION = "Borosilicate glass with a steel strainer. Goes into the dishwasher."
LONG_AGO = "2026-01-02 03:04:05.678901"


@dataclass(frozen=True)
class Stock:
    """Rows for a peer's tables."""

    user: dict[str, Any]
    products: list[dict[str, Any]]

    @classmethod
    def invent(cls) -> "Stock":
        times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        user = {
            "id": str(uuid.uuid4()),
            "username": "ada",
            "email": "ada@shop.example",
            "first_name": "Ada",
            "last_name": "King",
            "is_staff": False,
            "is_active": True,
            "date_joined": LONG_AGO,
        }
        return cls(user, [{"id": str(uuid.uuid4()), **product(n), **times} for n in range(PRODUCTS)])

    @property
    def product_ids(self) -> list[str]:
        return [row["id"] for row in self.products]


def product(number: int) -> dict[str, Any]:
    return {
        "sku": f"TEA-{number}",
        "name": f"Glass teapot {number}, 0.8 l",
        "description": DESCRIPTION,
        "price": "24.90",
        "currency": "EUR",
        "category": "kitchen",
        "stock": IN_STOCK,
    }


def fill(shop: Shop) -> list[str]:
    """The products, in Plaza; their ids."""
    token = Customer(shop, "admin", shop.password).sign_in()
    _post(shop.port, "/api/categories/", token, {"name": "Kitchen", "slug": "kitchen"})
    return [_post(shop.port, "/api/products/", token, product(n))["id"] for n in range(PRODUCTS)]


def customer(shop: Shop) -> Customer:
    password = secrets.token_urlsafe(16)
    account = {"username": "ada", "email": "ada@shop.example", "password": password}
    made = _post(shop.port, "/api/auth/register/", None, {**account, "first_name": "Ada", "last_name": "King"})
    return Customer(shop, "ada", password, made["id"])


def order_of(product_id: str) -> str:
    return json.dumps({"items": [{"product_id": product_id, "quantity": 1}], "shipping_address": "12 Harbour Lane"})


def place_orders(port: int, token: str, product_ids: Sequence[str]) -> list[str]:
    """Through a gateway; their ids."""
    bodies = [json.loads(order_of(product_id)) for product_id in product_ids[:ORDERS]]
    return [_post(port, "/api/orders/", token, body)["id"] for body in bodies]


def _post(port: int, path: str, token: str | None, body: Any) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status != 201:
        raise OperationError(f"POST {path} was answered with {answer.status}: {said.decode(errors='replace')}")
    return json.loads(said)
