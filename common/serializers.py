"""Serializers that refuse what they don't know by name, and the query parameters that every list has."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.utils import html

from common.pagination import MAX_PAGE_SIZE

# The JSON type that a field takes, and what is said of any other: a field by itself would read "5" as 5, 5 as "5",
# "no" as false, and false as a UUID. A decimal may be a number too.
TYPES: Mapping[type[serializers.Field[Any, Any, Any, Any]], type] = {
    serializers.BooleanField: bool,
    serializers.IntegerField: int,
    serializers.CharField: str,
    serializers.ChoiceField: str,
    serializers.DateTimeField: str,
    serializers.UUIDField: str,
}
REFUSALS: Mapping[type, Any] = {
    bool: serializers.BooleanField.default_error_messages["invalid"],
    int: serializers.IntegerField.default_error_messages["invalid"],
    str: serializers.CharField.default_error_messages["invalid"],
}


class StrictSerializer(serializers.Serializer[Any]):
    """Unknown members and, in JSON, wrong types are errors, each at its own pointer."""

    def to_internal_value(self, data: Any) -> Any:
        errors = dict(self._refused(data)) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise ValidationError({**error.detail, **errors}) from error
        if errors:
            raise ValidationError(errors)
        return values

    def _refused(self, data: Mapping[str, Any]) -> Iterator[tuple[str, list[ErrorDetail]]]:
        is_form = html.is_html_input(data)
        for name in data:
            field = self.fields.get(name.partition("[")[0] if is_form else name)  # a form's list: items[0]quantity
            if field is None and name != "csrfmiddlewaretoken":
                yield str(name), [ErrorDetail(str(_("Unknown member.")), code="unknown")]
            elif field is not None and field.read_only:
                yield name, [ErrorDetail(str(_("This member cannot be written.")), code="read-only")]
            elif not is_form and (wanted := _unmet_type(field, data[name])):
                yield name, [ErrorDetail(str(REFUSALS[wanted]), code="invalid")]


def _unmet_type(field: Any, value: Any) -> type | None:
    """The type that `field` takes, if `value` has another; null is the field's own affair, and 5.0 an integer."""
    wanted = next((TYPES[kind] for kind in type(field).__mro__ if kind in TYPES), None)
    if wanted is None or value is None or type(value) is wanted:
        return None
    return None if wanted is int and isinstance(value, float) and value.is_integer() else wanted


class QuerySerializer(serializers.Serializer[Any]):
    """Query parameters: unknown or doubled ones are 400, an empty value counts as absent."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """The validated parameters of `request`; absent ones without a default are left out."""
        given: QueryDict = request.query_params
        known = set(cls().fields) | {"format"}
        errors: dict[str, Any] = {}
        for name, values in given.lists():
            if name not in known:
                errors[f"?{name}"] = [ErrorDetail(str(_("Unknown query parameter.")), code="unknown")]
            elif len(values) > 1:
                errors[f"?{name}"] = [ErrorDetail(str(_("Given more than once.")), code="repeated")]
        serializer = cls(data={name: value for name, value in given.items() if value != "" and name in known})
        if not serializer.is_valid():
            # What is wrong with several together is at no parameter of its own.
            errors |= {f"?{name}" if name in known else name: detail for name, detail in serializer.errors.items()}
        if errors:
            raise ValidationError(errors)
        return {name: value for name, value in serializer.validated_data.items() if value is not None}


class PageQuery(QuerySerializer):
    # Of signing's alphabet: other characters grow in a URL, past what a service reads as a request line.
    cursor = serializers.RegexField(r"^[A-Za-z0-9_.:-]+\Z", required=False, max_length=2000)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_PAGE_SIZE)


class PageSerializer(serializers.Serializer[Any]):
    """The envelope of a list; a subclass adds `results`."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
