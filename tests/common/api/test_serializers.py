from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.api.pointers import MAX_ERRORS, flatten
from common.api.serializers import (
    AmountField,
    MomentField,
    PageQuery,
    PageSerializer,
    QuerySerializer,
    StrictSerializer,
    shared,
)


class ItemInput(StrictSerializer):
    quantity = serializers.IntegerField(min_value=1)


class OrderInput(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    note = serializers.CharField(max_length=5, required=False)
    items: Any = ItemInput(many=True)


class ShopQuery(QuerySerializer):
    search = serializers.CharField(required=False, max_length=5)
    in_stock = serializers.BooleanField(required=False, allow_null=True, default=None)
    min_price = serializers.DecimalField(required=False, max_digits=5, decimal_places=2)
    ordering = serializers.ChoiceField(required=False, choices=("name", "-name"), default="-name")


class RangeQuery(QuerySerializer):
    low = serializers.IntegerField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        raise serializers.ValidationError("low is above high")


def rows(error: ValidationError) -> list[tuple[str, str, str]]:
    return [(row["pointer"], row["code"], row["detail"]) for row in flatten(error.get_full_details())]


def refusals(data: Any, **kwargs: Any) -> list[tuple[str, str, str]]:
    serializer = OrderInput(data=data, **kwargs)
    with pytest.raises(ValidationError) as error:
        serializer.is_valid(raise_exception=True)
    with pytest.raises(ValidationError) as error_of_shared:
        OrderInput.read(data, **kwargs)
    assert rows(error_of_shared.value) == rows(error.value)
    return rows(error.value)


def read(query: str, serializer: type[QuerySerializer] = ShopQuery) -> dict[str, Any]:
    return serializer.read(Request(APIRequestFactory().get(f"/?{query}")))


def query_refusals(query: str, serializer: type[QuerySerializer] = ShopQuery) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as error:
        read(query, serializer)
    return [(pointer, code) for pointer, code, _ in rows(error.value)]


def test_known_fields_are_read() -> None:
    serializer = OrderInput(data={"note": "n", "items": [{"quantity": 2}]})
    assert serializer.is_valid()
    assert serializer.validated_data == {"note": "n", "items": [{"quantity": 2}]}


def test_the_one_that_all_requests_share_remembers_nothing_of_them() -> None:
    first = OrderInput.read({"note": "a", "items": [{"quantity": 1}]})
    assert OrderInput.read({"note": "b"}, partial=True) == {"note": "b"}
    assert refusals({"note": "b"}) == [("/items", "required", "This field is required.")]
    assert OrderInput.read({"items": [{"quantity": 2}]}) == {"items": [{"quantity": 2}]}
    assert first == {"note": "a", "items": [{"quantity": 1}]}
    assert shared(OrderInput) is shared(OrderInput)


def test_an_unknown_field_is_refused_at_its_own_pointer() -> None:
    data = {"items": [{"quantity": 1, "price": "0.01"}], "total": 1}
    assert refusals(data) == [
        ("/items/0/price", "unknown", "There is no such field here. Leave it out."),
        ("/total", "unknown", "There is no such field here. Leave it out."),
    ]


def test_a_read_only_field_is_refused() -> None:
    assert refusals({"id": 1, "items": []}) == [("/id", "read-only", "This field cannot be written. Leave it out.")]


def test_all_errors_are_reported_together() -> None:
    assert refusals({"note": "too long", "admin": True}) == [
        ("/note", "max_length", "Ensure this field has no more than 5 characters."),
        ("/items", "required", "This field is required."),
        ("/admin", "unknown", "There is no such field here. Leave it out."),
    ]


def test_of_many_unknown_fields_no_more_are_refused_than_are_listed() -> None:
    assert len(refusals({f"m{number}": 1 for number in range(2_000)}, partial=True)) == MAX_ERRORS + 1


def test_a_partial_update_refuses_unknown_fields_too() -> None:
    assert refusals({"admin": True}, partial=True) == [
        ("/admin", "unknown", "There is no such field here. Leave it out.")
    ]


@pytest.mark.parametrize(("data", "code"), [([], "invalid"), ("text", "invalid"), (1, "invalid"), (None, "null")])
def test_a_body_that_is_no_object_is_refused_as_a_whole(data: Any, code: str) -> None:
    assert [row[:2] for row in refusals(data)] == [("", code)]


def test_a_field_name_is_escaped_in_its_pointer() -> None:
    assert refusals({"a~b": 1, "c/d": 2, "items": []}) == [
        ("/a~0b", "unknown", "There is no such field here. Leave it out."),
        ("/c~1d", "unknown", "There is no such field here. Leave it out."),
    ]


def test_the_csrf_token_of_a_form_is_no_unknown_field() -> None:
    form = QueryDict("csrfmiddlewaretoken=x&quantity=2")
    serializer = ItemInput(data=form)
    assert serializer.is_valid()
    assert serializer.validated_data == {"quantity": 2}


def test_an_error_without_a_field_is_passed_on() -> None:
    class Closed(serializers.Serializer[Any]):
        def to_internal_value(self, data: Any) -> Any:
            raise ValidationError(["closed"])

    class Both(StrictSerializer, Closed):
        pass

    with pytest.raises(ValidationError) as error:
        Both().to_internal_value({"a": 1})
    assert error.value.detail == ["closed"]


def test_absent_query_parameters_are_left_out() -> None:
    assert read("") == {"ordering": "-name"}
    assert read("search=tea&in_stock=true&ordering=name") == {"search": "tea", "in_stock": True, "ordering": "name"}
    assert read("in_stock=false")["in_stock"] is False


def test_an_empty_value_counts_as_absent() -> None:
    assert read("search=&in_stock=&min_price=&ordering=") == {"ordering": "-name"}


def test_format_is_allowed_and_dropped() -> None:
    assert read("format=json") == {"ordering": "-name"}


def test_an_unknown_parameter_is_refused_even_if_empty() -> None:
    assert query_refusals("colour=red&size=") == [("?colour", "unknown"), ("?size", "unknown")]


@pytest.mark.parametrize("query", ["search=a&search=b", "search=a&search=a", "search=&search=", "format=a&format=b"])
def test_a_parameter_given_twice_is_refused(query: str) -> None:
    assert query_refusals(query) == [(f"?{query.partition('=')[0]}", "repeated")]


def test_all_errors_of_parameters_are_reported_together() -> None:
    query = urlencode(
        {"colour": "red", "search": "too long", "min_price": "cheap", "in_stock": "maybe", "ordering": "x"}
    )
    assert query_refusals(query) == [
        ("?colour", "unknown"),
        ("?search", "max_length"),
        ("?in_stock", "invalid"),
        ("?min_price", "invalid"),
        ("?ordering", "invalid_choice"),
    ]


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e999", "1.001", "1000000", "cheap"])
def test_an_invalid_price_is_refused(price: str) -> None:
    assert [pointer for pointer, _ in query_refusals(urlencode({"min_price": price}))] == ["?min_price"]


def test_a_null_character_in_a_parameter_is_refused() -> None:
    assert query_refusals("search=%00") == [("?search", "null_characters_not_allowed")]


def test_an_error_of_two_parameters_together_points_at_the_query() -> None:
    assert query_refusals("low=1", RangeQuery) == [("", "invalid")]


def test_a_page_has_1_to_100_rows() -> None:
    assert [read(f"page_size={size}", PageQuery) for size in (1, 100)] == [{"page_size": 1}, {"page_size": 100}]
    assert query_refusals("page_size=0", PageQuery) == [("?page_size", "min_value")]
    assert query_refusals("page_size=101", PageQuery) == [("?page_size", "max_value")]
    assert query_refusals("page_size=ten", PageQuery) == [("?page_size", "invalid")]


def test_a_cursor_has_at_most_2000_characters() -> None:
    assert read("cursor=" + "c" * 2000, PageQuery) == {"cursor": "c" * 2000}
    assert query_refusals("cursor=" + "c" * 2001, PageQuery) == [("?cursor", "max_length")]


def test_an_envelope_has_links_or_null() -> None:
    assert PageSerializer({"next": "/x", "previous": None}).data == {"next": "/x", "previous": None}


class EverythingInput(StrictSerializer):
    number = serializers.IntegerField(required=False)
    text = serializers.CharField(required=False, allow_null=True)
    flag = serializers.BooleanField(required=False)
    price = serializers.DecimalField(required=False, max_digits=5, decimal_places=2)
    key = serializers.UUIDField(required=False)
    at = serializers.DateTimeField(required=False)
    word = serializers.ChoiceField(required=False, choices=("1", "2"))


@pytest.mark.parametrize(
    "data",
    [
        {"number": "5"},
        {"number": True},
        {"number": 5.5},
        {"text": 5},
        {"text": 1.5},
        {"flag": "true"},
        {"flag": 1},
        {"price": True},
        {"key": True},
        {"key": 5},
        {"at": 5},
        {"word": 1},
    ],
    ids=str,
)
def test_a_value_of_another_json_type_is_not_converted(data: dict[str, Any]) -> None:
    (name,) = data
    serializer = EverythingInput(data=data)
    assert not serializer.is_valid()
    assert {error.code for error in serializer.errors[name]} == {"invalid"}
    assert set(serializer.errors) == {name}


def test_the_text_of_a_form_is_converted_and_null_is_up_to_the_field() -> None:
    serializer = EverythingInput(data=QueryDict("number=5&flag=true&price=1.5&word=1"))
    assert serializer.is_valid()
    assert serializer.validated_data == {"number": 5, "flag": True, "price": Decimal("1.50"), "word": "1"}
    assert EverythingInput(data={"text": None, "price": 1.5, "number": 5.0}).is_valid()
    assert not EverythingInput(data={"number": None}).is_valid()


@pytest.mark.parametrize("written", ["-0", "-0.00", "-0E+1", -0.0])
def test_a_negative_zero_is_zero(written: Any) -> None:
    amount = AmountField(max_digits=12, decimal_places=2, min_value=0).run_validation(written)
    assert str(amount).startswith("0")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-01T12:00:00 02:00", "2026-03-01T12:00:00+02:00"),
        ("2026-03-01 12:00 02:00", "2026-03-01T12:00+02:00"),
        ("2026-03-01T12:00:00.25 00:00", "2026-03-01T12:00:00.25+00:00"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T12:00:00+02:00"),
        ("2026-03-01 12:00:00Z", "2026-03-01T12:00:00Z"),
    ],
)
def test_a_plus_that_became_a_blank_is_a_plus_again(text: str, same: str) -> None:
    assert MomentField().run_validation(text) == datetime.fromisoformat(same)
    assert MomentField().run_validation(datetime.fromisoformat(same)) == datetime.fromisoformat(same)


@pytest.mark.parametrize("text", ["12:00 02:00", "2026-03-01T12:00:00  02:00", "yesterday", ""])
def test_other_blanks_stay_what_they_are(text: str) -> None:
    with pytest.raises(ValidationError):
        MomentField().run_validation(text)
