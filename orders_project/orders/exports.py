"""Orders for other programs: as CSV with a line for each product of an order, or as JSON lines with an order each.

They are read in batches, each from where the one before it ended, so memory stays the same however many there are.
"""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from common.batches import in_batches

from .loading import load_all
from .models import Order
from .serializers import OrderSerializer
from .services import visible_orders

ORDER_COLUMNS = ("id", "created_at", "status", "user_id", "currency", "total", "reason", "shipping_address", "note")
ITEM_COLUMNS = ("product_id", "sku", "name", "quantity", "unit_price", "line_total")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


def orders_between(start: datetime | None, end: datetime | None) -> QuerySet[Order]:
    """Visible orders from `start` on, before `end`."""
    orders = visible_orders(user_id=None)
    orders = orders.filter(created_at__gte=start) if start else orders
    return orders.filter(created_at__lt=end) if end else orders


def write_csv(file: IO[str], orders: QuerySet[Order], report: Callable[[int], None]) -> int:
    """Returns how many orders."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow((*ORDER_COLUMNS, *ITEM_COLUMNS))

    def write(order: dict[str, Any]) -> None:
        about = [_cell(order[name]) for name in ORDER_COLUMNS]
        rows.writerows([*about, *(_cell(item[name]) for name in ITEM_COLUMNS)] for item in order["items"])

    return _write_all(orders, write, report)


def write_json_lines(file: IO[str], orders: QuerySet[Order], report: Callable[[int], None]) -> int:
    """Returns how many orders. Each is as the API shows it."""

    def write(order: dict[str, Any]) -> None:
        file.write(json.dumps(order, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n")

    return _write_all(orders, write, report)


def _write_all(orders: QuerySet[Order], write: Callable[[dict[str, Any]], None], report: Callable[[int], None]) -> int:
    written = 0
    for written, order in enumerate(_shown(orders), 1):
        write(order)
        report(written)
    return written


def _shown(orders: QuerySet[Order]) -> Iterator[dict[str, Any]]:
    for batch in in_batches(orders, "created_at"):
        yield from OrderSerializer(load_all(batch), many=True).data


def _cell(value: Any) -> Any:
    """A customer's text that looks like a formula gets an apostrophe, as spreadsheets write it themselves."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
