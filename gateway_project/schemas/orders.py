"""Orders."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html

from common.api.serializers import MomentField, PageQuery, PageSerializer, StrictSerializer

STATUSES = ("pending", "confirmed", "rejected", "paid", "shipped", "delivered", "cancelled")
# What pages offer to do next with an order: the statuses in which each may be asked for. The service decides.
MOVES = {
    "paid": ("confirmed",),
    "shipped": ("paid",),
    "delivered": ("shipped",),
    "cancelled": ("pending", "confirmed", "paid"),
}
EDITABLE = ("pending", "confirmed", "paid")
FINISHED = ("delivered", "rejected", "cancelled")
MAX_LINES = 100
MAX_QUANTITY = 10_000


class OrderItem(StrictSerializer):
    """Name and prices are the catalogue's when it took the order, null until then."""

    product_id = serializers.UUIDField()
    sku = serializers.CharField(read_only=True, allow_null=True)
    name = serializers.CharField(read_only=True, allow_null=True)
    unit_price = serializers.DecimalField(max_digits=12, decimal_places=2, read_only=True, allow_null=True)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    line_total = serializers.DecimalField(max_digits=19, decimal_places=2, read_only=True, allow_null=True)


class OrderItems(serializers.ListSerializer[Any]):
    """A browser's form has several rows; the empty ones don't count."""

    def get_value(self, dictionary: Any) -> Any:
        rows = super().get_value(dictionary)
        if not html.is_html_input(dictionary) or rows is empty:
            return rows
        return [row for row in rows if any(row.values())]


class OrderEvent(serializers.Serializer[Any]):
    """One step; `by` is a user, or null where the catalogue decided."""

    status = serializers.ChoiceField(choices=STATUSES)
    at = serializers.DateTimeField()
    by = serializers.UUIDField(allow_null=True)


class Order(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    user_id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=STATUSES, read_only=True)
    items: Any = OrderItems(child=OrderItem(), min_length=1, max_length=MAX_LINES)
    total = serializers.DecimalField(max_digits=19, decimal_places=2, read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True, allow_null=True)
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    shipping_address = serializers.CharField(max_length=500, required=False, allow_blank=True)
    reason = serializers.CharField(read_only=True, allow_null=True, help_text="Why it was rejected.")
    history = OrderEvent(many=True, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({item["product_id"] for item in items}) < len(items):
            raise serializers.ValidationError("A product is named twice.", code="repeated")
        return items


class OrderPage(PageSerializer):
    results = Order(many=True)


class OrderChange(StrictSerializer):
    """`note` and `shipping_address` until it is shipped; `status` by staff: paid, shipped, delivered."""

    note = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    shipping_address = serializers.CharField(max_length=500, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=STATUSES, required=False)


class OrderQuery(PageQuery):
    status = serializers.ChoiceField(required=False, choices=STATUSES)
    created_after = MomentField(required=False)
    created_before = MomentField(required=False)
    user_id = serializers.UUIDField(required=False)
