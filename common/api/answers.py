"""What services answer: JSON, encoded by functions that are compiled once from DRF's serializers.

A serializer stays the definition of an answer, and its schema. DRF builds its fields anew for each answer and asks each
of them for each value, which takes some ten times as long as all of this. A test holds both to the same bytes.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

Reader = Callable[[Any], Any]
Schema = Callable[[], Any]  # a serializer's class

# The fields whose values msgspec writes as DRF does. Their subclasses are written in the same way.
PLAIN = (
    serializers.BooleanField,
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateTimeField,
    serializers.IntegerField,
    serializers.JSONField,
    serializers.UUIDField,
)

encode = msgspec.json.Encoder().encode


def respond_with(
    schema: Schema, instance: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that holds `instance` as `schema` shows it."""
    return respond(encode(presenter_of(schema)(instance)), status=status, headers=headers)


class EncodedResponse(Response):
    """With nothing left to render, so without all that DRF and Django keep for that."""

    def __init__(self, body: bytes, *, status: int, headers: Mapping[str, str] | None) -> None:
        HttpResponse.__init__(self, body, status=status, headers=headers, content_type="application/json")
        self.data = None


def respond(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return EncodedResponse(body, status=status, headers=headers)


@cache
def presenter_of(schema: Schema) -> Reader:
    """A function from an instance, or from a dictionary, to what `encode` takes.

    Raises:
        TypeError: a field is of a kind that has no compiled form.
    """
    return _presenter(schema())


@cache
def columns_of(schema: Schema) -> tuple[str, ...]:
    """What `values()` must select to get the dictionaries that `schema` shows. Empty where it needs instances."""
    fields = schema().fields.values()
    is_flat = all(isinstance(field, (*PLAIN, serializers.DecimalField)) for field in fields)
    return tuple(_lookup(field.source) for field in fields) if is_flat else ()


def _lookup(source: str) -> str:
    return source.replace(".", "__")


def _member(source: str) -> Reader:
    return itemgetter(_lookup(source))


def _presenter(serializer: Any) -> Reader:
    fields = [field for field in serializer.fields.values() if not field.write_only]
    of_instance = [(field.field_name, _reader(serializer, field, attrgetter)) for field in fields]
    of_dictionary = [(field.field_name, _reader(serializer, field, _member)) for field in fields]

    def present(instance: Any) -> dict[str, Any]:
        readers = of_dictionary if isinstance(instance, dict) else of_instance
        return {name: read(instance) for name, read in readers}

    return present


def _reader(serializer: Any, field: Any, get: Callable[[str], Reader]) -> Reader:
    if isinstance(field, serializers.SerializerMethodField):
        method: Reader = getattr(serializer, field.method_name or f"get_{field.field_name}")
        return method
    read = get(field.source)
    if isinstance(field, PLAIN):
        return read
    return _converting(read, _conversion(field))


def _conversion(field: Any) -> Reader:
    if isinstance(field, serializers.ListSerializer):
        return _listing(_presenter(field.child))
    if isinstance(field, serializers.Serializer):
        return _presenter(field)
    if isinstance(field, serializers.DecimalField):
        return f"{{:.{field.decimal_places}f}}".format
    raise TypeError(f"{field.field_name}: {type(field).__name__} has no compiled form")


def _converting(read: Reader, convert: Reader) -> Reader:
    def converted(instance: Any) -> Any:
        value = read(instance)
        return None if value is None else convert(value)

    return converted


def _listing(present: Reader) -> Reader:
    def listed(rows: Iterable[Any]) -> list[Any]:
        return [present(row) for row in rows]

    return listed
