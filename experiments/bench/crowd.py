"""Crowd: what 8, 64 and 300 customers get from a healthy shop, through Plaza and through a plain gateway.

Each customer sends its next request as soon as the last one is answered, also when it was refused: nobody is polite.
They read products, ask for their own account, and buy, one after the other. Goodput is what was answered as asked.
"""

import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.chaos.shop import Shop
from operations.console import say
from operations.layout import LOOPBACK

from . import usage, wrk
from .blast_radius import plain_gateway
from .plot import bars
from .report import Report
from .rounds import Plan, next_number
from .wrk import Request

CROWDS = (8, 64, 300)
TIMEOUT_S = 30
PASSWORD = "violet-harbour-at-noon"
TITLE = "A crowd in a healthy shop"
HEADING = ("customers", "gateway", "do", "served/s", "of that at 8", "refused", "p50 ms", "p99 ms", "CPU ms", "refusal")


@dataclass(frozen=True)
class Sample:
    """What one crowd got in one round, and what CPU the gateway took for it."""

    load: wrk.Load
    asked: int  # the status of an answer as asked
    cpu_s: float

    @property
    def served(self) -> int:
        return self.load.statuses.get(str(self.asked), 0)

    @property
    def goodput(self) -> float:
        return self.served / self.load.seconds

    @property
    def refused(self) -> dict[str, int]:
        """How often each other status came; a connection that broke has none."""
        others = {status: count for status, count in self.load.statuses.items() if status != str(self.asked)}
        return others | ({"no answer": self.load.broken} if self.load.broken else {})


@dataclass
class Case:
    """One crowd that does one thing at one gateway, round by round."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        return statistics.median(sample.goodput for sample in self.samples)

    @property
    def refused(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for sample in self.samples:
            for status, count in sample.refused.items():
                found[status] = found.get(status, 0) + count
        return found


Cases = dict[tuple[str, str, int], Case]  # by what they do, at which gateway, and how many they are


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory), proxied=False) as shop:
        customers = Customers(shop, max(CROWDS))
        asks = _asks(_fill(shop))
        plain = plain_gateway(shop, customers.user_id)
        try:
            gateways = {"Plaza": (shop.port, shop.pid("gateway") or 0), "plain": (plain.port, plain.process.pid)}
            cases = _rounds(gateways, asks, customers, plan)
        finally:
            plain.process.terminate()
            plain.process.wait()
    chart = bars("A crowd in a healthy shop: requests served a second", _groups(cases), unit="/s")
    return Report(TITLE, [[HEADING, *(_row(cases, *key) for key in cases)]], _figures(cases), chart)


class Customers:
    """Accounts of the shop, with access tokens that are good for a while yet."""

    renew_after_s = 200.0  # a token lives for 300

    def __init__(self, shop: Shop, count: int) -> None:
        say(f"Registering {count} customers ...")
        self._connection = http.client.HTTPConnection(LOOPBACK, shop.port, timeout=TIMEOUT_S)
        self.user_id = ""
        self._pairs: list[dict[str, str]] = []
        for number in range(count):
            name = f"customer-{number}"
            account = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
            self.user_id = self._post("/api/auth/register/", account)["id"]
            self._pairs.append(self._post("/api/auth/token/", {"username": name, "password": PASSWORD}))
            if number == 0:
                self._signed_in_at = time.monotonic()

    def tokens(self) -> list[str]:
        if time.monotonic() > self._signed_in_at + self.renew_after_s:
            self._signed_in_at = time.monotonic()
            self._connection.close()  # the gateway has, by now
            self._pairs = [self._post("/api/auth/token/refresh/", {"refresh": each["refresh"]}) for each in self._pairs]
        return [pair["access"] for pair in self._pairs]

    def _post(self, path: str, body: object) -> dict[str, str]:
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer: dict[str, str] = json.loads(self._connection.getresponse().read())
        return answer


def _rounds(
    gateways: Mapping[str, tuple[int, int]], asks: Mapping[str, Request], customers: Customers, plan: Plan
) -> Cases:
    """Each crowd at one gateway, then at the other, and in the next round the other way round."""
    cases: Cases = {}
    for what, request in asks.items():
        for crowd in CROWDS:
            for number in range(plan.rounds):
                say(f"{what}, {crowd} customers: round {number + 1} of {plan.rounds} ...")
                for name in list(gateways)[:: -1 if number % 2 else 1]:
                    case = cases.setdefault((what, name, crowd), Case())
                    case.samples.append(_sample(gateways[name], request, customers.tokens()[:crowd], plan.seconds))
    return {key: cases[key] for key in sorted(cases, key=lambda key: (list(asks).index(key[0]), key[2], key[1]))}


def _sample(gateway: tuple[int, int], request: Request, tokens: list[str], seconds: float) -> Sample:
    port, leader = gateway
    before_s = usage.cpu_s([leader])
    load = wrk.send(port, request, tokens, seconds=seconds, first=next_number(), connections=len(tokens))
    return Sample(load, request.status, usage.cpu_s([leader]) - before_s)


def _asks(product_id: str) -> dict[str, Request]:
    """What a customer may do. No cache has an answer to any of it."""
    order = json.dumps({"items": [{"product_id": product_id, "quantity": 1}]})
    return {
        "read": Request(["/api/products/?max_price=%d&page_size=20"]),
        "account": Request(["/api/users/me/"]),
        "buy": Request(["/api/orders/"], [order], "POST", 201),
    }


def _row(cases: Cases, what: str, name: str, crowd: int) -> tuple[str, ...]:
    case, calm = cases[what, name, crowd], cases[what, name, min(CROWDS)]
    served, refused = sum(sample.served for sample in case.samples), sum(case.refused.values())
    answer_ms = 1000 * sum(each.cpu_s for each in calm.samples) / max(sum(each.served for each in calm.samples), 1)
    left_ms = 1000 * sum(sample.cpu_s for sample in case.samples) - answer_ms * served  # what all the refusals took
    return (
        str(crowd),
        name,
        what,
        f"{case.goodput:.1f}",
        f"{case.goodput / max(calm.goodput, 0.1):.2f}",
        ", ".join(f"{count} × {status}" for status, count in sorted(case.refused.items())) or "0",
        f"{statistics.median(sample.load.p50_us for sample in case.samples) / 1000:.0f}",
        f"{statistics.median(sample.load.p99_us for sample in case.samples) / 1000:.0f}",
        f"{answer_ms:.2f}",
        f"{left_ms / refused:.2f}" if refused else "-",
    )


def _groups(cases: Cases) -> dict[str, dict[str, float]]:
    return {
        f"{what}, {crowd} customers": {each: cases[what, each, crowd].goodput for each in ("Plaza", "plain")}
        for what, name, crowd in cases
        if name == "Plaza"
    }


def _figures(cases: Cases) -> dict[str, Any]:
    return {
        f"{what}, {name}, {crowd} customers": {
            "served a second": [sample.goodput for sample in case.samples],
            "by status": [dict(sample.load.statuses) for sample in case.samples],
        }
        for (what, name, crowd), case in cases.items()
    }


def _fill(shop: Shop) -> str:
    """A page of products, and one that there is enough of; its id."""
    session = shop.session()
    shop.sign_in(session, "admin", shop.password)
    session.post(f"{shop.url}/categories/", json={"name": "Crowd", "slug": "crowd"}, timeout=10).raise_for_status()
    made = [
        session.post(
            f"{shop.url}/products/",
            json={"sku": f"C-{n}", "name": f"Thing {n}", "price": "2.50", "category": "crowd", "stock": 1_000_000},
            timeout=10,
        )
        for n in range(20)
    ]
    return str(made[0].json()["id"])
