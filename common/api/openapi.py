"""What drf-spectacular needs to know about Plaza's classes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from common.api.audit import AuditViewSet
from common.api.serializers import StrictSerializer
from common.api.views import KeysetListView

NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"  # what Python strips, as a regular expression of ECMAScript


class InternalTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.identity.InternalTokenAuthentication"
    name = "internalToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class Schema(AutoSchema):
    """Adds limits of fields that the library leaves out."""

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def get_override_parameters(self) -> list[Any]:
        view: Any = self.view
        reads_query = isinstance(view, KeysetListView | AuditViewSet) and self._is_list_view()
        return [view.query_serializer_class] if reads_query else []

    def get_request_serializer(self) -> Any:
        """Of a DELETE only where the view names one: the library would take that of the answers."""
        if self.method == "DELETE":
            return getattr(self.view, "delete_serializer_class", None)
        return super().get_request_serializer()

    def _get_request_body(self, direction: Any = "request") -> Any:
        """A DELETE may have one where the server says so (RFC 9110, 9.3.5). The library leaves it out."""
        serializer = self.get_request_serializer() if self.method == "DELETE" else None
        if serializer is None:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        schema, _ = self._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        return {"content": {media_type: {"schema": schema} for media_type in self.map_parsers()}}

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
    """The bounds of a decimal that is sent as a number."""
    beyond = 10**field.max_whole_digits
    least = {"exclusiveMinimum": -beyond} if field.min_value is None else {"minimum": field.min_value}
    return {**least, "exclusiveMaximum": beyond}
