"""Compares what clients were told with what the services hold."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operations.audit import HOLDING
from operations.console import table

from .clients import Clients
from .faults import Faults
from .shop import Shop


@dataclass
class Verdict:
    """Good if nothing is lost, duplicated, oversold, leaked or refused while healthy, and the audit is clean."""

    requests: dict[str, int]
    faults: dict[str, int]
    acknowledged: int
    orders: dict[str, int]
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    oversold: int = 0
    leaked: int = 0
    differences: list[dict[str, str]] = field(default_factory=list)
    refused_while_healthy: int = 0
    longest_to_settle_s: float = 0.0
    at_rest_s: float = 0.0

    @property
    def is_good(self) -> bool:
        is_true = not (self.lost or self.duplicated or self.oversold or self.leaked or self.differences)
        return is_true and not self.refused_while_healthy


def judge(shop: Shop, clients: Clients, faults: Faults, *, at_rest_s: float, refused_while_healthy: int) -> Verdict:
    report = shop.audit()
    orders = _all_orders(shop)
    verdict = Verdict(
        requests=dict(clients.statuses),
        faults=dict(faults.counts),
        acknowledged=sum(attempt.order_id is not None for attempt in clients.attempts),
        orders=dict(Counter(order["status"] for order in orders.values())),
        differences=report.differences,
        at_rest_s=at_rest_s,
        refused_while_healthy=refused_while_healthy,
    )
    # Each acknowledged order exists, has the key that the client sent (as its note), and exists only once.
    by_key = Counter(order["note"] for order in orders.values())
    keys = {attempt.key for attempt in clients.attempts}
    verdict.lost = [
        attempt.key
        for attempt in clients.attempts
        if attempt.order_id and orders.get(attempt.order_id, {}).get("note") != attempt.key
    ]
    verdict.duplicated = [key for key, count in by_key.items() if count > 1 or key not in keys]
    verdict.longest_to_settle_s = max(map(_seconds_to_settle, orders.values()), default=0.0)
    verdict.oversold, verdict.leaked = _units(shop, orders)
    return verdict


def _units(shop: Shop, orders: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Oversold units (sold but never in stock) and leaked units (gone but not sold), by what orders say."""
    sold: Counter[str] = Counter()
    for order in orders.values():
        if order["status"] in HOLDING:
            sold.update({item["product_id"]: item["quantity"] for item in order["items"]})
    oversold = leaked = 0
    for row in shop.rows("products", "/audit/stock/"):
        product = row["product_id"]
        missing = row["moved"] - sold[product] - row["stock"]
        oversold += max(0, -missing) + max(0, -row["stock"])
        leaked += max(0, missing)
    return oversold, leaked


def _all_orders(shop: Shop) -> dict[str, dict[str, Any]]:
    session = shop.session()
    shop.sign_in(session, "admin", shop.password)
    orders: dict[str, dict[str, Any]] = {}
    path: str | None = "/api/orders/?page_size=100"
    while path:
        answer = session.get(shop.url.removesuffix("/api") + path, timeout=10)
        answer.raise_for_status()
        orders |= {order["id"]: order for order in answer.json()["results"]}
        path = answer.json()["next"]
    return orders


def _seconds_to_settle(order: dict[str, Any]) -> float:
    if len(order["history"]) < 2:
        return 0.0
    first, second = (datetime.fromisoformat(event["at"]) for event in order["history"][:2])
    return (second - first).total_seconds()


def show(verdict: Verdict, *, seed: int, seconds: int) -> None:
    rows = [
        ("seconds, seed", f"{seconds}, {seed}"),
        ("requests", str(sum(verdict.requests.values()))),
        *((f"  answered {status}", str(count)) for status, count in sorted(verdict.requests.items())),
        ("faults", str(sum(verdict.faults.values()))),
        *((f"  {kind}", str(count)) for kind, count in sorted(verdict.faults.items())),
        ("orders acknowledged", str(verdict.acknowledged)),
        *((f"  {status}", str(count)) for status, count in sorted(verdict.orders.items())),
        ("lost", str(len(verdict.lost))),
        ("duplicated", str(len(verdict.duplicated))),
        ("oversold units", str(verdict.oversold)),
        ("leaked units", str(verdict.leaked)),
        ("audit differences", str(len(verdict.differences))),
        ("refused while healthy", str(verdict.refused_while_healthy)),
        ("longest time to settle", f"{verdict.longest_to_settle_s:.1f} s"),
        ("at rest after", f"{verdict.at_rest_s:.1f} s"),
    ]
    print(table([("what", "number"), *rows]))
    for name in ("lost", "duplicated", "differences"):
        for item in getattr(verdict, name):
            print(f"  {name}: {item}")
