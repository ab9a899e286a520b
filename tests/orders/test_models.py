"""What the database itself refuses, whatever code writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from common.identifiers import new_id
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, OrderLine, Status, Wants
from tests.orders.rows import PRICED, everything, make_order

pytestmark = pytest.mark.django_db


@contextmanager
def refused(constraint: str | None = None) -> Iterator[None]:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        yield


def accepts(**members: Any) -> bool:
    try:
        with transaction.atomic():
            Order.objects.create(user_id=new_id(), **members)
    except IntegrityError:
        return False
    return True


def test_an_order_wants_only_what_its_status_allows() -> None:
    price = {"total": Decimal("1.00"), "currency": "EUR"}
    accepted = {(s.value, w.value) for s in Status for w in Wants if accepts(status=s, wants=w, **price)}
    assert accepted == {
        ("pending", "held"),
        ("rejected", ""),
        ("confirmed", ""),
        ("paid", ""),
        ("shipped", ""),
        ("delivered", ""),
        ("cancelled", ""),
        ("cancelled", "released"),
    }


@pytest.mark.parametrize("status", PRICED)
@pytest.mark.parametrize("missing", ["total", "currency"])
def test_an_order_that_is_held_has_a_total_and_a_currency(status: Status, missing: str) -> None:
    order = make_order(status)
    before = everything(order.pk)
    with refused("orders_confirmed_have_a_total"):
        Order.objects.filter(pk=order.pk).update(**{missing: None})
    assert everything(order.pk) == before


@pytest.mark.parametrize("status", ["pending", "rejected", "cancelled"])
def test_an_order_that_is_not_held_needs_no_total(status: str) -> None:
    assert make_order(status).total is None


def test_only_a_cancelled_order_wants_a_release() -> None:
    with refused("orders_released_only_cancelled"):
        make_order("rejected", wants="released")


def test_only_a_pending_order_wants_to_be_held() -> None:
    with refused("orders_pending_iff_wants_held"):
        make_order("cancelled", wants="held")


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_line_wants_something(quantity: int) -> None:
    order = make_order("pending")
    with refused():
        OrderLine.objects.create(order=order, position=1, product_id=new_id(), quantity=quantity)


def test_an_order_names_a_product_once() -> None:
    line = make_order("pending").lines.get()
    with refused():
        OrderLine.objects.create(order=line.order, position=1, product_id=line.product_id, quantity=1)


def test_an_order_reaches_a_status_once() -> None:
    order = make_order("paid")
    with refused():
        OrderEvent.objects.create(order=order, status="paid")


def test_a_user_has_a_key_once_and_another_may_have_the_same() -> None:
    order = make_order("pending")
    key = {"key": "k-1", "fingerprint": "f", "order": order}
    IdempotencyKey.objects.create(user_id=order.user_id, **key)
    IdempotencyKey.objects.create(user_id=new_id(), **key)
    with refused():
        IdempotencyKey.objects.create(user_id=order.user_id, **key)


def test_an_order_is_named_by_its_id_and_status() -> None:
    order = make_order("paid")
    assert str(order) == f"{order.pk} (paid)"


def test_ids_grow_with_time() -> None:
    ids = [make_order("pending").pk for _ in range(50)]
    assert ids == sorted(ids)
    assert {order_id.version for order_id in ids} == {7}
