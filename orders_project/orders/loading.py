"""Reads what `Order` declares as loaded: the lines and the history."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import UUIDField

from common.prepared import Parameter, Prepared

from .models import Order, OrderEvent, OrderLine, Status

_lines = Prepared(lambda: OrderLine.objects.filter(order=Parameter("order", UUIDField())))
_events = Prepared(lambda: OrderEvent.objects.filter(order=Parameter("order", UUIDField())))


def load(order: Order) -> Order:
    lines = _lines.all(order=order.pk) if order.wanted is None else []
    return _loaded(order, lines, _events.all(order=order.pk))


def load_all(orders: list[Order]) -> list[Order]:
    """By two statements, however many there are."""
    lines = _by_order(OrderLine.objects.filter(order__in=[order.pk for order in orders if order.wanted is None]))
    events = _by_order(OrderEvent.objects.filter(order__in=[order.pk for order in orders]))
    for order in orders:
        _loaded(order, lines[order.pk], events[order.pk])
    return orders


def _loaded(order: Order, lines: list[OrderLine], events: list[OrderEvent]) -> Order:
    order.loaded_lines = lines if order.wanted is None else order.wanted_lines()
    if order.total is not None:  # SQLite keeps 15 digits of a decimal. Prices have no more
        order.total = sum_of(order.loaded_lines)
    # The release before this one wrote the first step too.
    has_first = events and events[0].status == Status.PENDING
    order.loaded_events = events if has_first else [order.placing(), *events]
    return order


def sum_of(lines: Iterable[Any]) -> Decimal:
    """Of lines that have a `unit_price` and a `quantity`."""
    return sum((line.unit_price * line.quantity for line in lines), Decimal(0))


def _by_order(rows: Any) -> dict[UUID, list[Any]]:
    found = defaultdict(list)
    for row in rows:
        found[row.order_id].append(row)
    return found
