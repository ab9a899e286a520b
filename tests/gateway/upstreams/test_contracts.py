"""Checking what leaves: nothing that is agreed is refused, nothing else passes; and it costs little."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from prometheus_client import REGISTRY
from rest_framework import serializers

from common.upstream import BrokenContract
from gateway_project.routing.routes import ROUTES
from gateway_project.schemas.problems import Problem
from gateway_project.schemas.products import Product, ProductPage
from gateway_project.schemas.users import Account, CredentialsVerdict
from gateway_project.upstreams.contracts import Contract, contract_for
from tests.gateway.fakes import problem
from tests.support import examples
from tests.support.examples import (
    ACCOUNT,
    ORDER,
    ORDER_ID,
    PRODUCT,
    PRODUCT_ID,
    USER,
    page,
    products,
)

Schema = type[serializers.Serializer[Any]]
ANSWERS: dict[str, Schema] = {
    operation.answer.__name__: operation.answer
    for route in ROUTES
    for operation in route.operations.values()
    if operation.answer is not None
} | {"Account": Account, "CredentialsVerdict": CredentialsVerdict, "Problem": Problem}
A_PROBLEM = json.loads(
    problem(
        409,
        errors=[{"pointer": "/items/0", "detail": "Not enough.", "code": "short"}],
        items=[{"product_id": PRODUCT_ID, "requested": 2, "available": 1}],
        order_id=ORDER_ID,
    ).body
)
EXAMPLES: dict[str, dict[str, Any]] = {
    **examples.ANSWERS,
    "UserPage": page(USER, next="/users/?cursor=a", previous="/users/?cursor=b"),
    "Account": ACCOUNT,
    "CredentialsVerdict": {"user": ACCOUNT},
    "Problem": A_PROBLEM,
}
Steps = tuple[str | int, ...]


def members(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Where each member of `value` is, however deep; of a list, those of its first element."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*steps, name)
            yield from members(inner, (*steps, name))
    elif isinstance(value, list) and value:
        yield from members(value[0], (*steps, 0))


def changed(example: Any, steps: Steps, *replacement: Any) -> Any:
    """A copy with the member at `steps` replaced, or removed."""
    copy = json.loads(json.dumps(example))
    inner = copy
    for step in steps[:-1]:
        inner = inner[step]
    if replacement:
        inner[steps[-1]] = replacement[0]
    else:
        del inner[steps[-1]]
    return copy


def field_at(schema: Schema, steps: Steps) -> Any:
    field: Any = schema()
    for step in steps:
        field = field.child if isinstance(step, int) else field.fields[step]
    return field


def wrong_values(field: Any) -> tuple[Any, ...]:
    """What is of no type that `field` takes."""
    exact = (serializers.ChoiceField, serializers.UUIDField, serializers.DateTimeField, serializers.DecimalField)
    if isinstance(field, exact):
        own: tuple[Any, ...] = ("soon", "", 7, True)
    elif isinstance(field, serializers.CharField):
        own = (7, True)
    elif isinstance(field, serializers.IntegerField):
        own = ("7", True)
    elif isinstance(field, serializers.BooleanField):
        own = ("true", 1)
    else:
        own = ("soon", 7)
    return (3.5, {"a": 1}, [[]], *own)


EVERY_MEMBER = [(name, steps) for name, example in EXAMPLES.items() for steps in members(example)]


def decode(name: str, value: Any) -> Any:
    return contract_for(ANSWERS[name]).decode("products", json.dumps(value).encode())


def dropped(name: str) -> float:
    return REGISTRY.get_sample_value("plaza_unknown_fields_total", {"contract": name}) or 0.0


def test_there_is_an_example_of_every_answer_in_the_table() -> None:
    assert set(EXAMPLES) == set(ANSWERS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_valid_answer_passes_to_the_byte(name: str) -> None:
    body = msgspec.json.encode(EXAMPLES[name])
    decoded = contract_for(ANSWERS[name]).decode("products", body)
    assert msgspec.json.encode(decoded) == body


@pytest.mark.parametrize(("name", "steps"), EVERY_MEMBER)
def test_a_missing_member_breaks_the_contract_unless_it_is_optional(name: str, steps: Steps) -> None:
    without = changed(EXAMPLES[name], steps)
    if name == "Problem" and steps in {("errors",), ("items",), ("order_id",)}:
        assert json.loads(msgspec.json.encode(decode(name, without))) == without
        return
    with pytest.raises(BrokenContract, match=str(steps[-1])):
        decode(name, without)


@pytest.mark.parametrize(("name", "steps"), EVERY_MEMBER)
def test_a_mistyped_member_breaks_the_contract(name: str, steps: Steps) -> None:
    for wrong in wrong_values(field_at(ANSWERS[name], steps)):
        with pytest.raises(BrokenContract, match=str(steps[-1])):
            decode(name, changed(EXAMPLES[name], steps, wrong))


@pytest.mark.parametrize(("name", "steps"), EVERY_MEMBER)
def test_null_passes_where_it_is_agreed_and_nowhere_else(name: str, steps: Steps) -> None:
    value = changed(EXAMPLES[name], steps, None)
    if field_at(ANSWERS[name], steps).allow_null:
        assert json.loads(msgspec.json.encode(decode(name, value))) == value
    else:
        with pytest.raises(BrokenContract):
            decode(name, value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_unknown_member_is_dropped_and_counted_once_an_answer(name: str) -> None:
    before = dropped(name)
    value = EXAMPLES[name] | {"cost": 1, "more": {"id": 2}}
    assert json.loads(msgspec.json.encode(decode(name, value))) == EXAMPLES[name]
    assert dropped(name) == before + 1


def test_an_unknown_member_deep_inside_is_dropped_too() -> None:
    before = dropped("OrderPage")
    inner = ORDER | {"items": [ORDER["items"][0] | {"cost": 1}]}
    assert json.loads(msgspec.json.encode(decode("OrderPage", page(inner)))) == page(ORDER)
    assert dropped("OrderPage") == before + 1


def test_an_unknown_member_does_not_excuse_a_wrong_one() -> None:
    with pytest.raises(BrokenContract, match="stock"):
        decode("Product", {"cost": 1} | PRODUCT | {"stock": "7"})


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("Product", "price", "1.5"),
        ("Product", "price", "1"),
        ("Product", "price", "1.500"),
        ("Product", "price", "12345678901.00"),
        ("Product", "price", "1.00\n"),
        ("Product", "price", "\u0661.00"),
        ("Product", "price", "1e2"),
        ("Product", "price", ""),
        ("Product", "price", "NaN"),
        ("Product", "price", "-0.01"),
        ("Product", "name", "a" * 201),
        ("Product", "currency", "EURO"),
        ("Product", "created_at", "2026-03-04T05:06:07"),
        ("Product", "created_at", "2026-03-04"),
        ("Product", "created_at", 1772600767),
        ("Product", "id", PRODUCT_ID + "0"),
        ("Product", "id", "1"),
        ("StockMovement", "delta", 1_000_000_001),
        ("StockMovement", "delta", -1_000_000_001),
        ("StockMovement", "delta", 1.0),
        ("Order", "status", "lost"),
        ("Order", "total", "1234567890123456789.00"),
    ],
)
def test_a_value_out_of_its_bounds_breaks_the_contract(name: str, member: str, value: Any) -> None:
    with pytest.raises(BrokenContract, match=member):
        decode(name, EXAMPLES[name] | {member: value})


@pytest.mark.parametrize(
    ("name", "member", "value"),
    [
        ("Product", "name", "\N{SNOWMAN}" * 200),
        ("Product", "name", "\U0001f600" * 200),
        ("Product", "price", "9999999999.99"),
        ("Product", "price", "0.00"),
        ("Order", "total", "12345678901234567.89"),
        ("Order", "total", None),
        ("StockMovement", "delta", -1_000_000_000),
    ],
)
def test_a_value_at_its_bounds_passes(name: str, member: str, value: Any) -> None:
    expected = EXAMPLES[name] | {member: value}
    assert json.loads(msgspec.json.encode(decode(name, expected))) == expected


def test_a_contract_is_compiled_once() -> None:
    schema = ANSWERS["ProductPage"]
    assert contract_for(schema) is contract_for(schema)


def test_a_write_only_member_is_no_part_of_an_answer() -> None:
    class Secretive(serializers.Serializer[Any]):
        name = serializers.CharField()
        password = serializers.CharField(write_only=True)

    contract = Contract(Secretive)
    assert msgspec.json.encode(contract.decode("users", b'{"name": "a", "password": "b"}')) == b'{"name":"a"}'


def values_of(field: Any) -> st.SearchStrategy[Any]:
    """Any value that a service may write for `field`."""
    values: st.SearchStrategy[Any]
    if isinstance(field, serializers.ListSerializer):
        values = st.lists(answers_of(field.child), max_size=3)
    elif isinstance(field, serializers.Serializer):
        values = answers_of(field)
    elif isinstance(field, serializers.DecimalField):
        digits = 10 ** (field.max_digits or 0) - 1
        values = st.integers(0, digits).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
    elif isinstance(field, serializers.IntegerField):
        values = st.integers(field.min_value if field.min_value is not None else -(2**53), field.max_value or 2**53)
    elif isinstance(field, serializers.ChoiceField):
        values = st.sampled_from(list(field.choices))
    elif isinstance(field, serializers.BooleanField):
        values = st.booleans()
    elif isinstance(field, serializers.UUIDField):
        values = st.uuids().map(str)
    elif isinstance(field, serializers.DateTimeField):
        values = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
    else:
        values = st.text(st.characters(exclude_categories=["Cs"]), max_size=min(field.max_length or 30, 30))
    return st.none() | values if field.allow_null else values


def answers_of(schema: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the members in `schema`'s order."""
    readable = {name: values_of(field) for name, field in schema.fields.items() if not field.write_only}
    return st.tuples(*readable.values()).map(lambda values: dict(zip(readable, values, strict=True)))


@pytest.mark.parametrize("name", ["UserPage", "CategoryPage", "ProductPage", "StockMovementPage", "OrderPage"])
@settings(max_examples=25)
@given(data=st.data())
def test_whatever_a_service_may_write_passes_to_the_byte(name: str, data: st.DataObject) -> None:
    body = msgspec.json.encode(data.draw(answers_of(ANSWERS[name]())))
    assert msgspec.json.encode(contract_for(ANSWERS[name]).decode("products", body)) == body


ROWS = products(20)
BODY = msgspec.json.encode(page(*ROWS))


def fastest_s(work: Callable[[], Any], repeats: int) -> float:
    """The least disturbed of `repeats`, in CPU seconds."""
    best = float("inf")
    for _ in range(repeats):
        started_at = time.thread_time()
        work()
        best = min(best, time.thread_time() - started_at)
    return best


def test_a_page_is_decoded_and_encoded_ten_times_as_fast_as_drf_validates_it() -> None:
    contract, encode = contract_for(ProductPage), msgspec.json.Encoder().encode

    class Writable(Product):
        """The same checks, with the members that only leave let in."""

        def get_fields(self) -> dict[str, Any]:
            fields: dict[str, Any] = super().get_fields()
            for field in fields.values():
                field.read_only = False
            return fields

    def with_msgspec() -> bytes:
        return encode(contract.decode("products", BODY))

    def with_drf() -> bool:
        return bool(Writable(data=ROWS, many=True).is_valid(raise_exception=True))

    assert with_msgspec() == BODY
    assert with_drf()
    batch = 20
    ours_s = fastest_s(lambda: [with_msgspec() for _ in range(batch)], 30) / batch
    assert fastest_s(with_drf, 30) > 10 * ours_s
