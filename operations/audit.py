"""`audit`: whether the services agree. It compares orders with reservations, and stock with ledger and reservations."""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .cli import add_data_dir, port, positive
from .console import OperationError, rewrite
from .layout import DEFAULT_PORT, System, service
from .status import State

DESCRIPTION = """\
Compare orders, reservations, ledger and stock across the services of a running Plaza and print every difference.
Differences are read again by id after a pause, so an audit may run under traffic. Orders that still wait for
products are counted as unsettled.

--repair has products release what is reserved for orders that don't exist, for example after orders was restored
from an older backup than products. Such orders can't come back. Products logs each of them. Nothing else is
changed, and nothing at all if there are more than MOST: then orders may be on the wrong database."""
EPILOG = """\
examples:
  python3 manage_all.py audit
  python3 manage_all.py audit --repair
  docker compose run --rm operator audit --repair 500

exit codes: 0 no difference is left; 1 differences, or it could not be done; 2 wrong usage"""
MOST = 100
TELL_EVERY = 1000
HOLDING = frozenset({"confirmed", "paid", "shipped", "delivered"})

Row = dict[str, Any]


@dataclass
class Report:
    """`differences` are `{"kind", "id", "detail"}`; an empty list is a clean audit.

    `unsettled` orders still wait for products. `failing` are those of them that it gave no verdict on, with the reason.
    `ownerless` are the ids of reservations for unknown orders. They are differences until they are `repaired`.
    """

    orders: int = 0
    reservations: int = 0
    products: int = 0
    unsettled: int = 0
    failing: dict[str, str] = field(default_factory=dict)
    by_status: dict[str, int] = field(default_factory=dict)
    differences: list[dict[str, str]] = field(default_factory=list)
    ownerless: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--port", type=port, help="the gateway's port, when the system wasn't started by `up`")
    parser.add_argument("--pause", type=float, default=2.0, metavar="S", help="before reading again (default: 2)")
    parser.add_argument(
        "--repair",
        type=positive,
        nargs="?",
        const=MOST,
        metavar="MOST",
        help=f"release reservations for unknown orders, if there are no more than MOST (default: {MOST})",
    )
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    system: System = options.system
    state = State.read(system.state_file)
    first_port = options.port or (state.port if state else DEFAULT_PORT)
    report = audit(system, first_port, pause_s=options.pause)
    if options.repair:
        repair(system, first_port, report, most=options.repair)
    if options.json:
        print(json.dumps(asdict(report)))
    else:
        show(report)
    return 1 if report.differences else 0


def audit(system: System, first_port: int, *, pause_s: float) -> Report:
    """Both sides are read in the order of their ids, so that never more than a few pages are in memory."""
    from .operator import OperatorClient  # needs the installed packages, which --help does not

    products, orders = (OperatorClient(system, service(name), first_port) for name in ("products", "orders"))
    report = Report()
    suspects = list(_suspects(report, orders.rows("/audit/orders/"), products.rows("/audit/reservations/")))
    unbalanced = list(_unbalanced(report, products.rows("/audit/stock/")))
    if suspects or unbalanced:
        rewrite(f"Reading {len(suspects) + len(unbalanced)} rows again ...")
        time.sleep(pause_s)

    def compare_again(order_id: str) -> str | None:
        order = orders.row(f"/audit/orders/{order_id}/")
        difference = compare(order, products.row(f"/audit/reservations/{order_id}/"))
        if order is None and difference:
            report.ownerless.append(order_id)
        return difference

    report.differences += _again("order", suspects, compare_again)
    report.differences += _again("stock", unbalanced, lambda i: balance(products.row(f"/audit/stock/{i}/")))
    rewrite("")
    return report


def repair(system: System, first_port: int, report: Report, *, most: int) -> None:
    """Release what is reserved for unknown orders. Raises `OperationError` if these are more than `most`."""
    from .operator import OperatorClient  # as above

    if len(report.ownerless) > most:
        raise OperationError(
            f"{len(report.ownerless)} reservations have no order, and orders knows {report.orders}; is it on the right "
            f"database? Nothing was changed. If it is: `audit --repair {len(report.ownerless)}`."
        )
    products = OperatorClient(system, service("products"), first_port)
    for order_id in report.ownerless:
        products.delete(f"/audit/reservations/{order_id}/")
        report.repaired.append(order_id)
    report.differences = [each for each in report.differences if each["id"] not in report.repaired]


def _suspects(report: Report, orders: Iterator[Row], reservations: Iterator[Row]) -> Iterator[str]:
    """The ids of those that differ, after one look at both. All are counted in the report."""
    for number, (order, reservation) in enumerate(paired(orders, reservations), 1):
        if order:
            _count(report, order)
        report.reservations += reservation is not None
        if compare(order, reservation):
            yield (order or reservation or {})["order_id"]
        if number % TELL_EVERY == 0:
            rewrite(f"Compared {number:,} orders with their reservations ...")


def _count(report: Report, order: Row) -> None:
    report.orders += 1
    report.by_status[order["status"]] = report.by_status.get(order["status"], 0) + 1
    if is_unsettled(order):
        report.unsettled += 1
        if order["attempts"]:
            report.failing[order["order_id"]] = order["last_error"]


def _unbalanced(report: Report, products: Iterator[Row]) -> Iterator[str]:
    for report.products, product in enumerate(products, 1):
        if balance(product):
            yield product["product_id"]
        if report.products % TELL_EVERY == 0:
            rewrite(f"Checked the stock of {report.products:,} products ...")


def paired(orders: Iterator[Row], reservations: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Each order with its reservation, None where one of them is missing. Both come in the order of their ids."""
    order, reservation = next(orders, None), next(reservations, None)
    while order or reservation:
        if order and reservation and order["order_id"] == reservation["order_id"]:
            yield order, reservation
            order, reservation = next(orders, None), next(reservations, None)
        elif reservation is None or (order and order["order_id"] < reservation["order_id"]):
            yield order, None
            order = next(orders, None)
        else:
            yield None, reservation
            reservation = next(reservations, None)


def is_unsettled(order: Row) -> bool:
    return bool(order["wants"])


def compare(order: Row | None, reservation: Row | None) -> str | None:
    """How an order and its reservation disagree, or None. An unsettled order doesn't disagree."""
    if order is None:
        if reservation is None or reservation["ownerless"]:
            return None
        return f"products has a {reservation['state']} reservation for an unknown order"
    if is_unsettled(order):
        return None
    state = reservation["state"] if reservation else "missing"
    if order["status"] in HOLDING:
        if reservation is None or state != "held":
            return f"{order['status']}, but its reservation is {state}"
        return None if order["items"] == reservation["items"] else "its reservation holds something else"
    expected = ("refused", "released")
    return None if state in expected else f"{order['status']}, but its reservation is {state}"


def balance(product: Row | None) -> str | None:
    """How a product's stock differs from its ledger minus what is held, or None."""
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
    for order_id, error in report.failing.items():
        print(f"  order {order_id}: no verdict: {error}")
    for order_id in report.repaired:
        print(f"  order {order_id}: unknown, so products released its reservation")
    for difference in report.differences:
        print(f"  {difference['kind']} {difference['id']}: {difference['detail']}")
    print(f"{len(report.differences)} differences" if report.differences else "No difference: the services agree.")


def _again(kind: str, ids: list[str], check: Callable[[str], str | None]) -> Iterator[dict[str, str]]:
    for row_id in ids:
        if detail := check(row_id):
            yield {"kind": kind, "id": row_id, "detail": detail}
