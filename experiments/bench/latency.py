"""What the gateway adds for one customer alone: the median time through it, and straight to the service.

Straight means with an internal token, as the gateway itself would ask. Nothing of it is in the gateway's cache.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from experiments.chaos.shop import Shop

from . import sides, stock
from .report import Report
from .rounds import Comparison, Plan, Side, compared, samples
from .sides import Customer
from .wrk import Request


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory), proxied=False) as shop:
        customer = stock.customer(shop)
        order_ids = stock.place_orders(shop.port, customer.sign_in(), stock.fill(shop))
        asks = {
            "users": {"own account": Request(["/users/me/"])},
            "products": {"page of 20": Request(["/products/?max_price=%d&page_size=20"])},
            "orders": {"an order read": Request([f"/orders/{order_id}/" for order_id in order_ids])},
        }
        comparison = Comparison("p50 µs")
        for service, requests in asks.items():
            comparison.figures |= _of_service(shop, customer, service, requests, plan).figures
    return Report.of("One customer alone: through the gateway, and straight to the service", comparison)


def _of_service(shop: Shop, customer: Customer, service: str, requests: dict[str, Request], plan: Plan) -> Comparison:
    public = {
        case: replace(request, paths=[f"/api{path}" for path in request.paths]) for case, request in requests.items()
    }

    def internal() -> list[str]:
        return [sides.internal_token(shop, service, UUID(customer.user_id))]

    through = Side("gateway", shop.port, [], customer.tokens, public)
    straight = Side("service", sides.ports(shop)[service], [], internal, requests)
    return compared(samples([through, straight], plan, connections=1), "p50 µs", lambda sample: sample.p50_us)
