"""RFC 9457, as all four projects word it."""

from typing import Any, ClassVar

from rest_framework import serializers


class ProblemError(serializers.Serializer[Any]):
    """One fault of the input, at a JSON pointer (RFC 6901), or at `?name` for a query parameter."""

    pointer = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()
    code = serializers.CharField()


class ShortItem(serializers.Serializer[Any]):
    product_id = serializers.UUIDField()
    requested = serializers.IntegerField()
    available = serializers.IntegerField()


class Problem(serializers.Serializer[Any]):
    """`type` is stable for each cause; `errors` comes with bad input, `items` and `order_id` with refused orders."""

    optional_fields: ClassVar[frozenset[str]] = frozenset({"errors", "items", "order_id"})

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(allow_blank=True)
    instance = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)
    errors = ProblemError(many=True, required=False)  # type: ignore[assignment]
    items = ShortItem(many=True, required=False)
    order_id = serializers.UUIDField(required=False)
