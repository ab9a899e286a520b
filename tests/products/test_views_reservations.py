"""Reservations over HTTP, as the orders service uses them."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.products.shop import Make, shelf, stock
from tests.support.service import ServiceClient, faults

ORDER = "019a0000-0000-7000-8000-000000000001"
PATH = f"/reservations/{ORDER}/"
OTHERS = [f"019a0000-0000-7000-8000-00000000000{number}" for number in (2, 3, 4)]
ITEM = {"product_id": ORDER, "quantity": 1}


def items(*wanted: tuple[Any, int]) -> dict[str, Any]:
    return {"items": [{"product_id": str(product.pk), "quantity": quantity} for product, quantity in wanted]}


def test_a_hold_and_its_release_are_told_with_their_lines(orders: ServiceClient, make: Make) -> None:
    pen = make(sku="PEN", name="Pen", price=Decimal("1.50"), stock=5)
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


class TestBatches:
    """POST for several orders at once."""

    def test_each_order_gets_the_verdict_that_it_would_get_alone(self, orders: ServiceClient, make: Make) -> None:
        pen = make(stock=3)
        known, taken, refused = OTHERS[0], OTHERS[1], OTHERS[2]
        first = orders.put(f"/reservations/{known}/", items((pen, 1))).json()
        wanted = [(known, 1), (taken, 2), (refused, 1)]
        batch = {"orders": [{"order_id": order_id, **items((pen, n))} for order_id, n in wanted]}
        answered = orders.post("/reservations/", batch)
        assert answered.status_code == 200
        results = answered.json()["results"]
        assert [(row["order_id"], row["state"]) for row in results] == [
            (known, "held"),
            (taken, "held"),
            (refused, "refused"),
        ]
        assert results[0] == first
        assert results == [orders.put(f"/reservations/{order_id}/", items((pen, 9))).json() for order_id, _ in wanted]
        assert orders.post("/reservations/", batch).json() == answered.json()
        assert stock(pen) == 0

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ([], [("/orders", "min_length")]),
            ([{"order_id": str(uuid4()), "items": [ITEM]} for _ in range(21)], [("/orders", "max_length")]),
            ([{"order_id": ORDER, "items": [ITEM]}] * 2, [("/orders", "repeated")]),
            ([{"order_id": ORDER, "items": []}], [("/orders/0/items", "min_length")]),
            ([{"items": [ITEM]}], [("/orders/0/order_id", "required")]),
        ],
    )
    def test_bad_input_decides_on_no_order(
        self, orders: ServiceClient, wanted: list[dict[str, Any]], expected: list[tuple[str, str]]
    ) -> None:
        assert faults(orders.post("/reservations/", {"orders": wanted})) == expected
        assert shelf() == []

    def test_the_largest_batch_that_orders_sends_fits_into_a_body(self, orders: ServiceClient, make: Make) -> None:
        products = [make(stock=10_000) for _ in range(10)]
        each = items(*((product, 1) for product in products))
        batch = {"orders": [{"order_id": str(uuid4()), **each} for _ in range(20)]}
        states = {row["state"] for row in orders.post("/reservations/", batch).json()["results"]}
        assert states == {"held"}
        assert {stock(product) for product in products} == {9_980}
