"""Between orders and products: messages that are delivered, lost, doubled, late, or answered to nobody.

It takes the place of the adapter in `common.upstream`. All above that is real: the transport, the circuit, the policy.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from common.upstream import Transport
from common.upstream.adapter import NoConnection
from common.upstream.connection import Patience

from .http import Answer, Request
from .scheduler import SCHEDULER, Died, Task

FATES = (
    "delivered",
    "message lost",
    "message lost, connection reset",
    "answer lost",
    "answer lost, connection reset",
    "message doubled",
    "message late",
    "connection refused",
    "answer replaced by a 502",
)
LATE_S = (0.0, 0.3, 3.0, 30.0)  # after its caller gave up


class Exchange:
    """One message, its caller who waits, and what became of it."""

    def __init__(self) -> None:
        self.caller: Task | None = SCHEDULER.current
        self.answer: Answer | None = None
        self.is_reset = False

    def succeed(self, answer: Answer) -> None:
        self.answer = self.answer or answer
        self._wake()

    def reset(self) -> None:
        self.is_reset = True
        self._wake()

    def _wake(self) -> None:
        if self.caller is not None:
            SCHEDULER.wake(self.caller)


class Network:
    """`deliver` begins to serve a request, and calls back with the answer or `Died`. False if nobody listens."""

    def __init__(self, deliver: Callable[[Request, Callable[[Any], None]], bool], faults: "Counter[str]") -> None:
        self.bounds: tuple[float, ...] = ()  # how likely each of the FATES is, for `Choices.weighted`
        self.is_cut = False
        self.on_the_way = 0
        self._deliver = deliver
        self._faults = faults

    def transport(self, url: str, policy: Any) -> Transport:
        transport = Transport("products", url, policy)
        transport._adapter = Adapter(self)  # type: ignore[assignment]
        return transport

    def exchange(self, request: Request, patience: Patience) -> Answer:
        SCHEDULER.step(f"asks {request.method} {request.path[:14]}")
        fate = FATES[SCHEDULER.choices.weighted(self.bounds)] if self.bounds else FATES[0]
        if fate != FATES[0]:
            self._faults[fate] += 1
            SCHEDULER.note(fate)
        exchange = Exchange()
        timeout_s = patience.deadline.bound_s(patience.read_s)
        self._suffer(fate, exchange, request, timeout_s)
        if exchange.answer is None and not exchange.is_reset:
            SCHEDULER.block(timeout_s)
        exchange.caller = None
        if exchange.answer is not None:
            return exchange.answer
        SCHEDULER.note("connection reset" if exchange.is_reset else "no answer in time")
        raise requests.ConnectionError if exchange.is_reset else requests.ReadTimeout

    def _suffer(self, fate: str, exchange: Exchange, request: Request, timeout_s: float) -> None:
        if fate == "connection refused" or self.is_cut:
            raise NoConnection
        if fate == "message late":
            later_s = timeout_s + SCHEDULER.choices.one_of(LATE_S)
            self.on_the_way += 1
            SCHEDULER.after(later_s, lambda: self._arrive_late(request))
        elif fate == "message lost, connection reset":
            exchange.reset()
        elif fate == "answer lost":
            self._send(request, lambda answer: None)
        elif fate == "answer lost, connection reset":
            self._send(request, lambda answer: exchange.reset())
        elif fate == "answer replaced by a 502":
            self._send(request, lambda answer: exchange.succeed(Answer(502, {}, b"<html>Bad gateway</html>")))
        elif fate != "message lost":
            for _ in range(2 if fate == "message doubled" else 1):
                self._send(request, lambda answer: _hand_over(exchange, answer))

    def _arrive_late(self, request: Request) -> None:
        self.on_the_way -= 1
        SCHEDULER.note(f"late: {request.method} {request.path[:14]}")
        self._send(request, lambda answer: None)

    def _send(self, request: Request, then: Callable[[Any], None]) -> None:
        if not self._deliver(request, then):
            then(Died)


def _hand_over(exchange: Exchange, answer: Any) -> None:
    if answer is Died:
        exchange.reset()
    else:
        exchange.succeed(answer)


class Adapter:
    """As `common.upstream.adapter.KeepAliveAdapter`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def send(self, request: requests.PreparedRequest, patience: Patience) -> requests.Response:
        path = "/" + str(request.url).split("/", 3)[3]
        answer = self._network.exchange(
            Request(str(request.method), path, request.headers, request.body or b""),  # type: ignore[arg-type]
            patience,
        )
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = answer.body
        return response
