"""Relay: how long it takes to settle what an hour's outage of products has left, and what new orders notice of it.

Ten orders a second are placed through the gateway, before the outage and while the relay catches up. Each is due at
its time whether the one before it was answered or not, and its waiting time counts from there. An order is settled
when it no longer wants anything of products.
"""

import http.client
import itertools
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from experiments.chaos.shop import Shop
from operations.console import OperationError, rewrite, say
from operations.layout import LOOPBACK, ROOT

from . import stock, usage
from .plot import bars
from .report import Report
from .rounds import Plan
from .sides import Customer

PENDING, QUICK_PENDING = 36_000, 3_000  # an hour at ten a second; and five minutes
RATE = 10  # new orders a second
GIVE_UP_S = 1800
TIMEOUT_S = 30
TITLE = "What an outage of products has left"
HEADING = ("new orders", "answered", "p50 ms", "p95 ms", "p99 ms", "status")
PROCESSES = ("relay", "products", "orders", "gateway")
WAITING = "SELECT count(*) FROM orders_order WHERE wants <> '' AND user_id = ?"


@dataclass
class Trickle:
    """What those who place new orders got."""

    waited_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def p50_ms(self) -> float:
        return 1000 * statistics.median(self.waited_s)

    def row(self, when: str) -> tuple[str, ...]:
        waited_s = sorted(self.waited_s)
        return (
            when,
            str(len(waited_s)),
            f"{self.p50_ms:.0f}",
            *(f"{1000 * waited_s[int(part * (len(waited_s) - 1))]:.0f}" for part in (0.95, 0.99)),
            ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items())),
        )


def measure(plan: Plan) -> Report:
    pending = QUICK_PENDING if plan.is_quick else PENDING
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory), proxied=False) as shop:
        product_ids = stock.fill(shop)
        say(f"New orders in a healthy shop: {plan.seconds:.0f} s ...")
        with trickling(shop, product_ids) as before:
            time.sleep(plan.seconds)
        filler = uuid4().hex
        with outage(shop):
            say(f"{pending} orders without products ...")
            _leave_pending(pending, shop, filler, product_ids)
        cpu_s = _cpu_s(shop)
        with trickling(shop, product_ids) as during:
            settled_s = _time_until_settled(shop, filler)
        cpu_ms = {name: 1000 * (after_s - cpu_s[name]) / pending for name, after_s in _cpu_s(shop).items()}
        shop.wait_for_rest(60)
        if differences := shop.audit().differences:
            raise OperationError(f"The services don't agree any more: {differences}")
    rows = [HEADING, before.row("before the outage"), during.row("while the relay catches up")]
    notes = (
        f"{pending} orders were settled in {settled_s:.0f} s after the outage: {pending / settled_s:.0f} a second.",
        "CPU ms for each: " + ", ".join(f"{name} {ms:.1f}" for name, ms in cpu_ms.items()) + " (with the new orders').",
    )
    return Report(TITLE, [rows], _figures(pending, settled_s, cpu_ms, before, during), _chart(before, during), notes)


def _figures(
    pending: int, settled_s: float, cpu_ms: Mapping[str, float], before: Trickle, during: Trickle
) -> dict[str, object]:
    p50_ms = {"before": before.p50_ms, "meanwhile": during.p50_ms}
    return {
        "orders": pending,
        "settled after seconds": settled_s,
        "CPU ms for each": cpu_ms,
        "new orders, p50 ms": p50_ms,
    }


def _chart(before: Trickle, during: Trickle) -> str:
    when = {"before the outage": before, "while the relay catches up": during}
    return bars("A new order: p50", {name: {"Plaza": trickle.p50_ms} for name, trickle in when.items()})


def _cpu_s(shop: Shop) -> dict[str, float]:
    """What the processes have taken so far."""
    return {name: usage.cpu_s([shop.pid(name) or 0]) for name in PROCESSES}


@contextmanager
def outage(shop: Shop) -> Iterator[None]:
    """Products is stopped, and nobody starts it again."""
    shop.send_signal("products", signal.SIGSTOP)
    try:
        yield
    finally:
        shop.send_signal("products", signal.SIGCONT)


def _leave_pending(number: int, shop: Shop, user_id: str, product_ids: Sequence[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "experiments.bench.pending_orders", str(number), user_id],
        cwd=ROOT,
        env={**os.environ, "PLAZA_DATA_DIR": str(shop.system.base)},
        input="\n".join(product_ids),
        text=True,
        check=True,
    )


def _time_until_settled(shop: Shop, user_id: str) -> float:
    started = time.perf_counter()
    path = shop.system.base / "orders_project/Data-base.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        while waiting := database.execute(WAITING, [user_id]).fetchone()[0]:
            elapsed_s = time.perf_counter() - started
            rewrite(f"{waiting} wait after {elapsed_s:.0f} s ...")
            if elapsed_s > GIVE_UP_S:
                raise OperationError(f"{waiting} orders still wait after {elapsed_s:.0f} s.")
            time.sleep(1)
    rewrite("")
    return time.perf_counter() - started


@contextmanager
def trickling(shop: Shop, product_ids: Sequence[str]) -> Iterator[Trickle]:
    """`RATE` new orders a second for the length of the block."""
    trickle, ended, buyers = Trickle(), threading.Event(), Buyers(shop)

    def buy(product_id: str, due_s: float) -> None:
        trickle.statuses[buyers.buy(product_id)] += 1
        trickle.waited_s.append(time.perf_counter() - due_s)

    def place() -> None:
        started = time.perf_counter()
        with ThreadPoolExecutor(2 * RATE) as pool:
            for number, product_id in enumerate(itertools.cycle(product_ids)):
                due_s = started + number / RATE
                if ended.wait(max(due_s - time.perf_counter(), 0)):
                    return
                pool.submit(buy, product_id, due_s)

    placing = threading.Thread(target=place)
    placing.start()
    try:
        yield trickle
    finally:
        ended.set()
        placing.join()


class Buyers:
    """One connection a thread. An access token lives for five minutes, so it is renewed."""

    def __init__(self, shop: Shop) -> None:
        self._port = shop.port
        self._customer = Customer(shop, "admin", shop.password)
        self._token = self._customer.sign_in()
        self._local = threading.local()

    def buy(self, product_id: str) -> int:
        status = self._post(product_id)
        if status == 401:
            self._token = self._customer.sign_in()
            status = self._post(product_id)
        return status

    def _post(self, product_id: str) -> int:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            self._local.connection.request("POST", "/api/orders/", stock.order_of(product_id), headers)
            response = self._local.connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._local.connection.close()
            return 0
        return int(response.status)
