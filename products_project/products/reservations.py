"""Products' half of the order protocol: one stored verdict per order id, whatever is repeated, late or lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from .models import Product, Reservation, ReservationLine


@dataclass(frozen=True, slots=True)
class Wanted:
    product_id: UUID
    quantity: int


class Refused(Exception):
    """Why an order can't be held, as it is stored and told."""

    def __init__(self, reason: str, detail: str, items: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.refusal = {"reason": reason, "detail": detail, "items": items}


def reserve_stock(*, order_id: UUID, wanted: Sequence[Wanted]) -> Reservation:
    """The verdict on `order_id`: the stored one, else all of `wanted` is taken, or none and a refusal is stored."""
    if verdict := find_reservation(order_id):
        return verdict
    try:
        with transaction.atomic():
            _decide(order_id, wanted)
    except IntegrityError:  # another request with this order id was first; its verdict stands
        pass
    return Reservation.objects.prefetch_related("lines").get(pk=order_id)


def release_stock(*, order_id: UUID) -> Reservation:
    """Give back what `order_id` holds, once. Where nothing is known of it a tombstone refuses it for ever."""
    with transaction.atomic():
        now = timezone.now()
        Reservation.objects.bulk_create(
            [Reservation(order_id=order_id, state=Reservation.State.RELEASED, released_at=now)],
            ignore_conflicts=True,
        )
        released = Reservation.objects.filter(pk=order_id, state=Reservation.State.HELD).update(
            state=Reservation.State.RELEASED, released_at=now
        )
        if released:
            for line in ReservationLine.objects.filter(reservation_id=order_id).order_by("product_id"):
                Product.objects.filter(pk=line.product_id).update(stock=F("stock") + line.quantity, updated_at=now)
        return Reservation.objects.prefetch_related("lines").get(pk=order_id)


def find_reservation(order_id: UUID) -> Reservation | None:
    return Reservation.objects.prefetch_related("lines").filter(pk=order_id).first()


def _decide(order_id: UUID, wanted: Sequence[Wanted]) -> None:
    # The row comes first: its key makes a second decision on the same order wait, and then fail.
    reservation = Reservation.objects.create(order_id=order_id, state=Reservation.State.HELD)
    try:
        with transaction.atomic():
            lines = _take(reservation, wanted)
            ReservationLine.objects.bulk_create(lines)
            reservation.save()
    except Refused as refused:
        reservation.state, reservation.refusal = Reservation.State.REFUSED, refused.refusal
        reservation.currency = ""
        reservation.save()


def _take(reservation: Reservation, wanted: Sequence[Wanted]) -> list[ReservationLine]:
    """Take every line, in the order of product ids so that no two orders wait for each other.

    Raises:
        Refused: the savepoint around this gives back what was taken.
    """
    wanted = sorted(wanted, key=lambda line: line.product_id)
    now = timezone.now()
    short = [
        line
        for line in wanted
        if not Product.objects.filter(pk=line.product_id, hidden_at=None, stock__gte=line.quantity).update(
            stock=F("stock") - line.quantity, updated_at=now
        )
    ]
    products = Product.objects.filter(hidden_at=None).in_bulk([line.product_id for line in wanted])
    _refuse_unknown(wanted, products)
    if short:
        raise Refused(
            "insufficient-stock",
            "There is not enough in stock.",
            [_shortage(line, products[line.product_id].stock) for line in short],
        )
    currencies = {product.currency for product in products.values()}
    if len(currencies) > 1:
        raise Refused("mixed-currency", f"One order has one currency, not {', '.join(sorted(currencies))}.", [])
    reservation.currency = currencies.pop()
    return [_line(reservation, line, products[line.product_id]) for line in wanted]


def _refuse_unknown(wanted: Sequence[Wanted], products: dict[UUID, Product]) -> None:
    unknown = [line for line in wanted if line.product_id not in products]
    if unknown:
        raise Refused("unknown-product", "There is no such product.", [_shortage(line, 0) for line in unknown])


def _shortage(line: Wanted, available: int) -> dict[str, Any]:
    return {"product_id": str(line.product_id), "requested": line.quantity, "available": available}


def _line(reservation: Reservation, line: Wanted, product: Product) -> ReservationLine:
    return ReservationLine(
        reservation=reservation,
        product=product,
        quantity=line.quantity,
        sku=product.sku,
        name=product.name,
        unit_price=product.price,
    )
