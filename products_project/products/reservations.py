"""Products' half of the order protocol: one stored verdict for each order, whatever is repeated, late or lost."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, UUIDField
from django.utils import timezone

from common.prepared import Parameter, Prepared, PreparedUpdate, insert

from .models import Product, Reservation, ReservationLine

FEW = 10  # products, whose query is kept
LOCKED = ("sku", "name", "price", "currency", "stock", "hidden_at")
WITH_LINES: "Prefetch[str, Any, str]" = Prefetch("lines", to_attr="loaded_lines")


_reservation = Prepared(lambda: Reservation.objects.filter(pk=Parameter("id", UUIDField())))
_lines = Prepared(lambda: ReservationLine.objects.filter(reservation=Parameter("id", UUIDField())))


@dataclass(frozen=True, slots=True)
class Wanted:
    product_id: UUID
    quantity: int


class StockChanged(Exception):
    """The stock was not what had just been read. Nothing was taken."""


def reserve_stock(*, order_id: UUID, wanted: Sequence[Wanted]) -> Reservation:
    """The stored verdict on `order_id`. If there is none: take all of `wanted`, or nothing and store a refusal."""
    return reserve_for_all({order_id: wanted})[0]


def reserve_for_all(orders: Mapping[UUID, Sequence[Wanted]]) -> list[Reservation]:
    """As `reserve_stock` for each, in this order, by one commit and as many statements as for one."""
    verdicts = {verdict.order_id: verdict for verdict in _stored(list(orders))}
    new = {order_id: wanted for order_id, wanted in orders.items() if order_id not in verdicts}
    if new:
        try:
            try:
                verdicts |= _decide(new)
            except StockChanged:  # decide on what there is now
                verdicts |= _decide(new)
        except IntegrityError:
            if not Reservation.objects.filter(pk__in=list(new)).exists():
                raise
            return reserve_for_all(orders)  # another request was first with some of them, and its verdicts count
    return [verdicts[order_id] for order_id in orders]


@transaction.atomic
def release_stock(*, order_id: UUID) -> Reservation:
    """Give back the stock of `order_id`, once. For an unknown order, store a tombstone: it will always be refused."""
    reservation = find_reservation(order_id) or _tombstone(order_id)
    if reservation.state == Reservation.State.HELD:
        _give_back(reservation)
    return reservation


@transaction.atomic
def release_ownerless(*, order_id: UUID) -> Reservation | None:
    """As `release_stock`, for an order that orders doesn't know. None if there is no reservation: nothing is stored."""
    if find_reservation(order_id) is None:
        return None
    reservation = release_stock(order_id=order_id)
    reservation.ownerless_at = timezone.now()
    Reservation.objects.filter(pk=order_id).update(ownerless_at=reservation.ownerless_at)
    return reservation


def find_reservation(order_id: UUID) -> Reservation | None:
    if reservation := _reservation.first(id=order_id):
        reservation.loaded_lines = _lines.all(id=order_id)
    return reservation


def _stored(order_ids: Sequence[UUID]) -> list[Reservation]:
    if len(order_ids) > 1:
        return list(Reservation.objects.prefetch_related(WITH_LINES).filter(pk__in=order_ids))
    found = find_reservation(order_ids[0])
    return [found] if found else []


def _tombstone(order_id: UUID) -> Reservation:
    tombstone = Reservation(order_id=order_id, state=Reservation.State.RELEASED, released_at=timezone.now())
    Reservation.objects.bulk_create([tombstone], ignore_conflicts=True)
    stored = find_reservation(order_id)
    assert stored
    return stored  # the verdict of another request, if that was first


def _give_back(reservation: Reservation) -> None:
    """Products are locked before the reservation, as in `_decide`, so that a PUT and a DELETE can't deadlock."""
    held = _lock_products({line.product_id for line in reservation.loaded_lines})
    still_held = Reservation.objects.filter(pk=reservation.pk, state=Reservation.State.HELD)
    reservation.state, reservation.released_at = Reservation.State.RELEASED, timezone.now()
    if still_held.update(state=reservation.state, released_at=reservation.released_at):
        Product.objects.filter(pk__in=[product.pk for product in held]).update(
            stock=F("stock") + _quantity(reservation.lines.all()), updated_at=reservation.released_at
        )


@transaction.atomic
def _decide(orders: Mapping[UUID, Sequence[Wanted]]) -> dict[UUID, Reservation]:
    """Raises `StockChanged`, or `IntegrityError` if there is a verdict on one of them already."""
    ids = {line.product_id for wanted in orders.values() for line in wanted}
    products = {product.pk: product for product in _lock_products(ids) if product.hidden_at is None}
    verdicts = {order_id: _verdict(order_id, wanted, products) for order_id, wanted in orders.items()}
    insert(sorted(verdicts.values(), key=lambda reservation: reservation.pk))
    lines = [line for reservation in verdicts.values() for line in reservation.loaded_lines]
    insert(lines)
    _take(lines)
    return verdicts


def _verdict(order_id: UUID, wanted: Sequence[Wanted], products: Mapping[UUID, Product]) -> Reservation:
    """Not saved yet. What it takes is gone from `products`, for the orders after it."""
    reservation = Reservation(order_id=order_id, state=Reservation.State.HELD)
    reservation.loaded_lines = []
    wanted = sorted(wanted, key=lambda line: line.product_id)
    if refusal := _refusal(wanted, products):
        reservation.state, reservation.refusal = Reservation.State.REFUSED, refusal
        return reservation
    reservation.currency = products[wanted[0].product_id].currency
    for line in wanted:
        product = products[line.product_id]
        product.stock -= line.quantity
        reservation.loaded_lines.append(_line(reservation, line, product))
    return reservation


def _lock_products(ids: Collection[UUID]) -> list[Product]:
    """In order of their ids, so that two orders never wait for each other.

    SQLite has no row locks. There, a transaction that writes has the whole database from its beginning.
    """
    if len(ids) > FEW:
        return list(_locked(list(ids)))
    return _locked_few(len(ids)).all(**_numbered(ids))


def _locked(ids: list[Any]) -> QuerySet[Product]:
    return Product.objects.filter(pk__in=ids).only(*LOCKED).order_by("pk").select_for_update()


@cache
def _locked_few(count: int) -> Prepared[Product]:
    return Prepared(lambda: _locked(_parameters(count)))


def _parameters(count: int) -> list[Parameter]:
    return [Parameter(f"id_{place}", UUIDField()) for place in range(count)]


def _numbered(ids: Iterable[UUID]) -> dict[str, UUID]:
    """The values of `_parameters`."""
    return {f"id_{place}": each for place, each in enumerate(ids)}


def _quantity(lines: QuerySet[ReservationLine]) -> Subquery:
    """How many units of a product these lines name."""
    of_product = lines.filter(product=OuterRef("pk")).order_by()
    return Subquery(of_product.values("product").values(units=Sum("quantity")))


def _take(lines: Sequence[ReservationLine]) -> None:
    """Take what the lines name, all of them by one statement. It decides, whatever was read before.

    Raises:
        StockChanged: the transaction around this call gives back what was taken.
    """
    if not lines:
        return
    orders = {line.reservation_id for line in lines}
    taken = _taking(len(orders)).run(now=timezone.now(), **_numbered(orders))
    if taken < len({line.product_id for line in lines}):
        raise StockChanged


@cache
def _taking(orders: int) -> PreparedUpdate:
    """Takes the stock that the lines of so many orders name."""

    def build() -> tuple[QuerySet[Product], dict[str, Any]]:
        of_orders = [Q(reservation=each) for each in _parameters(orders)]
        named = ReservationLine.objects.filter(reduce(or_, of_orders)).order_by()
        quantity = _quantity(named)
        takeable = Product.objects.filter(pk__in=named.values("product"), hidden_at=None, stock__gte=quantity)
        return takeable, {"stock": F("stock") - quantity, "updated_at": Parameter("now", DateTimeField())}

    return PreparedUpdate(build)


def _refusal(wanted: Sequence[Wanted], products: Mapping[UUID, Product]) -> dict[str, Any] | None:
    """Why `products` can't fulfil the order, as it is stored and sent; None if they can."""
    if unknown := [line for line in wanted if line.product_id not in products]:
        return _reason("unknown-product", "There is no such product.", [_shortage(line, 0) for line in unknown])
    short = [line for line in wanted if products[line.product_id].stock < line.quantity]
    if short:
        items = [_shortage(line, products[line.product_id].stock) for line in short]
        return _reason("insufficient-stock", "There is not enough in stock.", items)
    currencies = sorted({products[line.product_id].currency for line in wanted})
    if len(currencies) > 1:
        return _reason("mixed-currency", f"One order has one currency, not {', '.join(currencies)}.", [])
    return None


def _reason(reason: str, detail: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"reason": reason, "detail": detail, "items": items}


def _shortage(line: Wanted, available: int) -> dict[str, Any]:
    return {"product_id": str(line.product_id), "requested": line.quantity, "available": available}


def _line(reservation: Reservation, line: Wanted, product: Product) -> ReservationLine:
    return ReservationLine(
        reservation_id=reservation.pk,
        product_id=product.pk,
        quantity=line.quantity,
        sku=product.sku,
        name=product.name,
        unit_price=product.price,
    )
