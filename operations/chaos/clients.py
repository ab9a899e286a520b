"""Buyers, cancellers and staff, who retry by key until they are told something definite."""

import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests

from ..errors import OperationError
from .shop import Shop

PRODUCTS = 5
FIRST_STOCK = 400
GIVE_UP_S = 90.0
FINAL = frozenset({200, 201, 202, 204, 404, 409, 422})
SIGN_IN_AGAIN_S = 240.0  # before the access token is over


@dataclass
class Told:
    """What a client was told of one key: the order's id, or None while it knows nothing."""

    key: str
    user: int
    order_id: str | None = None
    status: int | None = None
    cancelled: bool = False


@dataclass
class Crowd:
    shop: Shop
    seed: int
    buyers: int
    told: list[Told] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    products: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def prepare(self) -> None:
        """Products to buy and accounts to buy with, while all is well."""
        staff = self._staff()
        staff.post(
            f"{self.shop.url}/categories/", json={"name": "Chaos", "slug": "chaos"}, timeout=10
        ).raise_for_status()
        for number in range(PRODUCTS):
            body = {"sku": f"CHAOS-{number}", "name": f"Thing {number}", "price": "3.50", "category": "chaos"}
            answer = staff.post(f"{self.shop.url}/products/", json={**body, "stock": FIRST_STOCK}, timeout=10)
            answer.raise_for_status()
            self.products.append(answer.json()["id"])
        for number in range(self.buyers):
            body = {"username": f"buyer{number}", "email": "buyer@plaza.example", "password": self.shop.password}
            staff.post(f"{self.shop.url}/auth/register/", json=body, timeout=10).raise_for_status()

    def start(self) -> None:
        workers = [(self._buy, number) for number in range(self.buyers)] + [(self._cancel, 0), (self._restock, 1)]
        for work, number in workers:
            thread = threading.Thread(target=work, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._over.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(2 * GIVE_UP_S)
        if any(thread.is_alive() for thread in self._threads):
            raise OperationError("a client is still waiting for an answer long after the faults ended.")

    def progress(self) -> str:
        acknowledged = sum(told.order_id is not None for told in self.told)
        return f"{sum(self.statuses.values())} requests, {acknowledged} orders acknowledged"

    def _buy(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + number)
        client = Client(self, f"buyer{number}")
        while not self._over.is_set():
            told = Told(str(uuid.UUID(int=rng.getrandbits(128))), number)
            with self._lock:
                self.told.append(told)
            chosen = rng.sample(self.products, rng.choice((1, 1, 2)))
            items = [{"product_id": product, "quantity": rng.randint(1, 3)} for product in chosen]
            body = {"items": items, "note": told.key}
            answer = client.insist("POST", "/orders/", body, {"Idempotency-Key": told.key})
            if answer is not None:
                told.status = answer.status_code
                told.order_id = answer.json().get("id") or answer.json().get("order_id")
            time.sleep(rng.uniform(0, 0.05))

    def _cancel(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + 500 + number)
        clients = [Client(self, f"buyer{buyer}") for buyer in range(self.buyers)]
        while not self._over.wait(rng.uniform(0.05, 0.3)):
            with self._lock:
                open_orders = [told for told in self.told if told.status in (201, 202) and not told.cancelled]
            if not open_orders:
                continue
            told = rng.choice(open_orders)
            answer = clients[told.user].insist("POST", f"/orders/{told.order_id}/cancel/", None, {})
            # 409 after a lost reply means that it is cancelled already, or that it was rejected meanwhile.
            told.cancelled = answer is not None

    def _restock(self, number: int) -> None:
        rng = random.Random(self.seed * 1000 + 900 + number)
        client = Client(self, "admin")
        while not self._over.wait(rng.uniform(0.5, 1.5)):
            product, delta = rng.choice(self.products), rng.choice((-5, 10, 20))
            key = {"Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))}
            client.insist("POST", f"/products/{product}/stock/", {"delta": delta}, key)

    def _staff(self) -> requests.Session:
        session = self.shop.session()
        self.shop.sign_in(session, "admin", self.shop.password)
        return session


class Client:
    """One person's browser: signs in again when it must, and insists."""

    def __init__(self, crowd: Crowd, username: str) -> None:
        self._crowd = crowd
        self._username = username
        self._session = crowd.shop.session()
        self._signed_in_at = float("-inf")

    def insist(self, method: str, path: str, body: Any, headers: dict[str, str]) -> requests.Response | None:
        """The first definite answer, or None when there was none for long."""
        give_up = time.monotonic() + GIVE_UP_S
        pause_s = 0.05
        while time.monotonic() < give_up:
            answer = self._try(method, path, body, headers)
            if answer is not None and answer.status_code in FINAL:
                return answer
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 2)
        return None

    def _try(self, method: str, path: str, body: Any, headers: dict[str, str]) -> requests.Response | None:
        shop = self._crowd.shop
        try:
            if time.monotonic() - self._signed_in_at > SIGN_IN_AGAIN_S:
                shop.sign_in(self._session, self._username, shop.password)
                self._signed_in_at = time.monotonic()
            answer = self._session.request(method, shop.url + path, json=body, headers=headers, timeout=8)
        except requests.RequestException as error:
            told = "no answer" if error.response is None else str(error.response.status_code)
            self._crowd.statuses[told] += 1
            return None
        if answer.status_code == 401:
            self._signed_in_at = float("-inf")
        self._crowd.statuses[str(answer.status_code)] += 1
        return answer
