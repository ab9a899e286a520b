"""Orders made directly in the database, and a check that they agree with products."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from common.identifiers import new_id
from orders_project.orders.loading import load
from orders_project.orders.models import Order, OrderEvent, OrderLine, Status, Wants
from orders_project.orders.products_client import HeldLine, Verdict
from tests.orders.fake_products import FakeProducts

PATHS = {
    Status.PENDING: (Status.PENDING,),
    Status.REJECTED: (Status.PENDING, Status.REJECTED),
    Status.CANCELLED: (Status.PENDING, Status.CANCELLED),
    Status.CONFIRMED: (Status.PENDING, Status.CONFIRMED),
    Status.PAID: (Status.PENDING, Status.CONFIRMED, Status.PAID),
    Status.SHIPPED: (Status.PENDING, Status.CONFIRMED, Status.PAID, Status.SHIPPED),
    Status.DELIVERED: (Status.PENDING, Status.CONFIRMED, Status.PAID, Status.SHIPPED, Status.DELIVERED),
}
PRICED = (Status.CONFIRMED, Status.PAID, Status.SHIPPED, Status.DELIVERED)
HOLDING = {*PRICED}
REFUSAL = {"reason": "insufficient-stock", "detail": "There is not enough in stock.", "items": []}
REFUSED = Verdict("refused", "", (), REFUSAL)


def make_order(status: str = Status.PENDING, *, user_id: UUID | None = None, **members: Any) -> Order:
    """An order with one line. It reached `status` in the usual way."""
    status = Status(status)
    priced = status in PRICED
    wants = Wants.HELD if status == Status.PENDING else Wants.NOTHING
    price = {"total": Decimal("39.80"), "currency": "EUR"} if priced else {}
    order = Order.objects.create(
        **{
            "user_id": user_id or new_id(),
            "status": status,
            "wants": wants,
            "due_at": timezone.now(),
            **price,
            **members,
        }
    )
    snapshot = {"sku": "SKU-1", "name": "Kettle", "unit_price": Decimal("19.90")} if priced else {}
    OrderLine.objects.create(order=order, position=0, product_id=new_id(), quantity=2, **snapshot)
    for step in PATHS[status]:
        OrderEvent.objects.create(order=order, status=step, by=order.user_id)
    return loaded(order)


def loaded(order: Order) -> Order:
    """The order as it is in the database now, in an object of its own."""
    return load(Order.objects.get(pk=order.pk))


def held(order: Order) -> Verdict:
    line = order.lines.get()
    return Verdict("held", "EUR", (HeldLine(line.product_id, "SKU-9", "Pot", Decimal("2.50"), line.quantity),), None)


def pending(products: FakeProducts, **members: Any) -> Order:
    """A pending order for a product that exists."""
    order = make_order("pending", **members)
    product_id = products.add()
    order.lines.update(product_id=product_id)
    return loaded(order)


def everything(order_id: UUID | str) -> dict[str, Any]:
    """Everything in the database about one order."""
    return {
        "order": Order.objects.filter(pk=order_id).values().get(),
        "lines": list(OrderLine.objects.filter(order_id=order_id).values()),
        "events": list(OrderEvent.objects.filter(order_id=order_id).values()),
    }


def history(order_id: UUID | str) -> list[tuple[str, UUID | None]]:
    return [(event.status, event.by) for event in load(Order.objects.get(pk=order_id)).loaded_events]


def at(order: Order, moment: datetime) -> Order:
    Order.objects.filter(pk=order.pk).update(created_at=moment)
    return order


def assert_agreement(products: FakeProducts, stocked: dict[UUID, int]) -> None:
    """Every order agrees with its reservation, and no unit is lost. `stocked` is the first stock of each product."""
    orders = {order.pk: order for order in Order.objects.prefetch_related("lines")}
    assert set(products.verdicts) <= set(orders)
    held = dict.fromkeys(stocked, 0)
    for order in orders.values():
        assert order.wants == Wants.NOTHING
        assert order.status != Status.PENDING
        expected = {"held"} if order.status in HOLDING else {"refused", "released"}
        assert products.state(order.pk) in expected, (order.status, products.state(order.pk))
        if order.status in HOLDING:
            lines = products.verdicts[order.pk]["items"]
            snapshots = {(str(x.product_id), x.quantity, f"{x.unit_price:.2f}") for x in order.lines.all()}
            assert snapshots == {(x["product_id"], x["quantity"], x["unit_price"]) for x in lines}
            for line in lines:
                held[UUID(line["product_id"])] += line["quantity"]
        assert [event.status for event in order.events.all()][-1] == order.status
    assert {product_id: products.stock(product_id) + held[product_id] for product_id in stocked} == stocked
