"""`manage_all.py audit` on a running Plaza: it finds no difference at rest, and finds each one that there is."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.support.http import Client, succeeded
from tests.support.plaza import Plaza, eventually
from tests.system.shop import make_product, place_order, send_order, stock_of


def report(plaza: Plaza) -> tuple[int, dict[str, Any]]:
    """The exit code and the findings. The pause lets the orders of other tests settle first."""
    finished = plaza.run("audit", "--json", "--pause", "0.5")
    findings: dict[str, Any] = json.loads(finished.stdout)
    return finished.returncode, findings


@contextmanager
def tampered(plaza: Plaza, product: dict[str, Any], by: int) -> Iterator[None]:
    """Inside the block the stock of the product is changed by `by`, without a movement in the ledger."""
    path = plaza.data_dir / "products_project/Data-base.db"
    statement = "UPDATE products_product SET stock = stock + ? WHERE sku = ?"
    with closing(sqlite3.connect(path, timeout=10)) as database:
        database.execute(statement, (by, product["sku"]))
        database.commit()
        yield
        database.execute(statement, (-by, product["sku"]))
        database.commit()


def test_an_audit_finds_nothing_after_orders_cancellations_and_refusals(
    plaza: Plaza, staff: Client, customer: Client
) -> None:
    product = make_product(staff, stock=5)
    place_order(customer, product, 2)
    cancelled = place_order(customer, product)
    succeeded(customer.post(f"/api/orders/{cancelled['id']}/cancel/"))
    assert send_order(customer, product, 9).status_code == 409
    exit_code, findings = report(plaza)
    assert (exit_code, findings["differences"]) == (0, [])
    assert findings["orders"] >= 3
    assert findings["reservations"] >= 3


def test_an_audit_finds_stock_that_changed_without_a_movement(plaza: Plaza, staff: Client, customer: Client) -> None:
    product = make_product(staff, stock=5)
    place_order(customer, product, 2)
    with tampered(plaza, product, by=1):
        exit_code, findings = report(plaza)
    assert exit_code == 1
    assert findings["differences"] == [
        {"kind": "stock", "id": product["id"], "detail": f"{product['sku']}: stock 4, but ledger 5 less held 2"}
    ]
    assert report(plaza)[0] == 0


def test_what_is_reserved_for_an_unknown_order_is_released_only_when_told_to(
    plaza: Plaza, staff: Client, customer: Client
) -> None:
    product = make_product(staff, stock=5)
    orders = [place_order(customer, product)["id"] for _ in range(2)]
    lose_orders(plaza, orders)
    exit_code, findings = report(plaza)
    assert (exit_code, sorted(findings["ownerless"]), findings["repaired"]) == (1, sorted(orders), [])
    assert {(each["id"], each["detail"]) for each in findings["differences"]} == {
        (order_id, "products has a held reservation for an unknown order") for order_id in orders
    }

    refused = plaza.run("audit", "--repair", "1", "--pause", "0.1")
    assert (refused.returncode, "2 reservations have no order" in refused.stderr) == (1, True)
    assert stock_of(staff, product) == 3

    repaired = plaza.run("audit", "--repair", "--json", "--pause", "0.1")
    found = json.loads(repaired.stdout)
    assert (repaired.returncode, found["differences"], sorted(found["repaired"])) == (0, [], sorted(orders))
    eventually(lambda: stock_of(staff, product) == 5)  # a page may be a second old
    assert {
        entry["order_id"]
        for entry in plaza.logs("products")
        if entry["event"] == "a reservation without an order was released"
    } == set(orders)
    exit_code, findings = report(plaza)
    assert (exit_code, findings["ownerless"]) == (0, [])


def lose_orders(plaza: Plaza, orders: list[str]) -> None:
    with closing(sqlite3.connect(plaza.data_dir / "orders_project/Data-base.db", timeout=10)) as database:
        for order_id in orders:
            for table, column in (("orders_orderline", "order_id"), ("orders_orderevent", "order_id")):
                database.execute(f"DELETE FROM {table} WHERE {column} = ?", (order_id.replace("-", ""),))
            database.execute("DELETE FROM orders_order WHERE id = ?", (order_id.replace("-", ""),))
        database.commit()


def test_an_audit_without_a_plaza_says_what_is_missing(plaza: Plaza) -> None:
    finished = Plaza(plaza.data_dir.parent / "nowhere").run("audit")
    assert finished.returncode == 1
    assert "operator's key" in finished.stderr
    assert "Traceback" not in finished.stderr
