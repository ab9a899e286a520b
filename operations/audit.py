"""`audit`: do the services agree? Orders against reservations, stock against ledger and reservations."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .layout import DEFAULT_PORT, LOOPBACK, System
from .options import add_data_dir, port, system_of
from .state import State
from .terminal import rewrite

DESCRIPTION = """\
Compare orders, reservations, ledger and stock across the services of a running Plaza and print every difference.
What differs is read again by id after a pause, so an audit may run under traffic. Orders that still wait for
products are counted as unsettled; a parked one is a difference."""
EPILOG = """\
exit codes: 0 no difference; 1 differences, or it could not be done; 2 wrong usage"""
HOLDING = frozenset({"confirmed", "paid", "shipped", "delivered"})

Row = dict[str, Any]


@dataclass
class Report:
    """`differences` are `{"kind", "id", "detail"}`; an empty list is a clean audit."""

    orders: int = 0
    reservations: int = 0
    products: int = 0
    unsettled: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    differences: list[dict[str, str]] = field(default_factory=list)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--port", type=port, help="the gateway's port, when the system wasn't started by `up`")
    parser.add_argument("--pause", type=float, default=2.0, metavar="S", help="before reading again (default: 2)")
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system = system_of(options)
    state = State.read(system.state_file)
    first_port = options.port or (state.port if state else DEFAULT_PORT)
    report = audit(system, first_port, pause_s=options.pause)
    if options.json:
        print(json.dumps(asdict(report)))
    else:
        show(report)
    return 1 if report.differences else 0


def audit(system: System, first_port: int, *, pause_s: float) -> Report:
    from .operator import OperatorClient  # needs the installed packages, which --help does not

    products = OperatorClient(system, "products", f"http://{LOOPBACK}:{first_port + 2}")
    orders = OperatorClient(system, "orders", f"http://{LOOPBACK}:{first_port + 3}")
    report = Report()
    order_rows = {row["id"]: row for row in _counted("orders", orders.rows("/audit/orders/"))}
    reservation_rows = {row["order_id"]: row for row in _counted("reservations", products.rows("/audit/reservations/"))}
    stock_rows = {row["product_id"]: row for row in _counted("products", products.rows("/audit/stock/"))}
    report.orders, report.reservations, report.products = len(order_rows), len(reservation_rows), len(stock_rows)
    report.by_status = dict(Counter(row["status"] for row in order_rows.values()))
    report.unsettled = sum(map(is_unsettled, order_rows.values()))
    suspects = [i for i in order_rows | reservation_rows if compare(order_rows.get(i), reservation_rows.get(i))]
    unbalanced = [i for i, row in stock_rows.items() if balance(row)]
    if suspects or unbalanced:
        rewrite(f"Reading {len(suspects) + len(unbalanced)} rows again ...")
        time.sleep(pause_s)
    report.differences += _again(
        "order",
        suspects,
        lambda i: compare(orders.row(f"/audit/orders/{i}/"), products.row(f"/audit/reservations/{i}/")),
    )
    report.differences += _again("stock", unbalanced, lambda i: balance(products.row(f"/audit/stock/{i}/")))
    rewrite("")
    return report


def is_unsettled(order: Row) -> bool:
    return bool(order["wants"]) and not order["parked"]


def compare(order: Row | None, reservation: Row | None) -> str | None:
    """How an order and its reservation disagree, or None. What is on its way is no disagreement."""
    if order is None:
        return f"products has a {reservation['state']} reservation for an unknown order" if reservation else None
    if order["parked"]:
        return f"parked while wanting its stock {order['wants']}: {order['last_error']}"
    if is_unsettled(order):
        return None
    state = reservation["state"] if reservation else "missing"
    if order["status"] in HOLDING:
        if reservation is None or state != "held":
            return f"{order['status']}, but its reservation is {state}"
        return None if _items(order) == _items(reservation) else "its reservation holds something else"
    expected = ("refused", "released")
    return None if state in expected else f"{order['status']}, but its reservation is {state}"


def balance(product: Row | None) -> str | None:
    """How a product's stock differs from its ledger less what is held, or None."""
    if product is None or product["stock"] == product["moved"] - product["held"]:
        return None
    return f"{product['sku']}: stock {product['stock']}, but ledger {product['moved']} less held {product['held']}"


def show(report: Report) -> None:
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(report.by_status.items()))
    print(
        f"{report.orders} orders ({statuses or 'none'}), {report.reservations} reservations, {report.products} products"
    )
    if report.unsettled:
        print(f"{report.unsettled} orders still wait for products; the relay settles them.")
    for difference in report.differences:
        print(f"  {difference['kind']} {difference['id']}: {difference['detail']}")
    print(f"{len(report.differences)} differences" if report.differences else "No difference: the services agree.")


def _items(row: Row) -> list[tuple[str, int]]:
    return sorted((item["product_id"], item["quantity"]) for item in row["items"])


def _counted(name: str, rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if number % 500 == 0:
            rewrite(f"Reading {name}: {number} ...")
        yield row


def _again(kind: str, ids: list[str], check: Callable[[str], str | None]) -> Iterator[dict[str, str]]:
    for row_id in ids:
        if detail := check(row_id):
            yield {"kind": kind, "id": row_id, "detail": detail}
