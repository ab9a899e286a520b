"""Confirmed orders a second, and what one costs: Plaza's four processes beside one Django process.

The monolith is one gunicorn process with eight threads and one SQLite database: an order is one transaction there.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import packages, sides, stock, whole_path
from .report import Report
from .rounds import Plan, Side, compared, samples
from .stock import Stock
from .wrk import Request

CASE = "an order placed"


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, ExitStack() as stack:
        plaza = stack.enter_context(whole_path.plaza_side(Path(directory)))
        plaza.requests = {CASE: plaza.requests[CASE]}
        compared_sides = [plaza]
        if packages.available([("Django", packages.python_environment)]):
            compared_sides.append(stack.enter_context(monolith_side(Path(directory))))
        taken = samples(compared_sides, plan)
    a_second = compared(taken, "a second", lambda sample: sample.per_second, decimals=1)
    cpu = compared(taken, "CPU µs", lambda sample: sample.cpu_us)
    return Report.of("Confirmed orders, eight customers at once", a_second, cpu)


@contextmanager
def monolith_side(directory: Path) -> Iterator[Side]:
    rows = Stock.invent()
    columns = ("id", "sku", "name", "price", "currency", "stock")
    products = [{column: row[column] for column in columns} for row in rows.products]
    beginning = {"user": {"id": 1, "username": "ada"}, "products": products}
    with sides.django_monolith(beginning, directory) as server:
        bodies = [stock.order_of(product_id) for product_id in rows.product_ids]
        request = Request(["/api/orders/"], bodies, "POST", 201)
        yield Side("Django", server.port, [server.pid], lambda: sides.peer_tokens("1"), {CASE: request})
