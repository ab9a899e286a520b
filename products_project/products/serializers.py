"""What the products service receives and answers."""

from typing import Any

from rest_framework import serializers

from common.api.serializers import PageQuery, StrictSerializer
from common.catalogue import CurrencyField, SkuField

from .models import MAX_STOCK, Category, Product, Reservation, ReservationLine, StockMovement
from .search import NEWEST_FIRST, ORDERINGS

MAX_LINES = 100
MAX_ORDERS = 20
MAX_QUANTITY = 10_000


class CategorySerializer(serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("slug", "name", "description")
        read_only_fields = fields


class CategoryInput(StrictSerializer, serializers.ModelSerializer[Category]):
    class Meta:
        model = Category
        fields = ("slug", "name", "description")
        # The database's constraint decides, not a query before the write.
        extra_kwargs = {"slug": {"required": False, "validators": []}}


class ProductSerializer(serializers.ModelSerializer[Product]):
    category = serializers.SlugField(source="category.slug", read_only=True)

    class Meta:
        model = Product
        fields = (
            "id",
            "sku",
            "name",
            "description",
            "price",
            "currency",
            "stock",
            "category",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ProductInput(StrictSerializer, serializers.ModelSerializer[Product]):
    """The fields that staff may change. `stock` is changed by ledger rows only."""

    sku = SkuField()  # the database's constraint decides who gets it, not a query before the write
    currency = CurrencyField(required=False)
    category = serializers.SlugRelatedField(slug_field="slug", queryset=Category.objects.all())

    class Meta:
        model = Product
        fields: tuple[str, ...] = ("sku", "name", "description", "price", "currency", "category")


class NewProductInput(ProductInput):
    """A new product may have a first stock."""

    class Meta(ProductInput.Meta):
        fields = (*ProductInput.Meta.fields, "stock")
        extra_kwargs = {"stock": {"max_value": MAX_STOCK}}


class ProductQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=200)
    category = serializers.SlugField(required=False, max_length=60)
    min_price = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0)
    max_price = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0)
    in_stock = serializers.BooleanField(required=False, allow_null=True, default=None)
    ordering = serializers.ChoiceField(required=False, choices=ORDERINGS, default=NEWEST_FIRST)


class MovementSerializer(serializers.ModelSerializer[StockMovement]):
    class Meta:
        model = StockMovement
        fields = ("id", "delta", "reason", "by", "created_at")
        read_only_fields = fields


class MovementInput(StrictSerializer):
    delta = serializers.IntegerField(min_value=-1_000_000_000, max_value=1_000_000_000)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)

    def validate_delta(self, delta: int) -> int:
        if delta == 0:
            raise serializers.ValidationError("A movement of 0 moves nothing.", code="zero")
        return delta


class WantedInput(StrictSerializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class ReservationInput(StrictSerializer):
    items: Any = serializers.ListSerializer(child=WantedInput(), min_length=1, max_length=MAX_LINES)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({item["product_id"] for item in items}) < len(items):
            raise serializers.ValidationError("A product is named twice.", code="repeated")
        return items


class BatchedReservationInput(ReservationInput):
    order_id = serializers.UUIDField()


class ReservationBatchInput(StrictSerializer):
    orders: Any = serializers.ListSerializer(child=BatchedReservationInput(), min_length=1, max_length=MAX_ORDERS)

    def validate_orders(self, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({order["order_id"] for order in orders}) < len(orders):
            raise serializers.ValidationError("An order is named twice.", code="repeated")
        return orders


class ReservationLineSerializer(serializers.ModelSerializer[ReservationLine]):
    product_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = ReservationLine
        fields = ("product_id", "sku", "name", "unit_price", "quantity")
        read_only_fields = fields


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
    items = ReservationLineSerializer(many=True, source="loaded_lines", read_only=True)

    class Meta:
        model = Reservation
        fields = ("order_id", "state", "currency", "items", "refusal")
        read_only_fields = fields


class ReservationBatchSerializer(serializers.Serializer[Any]):
    results = ReservationSerializer(many=True)
