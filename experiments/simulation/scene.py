"""What happens in one run, and in which processes."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .checks import check
from .databases import File
from .faults import Mortal, Weather
from .http import Applications, Request
from .network import Network
from .processes import OrdersServer, RelayProcess, Server
from .scheduler import SCHEDULER
from .shop import Shop
from .world import CALM_S, PRODUCTS, SETTLED_WITHIN_S, STARTS_S

MOST_EVENTS = 9
UNSETTLED = "SELECT count(*) FROM orders_order WHERE wants <> ''"


class Scene:
    def __init__(self, applications: Applications, files: Mapping[str, File]) -> None:
        self.faults: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self._files = files
        self._network = Network(self._deliver, self.faults)
        self._orders = [OrdersServer(f"orders{number}", applications, self._network) for number in (1, 2)]
        self._products = [Server(f"products{number}", "products", applications) for number in (1, 2)]
        self._relays = [RelayProcess(f"relay{number}", self._network) for number in (1, 2)]
        self._processes: list[Mortal] = [*self._orders, *self._products, *self._relays]
        self._shop = Shop([*self._orders, *self._products], files["orders"], PRODUCTS, self.faults)
        self._weather = Weather(self._processes, self._network, self._shop, self.faults)
        self._planned = 0
        self._is_calm = False
        self._is_late = False

    def play(self) -> None:
        for process in self._processes:
            process.start()
        self._plan()
        SCHEDULER.weather = self._weather
        SCHEDULER.run(self._is_settled)
        if self._is_late:
            SCHEDULER.fail("it does not settle")
        SCHEDULER.weather = lambda: None
        self._rest()
        if not SCHEDULER.failures:
            check(self._shop, self._files["orders"], self._files["products"], self.statuses)
        for process in self._processes:
            SCHEDULER.kill(process)

    def _plan(self) -> None:
        choices = SCHEDULER.choices
        shop = self._shop
        kinds: tuple[tuple[float, Callable[[], None]], ...] = (
            (0.40, shop.buy),
            (0.14, shop.buy_again),
            (0.20, shop.cancel),
            (0.06, shop.pay),
            (0.07, shop.move_stock),
            (0.03, shop.hide_order),
            (0.03, shop.hide_product),
            (0.07, shop.reprice),
        )
        sums = [sum(share for share, _ in kinds[: number + 1]) for number in range(len(kinds) - 1)]
        SCHEDULER.after(0.0, shop.buy)
        for _ in range(1 + choices.below(MOST_EVENTS)):
            self._planned += 1
            SCHEDULER.after(choices.one_of(STARTS_S), partial(self._begin, kinds[choices.weighted(sums)][1]))
        SCHEDULER.after(choices.one_of(CALM_S), self._calm)

    def _begin(self, event: Callable[[], None]) -> None:
        self._planned -= 1
        event()

    def _calm(self) -> None:
        self._weather.end()
        self._is_calm = True
        SCHEDULER.after(SETTLED_WITHIN_S, self._be_late)

    def _be_late(self) -> None:
        self._is_late = True

    def _is_settled(self) -> bool:
        if not self._is_calm or self._is_late or SCHEDULER.failures:
            return self._is_late or bool(SCHEDULER.failures)
        if (
            self._planned
            or self._shop.open
            or self._network.on_the_way
            or not all(relay.is_idle for relay in self._relays)
        ):
            return False
        if any(server.tasks for server in (*self._orders, *self._products)):
            return False
        return self._files["orders"].rows(UNSETTLED) == [(0,)]

    def _rest(self) -> None:
        for relay in self._relays:
            relay.stop.set()
        SCHEDULER.run(lambda: not any(relay.tasks for relay in self._relays) or bool(SCHEDULER.failures))

    def _deliver(self, request: Request, then: Callable[[Any], None]) -> bool:
        alive = [server for server in self._products if server.is_alive]
        if not alive:
            return False
        server = SCHEDULER.choices.one_of(alive)
        server.serve(f"{request.method} {request.path[:13]}", request, then)
        return True
