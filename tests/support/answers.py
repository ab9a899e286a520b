"""Whether answers are what DRF would make of the same serializers."""

import json
from datetime import UTC
from types import ModuleType, SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from rest_framework import serializers

from common.api.answers import encode, presenter_of
from common.api.rendering import JSONRenderer
from common.api.serializers import PageSerializer, QuerySerializer, StrictSerializer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[type[Any], st.SearchStrategy[Any]] = {
    serializers.BooleanField: st.booleans(),
    serializers.CharField: st.text(st.characters(exclude_categories=["Cs"])),
    serializers.DateTimeField: st.datetimes(timezones=st.just(UTC)),
    serializers.IntegerField: st.integers(-(2**31), 2**31),
    serializers.JSONField: JSON,
    serializers.UUIDField: st.uuids(),
}


def answer_serializers(module: ModuleType) -> list[type[Any]]:
    """Those of the serializers defined in `module` that answers are made with."""
    read = (StrictSerializer, QuerySerializer, PageSerializer)
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and issubclass(value, serializers.Serializer)
        and not issubclass(value, read)
    ]


def instances(serializer: Any) -> st.SearchStrategy[Any]:
    """What `serializer` can show."""
    make = SimpleNamespace if isinstance(serializer, serializers.ModelSerializer) else dict
    members: dict[str, Any] = {}
    for field in serializer.fields.values():
        if isinstance(field, serializers.SerializerMethodField):
            continue
        first, _, rest = field.source.partition(".")
        value = _values(field)
        members[first] = st.builds(SimpleNamespace, **{rest: value}) if rest else value
    return st.builds(make, **members)


def _values(field: Any) -> st.SearchStrategy[Any]:
    if isinstance(field, serializers.ListSerializer):
        values = st.lists(instances(field.child), max_size=3)
    elif isinstance(field, serializers.Serializer):
        values = instances(field)
    elif isinstance(field, serializers.DecimalField):
        limit = 10 ** (field.max_digits - field.decimal_places) - 1
        values = st.decimals(-limit, limit, places=field.decimal_places)
    elif isinstance(field, serializers.ChoiceField):
        values = st.sampled_from(list(field.choices))
    else:
        values = next(values for kind, values in VALUES.items() if isinstance(field, kind))
    return st.none() | values if field.allow_null else values


def assert_same(schema: type[Any], instance: Any) -> None:
    """The same values, members and order of members. DRF's renderer escapes two characters more."""
    by_drf = JSONRenderer().render(schema(instance).data)
    compiled = encode(presenter_of(schema)(instance))
    assert json.loads(compiled, object_pairs_hook=list) == json.loads(by_drf, object_pairs_hook=list)
