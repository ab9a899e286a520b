"""Products as orders knows it: reserve and release, answered by a verdict."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from common.identity import TokenIssuer
from common.resilience import Deadline
from common.upstream import Answer, BrokenContract, Call, Upstream


class NotUnderstood(Exception):
    """Products answered 4xx: it won't take this request however often it is sent."""


class VerdictLine(serializers.Serializer[Any]):
    product_id = serializers.UUIDField()
    sku = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=200)
    unit_price = serializers.DecimalField(max_digits=12, decimal_places=2)
    quantity = serializers.IntegerField(min_value=1)


class ShortItem(serializers.Serializer[Any]):
    product_id = serializers.UUIDField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class Refusal(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=40)
    detail = serializers.CharField()
    items = ShortItem(many=True)


class VerdictAnswer(serializers.Serializer[Any]):
    """The contract: what products' answer must hold."""

    order_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=("held", "refused", "released"))
    currency = serializers.CharField(allow_blank=True, max_length=3)
    items = VerdictLine(many=True)
    refusal = Refusal(allow_null=True)


@dataclass(frozen=True, slots=True)
class HeldLine:
    product_id: UUID
    sku: str
    name: str
    unit_price: Decimal
    quantity: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`refusal` is as products gave it: `{"reason", "detail", "items"}`."""

    state: str
    currency: str
    lines: tuple[HeldLine, ...]
    refusal: dict[str, Any] | None


class ProductsClient:
    """Both calls may be repeated: products keeps one verdict an order. No user's role travels here."""

    def __init__(self, upstream: Upstream, issuer: TokenIssuer) -> None:
        self.upstream = upstream
        self._issuer = issuer

    def reserve(self, order_id: UUID, wanted: list[tuple[UUID, int]], deadline: Deadline | None = None) -> Verdict:
        """Raises `UpstreamError` or `NotUnderstood`."""
        items = [{"product_id": str(product_id), "quantity": quantity} for product_id, quantity in wanted]
        call = self._call("PUT", order_id, json.dumps({"items": items}).encode())
        return self._ask(call, lambda answer: self._read(answer, order_id, sorted(wanted)), deadline)

    def release(self, order_id: UUID, deadline: Deadline | None = None) -> Verdict:
        """Raises `UpstreamError` or `NotUnderstood`."""
        return self._ask(self._call("DELETE", order_id), lambda answer: self._read(answer, order_id, None), deadline)

    def _call(self, method: str, order_id: UUID, body: bytes | None = None) -> Call:
        headers = {"Authorization": f"Bearer {self._issuer.issue()}"}
        return Call(method, f"/reservations/{order_id}/", body=body, headers=headers, replay_safe=True)

    def _ask(self, call: Call, check: Callable[[Answer], Verdict | int], deadline: Deadline | None) -> Verdict:
        answer = self.upstream.call(call, check, deadline)
        if isinstance(answer, Verdict):
            return answer
        raise NotUnderstood(f"products answered {answer}")

    def _read(self, answer: Answer, order_id: UUID, may_hold: list[tuple[UUID, int]] | None) -> Verdict | int:
        if answer.status >= 400:
            return answer.status
        if answer.status >= 300:
            raise BrokenContract(self.upstream.name, f"answered {answer.status}")
        try:
            data = VerdictAnswer(data=json.loads(answer.body))
        except (ValueError, RecursionError) as error:
            raise BrokenContract(self.upstream.name, "the verdict is not JSON") from error
        if not data.is_valid():
            raise BrokenContract(self.upstream.name, f"the verdict's {', '.join(data.errors)}")
        values = data.validated_data
        lines = sorted((item["product_id"], item["quantity"]) for item in values["items"])
        held_otherwise = values["state"] == "held" and (lines != may_hold or not values["currency"])
        refusal_is_odd = (values["state"] == "refused") != bool(values["refusal"])
        if values["order_id"] != order_id or held_otherwise or refusal_is_odd:
            raise BrokenContract(self.upstream.name, "the verdict contradicts itself")
        lines_held = tuple(HeldLine(**item) for item in values["items"])
        return Verdict(values["state"], values["currency"], lines_held, _plain(values["refusal"]))


def _plain(refusal: dict[str, Any] | None) -> dict[str, Any] | None:
    """The checked refusal as JSON takes it, without what the contract does not name."""
    if refusal is None:
        return None
    return {**refusal, "items": [{**item, "product_id": str(item["product_id"])} for item in refusal["items"]]}


@cache
def products_client() -> ProductsClient:
    """The process's one client, with its one circuit."""
    return ProductsClient(
        Upstream("products", settings.PRODUCTS_URL, settings.PRODUCTS_POLICY),
        TokenIssuer("orders", "products", settings.PRODUCTS_KEY),
    )
