"""What goes wrong: one fault after another, chosen by a seeded generator."""

import random
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress

from operations import processes
from operations.layout import LOOPBACK

from .proxy import MISROUTED, FaultProxy
from .shop import Shop

WRITERS = ("users", "products", "orders")
REPORT_EVERY_S = 10.0
OUTAGE_S = 30.0
SLOW_CLIENTS = 100
FULL = 4096  # bytes that a file may have while the disk is "full"


class Faults:
    """`counts` says how often each kind happened."""

    def __init__(self, shop: Shop, *, seed: int) -> None:
        self.shop = shop
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._stopped = threading.Event()
        self._kinds: tuple[tuple[int, Callable[[], None]], ...] = (
            (4, self._kill),
            (2, self._freeze),
            (2, self._restart),
            (2, self._cut),
            (2, self._delay),
            (1, self._misroute),
            *(() if shop.is_on_postgres else ((1, self._fill_disk),)),  # there the disk is PostgreSQL's
            (1, self._crowd_with_half_requests),
        )

    def run(self, seconds: float, report: Callable[[float], None]) -> None:
        """Cause faults for `seconds`. Every ten seconds, `report` is called with how many are left."""
        end = time.monotonic() + seconds
        reported = time.monotonic()
        weights = [weight for weight, _ in self._kinds]
        if seconds > 2 * OUTAGE_S:
            self._black_out(OUTAGE_S)
        while (left := end - time.monotonic()) > 0:
            if time.monotonic() - reported >= REPORT_EVERY_S:
                reported = time.monotonic()
                report(left)
            _, fault = self._rng.choices(self._kinds, weights)[0]
            fault()
            self._wait(min(left, self._rng.uniform(0.3, 1.5)))

    def stop(self) -> None:
        """Undo the faults that don't end by themselves."""
        self._stopped.set()
        for proxy in (self.shop.products_proxy, self.shop.orders_proxy):
            proxy.delay_s = proxy.cut_chance = 0.0
            proxy.instead = b""
        self.shop.send_signal_to_supervisor(signal.SIGCONT)
        for name in WRITERS:
            self._limit_files(name, resource.RLIM_INFINITY)
        for name in self.shop.names:
            self.shop.send_signal(name, signal.SIGCONT)

    def progress(self) -> str:
        return f"{sum(self.counts.values())} faults"

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _kill(self) -> None:
        service = self._rng.choice(self.shop.names)
        if self.shop.send_signal(service, signal.SIGKILL):
            self.counts[f"{service} killed"] += 1

    def _restart(self) -> None:
        service = self._rng.choice(self.shop.names)
        if self.shop.send_signal(service, signal.SIGTERM):
            self.counts[f"{service} restarted"] += 1

    def _freeze(self) -> None:
        service = self._rng.choice(self.shop.names)
        if self.shop.send_signal(service, signal.SIGSTOP):
            self.counts[f"{service} frozen"] += 1
            self._wait(self._rng.uniform(0.5, 4.0))
            self.shop.send_signal(service, signal.SIGCONT)

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

    def _black_out(self, seconds: float) -> None:
        """Products is gone and is not started again for a while."""
        self.shop.send_signal_to_supervisor(signal.SIGSTOP)
        self.shop.send_signal("products", signal.SIGKILL)
        self._wait(seconds)
        self.shop.send_signal_to_supervisor(signal.SIGCONT)
        self.counts[f"products gone for {seconds:.0f} s"] += 1

    def _misroute(self) -> None:
        proxy, name = self._proxy()
        proxy.instead = self._rng.choice(MISROUTED)
        self._wait(self._rng.uniform(0.5, 4.0))
        proxy.instead = b""
        self.counts[f"somebody else answered for {name}"] += 1

    def _fill_disk(self) -> None:
        """No file of the service may grow, which is how a full disk looks to it."""
        name = self._rng.choice(WRITERS)
        self._limit_files(name, FULL)
        self._wait(self._rng.uniform(0.5, 3.0))
        self._limit_files(name, resource.RLIM_INFINITY)
        self.counts[f"disk of {name} full"] += 1

    def _limit_files(self, name: str, size: int) -> None:
        for pid in processes.group_members(self.shop.pid(name) or -1):
            with suppress(OSError):  # it has just ended
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _crowd_with_half_requests(self) -> None:
        with ExitStack() as connections, suppress(OSError):
            for _ in range(SLOW_CLIENTS):
                connection = connections.enter_context(socket.create_connection((LOOPBACK, self.shop.port), timeout=5))
                connection.sendall(b"GET /api/ HTTP/1.1\r\nHost: ")
            self._wait(self._rng.uniform(1.0, 4.0))
        self.counts[f"{SLOW_CLIENTS} half requests held"] += 1

    def _proxy(self) -> tuple[FaultProxy, str]:
        chosen = self._rng.choice(("products", "orders"))
        return (self.shop.products_proxy if chosen == "products" else self.shop.orders_proxy), chosen
