"""What the orders service receives and answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.api.serializers import MomentField, PageQuery, StrictSerializer

from .models import Order, OrderEvent, OrderLine, Status

MAX_LINES = 100
MAX_QUANTITY = 10_000


class ItemSerializer(serializers.ModelSerializer[OrderLine]):
    line_total = serializers.SerializerMethodField()

    class Meta:
        model = OrderLine
        fields = ("product_id", "sku", "name", "unit_price", "quantity", "line_total")
        read_only_fields = fields

    @extend_schema_field(serializers.DecimalField(max_digits=19, decimal_places=2, allow_null=True))
    def get_line_total(self, line: OrderLine) -> str | None:
        return None if line.unit_price is None else f"{line.unit_price * line.quantity:.2f}"


class EventSerializer(serializers.ModelSerializer[OrderEvent]):
    class Meta:
        model = OrderEvent
        fields = ("status", "at", "by")
        read_only_fields = fields


class OrderSerializer(serializers.ModelSerializer[Order]):
    items = ItemSerializer(many=True, source="loaded_lines", read_only=True)
    history = EventSerializer(many=True, source="loaded_events", read_only=True)

    class Meta:
        model = Order
        fields = (
            "id",
            "user_id",
            "status",
            "items",
            "total",
            "currency",
            "note",
            "shipping_address",
            "reason",
            "history",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ItemInput(StrictSerializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class OrderInput(StrictSerializer):
    items: Any = serializers.ListSerializer(child=ItemInput(), min_length=1, max_length=MAX_LINES)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=1000)
    shipping_address = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({item["product_id"] for item in items}) < len(items):
            raise serializers.ValidationError("A product is named twice.", code="repeated")
        return items


class OrderChange(StrictSerializer):
    note = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    shipping_address = serializers.CharField(required=False, allow_blank=True, max_length=500)
    status = serializers.ChoiceField(required=False, choices=Status.choices)


class OrderQuery(PageQuery):
    status = serializers.ChoiceField(required=False, choices=Status.choices)
    created_after = MomentField(required=False)
    created_before = MomentField(required=False)
    user_id = serializers.UUIDField(required=False)
