"""The products service in memory. It does what orders can see of it: stock, one final verdict an order, tombstones.

A fault (`faults.py`) takes the transport's place, and lets a request or its answer go wrong.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from jwt import InvalidTokenError

from common.identifiers import new_id
from common.identity import Caller, read_token
from common.resilience import Deadline
from common.upstream import Answer, Call, TimedOut

PATH = re.compile(r"/reservations/(?:([0-9a-f-]{36})/)?")
HOP_ALLOWANCE_S = 0.2  # with less time than this, the real transport sends nothing


@dataclass
class Product:
    sku: str
    name: str
    price: str
    currency: str
    stock: int


class FakeProducts:
    """Takes the place of an `Upstream`'s transport."""

    def __init__(self) -> None:
        self.catalogue: dict[UUID, Product] = {}
        self.verdicts: dict[UUID, dict[str, Any]] = {}
        self.is_ready = True
        self.readiness: tuple[int, Any] = (200, {"status": "ok"})
        self.probes = 0
        self.calls: list[Call] = []
        self.callers: list[Caller] = []
        self.seconds_left: list[float] = []
        self.fault: Fault | None = None
        self.script: list[Fault | None] = []  # the faults of the next calls; then `fault` follows
        self.on_the_way: list[Call] = []  # sent, but not arrived yet
        self._lock = threading.Lock()

    def add(self, *, stock: int = 10, price: str = "19.90", currency: str = "EUR", name: str = "Kettle") -> UUID:
        product_id = new_id()
        self.catalogue[product_id] = Product(f"SKU-{len(self.catalogue) + 1}", name, price, currency, stock)
        return product_id

    def exchange(self, call: Call, deadline: Deadline) -> Answer:
        if call.path == "/health/ready":
            self.probes += 1
            return answer(*self.readiness) if self.is_ready else answer(503, {"type": "/problems/some"})
        left_s = deadline.remaining_s()
        if left_s <= HOP_ALLOWANCE_S:
            raise TimedOut("products", "no whole answer in time")
        self.calls.append(call)
        self.seconds_left.append(left_s)
        fault = self.script.pop(0) if self.script else self.fault
        return fault(self, call) if fault else self.serve(call)

    def serve(self, call: Call) -> Answer:
        """The call has arrived: do what it asks."""
        token = (call.headers or {})["Authorization"].removeprefix("Bearer ")
        try:
            self.callers.append(read_token(token, "products", {"orders": settings.PRODUCTS_KEY}))
        except InvalidTokenError:
            return answer(401, {"type": "/problems/not-authenticated"})
        path = PATH.fullmatch(call.path)
        assert path, call.path
        body = json.loads(call.body or b"null")
        with self._lock:
            if call.method == "POST":
                orders = [(UUID(order["order_id"]), order["items"]) for order in body["orders"]]
                return answer(200, {"results": [self._reserve(*order) for order in orders]})
            if call.method == "PUT":
                return answer(200, self._reserve(UUID(path[1]), body["items"]))
            assert call.method == "DELETE"
            return answer(200, self._release(UUID(path[1])))

    def arrive(self) -> None:
        """The calls on the way arrive. Nobody waits for their answers any more."""
        while self.on_the_way:
            self.serve(self.on_the_way.pop(0))

    def state(self, order_id: UUID | str) -> str | None:
        verdict = self.verdicts.get(UUID(str(order_id)))
        return verdict["state"] if verdict else None

    def stock(self, product_id: UUID) -> int:
        return self.catalogue[product_id].stock

    def asked(self) -> list[str]:
        return [call.method for call in self.calls]

    def _reserve(self, order_id: UUID, items: list[dict[str, Any]]) -> dict[str, Any]:
        if order_id not in self.verdicts:
            refusal = self._refusal(items)
            self.verdicts[order_id] = self._verdict(order_id, [] if refusal else items, refusal)
        return self.verdicts[order_id]

    def _release(self, order_id: UUID) -> dict[str, Any]:
        verdict = self.verdicts.setdefault(order_id, self._verdict(order_id, [], None) | {"state": "released"})
        if verdict["state"] == "held":
            for item in verdict["items"]:
                self.catalogue[UUID(item["product_id"])].stock += item["quantity"]
            verdict["state"] = "released"
        return verdict

    def _refusal(self, items: list[dict[str, Any]]) -> dict[str, Any] | None:
        known = {item["product_id"]: self.catalogue.get(UUID(item["product_id"])) for item in items}
        if unknown := [item for item in items if known[item["product_id"]] is None]:
            return refusal("unknown-product", "There is no such product.", [shortage(item, 0) for item in unknown])
        products = {product_id: product for product_id, product in known.items() if product}
        if short := [item for item in items if products[item["product_id"]].stock < item["quantity"]]:
            rows = [shortage(item, products[item["product_id"]].stock) for item in short]
            return refusal("insufficient-stock", "There is not enough in stock.", rows)
        currencies = sorted({product.currency for product in products.values()})
        if len(currencies) > 1:
            return refusal("mixed-currency", f"One order has one currency, not {', '.join(currencies)}.", [])
        return None

    def _verdict(self, order_id: UUID, items: list[dict[str, Any]], refused: dict[str, Any] | None) -> dict[str, Any]:
        lines, currency = [], ""
        for item in sorted(items, key=lambda item: str(item["product_id"])):
            product = self.catalogue[UUID(item["product_id"])]
            product.stock -= item["quantity"]
            currency = product.currency
            lines.append({**item, "sku": product.sku, "name": product.name, "unit_price": product.price})
        return {
            "order_id": str(order_id),
            "state": "refused" if refused else "held",
            "currency": currency,
            "items": lines,
            "refusal": refused,
        }


Fault = Callable[[FakeProducts, Call], Answer]


def refusal(reason: str, detail: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"reason": reason, "detail": detail, "items": items}


def shortage(item: dict[str, Any], available: int) -> dict[str, Any]:
    return {"product_id": item["product_id"], "requested": item["quantity"], "available": available}


def answer(status: int, body: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
