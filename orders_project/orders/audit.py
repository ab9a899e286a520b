"""The orders that an audit compares, hidden ones too. Only the operator may read them."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from common.api.audit import AuditViewSet, Row, quantities

from .models import Order, OrderLine


class OrderRow(serializers.Serializer[Any]):
    """`wants` is empty when nothing is left to ask products for. Otherwise `attempts` failed, at last `last_error`.

    `items` are quantities by product id. An order has them once it is confirmed.
    """

    order_id = serializers.UUIDField()
    status = serializers.CharField()
    wants = serializers.CharField(allow_blank=True)
    attempts = serializers.IntegerField()
    last_error = serializers.CharField(allow_blank=True)
    items: Any = serializers.DictField(child=serializers.IntegerField())


class OrderAudit(AuditViewSet):
    queryset = Order.objects.values_list("pk", "status", "wants", "attempts", "last_error")
    serializer_class = OrderRow
    lookup_url_kwarg = "order_id"

    def shown(self, found: Sequence[Any]) -> list[Row]:
        lines = OrderLine.objects.filter(order__gte=found[0][0], order__lte=found[-1][0]).order_by()
        items = quantities(lines.values_list("order_id", "product_id", "quantity"))
        return [
            {
                "order_id": order_id,
                "status": status,
                "wants": wants,
                "attempts": attempts,
                "last_error": last_error,
                "items": items[order_id],
            }
            for order_id, status, wants, attempts, last_error in found
        ]
