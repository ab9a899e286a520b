"""Customers who go on reading and ordering while something is broken, and what became of each of their requests."""

import random
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import requests

from tests.support.http import Client
from tests.system.shop import order_body

CLIENTS = 8
PATIENCE_S = 60


class Traffic:
    """Each customer repeats: their account, a product, the catalogue, and an order with a key.

    An order without an answer, or with a 5xx, is sent again with its key, as clients are told to do; `resent` counts
    those. `answers` counts statuses; `lost` are the requests that got neither a good answer nor one of `accepted`.
    """

    def __init__(self, url: str, access: list[str], product: dict[str, Any], *, accepted: frozenset[int]) -> None:
        self.answers: Counter[int] = Counter()
        self.lost: list[str] = []
        self.resent: list[str] = []
        self.without_pause: list[int] = []  # 503 that don't say when to come again
        self.orders: dict[str, str] = {}
        self._url = url
        self._product = product
        self._accepted = accepted
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._shop, args=(token,), daemon=True) for token in access]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    def go_on(self, seconds: float) -> None:
        time.sleep(seconds)

    def _shop(self, token: str) -> None:
        client = Client(self._url)
        client.access = token
        paths = ("/api/users/me/", f"/api/products/{self._product['id']}/", "/api/products/?page_size=5")
        while not self._is_over.is_set():
            for path in paths:
                self._read(client, path)
            self._order(client)
        client.close()

    def _read(self, client: Client, path: str) -> None:
        try:
            response = client.get(path)
        except requests.RequestException as error:
            self._note(0, f"GET {path}: {error!r}")
            return
        self._note(response.status_code, f"GET {path}: {response.status_code} {response.text[:300]}", response)

    def _order(self, client: Client) -> None:
        key, give_up_s = uuid4().hex, time.monotonic() + PATIENCE_S
        while True:
            try:
                headers = {"Idempotency-Key": key}
                response = client.post("/api/orders/", order_body(self._product), headers=headers)
            except requests.RequestException as error:
                outcome, status = repr(error), 0
            else:
                outcome, status = f"{response.status_code} {response.text[:300]}", response.status_code
            if status in (201, 202):
                self._note(status, "")
                with self._lock:
                    self.orders[key] = response.json()["id"]
                return
            if time.monotonic() > give_up_s or (status and status < 500):
                self._note(status, f"POST: {outcome}")
                return
            self._note_again(outcome, status, response if status else None)
            time.sleep(random.uniform(0.1, 0.3))

    def _note(self, status: int, lost: str, response: requests.Response | None = None) -> None:
        with self._lock:
            self.answers[status] += 1
            if not (200 <= status < 300 or status in self._accepted):
                self.lost.append(lost)
        self._look_for_pause(response)

    def _note_again(self, outcome: str, status: int, response: requests.Response | None) -> None:
        with self._lock:
            self.resent.append(outcome)
        self._look_for_pause(response)

    def _look_for_pause(self, response: requests.Response | None) -> None:
        if response is not None and response.status_code == 503 and "Retry-After" not in response.headers:
            with self._lock:
                self.without_pause.append(response.status_code)


def placed(client: Client) -> set[str]:
    """The ids of all orders that the client can see."""
    return {order["id"] for page in client.pages("/api/orders/?page_size=100") for order in page["results"]}
