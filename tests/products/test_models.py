"""What the database itself refuses, even if code bypasses the services."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from products_project.products.models import (
    MAX_STOCK,
    Category,
    Product,
    Reservation,
    ReservationLine,
    StockMovement,
)
from tests.products.shop import SHOPPER, STAFF, Make, shelf


def update(**fields: Any) -> Callable[[Product], Any]:
    return lambda product: Product.objects.filter(pk=product.pk).update(**fields)


def move(**fields: Any) -> Callable[[Product], Any]:
    known = {"delta": 1, "by": STAFF, "idempotency_key": "taken"}
    return lambda product: StockMovement.objects.create(product=product, **{**known, **fields})


def reserve(**fields: Any) -> Callable[[Product], Any]:
    return lambda product: Reservation.objects.create(order_id=uuid4(), **fields)


def hold(sku: str, quantity: int) -> Callable[[Product], Any]:
    def create(product: Product) -> ReservationLine:
        held = Product.objects.get(sku=sku)
        return ReservationLine.objects.create(
            reservation=Reservation.objects.get(), product=held, quantity=quantity, sku="x", name="x", unit_price=1
        )

    return create


REFUSED: dict[str, Callable[[Product], Any]] = {
    "stock below 0": update(stock=-1),
    "stock above its limit": update(stock=MAX_STOCK + 1),
    "a price below 0": update(price=Decimal("-0.01")),
    "a hidden product's SKU": update(sku="gone"),
    "a category that isn't": update(category_id=uuid4()),
    "a movement of 0": move(delta=0, idempotency_key=None),
    "a user's key again": move(),
    "a hold that is refused": reserve(state="held", refusal={"reason": "x"}),
    "a hold that is released": reserve(state="held", released_at=timezone.now()),
    "a refusal without its reason": reserve(state="refused"),
    "a refusal that is released": reserve(state="refused", refusal={}, released_at=timezone.now()),
    "a release without its time": reserve(state="released"),
    "a release with a refusal": reserve(state="released", refusal={}, released_at=timezone.now()),
    "a line that holds nothing": hold("gone", 0),
    "a product twice in an order": hold("SKU-1", 2),
}

TAKEN: dict[str, Callable[[Product], Any]] = {
    "no stock": update(stock=0),
    "all the stock there may be": update(stock=MAX_STOCK),
    "a gift": update(price=0),
    "another user's key": move(by=SHOPPER),
    "no key, again": move(idempotency_key=None),
    "a hold": reserve(state="held"),
    "a refusal": reserve(state="refused", refusal={"reason": "x"}),
    "a line": hold("gone", 1),
    "a tombstone": reserve(state="released", released_at=timezone.now()),
}


@pytest.fixture
def product(make: Make) -> Product:
    """A product with a movement by `taken` and a reservation, and a hidden product `gone`."""
    product = make(stock=5)
    Product.objects.filter(pk=make(sku="gone").pk).update(hidden_at=timezone.now())
    move()(product)
    move(idempotency_key=None)(product)
    reserve(state="held")(product)
    hold("SKU-1", 1)(product)
    return product


def at_commit(write: Callable[[Product], Any], product: Product) -> None:
    with transaction.atomic():
        write(product)
        connection.check_constraints()  # deferred constraints are checked at a commit, which tests don't reach


@pytest.mark.parametrize("write", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses(product: Product, write: Callable[[Product], Any]) -> None:
    before = shelf()
    with pytest.raises(IntegrityError):
        at_commit(write, product)
    assert shelf() == before


@pytest.mark.parametrize("write", TAKEN.values(), ids=TAKEN.keys())
def test_the_database_takes(product: Product, write: Callable[[Product], Any]) -> None:
    before = shelf()
    at_commit(write, product)
    assert shelf() != before


def test_what_a_row_stands_on_cannot_be_deleted(product: Product) -> None:
    before = shelf()
    with pytest.raises(ProtectedError):
        product.delete()
    with pytest.raises(ProtectedError):
        Category.objects.get().delete()
    assert shelf() == before


def test_rows_are_named_as_people_name_them(product: Product) -> None:
    assert (str(product), str(product.category)) == ("SKU-1", "books")
    assert product.pk.version == 7
