"""What an order is loaded with, as it was placed, and as the release before this one placed it."""

from decimal import Decimal
from typing import Any

import pytest

from common.identifiers import new_id
from orders_project.orders.loading import load, load_all
from orders_project.orders.models import Order, OrderLine
from orders_project.orders.services import Placement, line_counts, place_order
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import make_order
from tests.support.statements import statements, verbs

pytestmark = pytest.mark.django_db

PRODUCTS = [new_id() for _ in range(3)]
WANTED = dict(zip(PRODUCTS, (3, 1, 2), strict=True))


def place() -> Order:
    order, _ = place_order(Placement(user_id=new_id(), lines=WANTED))
    return order


def lines(order: Order) -> list[tuple[Any, ...]]:
    return [
        (line.position, line.product_id, line.quantity, line.sku, line.unit_price, line.order_id)
        for line in order.loaded_lines
    ]


def steps(order: Order) -> list[tuple[Any, ...]]:
    return [(event.status, event.at, event.by, event.order_id) for event in order.loaded_events]


def test_an_order_that_was_placed_is_loaded_as_it_was_placed() -> None:
    placed = place()
    found = load(Order.objects.get())
    assert lines(found) == lines(placed)
    assert lines(found) == [(n, PRODUCTS[n], WANTED[PRODUCTS[n]], None, None, placed.pk) for n in range(3)]
    assert steps(found) == steps(placed) == [("pending", placed.created_at, placed.user_id, placed.pk)]
    assert (placed.lines.count(), placed.events.count()) == (0, 0)


def test_a_confirmed_order_has_rows_for_its_lines(user: Api, products: FakeProducts) -> None:
    kettle, lamp = products.add(), products.add()
    user.order((kettle, 1), (lamp, 2))
    order = load(Order.objects.get())
    assert order.wanted is None
    assert [(line.pk, line.product_id) for line in order.loaded_lines] == [
        (line.pk, line.product_id) for line in order.lines.all()
    ]
    assert [event.status for event in order.loaded_events] == ["pending", "confirmed"]


def test_a_refused_order_keeps_what_was_wanted(user: Api, products: FakeProducts) -> None:
    user.order((PRODUCTS[0], 2))
    order = load(Order.objects.get())
    assert (order.status, [(line.product_id, line.quantity) for line in order.loaded_lines]) == (
        "rejected",
        [(PRODUCTS[0], 2)],
    )


@pytest.mark.parametrize("status", ["pending", "cancelled", "confirmed"])
def test_an_order_of_the_release_before_is_loaded_from_its_rows(status: str) -> None:
    made = make_order(status)
    assert made.wanted is None
    assert [line.pk for line in made.loaded_lines] == [line.pk for line in made.lines.all()] != []
    assert [event.pk for event in made.loaded_events] == [event.pk for event in made.events.all()] != []


def test_many_orders_are_loaded_as_each_alone_by_two_statements(user: Api, products: FakeProducts) -> None:
    user.order((products.add(), 2))
    for make in (place, place, make_order):
        make()
    found = list(Order.objects.order_by("pk"))
    with statements() as executed:
        assert load_all(found) is found
    assert verbs(executed) == ["SELECT", "SELECT"]
    for order in found:
        alone = load(Order.objects.get(pk=order.pk))
        assert (lines(order), steps(order)) == (lines(alone), steps(alone))


def test_lines_are_counted_wherever_they_are() -> None:
    placed, made = place(), make_order("paid")
    assert line_counts([placed, made]) == {placed.pk: 3, made.pk: 1}


def test_a_total_is_exact_to_the_last_digit_on_both_databases() -> None:
    order = make_order("confirmed")
    OrderLine.objects.filter(order=order).delete()
    OrderLine.objects.bulk_create(
        OrderLine(order=order, position=number, product_id=product, quantity=9_999, unit_price=Decimal("9999999999.99"))
        for number, product in enumerate(PRODUCTS)
    )
    Order.objects.update(total=Decimal("299969999999700.03"))
    shown = Api(order.user_id).get(f"/orders/{order.pk}/").body
    assert [item["line_total"] for item in shown["items"]] == ["99989999999900.01"] * 3
    assert shown["total"] == "299969999999700.03"
