"""What goes wrong: one fault after the other, chosen by a seeded generator."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from .proxy import FaultProxy
from .shop import SERVICES, Shop

REPORT_EVERY_S = 10.0


class Faults:
    """`counts` is how often each kind struck."""

    def __init__(self, shop: Shop, *, seed: int) -> None:
        self.shop = shop
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._over = threading.Event()
        self._kinds: tuple[tuple[int, Callable[[], None]], ...] = (
            (4, self._kill),
            (2, self._freeze),
            (2, self._restart),
            (2, self._cut),
            (2, self._delay),
        )

    def run(self, seconds: float, report: Callable[[float], None]) -> None:
        """Strike for `seconds`; `report` is told every ten of them how many are left."""
        end = time.monotonic() + seconds
        reported = time.monotonic()
        weights = [weight for weight, _ in self._kinds]
        while (left := end - time.monotonic()) > 0:
            if time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                report(left)
            _, fault = self._rng.choices(self._kinds, weights)[0]
            fault()
            self._wait(min(left, self._rng.uniform(0.3, 1.5)))

    def stop(self) -> None:
        """Undo what is undone only by hand."""
        self._over.set()
        for proxy in (self.shop.products_proxy, self.shop.orders_proxy):
            proxy.delay_s = proxy.cut_chance = 0.0
        for service in SERVICES:
            self.shop.strike(service, signal.SIGCONT)

    def progress(self) -> str:
        return f"{sum(self.counts.values())} faults"

    def _wait(self, seconds: float) -> None:
        self._over.wait(seconds)

    def _kill(self) -> None:
        service = self._rng.choice(SERVICES)
        if self.shop.strike(service, signal.SIGKILL):
            self.counts[f"{service} killed"] += 1

    def _restart(self) -> None:
        service = self._rng.choice(SERVICES)
        if self.shop.strike(service, signal.SIGTERM):
            self.counts[f"{service} restarted"] += 1

    def _freeze(self) -> None:
        service = self._rng.choice(SERVICES)
        if self.shop.strike(service, signal.SIGSTOP):
            self.counts[f"{service} frozen"] += 1
            self._wait(self._rng.uniform(0.5, 4.0))
            self.shop.strike(service, signal.SIGCONT)

    def _cut(self) -> None:
        proxy, name = self._proxy()
        proxy.cut_chance = 0.3
        self._wait(self._rng.uniform(0.5, 2.0))
        proxy.cut_chance = 0.0
        self.counts[f"connections to {name} cut"] += 1

    def _delay(self) -> None:
        proxy, name = self._proxy()
        proxy.delay_s = self._rng.uniform(0.2, 3.0)
        self._wait(self._rng.uniform(0.5, 2.0))
        proxy.delay_s = 0.0
        self.counts[f"replies of {name} delayed"] += 1

    def _proxy(self) -> tuple[FaultProxy, str]:
        chosen = self._rng.choice(("products", "orders"))
        return (self.shop.products_proxy if chosen == "products" else self.shop.orders_proxy), chosen
