"""What the products service reads and writes."""

from typing import Any

from rest_framework import serializers

from common.serializers import PageQuery, PageSerializer, StrictSerializer

from .models import SKU_FORMAT, Category, Product, Reservation, ReservationLine, StockMovement
from .search import NEWEST_FIRST, ORDERINGS

MAX_LINES = 100
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
        # The constraint decides, not a look-up before it.
        extra_kwargs = {"slug": {"required": False, "validators": []}}


class CategoryPage(PageSerializer):
    results = CategorySerializer(many=True)


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
    """A product as staff write it; `stock` is the ledger's."""

    category = serializers.SlugRelatedField(slug_field="slug", queryset=Category.objects.all())

    class Meta:
        model = Product
        fields: tuple[str, ...] = ("sku", "name", "description", "price", "currency", "category")
        # The constraint decides who has a SKU, not a look-up before it.
        extra_kwargs = {"sku": {"validators": [SKU_FORMAT]}}


class NewProductInput(ProductInput):
    """A new product may bring its first stock."""

    class Meta(ProductInput.Meta):
        fields = (*ProductInput.Meta.fields, "stock")
        extra_kwargs: dict[str, Any] = {
            **ProductInput.Meta.extra_kwargs,
            "stock": {"max_value": 1_000_000_000},
        }


class ProductPage(PageSerializer):
    results = ProductSerializer(many=True)


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


class MovementPage(PageSerializer):
    results = MovementSerializer(many=True)


class WantedInput(StrictSerializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class ReservationInput(StrictSerializer):
    items: Any = serializers.ListSerializer(child=WantedInput(), min_length=1, max_length=MAX_LINES)

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({item["product_id"] for item in items}) < len(items):
            raise serializers.ValidationError("A product is named twice.", code="repeated")
        return items


class ReservationLineSerializer(serializers.ModelSerializer[ReservationLine]):
    product_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = ReservationLine
        fields = ("product_id", "sku", "name", "unit_price", "quantity")
        read_only_fields = fields


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
    items = ReservationLineSerializer(many=True, source="lines", read_only=True)

    class Meta:
        model = Reservation
        fields = ("order_id", "state", "currency", "items", "refusal")
        read_only_fields = fields
