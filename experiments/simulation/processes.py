"""The processes of the simulated system: what each keeps in memory, and how it begins anew after its death."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from common.identity import TokenIssuer
from common.upstream import Prober, Upstream
from orders_project.orders.products_client import ProductsClient
from orders_project.orders.relay import BATCH, Relay

from .http import Applications, Request
from .network import Network
from .scheduler import SCHEDULER, Died, Process, Task
from .settings import OF_PROJECT

ORDERS = OF_PROJECT["orders"]
LOOK_AGAIN_S = 2.0
LONGEST_LOOK_S = 30.0


class Server(Process):
    """Serves requests, each by a task. An orders server has its own client of products, with its own circuit."""

    def __init__(self, name: str, project: str, applications: Applications) -> None:
        super().__init__(name, project)
        self.products: ProductsClient | None = None
        self._applications = applications

    def start(self) -> None:
        self.is_alive = True

    def serve(self, name: str, request: Request, on_done: Callable[[Any], None]) -> None:
        SCHEDULER.spawn(self, name, lambda: self._applications.answer(self.project, request), on_done)


class OrdersServer(Server):
    def __init__(self, name: str, applications: Applications, network: Network) -> None:
        super().__init__(name, "orders", applications)
        self._network = network

    def start(self) -> None:
        super().start()
        self.products = products_client(self, self._network)


def client_of_the_running_process() -> ProductsClient:
    """In the place of the one client that a real process has."""
    task = SCHEDULER.current
    assert task is not None
    assert isinstance(task.process, OrdersServer)
    assert task.process.products is not None
    return task.process.products


class Stop:
    """As the event that ends a relay. While nothing is to be done, it looks ever more rarely."""

    def __init__(self) -> None:
        self.is_idle = False
        self._pause_s = LOOK_AGAIN_S
        self._is_set = False
        self._waiting: Task | None = None

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        if self._waiting is not None:
            SCHEDULER.wake(self._waiting)

    def wait(self, timeout: float) -> None:
        if timeout == LOOK_AGAIN_S:
            timeout, self._pause_s = self._pause_s, min(LONGEST_LOOK_S, self._pause_s * 2)
        else:
            self._pause_s = LOOK_AGAIN_S
        if timeout:
            self.is_idle, self._waiting = True, SCHEDULER.current
            SCHEDULER.block(timeout)
            self.is_idle, self._waiting = False, None


class RelayProcess(Process):
    def __init__(self, name: str, network: Network) -> None:
        super().__init__(name, "orders")
        self.stop = Stop()
        self._network = network

    @property
    def is_idle(self) -> bool:
        return not self.tasks or (self.stop.is_idle and len(self.tasks) == 1)

    def start(self) -> None:
        self.is_alive = True
        self.stop = stop = Stop()
        client = products_client(self, self._network)
        relay = Relay(client, self._map, stop, batch=BATCH, interval_s=LOOK_AGAIN_S)  # type: ignore[arg-type]
        SCHEDULER.spawn(self, "relay", relay.run)

    def _map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """As that of a pool of threads."""
        results: dict[int, Any] = {}
        waiting = SCHEDULER.current
        assert waiting is not None
        count = 0
        for count, item in enumerate(items, 1):
            SCHEDULER.spawn(self, f"ask {count}", partial(function, item), _collect(results, count, waiting))
        while len(results) < count:
            SCHEDULER.block()
        return [results[number] for number in range(1, count + 1)]


def _collect(results: dict[int, Any], number: int, waiting: Task) -> Callable[[Any], None]:
    def collect(result: Any) -> None:
        results[number] = result
        if result is not Died:
            SCHEDULER.wake(waiting)

    return collect


def products_client(process: Process, network: Network) -> ProductsClient:
    """As `products_client` of orders makes it, for one process."""
    url, policy = ORDERS["PRODUCTS_URL"], ORDERS["PRODUCTS_POLICY"]
    transport = network.transport(url, policy)
    prober = Prober(transport, policy, spawn=lambda work: _spawn(process, work))
    upstream = Upstream("products", url, policy, lane="reservations", transport=transport, prober=prober)
    return ProductsClient(upstream, transport, TokenIssuer("orders", "products", ORDERS["PRODUCTS_KEY"]))


def _spawn(process: Process, work: Callable[[], None]) -> None:
    SCHEDULER.spawn(process, "prober", work)
