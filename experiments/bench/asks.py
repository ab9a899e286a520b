"""What `growth` asks of tables with a thousand rows and a million: every list, filter, search, ordering and write."""

import http.client
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from experiments.chaos.shop import Shop
from operations.console import OperationError
from operations.layout import LOOPBACK

from . import filling, sides
from .filling import PASSWORD, row_id

DEEP_PAGES = 200
TIMEOUT_S = 60.0

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ask:
    """One request. `by` is a user; None is staff."""

    service: str
    path: str
    method: str = "GET"
    body: Any = None
    by: UUID | None = None
    status: int = 200


@dataclass
class Tables:
    """A system with `rows` of everything."""

    rows: int
    shop: Shop
    connections: dict[str, http.client.HTTPConnection] = field(default_factory=dict)
    others: Counter[tuple[str, int]] = field(default_factory=Counter)  # answers not as asked, by case and status

    def number(self, turn: int) -> int:
        """Of some row, anywhere in the table, that is none of the rare ones."""
        found = turn * 7919 % (self.rows - 1) + 1
        return found + (found % (self.rows // filling.RARE) in (7, 11))

    def row(self, kind: str, turn: int) -> UUID:
        return row_id(kind, self.number(turn))

    def owner(self, turn: int) -> UUID:
        """Whose order of this turn is."""
        return row_id("user", self.number(turn) % (self.rows // filling.ORDERS_A_USER) + 1)

    def send(self, ask: Ask) -> tuple[float, int, Any]:
        """Milliseconds, status, body."""
        token = sides.internal_token(self.shop, ask.service, ask.by, is_staff=ask.by is None)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"bench-{next(_numbers)}"}
        body = None
        if ask.body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(ask.body)
        connection = self._connection(ask.service)
        started = time.perf_counter()
        connection.request(ask.method, ask.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        milliseconds = 1000 * (time.perf_counter() - started)
        return milliseconds, answer.status, json.loads(said) if said else None

    def _connection(self, service: str) -> http.client.HTTPConnection:
        if service not in self.connections:
            port = sides.ports(self.shop)[service]
            self.connections[service] = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
        return self.connections[service]

    def hang_up(self) -> None:
        """A service closes connections that have been silent for a while."""
        for connection in self.connections.values():
            connection.close()  # the next request connects again

    def made(self, ask: Ask) -> str:
        """The id of what an untimed POST made."""
        _, status, body = self.send(ask)
        if status != 201:
            raise OperationError(f"{ask.method} {ask.path} was answered with {status}: {body}")
        return str(body["id"])

    def deep(self, service: str, path: str) -> str:
        """A page that it takes many steps to reach, or half the table."""
        for _ in range(min(DEEP_PAGES, self.rows // 200)):
            _, status, page = self.send(Ask(service, path))
            if status != 200:
                raise OperationError(f"{path} was answered with {status}: {page}")
            path = page["next"]
        return path.replace("page_size=100", "page_size=20")


Case = Callable[[Tables, int], Ask]


def reads(service: str, paths: Mapping[str, str], *, by_owner: bool = False) -> dict[str, Case]:
    def case(path: str) -> Case:
        return lambda tables, turn: Ask(service, path, by=tables.owner(turn) if by_owner else None)

    return {f"{service}: {what}": case(path) for what, path in paths.items()}


def order_of(tables: Tables, turn: int) -> Ask:
    items = [{"product_id": str(tables.row("product", turn)), "quantity": 1}]
    return Ask("orders", "/orders/", "POST", {"items": items}, tables.owner(turn), 201)


def changed_order(
    tables: Tables, turn: int, path: str, method: str, body: Any = None, *, by_staff: bool = False
) -> Ask:
    """A request about an order that was placed a moment before."""
    order_id = tables.made(order_of(tables, turn))
    return Ask("orders", path % order_id, method, body, None if by_staff else tables.owner(turn))


def deleted_account(tables: Tables, turn: int) -> Ask:
    name = f"leaving-{next(_numbers)}"
    account = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
    user_id = tables.made(Ask("users", "/auth/register/", "POST", account, tables.row("user", turn), 201))
    return Ask("users", "/users/me/", "DELETE", {"current_password": PASSWORD}, UUID(user_id), 204)


PRODUCTS = {
    **{
        f"by {ordering}": f"/products/?ordering={ordering}"
        for ordering in ("-created_at", "created_at", "price", "-price", "name", "-name")
    },
    "of a category": "/products/?category=category-3",
    "of a category, by price": "/products/?category=category-3&ordering=price",
    "in stock": "/products/?in_stock=true",
    "in stock, by price": "/products/?in_stock=true&ordering=price",
    "sold out": "/products/?in_stock=false",
    "a price range, by price": "/products/?min_price=100&max_price=200&ordering=price",
    "a price range, newest": "/products/?min_price=100&max_price=200",
    "a price range of few, newest": "/products/?min_price=70000",
    "search of a word in all": "/products/?search=teapot",
    "search of a word in few": "/products/?search=saffron",
    "search of two words": "/products/?search=saffron%20teapot",
    "search of a word's beginning": "/products/?search=saffr",
    "search without a hit": "/products/?search=xylophone",
}
ORDERS = {
    "newest": "/orders/",
    "of a common status": "/orders/?status=confirmed",
    "of a rare status": "/orders/?status=shipped",
    "before a time": "/orders/?created_before=2025-01-01T00:10:00Z",
    "after a time": "/orders/?created_after=2025-01-01T00:10:00Z",
}
USERS = {
    "newest": "/users/",
    "staff": "/users/?is_staff=true",
    "not staff": "/users/?is_staff=false",
    "active": "/users/?is_active=true",
    "inactive": "/users/?is_active=false",
    "search of a name in all": "/users/?search=ada",
    "search of a name in few": "/users/?search=zephyr",
    "search without a hit": "/users/?search=xylophone",
}
CASES: dict[str, Case] = {
    **reads("products", PRODUCTS),
    "products: a deep page": lambda tables, turn: Ask("products", deep_page(tables, "products")),
    "products: one": lambda tables, turn: Ask("products", f"/products/{tables.row('product', turn)}/"),
    "products: its stock ledger": lambda tables, turn: Ask(
        "products", f"/products/{tables.row('product', turn)}/stock/"
    ),
    "products: stock moved": lambda tables, turn: Ask(
        "products", f"/products/{tables.row('product', turn)}/stock/", "POST", {"delta": 1}, status=201
    ),
    **reads("orders", ORDERS),
    **reads("orders", {"one's own": "/orders/", "one's own of a status": "/orders/?status=confirmed"}, by_owner=True),
    "orders: of a user, to staff": lambda tables, turn: Ask("orders", f"/orders/?user_id={tables.owner(turn)}"),
    "orders: of a user and a status, to staff": lambda tables, turn: Ask(
        "orders", f"/orders/?user_id={tables.owner(turn)}&status=confirmed"
    ),
    "orders: a deep page": lambda tables, turn: Ask("orders", deep_page(tables, "orders")),
    "orders: one with its history": lambda tables, turn: Ask(
        "orders", f"/orders/{tables.row('order', turn)}/", by=tables.owner(turn)
    ),
    "orders: placed": order_of,
    "orders: its note changed": lambda tables, turn: changed_order(
        tables, turn, "/orders/%s/", "PATCH", {"note": "To the back door"}
    ),
    "orders: paid": lambda tables, turn: changed_order(
        tables, turn, "/orders/%s/", "PATCH", {"status": "paid"}, by_staff=True
    ),
    "orders: cancelled": lambda tables, turn: changed_order(tables, turn, "/orders/%s/cancel/", "POST"),
    **reads("users", USERS),
    "users: a deep page": lambda tables, turn: Ask("users", deep_page(tables, "users")),
    "users: own account": lambda tables, turn: Ask("users", "/users/me/", by=tables.row("user", turn)),
    "users: account changed": lambda tables, turn: Ask(
        "users", "/users/me/", "PATCH", {"first_name": f"Ada {turn}"}, tables.row("user", turn)
    ),
    "users: sign-in": lambda tables, turn: Ask(
        "users", "/credentials/", "POST", {"username": f"user-{tables.number(turn)}", "password": PASSWORD}
    ),
    "users: account deleted": deleted_account,
}
_deep_pages: dict[tuple[int, str], str] = {}


def deep_page(tables: Tables, service: str) -> str:
    key = (id(tables), service)
    if key not in _deep_pages:
        _deep_pages[key] = tables.deep(service, f"/{service}/?page_size=100")
    return _deep_pages[key]
