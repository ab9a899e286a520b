"""Asks products for what orders want. The request that places or cancels an order asks first, later `relay` does.

Each answer is applied by a conditional update. So it doesn't matter who asks, how often, or in which order answers
arrive.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from common.databases import unflushed
from common.prepared import Parameter, PreparedUpdate, insert
from common.resilience import Deadline
from common.upstream import UpstreamError

from .loading import load, load_all, sum_of
from .models import Order, OrderEvent, OrderLine, Status, Wants
from .products_client import HeldLine, Items, ProductsClient, Verdict

log = structlog.get_logger(__name__)

CLAIM = timedelta(seconds=20)  # longer than a batch of the relay can take
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE = timedelta(minutes=10)
SETTLED = {"wants": Wants.NOTHING, "claimed_until": None, "last_error": ""}


def deliver(order: Order, products: ProductsClient, deadline: Deadline | None) -> Order:
    """Ask and settle during a customer's request. Without a verdict the order is left to the relay, at once.

    Returns the order as it is then.
    """
    if order.wants == Wants.NOTHING:
        return order
    try:
        return settle(order, ask(order, products, deadline))
    except UpstreamError as error:
        log.warning("order left to the relay", order_id=str(order.pk), wants=order.wants, error=str(error))
        free([order.pk])
        return order


def ask(order: Order, products: ProductsClient, deadline: Deadline | None = None) -> Verdict:
    """Ask products for what the order wants. Nothing is stored, and the database isn't read.

    Raises:
        UpstreamError: products gave no verdict.
    """
    if order.wants == Wants.RELEASED:
        return products.release(order.pk, deadline, order.user_id)
    return products.reserve(order.pk, _items(order), deadline, order.user_id)


def ask_together(orders: Sequence[Order], products: ProductsClient) -> dict[UUID, Verdict]:
    """As `ask`, for orders that want to be held. One whose verdict breaks the contract is left out."""
    return products.reserve_for_all({order.pk: _items(order) for order in orders})


def settle(order: Order, verdict: Verdict) -> Order:
    """Store products' answer to what the order wanted. If it wants something else by now, nothing changes.

    Returns the order as it is then.
    """
    if settle_all([(order, verdict)]):
        return order
    return load(Order.objects.get(pk=order.pk))


def settle_all(answers: Iterable[tuple[Order, Verdict]]) -> list[Order]:
    """As `settle` for each, by one commit. Returns those that were changed. They are now as they are stored.

    The commit is not flushed. After a loss of power, an order whose customer knows that it is confirmed may be pending
    for a moment, until the relay has asked products again: the verdict is the same, and its own commit was flushed.
    """
    with unflushed(), transaction.atomic():
        return _settle_all(answers)


def _settle_all(answers: Iterable[tuple[Order, Verdict]]) -> list[Order]:
    in_order = sorted(answers, key=lambda answer: answer[0].pk)
    settlements = [settlement for answer in in_order if (settlement := _settlement(*answer)).is_stored()]
    OrderEvent.objects.bulk_create(event for settlement in settlements for event in settlement.events)
    store_prices([line for settlement in settlements for line in settlement.lines])
    for settlement in settlements:
        settlement.apply()
    return [settlement.order for settlement in settlements]


@dataclass
class Settlement:
    """What a verdict makes of an order: changes of the order, new events, and its lines with their prices."""

    order: Order
    changes: dict[str, Any]
    events: list[OrderEvent] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)

    def is_stored(self) -> bool:
        """Store the changes. False if the order no longer wants what the verdict is about."""
        was = {"of": self.order.pk, "if_status": self.order.status, "if_wants": self.order.wants}
        return bool(_change(tuple(self.changes)).run(**was, **self.changes))

    def apply(self) -> None:
        """To the order in memory."""
        for name, value in self.changes.items():
            setattr(self.order, name, value)
        self.order.loaded_events = [*self.order.loaded_events, *self.events]
        self.order.loaded_lines = self.lines or self.order.loaded_lines


@cache
def _change(columns: tuple[str, ...]) -> PreparedUpdate:
    """Changes these columns of an order that has a certain status and still wants a certain thing."""

    def parameter(name: str, column: str) -> Parameter:
        return Parameter(name, Order._meta.get_field(column))  # type: ignore[arg-type]  # no relation is changed

    def build() -> tuple[QuerySet[Order], dict[str, Parameter]]:
        wanting = Order.objects.filter(
            pk=parameter("of", "id"), status=parameter("if_status", "status"), wants=parameter("if_wants", "wants")
        )
        return wanting, {column: parameter(column, column) for column in columns}

    return PreparedUpdate(build)


def _settlement(order: Order, verdict: Verdict) -> Settlement:
    if order.wants == Wants.RELEASED:
        return Settlement(order, SETTLED)
    now = timezone.now()
    outcome = _outcome(verdict)
    prices = {line.product_id: line for line in verdict.lines}
    return Settlement(
        order,
        {**outcome, **SETTLED, "updated_at": now},
        [OrderEvent(order=order, status=outcome["status"], at=now)],
        [_priced(line, prices[line.product_id]) for line in order.loaded_lines] if prices else [],
    )


def store_prices(lines: Sequence[OrderLine]) -> None:
    """An order that the release before this one placed has its lines already."""
    insert([line for line in lines if not line.pk])
    OrderLine.objects.bulk_update([line for line in lines if line.pk], ["sku", "name", "unit_price"])


def due_orders() -> QuerySet[Order]:
    now = timezone.now()
    # No claim and no pause is longer than these two. One that seems to be was made before the clock was set back.
    free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_until__gt=now + CLAIM)
    due = Q(due_at__lte=now) | Q(due_at__gt=now + LONGEST_PAUSE)
    return Order.objects.filter(free, due).exclude(wants=Wants.NOTHING)


def claim_due(limit: int) -> list[Order]:
    """Claim up to `limit` due orders, oldest first. Nobody else gets them until the claim expires."""
    with transaction.atomic():
        due = due_orders().order_by("due_at").select_for_update(skip_locked=True)
        orders = list(due[:limit])
        if orders:
            Order.objects.filter(pk__in=[order.pk for order in orders]).update(claimed_until=timezone.now() + CLAIM)
        return load_all(orders) if orders else []


def free(ids: Iterable[UUID]) -> None:
    """Give up the claims on these orders."""
    Order.objects.filter(pk__in=list(ids)).update(claimed_until=None)


@transaction.atomic
def postpone(failures: Sequence[tuple[Order, Exception]]) -> None:
    """Try these orders later, each of them the more rarely, the more often there was no verdict on it."""
    now = timezone.now()
    for order, error in failures:
        pause_s = min(LONGEST_PAUSE.total_seconds(), FIRST_PAUSE_S * 2 ** min(order.attempts, 20))
        Order.objects.filter(pk=order.pk, wants=order.wants).update(
            attempts=order.attempts + 1,
            due_at=now + timedelta(seconds=pause_s * random.uniform(0.5, 1)),
            claimed_until=None,
            last_error=str(error)[:200],
        )


def failing_orders() -> QuerySet[Order]:
    """Orders without a verdict although products was asked while it was ready."""
    return Order.objects.exclude(wants=Wants.NOTHING).filter(attempts__gt=0)


def retry_now() -> int:
    """Make all failing orders due at once, and return their number."""
    return failing_orders().update(attempts=0, due_at=timezone.now())


def _items(order: Order) -> Items:
    return [(line.product_id, line.quantity) for line in order.loaded_lines]


def _outcome(verdict: Verdict) -> dict[str, Any]:
    if verdict.state == "held":
        prices = {"currency": verdict.currency, "total": sum_of(verdict.lines)}
        return {"status": Status.CONFIRMED, **prices, "wanted": None}
    refusal = verdict.refusal or {"reason": "released", "detail": "It was released.", "items": []}
    return {"status": Status.REJECTED, "reason": refusal["reason"], "refusal": refusal}


def _priced(line: OrderLine, held: HeldLine) -> OrderLine:
    return OrderLine(
        pk=line.pk,
        order_id=line.order_id,
        position=line.position,
        product_id=line.product_id,
        quantity=line.quantity,
        sku=held.sku,
        name=held.name,
        unit_price=held.unit_price,
    )
