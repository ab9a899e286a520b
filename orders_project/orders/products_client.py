"""The products service as orders sees it: reserve and release stock. Both are answered with a verdict."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings

from common.identity import TokenIssuer
from common.resilience import Deadline
from common.upstream import Answer, BrokenContract, Call, Transport, Upstream, UpstreamError

Items = Sequence[tuple[UUID, int]]  # product ids and quantities

Contract = TypeVar("Contract")

READY = Call("GET", "/health/ready")
MAX_TOGETHER = 20  # orders in one call
LINE_S = 0.01  # that each line of an order adds to the time that products may take


class CallRejected(UpstreamError):
    """Products answered 4xx. This says nothing about its health, but as long as it is so, there is no verdict."""

    cause = "call_rejected"


Price = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,10}\.[0-9]{2}\Z")]


class VerdictLine(msgspec.Struct):
    product_id: UUID
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    unit_price: Price
    quantity: Annotated[int, msgspec.Meta(ge=1)]


class ShortItem(msgspec.Struct):
    product_id: UUID
    requested: int
    available: int


class Refusal(msgspec.Struct):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    detail: Annotated[str, msgspec.Meta(min_length=1)]
    items: list[ShortItem]


class VerdictAnswer(msgspec.Struct):
    """The contract: what an answer of products must contain."""

    order_id: UUID
    state: Literal["held", "refused", "released"]
    currency: Annotated[str, msgspec.Meta(max_length=3)]
    items: list[VerdictLine]
    refusal: Refusal | None


class VerdictAnswers(msgspec.Struct):
    results: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class HeldLine:
    product_id: UUID
    sku: str
    name: str
    unit_price: Decimal
    quantity: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Products' decision on an order. `refusal` is its `{"reason", "detail", "items"}`, or None."""

    state: str
    currency: str
    lines: tuple[HeldLine, ...]
    refusal: dict[str, Any] | None


class ProductsClient:
    """Both calls may be repeated: products keeps one verdict for each order. The tokens name no user and no role."""

    def __init__(self, upstream: Upstream, transport: Transport, issuer: TokenIssuer) -> None:
        self.upstream = upstream
        self._transport = transport
        self._issuer = issuer

    def is_ready(self) -> bool:
        """Products itself says that all is well: it answers, and it can write. No circuit has a part in this."""
        try:
            answer = self._transport.exchange(READY, Deadline.after(self.upstream.policy.probe_timeout_s))
            return answer.status == 200 and bool(json.loads(answer.body)["status"] == "ok")
        except (UpstreamError, ValueError, TypeError, KeyError, RecursionError):
            return False

    def is_available(self) -> bool:
        """It is worth asking for a verdict. While a circuit is open, its own prober asks products."""
        return self.upstream.circuit.state == "closed" and self.is_ready()

    def reserve(
        self, order_id: UUID, items: Items, deadline: Deadline | None = None, caller: UUID | None = None
    ) -> Verdict:
        """`caller` is the user whose order it is. Raises `UpstreamError`."""
        call = self._call("PUT", f"/reservations/{order_id}/", {"items": _plain_items(items)}, LINE_S * len(items))
        return self.upstream.call(call, lambda answer: self._read(answer, order_id, items), deadline, caller)

    def reserve_for_all(self, orders: Mapping[UUID, Items]) -> dict[UUID, Verdict]:
        """At most `MAX_TOGETHER` orders. One whose verdict breaks the contract is left out. Raises `UpstreamError`."""
        body = {"orders": [{"order_id": order_id, "items": _plain_items(orders[order_id])} for order_id in orders]}
        more_time_s = LINE_S * sum(map(len, orders.values()))
        call = self._call("POST", "/reservations/", body, more_time_s)
        return self.upstream.call(call, lambda answer: self._read_all(answer, orders))

    def release(self, order_id: UUID, deadline: Deadline | None = None, caller: UUID | None = None) -> Verdict:
        """Raises `UpstreamError`."""
        call = self._call("DELETE", f"/reservations/{order_id}/")
        return self.upstream.call(call, lambda answer: self._read(answer, order_id, None), deadline, caller)

    def _call(self, method: str, path: str, body: Any = None, more_time_s: float = 0) -> Call:
        headers = {"Authorization": f"Bearer {self._issuer.issue()}"}
        content = None if body is None else msgspec.json.encode(body)
        return Call(method, path, body=content, headers=headers, replay_safe=True, more_time_s=more_time_s)

    def _read(self, answer: Answer, order_id: UUID, may_hold: Items | None) -> Verdict:
        return self._verdict(self._decoded(self._content(answer), VerdictAnswer), order_id, may_hold)

    def _read_all(self, answer: Answer, orders: Mapping[UUID, Items]) -> dict[UUID, Verdict]:
        results = self._decoded(self._content(answer), VerdictAnswers).results
        if len(results) != len(orders):
            raise BrokenContract(self.upstream.name, "not a verdict for each order")
        verdicts = {}
        for (order_id, items), result in zip(orders.items(), results, strict=True):
            with suppress(BrokenContract):
                verdicts[order_id] = self._verdict(self._decoded(result, VerdictAnswer), order_id, items)
        return verdicts

    def _content(self, answer: Answer) -> bytes:
        """Raises `CallRejected` or `BrokenContract`."""
        if answer.status >= 400:
            raise CallRejected(self.upstream.name, f"answered {answer.status}")
        if answer.status >= 300:
            raise BrokenContract(self.upstream.name, f"answered {answer.status}")
        return answer.body

    def _decoded(self, content: bytes | msgspec.Raw, contract: type[Contract]) -> Contract:
        """Raises `BrokenContract`."""
        try:
            return msgspec.json.decode(content, type=contract)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BrokenContract(self.upstream.name, f"the verdict: {error}") from error

    def _verdict(self, answer: VerdictAnswer, order_id: UUID, may_hold: Items | None) -> Verdict:
        """Raises `BrokenContract`."""
        lines = sorted((item.product_id, item.quantity) for item in answer.items)
        is_expected = may_hold is not None and lines == sorted(may_hold)
        held_otherwise = answer.state == "held" and not (is_expected and answer.currency)
        refusal_is_odd = (answer.state == "refused") != bool(answer.refusal)
        if answer.order_id != order_id or held_otherwise or refusal_is_odd:
            raise BrokenContract(self.upstream.name, "the verdict contradicts itself")
        held = tuple(
            HeldLine(item.product_id, item.sku, item.name, Decimal(item.unit_price), item.quantity)
            for item in answer.items
        )
        return Verdict(answer.state, answer.currency, held, msgspec.to_builtins(answer.refusal))


def _plain_items(items: Items) -> list[dict[str, Any]]:
    return [{"product_id": product_id, "quantity": quantity} for product_id, quantity in items]


@cache
def products_client() -> ProductsClient:
    """The one client of this process, with its one circuit."""
    url, policy = settings.PRODUCTS_URL, settings.PRODUCTS_POLICY
    transport = Transport("products", url, policy)
    upstream = Upstream("products", url, policy, lane="reservations", transport=transport)
    return ProductsClient(upstream, transport, TokenIssuer("orders", "products", settings.PRODUCTS_KEY))
