"""The stock and the reservations that an audit compares, hidden and released ones too. Only the operator reads them.

It may also have a reservation released whose order nobody knows.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.audit import AuditViewSet, Row, quantities

from .models import Product, Reservation, ReservationLine, StockMovement
from .reservations import release_ownerless

log = structlog.get_logger(__name__)


class StockRow(serializers.Serializer[Any]):
    """At rest, `stock` is `moved` (the ledger's sum) minus `held` (the sum of all unreleased reservations)."""

    product_id = serializers.UUIDField()
    sku = serializers.CharField()
    stock = serializers.IntegerField()
    moved = serializers.IntegerField()
    held = serializers.IntegerField()


class ReservationRow(serializers.Serializer[Any]):
    """`items` are the quantities that it took, by product id. `ownerless`: no order has it, and that was dealt with."""

    order_id = serializers.UUIDField()
    state = serializers.CharField()
    ownerless = serializers.BooleanField()
    items: Any = serializers.DictField(child=serializers.IntegerField())


class StockAudit(AuditViewSet):
    serializer_class = StockRow
    lookup_url_kwarg = "product_id"

    def get_queryset(self) -> "QuerySet[Product, Any]":
        """One statement, so that the three numbers of a product belong to the same moment."""
        movements = StockMovement.objects.filter(product=OuterRef("pk")).order_by().values("product")
        reserved = ReservationLine.objects.filter(
            reservation__state=Reservation.State.HELD, product=OuterRef("pk")
        ).values("product")
        return Product.objects.values(
            "sku",
            "stock",
            product_id=F("pk"),
            moved=Coalesce(Subquery(movements.values(n=Sum("delta"))), 0, output_field=IntegerField()),
            held=Coalesce(Subquery(reserved.values(n=Sum("quantity"))), 0, output_field=IntegerField()),
        )


class ReservationAudit(AuditViewSet):
    queryset = Reservation.objects.values_list("pk", "state", "ownerless_at")
    serializer_class = ReservationRow
    lookup_url_kwarg = "order_id"

    def shown(self, found: Sequence[Any]) -> list[Row]:
        lines = ReservationLine.objects.filter(reservation__gte=found[0][0], reservation__lte=found[-1][0]).order_by()
        items = quantities(lines.values_list("reservation_id", "product_id", "quantity"))
        return [
            {"order_id": order_id, "state": state, "ownerless": ownerless_at is not None, "items": items[order_id]}
            for order_id, state, ownerless_at in found
        ]

    def destroy(self, request: Request, order_id: UUID) -> Response:
        """Give back what an order holds that orders doesn't know. A reservation that is there may be told so again."""
        reservation = release_ownerless(order_id=order_id)
        if reservation is None:
            raise Http404
        items = {str(line.product_id): line.quantity for line in reservation.loaded_lines}
        log.warning("a reservation without an order was released", order_id=str(order_id), items=items)
        return Response(status=204)
