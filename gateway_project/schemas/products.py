"""Categories, products and their stock."""

from typing import Any

from rest_framework import serializers

from common.api.serializers import AmountField, PageQuery, PageSerializer, StrictSerializer
from common.catalogue import DEFAULT_CURRENCY, CurrencyField, SkuField, check_price

ORDERINGS = tuple(sign + column for column in ("created_at", "price", "name") for sign in ("", "-"))
MAX_STOCK = 1_000_000_000


class Category(StrictSerializer):
    slug = serializers.SlugField(max_length=60, required=False, help_text="Made of the name when absent.")
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(
        max_length=2000, required=False, allow_blank=True, style={"base_template": "textarea.html", "rows": 3}
    )


class CategoryPage(PageSerializer):
    results = Category(many=True)


class Product(StrictSerializer):
    """`stock` is the ledger's: written at creation and by stock/ only."""

    id = serializers.UUIDField(read_only=True)
    sku = SkuField()
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(
        max_length=10_000,
        required=False,
        allow_blank=True,
        style={"base_template": "textarea.html", "rows": 4},
    )
    price = AmountField(max_digits=12, decimal_places=2, min_value=0)
    currency = CurrencyField(required=False, initial=DEFAULT_CURRENCY)
    stock = serializers.IntegerField(read_only=True)
    category = serializers.SlugField(max_length=60, help_text="A category's slug.")
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Where only one of the two is sent, products knows the other."""
        if "price" in attrs and "currency" in attrs:
            check_price(attrs["price"], attrs["currency"])
        return attrs


class ProductPage(PageSerializer):
    results = Product(many=True)


class NewProduct(Product):
    stock = serializers.IntegerField(min_value=0, max_value=MAX_STOCK, required=False, initial=0)


class ProductQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=200)
    category = serializers.SlugField(required=False, max_length=60)
    min_price = AmountField(required=False, max_digits=12, decimal_places=2, min_value=0)
    max_price = AmountField(required=False, max_digits=12, decimal_places=2, min_value=0)
    in_stock = serializers.BooleanField(required=False, allow_null=True, default=None)
    ordering = serializers.ChoiceField(required=False, choices=ORDERINGS)


class StockMovement(StrictSerializer):
    """A row of the ledger."""

    id = serializers.UUIDField(read_only=True)
    delta = serializers.IntegerField(min_value=-MAX_STOCK, max_value=MAX_STOCK, help_text="Not 0.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    by = serializers.UUIDField(read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(read_only=True)

    def validate_delta(self, delta: int) -> int:
        if delta == 0:
            raise serializers.ValidationError("A movement of 0 moves nothing.", code="zero")
        return delta


class StockMovementPage(PageSerializer):
    results = StockMovement(many=True)
