"""Answers compiled from serializers. Each service's suite compares its own with DRF's."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework import serializers

from common.api.answers import encode, presenter_of, respond_with


class Thing(serializers.ModelSerializer[Any]):
    price = serializers.DecimalField(max_digits=9, decimal_places=2)
    owner = serializers.CharField(source="owner.name")
    secret = serializers.CharField(write_only=True)
    twice = serializers.SerializerMethodField()
    made_at = serializers.DateTimeField()

    class Meta:
        model = None
        fields = ()

    def get_fields(self) -> dict[str, Any]:
        return deepcopy(self._declared_fields)

    def get_twice(self, thing: Any) -> str:
        return f"{thing.price * 2}"


class Envelope(serializers.Serializer[Any]):
    thing = Thing(allow_null=True)


THING = SimpleNamespace(
    price=Decimal("5"), owner=SimpleNamespace(name="Ada"), secret="x", made_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
)
SHOWN = b'{"price":"5.00","owner":"Ada","twice":"10","made_at":"2026-01-02T03:04:05Z"}'


def test_attributes_are_read_and_members_of_mappings() -> None:
    assert encode(presenter_of(Thing)(THING)) == SHOWN
    assert encode(presenter_of(Envelope)({"thing": THING})) == b'{"thing":%b}' % SHOWN
    assert encode(presenter_of(Envelope)({"thing": None})) == b'{"thing":null}'
    assert encode(presenter_of(Envelope)(SimpleNamespace(thing=None))) == b'{"thing":null}'


def test_an_answer_is_rendered_already() -> None:
    response = respond_with(Thing, THING, status=201, headers={"Location": "/things/1/"})
    assert (response.status_code, response["Location"], response["Content-Type"]) == (
        201,
        "/things/1/",
        "application/json",
    )
    assert (response.is_rendered, response.content) == (True, SHOWN)


def test_a_field_without_a_compiled_form_is_an_error_when_it_is_compiled() -> None:
    class Odd(serializers.Serializer[Any]):
        pause = serializers.DurationField()

    with pytest.raises(TypeError, match="pause: DurationField"):
        presenter_of(Odd)
