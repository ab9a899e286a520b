"""Buyers, cancellers and staff. Each repeats a request with its idempotency key until the answer is definite."""

import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from operations.console import OperationError

from .shop import Shop

PRODUCTS = 5
LARGE_ORDER = 100  # lines, the most that an order may have
LARGE_ORDERS = 0.02  # of all
FIRST_STOCK = 400
GIVE_UP_S = 90.0
DEFINITE = frozenset({200, 201, 202, 204, 404, 409, 422})
SIGN_IN_AGAIN_S = 240.0  # before the access token expires


@dataclass
class Attempt:
    """One order that a client places, and what it was told; `order_id` is None until the order is acknowledged."""

    key: str
    buyer: int
    order_id: str | None = None
    status: int | None = None
    cancelled: bool = False


@dataclass
class Clients:
    shop: Shop
    seed: int
    buyers: int
    attempts: list[Attempt] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    products: list[str] = field(default_factory=list)
    plenty: list[str] = field(default_factory=list)  # of these there is always enough

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def prepare(self) -> None:
        """Create the products and the buyers' accounts, before any fault."""
        staff = self._staff()
        category = {"name": "Chaos", "slug": "chaos"}
        staff.post(f"{self.shop.url}/categories/", json=category, timeout=10).raise_for_status()
        made = [self._make_product(staff, number) for number in range(PRODUCTS + LARGE_ORDER)]
        self.products, self.plenty = made[:PRODUCTS], made[PRODUCTS:]
        for number in range(self.buyers):
            body = {"username": f"buyer{number}", "email": "buyer@plaza.example", "password": self.shop.password}
            staff.post(f"{self.shop.url}/auth/register/", json=body, timeout=10).raise_for_status()

    def _make_product(self, staff: requests.Session, number: int) -> str:
        stock = FIRST_STOCK if number < PRODUCTS else 1_000_000
        body = {"sku": f"CHAOS-{number}", "name": f"Thing {number}", "price": "3.50", "category": "chaos"}
        answer = staff.post(f"{self.shop.url}/products/", json={**body, "stock": stock}, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def crowd(self, people: int, seconds: float) -> None:
        """Beside the others, so many people read while all is well."""
        end = time.monotonic() + seconds
        session = self._staff()
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=people))

        def read() -> None:
            while time.monotonic() < end:
                for path in ("/users/me/", "/products/?page_size=5", "/orders/?page_size=5"):
                    self.statuses[str(session.get(self.shop.url + path, timeout=30).status_code)] += 1

        threads = [threading.Thread(target=read) for _ in range(people)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def start(self) -> None:
        workers = [(self._buy, number) for number in range(self.buyers)] + [(self._cancel, 0), (self._restock, 1)]
        for work, number in workers:
            thread = threading.Thread(target=work, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopped.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(2 * GIVE_UP_S)
        if any(thread.is_alive() for thread in self._threads):
            raise OperationError("a client is still waiting for an answer long after the faults ended.")

    @property
    def refused(self) -> int:
        """How often the shop was too busy, or a part of it out of order."""
        return sum(count for status, count in self.statuses.items() if status in ("503", "504", "no answer"))

    def progress(self) -> str:
        acknowledged = sum(attempt.order_id is not None for attempt in self.attempts)
        return f"{sum(self.statuses.values())} requests, {acknowledged} orders acknowledged"

    def _buy(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + number)
        client = Client(self, f"buyer{number}")
        while not self._stopped.is_set():
            attempt = Attempt(str(uuid.UUID(int=rng.getrandbits(128))), number)
            with self._lock:
                self.attempts.append(attempt)
            is_large = rng.random() < LARGE_ORDERS
            chosen = self.plenty if is_large else rng.sample(self.products, rng.choice((1, 1, 2)))
            items = [{"product_id": product, "quantity": rng.randint(1, 3)} for product in chosen]
            body = {"items": items, "note": attempt.key}
            answer = client.send("POST", "/orders/", body, {"Idempotency-Key": attempt.key})
            if answer is not None:
                attempt.status = answer.status_code
                attempt.order_id = answer.json().get("id") or answer.json().get("order_id")
            time.sleep(rng.uniform(0, 0.05))

    def _cancel(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + 500 + number)
        clients = [Client(self, f"buyer{buyer}") for buyer in range(self.buyers)]
        while not self._stopped.wait(rng.uniform(0.05, 0.3)):
            with self._lock:
                open_orders = [each for each in self.attempts if each.status in (201, 202) and not each.cancelled]
            if not open_orders:
                continue
            chosen = rng.choice(open_orders)
            answer = clients[chosen.buyer].send("POST", f"/orders/{chosen.order_id}/cancel/", None, {})
            # After a lost reply, 409 means that it is already cancelled, or was rejected meanwhile.
            chosen.cancelled = answer is not None

    def _restock(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + 900 + number)
        client = Client(self, "admin")
        while not self._stopped.wait(rng.uniform(0.5, 1.5)):
            product, delta = rng.choice(self.products), rng.choice((-5, 10, 20))
            key = {"Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))}
            client.send("POST", f"/products/{product}/stock/", {"delta": delta}, key)

    def _staff(self) -> requests.Session:
        session = self.shop.session()
        self.shop.sign_in(session, "admin", self.shop.password)
        return session


class Client:
    """One person, who signs in again when necessary and repeats each request."""

    def __init__(self, clients: Clients, username: str) -> None:
        self._clients = clients
        self._username = username
        self._session = clients.shop.session()
        self._signed_in_at = float("-inf")

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> requests.Response | None:
        """The first definite answer, or None if there was none for `GIVE_UP_S`."""
        give_up = time.monotonic() + GIVE_UP_S
        pause_s = 0.05
        while time.monotonic() < give_up:
            answer = self._send_once(method, path, body, headers)
            if answer is not None and answer.status_code in DEFINITE:
                return answer
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 2)
        return None

    def _send_once(self, method: str, path: str, body: Any, headers: dict[str, str]) -> requests.Response | None:
        shop, statuses = self._clients.shop, self._clients.statuses
        try:
            if time.monotonic() - self._signed_in_at > SIGN_IN_AGAIN_S:
                shop.sign_in(self._session, self._username, shop.password)
                self._signed_in_at = time.monotonic()
            answer = self._session.request(method, shop.url + path, json=body, headers=headers, timeout=8)
        except requests.RequestException as error:
            statuses["no answer" if error.response is None else str(error.response.status_code)] += 1
            return None
        if answer.status_code == 401:
            self._signed_in_at = float("-inf")
        statuses[str(answer.status_code)] += 1
        return answer
