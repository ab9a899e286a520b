"""What the tests of the catalogue share: types of fixtures, callers, and invariants of products."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone

from products_project.products.models import Category, Product, Reservation, ReservationLine, StockMovement

STAFF = UUID("019a0000-0000-7000-8000-00000000000a")
SHOPPER = UUID("019a0000-0000-7000-8000-00000000000b")

# The filters that have an index for each ordering, and how the names of these indexes end.
SIFTS = {"": "", "category=games": "_cat", "in_stock=true": "_avail", "in_stock=false": "_out"}

Make = Callable[..., Product]


def ledger(product: Product) -> int:
    """The sum of all ledger rows, with the first stock."""
    return StockMovement.objects.filter(product=product).aggregate(n=Sum("delta", default=0))["n"]


def held(product: Product) -> int:
    """The sum of all unreleased reservations."""
    lines = ReservationLine.objects.filter(product=product, reservation__state=Reservation.State.HELD)
    return lines.aggregate(n=Sum("quantity", default=0))["n"]


def stock(product: Product) -> int:
    """The stock. It must agree with the ledger and the reservations."""
    now = Product.objects.get(pk=product.pk).stock
    assert now == ledger(product) - held(product)
    return now


def shelf() -> list[dict[str, Any]]:
    """All rows that a refusal must not change."""
    tables = (Product, StockMovement, Reservation, ReservationLine)
    return [row for table in tables for row in table.objects.order_by("pk").values()]


def stockpile(category: Category, other: Category, amount: int) -> None:
    """Products: one in three is in `other`, and one in four is sold out. Prices, names and times repeat."""
    now = timezone.now()
    Product.objects.bulk_create(
        Product(
            sku=f"S{number}",
            name=f"Name {number % 97:03}",
            price=Decimal(number % 89),
            category=other if number % 3 == 0 else category,
            stock=number % 4,
            created_at=now + timedelta(seconds=number // 5),
        )
        for number in range(amount)
    )
