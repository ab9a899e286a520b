"""What the tests of the catalogue name: the fixtures' types, who calls, and what must hold of every product."""

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

# The filters that cost nothing, and how the names of their indexes end.
SIFTS = {"": "", "category=games": "_cat", "in_stock=true": "_avail", "in_stock=false": "_out"}

Make = Callable[..., Product]


def ledger(product: Product) -> int:
    """What staff moved in and out, initial stock included."""
    return StockMovement.objects.filter(product=product).aggregate(n=Sum("delta", default=0))["n"]


def held(product: Product) -> int:
    """What unreleased reservations hold."""
    lines = ReservationLine.objects.filter(product=product, reservation__state=Reservation.State.HELD)
    return lines.aggregate(n=Sum("quantity", default=0))["n"]


def stock(product: Product) -> int:
    """The stock, which must agree with the ledger and with what is held."""
    now = Product.objects.get(pk=product.pk).stock
    assert now == ledger(product) - held(product)
    return now


def shelf() -> list[dict[str, Any]]:
    """Everything that a refusal must leave as it was."""
    tables = (Product, StockMovement, Reservation, ReservationLine)
    return [row for table in tables for row in table.objects.order_by("pk").values()]


def stockpile(category: Category, other: Category, amount: int) -> None:
    """Products of which one in three lies in `other` and one in four is sold out; prices, names and times repeat."""
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
