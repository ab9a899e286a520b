"""What drf-spectacular needs to be told about Plaza's classes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from common.serializers import StrictSerializer

NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"  # what Python strips, in words of ECMA's regular expressions


class InternalTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.identity.InternalTokenAuthentication"
    name = "internalToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Schema(AutoSchema):
    """With the limits of fields that the library leaves out."""

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        schema: Any = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if isinstance(field, serializers.DecimalField):
            schema["pattern"] = _decimal_pattern(field)
            if direction == "request" and isinstance(field.parent, StrictSerializer):
                schema |= {"type": ["string", "number"], **_decimal_bounds(field)}
        elif isinstance(field, serializers.ListSerializer) and direction == "request":
            limits = {"minItems": "min_length", "maxItems": "max_length"}
            schema |= {name: getattr(field, limit) for name, limit in limits.items() if getattr(field, limit)}
        return schema

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, serializers.CharField) and field.trim_whitespace and schema.get("minLength"):
            schema.setdefault("pattern", NOT_BLANK)


def _decimal_pattern(field: Any) -> str:
    sign = "" if field.min_value is not None and field.min_value >= 0 else "-?"
    return rf"^{sign}\d{{1,{field.max_whole_digits}}}(\.\d{{1,{field.decimal_places}}})?$"


def _decimal_bounds(field: Any) -> dict[str, Any]:
    """Of one that is sent as a number."""
    beyond = 10**field.max_whole_digits
    least = {"exclusiveMinimum": -beyond} if field.min_value is None else {"minimum": field.min_value}
    return {**least, "exclusiveMaximum": beyond}
