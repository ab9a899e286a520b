"""The process ends between any two steps; what is left, `relay` brings to agreement with products.

A step is a place where the process can die: before a commit, after it, before or after products did what it was asked.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from orders_project.orders import outbox, views
from orders_project.orders.management.commands import relay as relay_module
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, OrderLine, Status, Wants
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts
from tests.orders.faults import Crash
from tests.orders.rows import assert_agreement, everything

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

Arm = Callable[[pytest.MonkeyPatch, FakeProducts], None]
Relay = Callable[[], None]


def die(*args: Any, **kwargs: Any) -> Any:
    raise Crash


def at(owner: Any, name: str) -> Arm:
    """Instead of calling `owner.name`."""
    return lambda patch, products: patch.setattr(owner, name, die)


def after(owner: Any, name: str) -> Arm:
    """When `owner.name` has returned."""
    original = getattr(owner, name)

    def and_die(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise Crash

    return lambda patch, products: patch.setattr(owner, name, and_die)


def writing(status: Status) -> Arm:
    """In the transaction that moves an order to `status`, before its history is written."""
    original = OrderEvent.objects.create

    def create(**values: Any) -> OrderEvent:
        if values["status"] == status:
            raise Crash
        return original(**values)

    return lambda patch, products: patch.setattr(OrderEvent.objects, "create", create)


def asking(fault: Any) -> Arm:
    return lambda patch, products: patch.setattr(products, "fault", fault)


@contextmanager
def crashing(arm: Arm, products: FakeProducts) -> Iterator[None]:
    """The block's process dies where `arm` says; the next one is sound."""
    with pytest.MonkeyPatch.context() as patch:
        arm(patch, products)
        with pytest.raises(Crash):
            yield


# Each step, and whether an order is left behind, and what products knows by then.
PLACING: dict[str, tuple[Arm, bool, str | None]] = {
    "before the order is committed": (writing(Status.PENDING), False, None),
    "before the lines are written": (at(OrderLine.objects, "bulk_create"), False, None),
    "between commit and call": (at(views, "deliver"), True, None),
    "before products did it": (asking(faults.crash_before), True, None),
    "after products did it": (asking(faults.crash_after), True, "held"),
    "before the verdict is applied": (at(outbox, "settle"), True, "held"),
    "while the verdict is applied": (writing(Status.CONFIRMED), True, "held"),
    "before the prices are written": (at(OrderLine.objects, "filter"), True, "held"),
    "after the verdict is committed": (after(outbox, "settle"), True, "held"),
    "before the answer is sent": (at(views, "_placed"), True, "held"),
}

CONFIRMING: dict[str, tuple[Arm, str | None]] = {
    "after the claim": (after(relay_module, "claim_due"), None),
    "before the call": (at(relay_module, "deliver"), None),
    "before products did it": (asking(faults.crash_before), None),
    "after products did it": (asking(faults.crash_after), "held"),
    "before the verdict is applied": (at(outbox, "settle"), "held"),
    "while the verdict is applied": (writing(Status.CONFIRMED), "held"),
    "before the prices are written": (at(OrderLine.objects, "filter"), "held"),
    "after the verdict is committed": (after(outbox, "settle"), "held"),
    "after the delivery": (after(relay_module, "deliver"), "held"),
}

CANCELLING: dict[str, tuple[Arm, bool]] = {
    "before the cancellation is committed": (writing(Status.CANCELLED), False),
    "between commit and call": (at(views, "deliver"), True),
    "before products did it": (asking(faults.crash_before), True),
    "after products did it": (asking(faults.crash_after), True),
    "before the answer is sent": (after(views, "deliver"), True),
}


@pytest.mark.parametrize(("arm", "is_left", "state"), PLACING.values(), ids=PLACING.keys())
def test_a_crash_while_placing_loses_and_doubles_nothing(
    arm: Arm,
    is_left: bool,
    state: str | None,
    user: Api,
    products: FakeProducts,
    kettle: UUID,
    relay_until_idle: Relay,
) -> None:
    with crashing(arm, products):
        user.order((kettle, 3), key="k-1")
    assert Order.objects.count() == IdempotencyKey.objects.count() == OrderLine.objects.count() == int(is_left)
    assert [products.state(order.pk) for order in Order.objects.all()] == [state] * int(is_left)
    relay_until_idle()
    assert Order.objects.filter(status="confirmed").count() == int(is_left)
    reply = user.order((kettle, 3), key="k-1")
    assert (reply.status, reply.body["status"], reply.body["total"]) == (201, "confirmed", "59.70")
    assert reply.headers.get("Idempotent-Replayed") == ("true" if is_left else None)
    assert Order.objects.count() == 1
    assert products.stock(kettle) == 7
    assert_agreement(products, {kettle: 10})


@pytest.mark.parametrize("arm", [PLACING[step][0] for step in PLACING if PLACING[step][1]])
def test_a_replay_finishes_what_a_crash_left_without_the_relay(
    arm: Arm, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    with crashing(arm, products):
        user.order((kettle, 3), key="k-1")
    reply = user.order((kettle, 3), key="k-1")
    assert (reply.status, reply.headers["Idempotent-Replayed"]) == (201, "true")
    assert_agreement(products, {kettle: 10})


@pytest.mark.parametrize("arm", [asking(faults.crash_before), asking(faults.crash_after), writing(Status.REJECTED)])
def test_a_crash_while_being_refused_ends_in_a_refusal(
    arm: Arm, user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    with crashing(arm, products):
        user.order((kettle, 11), key="k-1")
    products.catalogue[kettle].stock -= 5  # what it would find by now
    relay_until_idle()
    assert user.order((kettle, 11), key="k-1").status == 409
    assert Order.objects.get().status == "rejected"
    assert products.stock(kettle) == 5
    assert_agreement(products, {kettle: 5})


@pytest.mark.parametrize(("arm", "state"), CONFIRMING.values(), ids=CONFIRMING.keys())
def test_a_relay_that_crashes_is_followed_by_one_that_finishes(
    arm: Arm,
    state: str | None,
    user: Api,
    products: FakeProducts,
    kettle: UUID,
    clock: Clock,
    relay_until_idle: Relay,
) -> None:
    products.fault = faults.down
    order_id = user.order((kettle, 3)).body["id"]
    products.fault = None
    clock.advance(60)
    with crashing(arm, products):
        call_command("relay", once=True)
    assert products.state(order_id) == state
    relay_until_idle()
    assert Order.objects.get().status == "confirmed"
    assert products.stock(kettle) == 7
    assert_agreement(products, {kettle: 10})


@pytest.mark.parametrize("before", ["pending", "pending, but held", "confirmed", "paid"])
@pytest.mark.parametrize(("arm", "is_cancelled"), CANCELLING.values(), ids=CANCELLING.keys())
def test_a_crash_while_cancelling_keeps_stock_and_status_together(
    arm: Arm,
    is_cancelled: bool,
    before: str,
    user: Api,
    staff: Api,
    products: FakeProducts,
    kettle: UUID,
    relay_until_idle: Relay,
) -> None:
    products.script = {"pending": [faults.down], "pending, but held": [faults.reply_lost]}.get(before, [])
    order_id = user.order((kettle, 3)).body["id"]
    if before == "paid":
        assert staff.patch(f"/orders/{order_id}/", {"status": "paid"}).status == 200
    placed = everything(order_id)
    with crashing(arm, products):
        user.post(f"/orders/{order_id}/cancel/")
    if not is_cancelled:
        assert everything(order_id) == placed
    relay_until_idle()
    settled = "confirmed" if before.startswith("pending") else before
    assert Order.objects.get().status == ("cancelled" if is_cancelled else settled)
    assert products.stock(kettle) == (10 if is_cancelled else 7)
    assert_agreement(products, {kettle: 10})


@pytest.mark.parametrize("arm", [asking(faults.crash_before), asking(faults.crash_after), at(relay_module, "deliver")])
def test_a_relay_that_crashes_while_releasing_gives_the_stock_back_once(
    arm: Arm, user: Api, products: FakeProducts, kettle: UUID, clock: Clock, relay_until_idle: Relay
) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    products.fault = faults.down
    user.post(f"/orders/{order_id}/cancel/")
    products.fault = None
    clock.advance(60)
    with crashing(arm, products):
        call_command("relay", once=True)
    assert Order.objects.get().wants == Wants.RELEASED
    relay_until_idle()
    assert products.stock(kettle) == 10
    assert_agreement(products, {kettle: 10})
