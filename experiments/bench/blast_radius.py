"""Blast radius: how a sick products service affects clients that never ask for a product.

The same load goes to two gateways in front of the same services, one after the other: Plaza's, and one of plain
`requests` and pybreaker's `call()` (`plain_gateway`). Forty clients ask for products, and four for their own account;
the waiting time of these four is measured. Each product request has a different filter, so that no cache helps.
"""

import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import requests

from experiments.chaos.shop import Shop
from operations.console import say
from operations.layout import LOOPBACK, ROOT, SERVERS, service

from .plot import bars
from .report import Report
from .rounds import Plan

PRODUCT_CLIENTS, USER_CLIENTS = 40, 4  # more than the 32 threads of either gateway
TIMEOUT_S = 30
STATES = ("healthy", "frozen", "dripping", "dead")

_prices = itertools.count(1)


@dataclass
class Load:
    """How many seconds each answer took, and how often each status was answered."""

    users_s: list[float] = field(default_factory=list)
    users: Counter[int] = field(default_factory=Counter)
    products: Counter[int] = field(default_factory=Counter)


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory)) as shop:
        token, user_id = _account(shop)
        plain = plain_gateway(shop, user_id)
        try:
            rows = list(
                itertools.chain.from_iterable(_rows(shop, state, plan.seconds, token, plain.url) for state in STATES)
            )
        finally:
            plain.process.terminate()
            plain.process.wait()
    heading = ("products is", "gateway", "users p50 ms", "p99 ms", "answered", "failed", "products by status")
    slowest = {state: {row[1]: float(row[3]) for row in rows if row[0] == state} for state in STATES}
    chart = bars("Asking for one's own account while products is …: p99", slowest)
    return Report("A sick products service, and those who never ask for a product", [[heading, *rows]], slowest, chart)


def _rows(shop: Shop, state: str, seconds: float, token: str, plain_url: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, url in (("Plaza", shop.url.removesuffix("/api")), ("plain", plain_url)):
        say(f"products {state}, {name} gateway: {seconds:.0f} s ...")
        with Sickness(shop, state):
            load = _measure(url, token, seconds)
        _wait_until_recovered(url, token)
        waited_s = sorted(load.users_s)
        answered = load.users[200]
        rows.append(
            (
                state,
                name,
                f"{1000 * statistics.median(waited_s):.1f}",
                f"{1000 * waited_s[int(0.99 * (len(waited_s) - 1))]:.1f}",
                str(answered),
                str(load.users.total() - answered),
                ", ".join(f"{count} × {status}" for status, count in sorted(load.products.items())),
            )
        )
    return rows


class Sickness:
    """Products in `state` for the length of the block."""

    def __init__(self, shop: Shop, state: str) -> None:
        self._shop = shop
        self._state = state

    def __enter__(self) -> None:
        if self._state == "frozen":
            self._shop.send_signal("products", signal.SIGSTOP)
        elif self._state == "dripping":
            self._shop.products_proxy.drip_s = 1.0
        elif self._state == "dead":
            self._shop.send_signal_to_supervisor(signal.SIGSTOP)  # otherwise it would restart products
            self._shop.send_signal("products", signal.SIGKILL)

    def __exit__(self, *exception: object) -> None:
        self._shop.products_proxy.drip_s = 0.0
        self._shop.send_signal("products", signal.SIGCONT)
        self._shop.send_signal_to_supervisor(signal.SIGCONT)


def _measure(url: str, token: str, seconds: float) -> Load:
    load = Load()
    stopped = threading.Event()

    def ask_users(get: Callable[[str], int]) -> None:
        started = time.perf_counter()
        load.users[get("/api/users/me/")] += 1
        load.users_s.append(time.perf_counter() - started)
        time.sleep(0.02)

    def ask_products(get: Callable[[str], int]) -> None:
        load.products[get(f"/api/products/?min_price={next(_prices)}")] += 1
        time.sleep(0.4)

    def work(ask: Callable[[Callable[[str], int]], None]) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"

        def get(path: str) -> int:
            try:
                return session.get(url + path, timeout=TIMEOUT_S).status_code
            except requests.RequestException:
                return 0

        while not stopped.is_set():
            ask(get)

    asks = [ask_users] * USER_CLIENTS + [ask_products] * PRODUCT_CLIENTS
    threads = [threading.Thread(target=work, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stopped.set()
    for thread in threads:
        thread.join()
    return load


def _wait_until_recovered(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(120):
        if requests.get(f"{url}/api/products/", headers=headers, timeout=TIMEOUT_S).status_code == 200:
            return
        time.sleep(0.5)
    raise SystemExit("products did not recover; the figures would be meaningless.")


@dataclass
class PlainGateway:
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


def plain_gateway(shop: Shop, user_id: str) -> PlainGateway:
    secrets = shop.system.base / "secrets"
    port = shop.port + len(SERVERS)
    environment = {
        **os.environ,
        "USERS_URL": service("users").url(shop.port),
        "PRODUCTS_URL": shop.products_proxy.url if shop.proxied else service("products").url(shop.port),
        "ORDERS_URL": service("orders").url(shop.port),
        **{
            f"PLAIN_{name.upper()}_KEY": (secrets / f"gateway-{name}").read_text().splitlines()[0]
            for name in ("users", "products", "orders")
        },
        "PLAIN_USER_ID": user_id,
    }
    command = [sys.executable, "-m", "gunicorn", "experiments.bench.plain_gateway", "--bind", f"{LOOPBACK}:{port}"]
    process = subprocess.Popen(
        [*command, "--threads", "32", "--log-level", "error"], cwd=ROOT, env=environment, start_new_session=True
    )
    return PlainGateway(port, process)


def _account(shop: Shop) -> tuple[str, str]:
    """An access token, and the id of its user."""
    session = shop.session()
    shop.sign_in(session, "admin", shop.password)
    token = str(session.headers["Authorization"]).removeprefix("Bearer ")
    return token, str(jwt.decode(token, options={"verify_signature": False})["user_id"])
