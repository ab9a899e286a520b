"""Reservations over HTTP, as orders asks for them."""

from typing import Any
from uuid import uuid4

import pytest

from tests.products.shop import Make, shelf, stock
from tests.service import ServiceClient, faults

ORDER = "019a0000-0000-7000-8000-000000000001"
PATH = f"/reservations/{ORDER}/"


def items(*wanted: tuple[Any, int]) -> dict[str, Any]:
    return {"items": [{"product_id": str(product.pk), "quantity": quantity} for product, quantity in wanted]}


def test_a_hold_and_its_release_are_told_with_their_lines(orders: ServiceClient, make: Make) -> None:
    pen = make(sku="PEN", name="Pen", price="1.50", stock=5)
    held = orders.put(PATH, items((pen, 2)))
    expected = {
        "order_id": ORDER,
        "state": "held",
        "currency": "EUR",
        "items": [{"product_id": str(pen.pk), "sku": "PEN", "name": "Pen", "unit_price": "1.50", "quantity": 2}],
        "refusal": None,
    }
    assert (held.status_code, held.json()) == (200, expected)
    assert orders.put(PATH, items((pen, 2))).json() == expected
    assert stock(pen) == 3
    for _ in range(2):
        released = orders.delete(PATH)
        assert (released.status_code, released.json()) == (200, {**expected, "state": "released"})
        assert stock(pen) == 5
    assert orders.put(PATH, items((pen, 2))).json() == {**expected, "state": "released"}
    assert stock(pen) == 5


def test_a_refusal_is_a_verdict_too(orders: ServiceClient, make: Make) -> None:
    pen = make(stock=1)
    refused = orders.put(PATH, items((pen, 2)))
    assert refused.status_code == 200
    assert refused.json() == {
        "order_id": ORDER,
        "state": "refused",
        "currency": "",
        "items": [],
        "refusal": {
            "reason": "insufficient-stock",
            "detail": "There is not enough in stock.",
            "items": [{"product_id": str(pen.pk), "requested": 2, "available": 1}],
        },
    }
    before = shelf()
    assert orders.put(PATH, items((pen, 1))).json() == orders.delete(PATH).json() == refused.json()
    assert shelf() == before


@pytest.mark.django_db
def test_a_release_of_the_unknown_is_a_tombstone(orders: ServiceClient) -> None:
    tombstone = {"order_id": ORDER, "state": "released", "currency": "", "items": [], "refusal": None}
    assert orders.delete(PATH).json() == tombstone
    late = orders.put(PATH, {"items": [{"product_id": str(uuid4()), "quantity": 1}]})
    assert (late.status_code, late.json()) == (200, tombstone)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/items", "required")]),
        ({"items": []}, [("/items", "min_length")]),
        ({"items": [{"product_id": str(uuid4()), "quantity": 1} for _ in range(101)]}, [("/items", "max_length")]),
        ({"items": [{"product_id": ORDER, "quantity": 1}] * 2}, [("/items", "repeated")]),
        (
            {"items": [{"product_id": "x", "quantity": 0}]},
            [("/items/0/product_id", "invalid"), ("/items/0/quantity", "min_value")],
        ),
        ({"items": [{"product_id": ORDER, "quantity": 10_001}]}, [("/items/0/quantity", "max_value")]),
        ({"items": [{"product_id": ORDER, "quantity": 1, "price": 1}]}, [("/items/0/price", "unknown")]),
        ({"items": [{"product_id": ORDER, "quantity": 1}], "user": 1}, [("/user", "unknown")]),
    ],
)
def test_bad_input_is_named_by_pointer_and_decides_nothing(
    orders: ServiceClient, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(orders.put(PATH, body)) == expected
    assert shelf() == []


def test_a_hundred_lines_of_ten_thousand_are_taken(orders: ServiceClient, make: Make) -> None:
    products = [make(stock=10_000) for _ in range(100)]
    verdict = orders.put(PATH, items(*((product, 10_000) for product in products))).json()
    assert (verdict["state"], len(verdict["items"])) == ("held", 100)
    assert {stock(product) for product in products} == {0}
