"""Blast radius: what a sick products service does to those who never asked for a product.

The same load on two gateways before the same services, one after the other: Plaza's, and one of plain `requests` and
pybreaker's `call()` (`plain_gateway`). Forty clients ask for products, four for their own account; measured
is how long the four wait. No product request has a filter that another had, so that no cache helps.
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

from benchmarks.plot import bars
from operations.chaos.shop import Shop
from operations.terminal import say, table

PRODUCT_CLIENTS, USER_CLIENTS = 40, 4  # more than either gateway's 32 threads
TIMEOUT_S = 30
STATES = ("healthy", "frozen", "dripping", "dead")

_prices = itertools.count(1)


@dataclass
class Load:
    """Seconds that each answer took, and how often each status came."""

    users_s: list[float] = field(default_factory=list)
    users: Counter[int] = field(default_factory=Counter)
    products: Counter[int] = field(default_factory=Counter)


def run(*, seconds: float, svg: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory)) as shop:
        token, user_id = _account(shop)
        plain = _plain_gateway(shop, user_id)
        try:
            rows = list(
                itertools.chain.from_iterable(_rows(shop, state, seconds, token, plain.url) for state in STATES)
            )
        finally:
            plain.process.terminate()
            plain.process.wait()
    heading = ("products is", "gateway", "users p50 ms", "p99 ms", "answered", "failed", "products by status")
    print(table([heading, *rows]))
    if svg:
        slowest = {state: {row[1]: float(row[3]) for row in rows if row[0] == state} for state in STATES}
        svg.write_text(bars("Asking for one's own account while products is …: p99", slowest))
    return 0


def _rows(shop: Shop, state: str, seconds: float, token: str, plain_url: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, url in (("Plaza", shop.url.removesuffix("/api")), ("plain", plain_url)):
        say(f"products {state}, {name} gateway: {seconds:.0f} s ...")
        with Sickness(shop, state):
            load = _measure(url, token, seconds)
        _wait_until_healed(url, token)
        waited = sorted(load.users_s)
        answered = load.users[200]
        rows.append(
            (
                state,
                name,
                f"{1000 * statistics.median(waited):.1f}",
                f"{1000 * waited[int(0.99 * (len(waited) - 1))]:.1f}",
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
            self._shop.strike("products", signal.SIGSTOP)
        elif self._state == "dripping":
            self._shop.products_proxy.drip_s = 1.0
        elif self._state == "dead":
            self._shop.strike_supervisor(signal.SIGSTOP)  # or it would start the dead one again
            self._shop.strike("products", signal.SIGKILL)

    def __exit__(self, *exception: object) -> None:
        self._shop.products_proxy.drip_s = 0.0
        self._shop.strike("products", signal.SIGCONT)
        self._shop.strike_supervisor(signal.SIGCONT)


def _measure(url: str, token: str, seconds: float) -> Load:
    load = Load()
    over = threading.Event()

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

        while not over.is_set():
            ask(get)

    asks = [ask_users] * USER_CLIENTS + [ask_products] * PRODUCT_CLIENTS
    threads = [threading.Thread(target=work, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    over.set()
    for thread in threads:
        thread.join()
    return load


def _wait_until_healed(url: str, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(120):
        if requests.get(f"{url}/api/products/", headers=headers, timeout=TIMEOUT_S).status_code == 200:
            return
        time.sleep(0.5)
    raise SystemExit("products did not heal; the figures would say nothing.")


@dataclass
class PlainGateway:
    url: str
    process: "subprocess.Popen[bytes]"


def _plain_gateway(shop: Shop, user_id: str) -> PlainGateway:
    secrets = shop.system.base / "secrets"
    port = shop.port + 4
    environment = {
        **os.environ,
        "USERS_URL": f"http://127.0.0.1:{shop.port + 1}",
        "PRODUCTS_URL": shop.products_proxy.url,
        "PLAIN_USERS_KEY": (secrets / "gateway-users").read_text().splitlines()[0],
        "PLAIN_PRODUCTS_KEY": (secrets / "gateway-products").read_text().splitlines()[0],
        "PLAIN_USER_ID": user_id,
    }
    command = [sys.executable, "-m", "gunicorn", "benchmarks.plain_gateway", "--threads", "32", "--log-level", "error"]
    process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], env=environment)
    return PlainGateway(f"http://127.0.0.1:{port}", process)


def _account(shop: Shop) -> tuple[str, str]:
    """An access token, and whose it is."""
    session = shop.session()
    shop.sign_in(session, "admin", shop.password)
    token = str(session.headers["Authorization"]).removeprefix("Bearer ")
    return token, str(jwt.decode(token, options={"verify_signature": False})["user_id"])
