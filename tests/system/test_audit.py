"""`manage_all.py audit` on a running system: clean at rest, and not fooled."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.system.client import Client, succeeded
from tests.system.plaza import System
from tests.system.shop import make_product, place_order, send_order


def report(system: System) -> tuple[int, dict[str, Any]]:
    """Its exit code and findings, after what other tests left unsettled is settled."""
    done = system.command("audit", "--json", "--pause", "0.5")
    findings: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, findings


@contextmanager
def tampered(system: System, product: dict[str, Any], by: int) -> Iterator[None]:
    """The stock changed behind everyone's back, until the end of the block."""
    path = system.data_dir / "products_project/Data-base.db"
    statement = "UPDATE products_product SET stock = stock + ? WHERE sku = ?"
    with closing(sqlite3.connect(path, timeout=10)) as database:
        database.execute(statement, (by, product["sku"]))
        database.commit()
        yield
        database.execute(statement, (-by, product["sku"]))
        database.commit()


def test_an_audit_is_clean_after_buying_cancelling_and_being_refused(
    system: System, staff: Client, customer: Client
) -> None:
    product = make_product(staff, stock=5)
    place_order(customer, product, 2)
    cancelled = place_order(customer, product)
    succeeded(customer.post(f"/api/orders/{cancelled['id']}/cancel/"))
    assert send_order(customer, product, 9).status_code == 409
    exit_code, findings = report(system)
    assert (exit_code, findings["differences"]) == (0, [])
    assert findings["orders"] >= 3
    assert findings["reservations"] >= 3


def test_stock_that_nobody_moved_is_found(system: System, staff: Client, customer: Client) -> None:
    product = make_product(staff, stock=5)
    place_order(customer, product, 2)
    with tampered(system, product, by=1):
        exit_code, findings = report(system)
    assert exit_code == 1
    assert findings["differences"] == [
        {"kind": "stock", "id": product["id"], "detail": f"{product['sku']}: stock 4, but ledger 5 less held 2"}
    ]
    assert report(system)[0] == 0


def test_an_audit_without_a_system_says_what_is_missing(system: System) -> None:
    done = System(system.data_dir.parent / "nowhere").command("audit")
    assert done.returncode == 1
    assert "operator's key" in done.stderr
    assert "Traceback" not in done.stderr
