"""Mistakes that the simulation must find: each is put into the services of this process in place of what is right.

A function's name is the bug's, and its docstring says what is wrong. Imported after Django is set up.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from common.prepared import Parameter, PreparedUpdate
from common.upstream import TimedOut
from orders_project.orders import outbox, services as orders
from orders_project.orders.models import IdempotencyKey, Order, Status, Wants
from orders_project.orders.products_client import Verdict
from products_project.products import reservations, services as products
from products_project.products.models import Product, Reservation, StockMovement

from .replacing import replace

ORDERS, PRODUCTS = "orders_project.orders", "products_project.products"
RESERVATIONS = f"{PRODUCTS}.reservations"


def verdict_not_stored() -> None:
    """Products answers a refusal, and does not remember it."""

    def insert_some(rows: Sequence[Any]) -> None:
        insert([row for row in rows if getattr(row, "state", None) != Reservation.State.REFUSED])

    insert = replace(f"{RESERVATIONS}.insert", insert_some)


def release_without_tombstone() -> None:
    """The release of an unknown order leaves nothing behind."""
    released = Reservation.State.RELEASED

    def tombstone(order_id: UUID) -> Reservation:
        unsaved = Reservation(order_id=order_id, state=released, released_at=timezone.now())
        unsaved.loaded_lines = []
        return unsaved

    replace(f"{RESERVATIONS}._tombstone", tombstone)


def settle_without_condition() -> None:
    """A verdict is stored whatever the order is and wants by now."""

    def change(columns: tuple[str, ...]) -> PreparedUpdate:
        def build() -> Any:
            field: Any = Order._meta.get_field
            parameters = {name: Parameter(name, field(name)) for name in columns}
            return Order.objects.filter(pk=Parameter("of", field("id"))), parameters

        return made.setdefault(columns, PreparedUpdate(build))

    made: dict[tuple[str, ...], PreparedUpdate] = {}
    replace(f"{ORDERS}.outbox._change", change)


def settle_in_two_transactions() -> None:
    """The order is confirmed first, and gets its lines by a commit of their own."""
    for module in ("outbox", "relay"):
        replace(f"{ORDERS}.{module}.settle_all", outbox._settle_all)


def claim_without_expiry() -> None:
    """What a process claimed before its death stays claimed."""

    def due() -> Any:
        return Order.objects.filter(claimed_until=None, due_at__lte=timezone.now()).exclude(wants=Wants.NOTHING)

    replace(f"{ORDERS}.outbox.due_orders", due)


def claim_believes_any_clock() -> None:
    """A claim that was made before a clock was set back lasts until that clock is there again."""

    def due() -> Any:
        now = timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lt=now)
        return Order.objects.filter(free, due_at__lte=now).exclude(wants=Wants.NOTHING)

    replace(f"{ORDERS}.outbox.due_orders", due)


def failed_release_given_up() -> None:
    """What products gave no verdict on is not asked for again, if it is a release."""
    postpone = outbox.postpone

    def postpone_or_give_up(failures: Sequence[tuple[Order, Exception]]) -> None:
        Order.objects.filter(pk__in=[order.pk for order, _ in failures], wants=Wants.RELEASED).update(**outbox.SETTLED)
        postpone(failures)

    replace(f"{ORDERS}.relay.postpone", postpone_or_give_up)


def key_in_another_transaction() -> None:
    """The order is committed first, and its idempotency key after that."""

    def write(placement: orders.Placement) -> Order:
        with transaction.atomic():
            order = written(orders.Placement(placement.user_id, placement.lines, placement.note))
        with transaction.atomic():
            orders._take_key(placement, order)
        return order

    written = orders._write_order
    replace(f"{ORDERS}.services._write_order", write)


def repeated_key_makes_an_order() -> None:
    """A key that is taken is ignored."""
    place = orders.place_order

    def place_always(placement: orders.Placement) -> tuple[Order, bool]:
        if IdempotencyKey.objects.filter(key=placement.key).exists():
            return place(orders.Placement(placement.user_id, placement.lines, placement.note))
        return place(placement)

    replace(f"{ORDERS}.services.place_order", place_always)


def timeout_taken_for_a_refusal() -> None:
    """Products did not answer in time, so the order is rejected."""
    ask = outbox.ask

    def ask_impatiently(order: Order, *arguments: Any) -> Verdict:
        try:
            return ask(order, *arguments)
        except TimedOut:
            return Verdict("refused", "", (), {"reason": "late", "detail": "Products is late.", "items": []})

    for module in ("outbox", "relay"):
        replace(f"{ORDERS}.{module}.ask", ask_impatiently)


def cancel_forgets_the_stock() -> None:
    """A cancelled order does not want its stock to be released."""

    def cancel(*, order_id: UUID, by: UUID | None) -> None:
        with transaction.atomic():
            orders._change_status(order_id, Status.CANCELLED, by, wants=Wants.NOTHING)

    replace(f"{ORDERS}.services.cancel_order", cancel)


def release_gives_back_twice() -> None:
    """Each release gives the stock back, also of what is released already."""

    def release(*, order_id: UUID) -> Reservation:
        with transaction.atomic():
            reservation = reservations.find_reservation(order_id) or reservations._tombstone(order_id)
            Reservation.objects.filter(pk=order_id).exclude(refusal__isnull=False).update(
                state=Reservation.State.HELD, released_at=None
            )
            if reservation.loaded_lines:
                reservations._give_back(reservation)
            else:
                Reservation.objects.filter(pk=order_id).exclude(refusal__isnull=False).update(
                    state=Reservation.State.RELEASED, released_at=timezone.now()
                )
            return reservation

    replace(f"{PRODUCTS}.views.release_stock", release)


def late_reservation_honoured() -> None:
    """A reservation that arrives after the release is carried out."""
    stored = reservations._stored

    def still_wanted(order_ids: Sequence[UUID]) -> list[Reservation]:
        Reservation.objects.filter(pk__in=order_ids, state=Reservation.State.RELEASED).delete()
        return stored(order_ids)

    replace(f"{RESERVATIONS}._stored", still_wanted)


def refusal_keeps_what_it_took() -> None:
    """Of an order that is refused, the products that there were enough of stay taken."""
    decide = reservations._verdict

    def verdict(order_id: UUID, wanted: Sequence[reservations.Wanted], found: Mapping[UUID, Product]) -> Reservation:
        made = decide(order_id, wanted, found)
        if made.state == Reservation.State.REFUSED:
            for line in wanted:
                enough = Product.objects.filter(pk=line.product_id, stock__gte=line.quantity)
                enough.update(stock=F("stock") - line.quantity)
        return made

    replace(f"{RESERVATIONS}._verdict", verdict)


def stock_taken_without_condition() -> None:
    """The stock is read, and what was read less the quantity is written, without a transaction around both."""

    def take(lines: Sequence[Any]) -> None:
        for line in lines:
            seen = Product.objects.get(pk=line.product_id).stock
            Product.objects.filter(pk=line.product_id).update(stock=max(0, seen - line.quantity))

    replace(f"{RESERVATIONS}._take", take)
    replace(f"{RESERVATIONS}._decide", inspect.unwrap(reservations._decide))


def price_of_today() -> None:
    """A verdict that is asked for again tells today's prices."""
    find = reservations.find_reservation

    def find_priced(order_id: UUID) -> Reservation | None:
        found = find(order_id)
        for line in found.loaded_lines if found else []:
            line.unit_price = Product.objects.get(pk=line.product_id).price
        return found

    replace(f"{RESERVATIONS}.find_reservation", find_priced)


def movement_in_two_transactions() -> None:
    """A row of the ledger is committed first, and the stock changes after that."""

    def move(movement: products.Movement, *, key: str | None, precondition: Any) -> tuple[StockMovement, bool]:
        if earlier := products._replayed(movement, key):
            return earlier, True
        row = StockMovement.objects.create(
            product_id=movement.product_id, delta=movement.delta, by=movement.by, idempotency_key=key
        )
        try:
            with transaction.atomic():
                products._change_stock(movement, precondition)
        except products.InsufficientStock:
            row.delete()
            raise
        return row, False

    replace(f"{PRODUCTS}.services.move_stock", move)


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__.replace("_", "-"): bug
    for bug in (
        verdict_not_stored,
        release_without_tombstone,
        settle_without_condition,
        settle_in_two_transactions,
        claim_without_expiry,
        claim_believes_any_clock,
        failed_release_given_up,
        key_in_another_transaction,
        repeated_key_makes_an_order,
        timeout_taken_for_a_refusal,
        cancel_forgets_the_stock,
        release_gives_back_twice,
        late_reservation_honoured,
        refusal_keeps_what_it_took,
        stock_taken_without_condition,
        price_of_today,
        movement_in_two_transactions,
    )
}
