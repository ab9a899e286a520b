"""Calls are lost, late or doubled, and processes die. In the end every order agrees with its reservation.

A process can die at each step: before a commit, after it, before products has carried out a call, or after that.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from orders_project.orders import outbox, relay, views
from orders_project.orders.loading import load
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, Status, Wants
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.faults import Crash
from tests.orders.rows import assert_agreement, everything, history
from tests.support.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

Relay = Callable[[], None]
Arm = Callable[[pytest.MonkeyPatch, FakeProducts], None]
TROUBLE: list[Fault | None] = [
    None,
    faults.down,
    faults.timeout,
    faults.late,
    faults.reply_lost,
    faults.doubled,
    faults.garbage,
    faults.held_but_empty,
    faults.wrong_order_id,
    faults.status(404),
    faults.status(503),
    faults.crash_before,
    faults.crash_after,
]


def test_a_put_that_arrives_after_the_release_is_refused_for_ever(
    user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    products.script = [faults.late]
    order_id = user.order((kettle, 3)).body["id"]
    assert user.post(f"/orders/{order_id}/cancel/").body["status"] == "cancelled"
    assert (products.state(order_id), products.stock(kettle)) == ("released", 10)
    products.arrive()
    assert (products.state(order_id), products.stock(kettle)) == ("released", 10)
    relay_until_idle()
    assert_agreement(products, {kettle: 10})


def test_a_release_that_arrives_twice_gives_back_once(
    user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    products.script = [faults.late]
    user.post(f"/orders/{order_id}/cancel/")
    assert products.stock(kettle) == 7
    relay_until_idle()
    products.arrive()
    assert products.stock(kettle) == 10
    assert_agreement(products, {kettle: 10})


@pytest.mark.parametrize("products_is_back", [True, False])
def test_a_held_verdict_that_comes_after_the_cancellation_changes_nothing(
    products_is_back: bool, user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    cancelled: list[int] = []

    def cancel() -> None:
        products.fault = None if products_is_back else faults.down
        cancelled.append(user.post(f"/orders/{Order.objects.get().pk}/cancel/").status)

    products.script = [faults.meanwhile(after=cancel)]
    reply = user.order((kettle, 3))
    order = Order.objects.get()
    assert (cancelled, reply.body["status"], reply.body["total"]) == ([200], "cancelled", None)
    assert products.state(order.pk) == ("released" if products_is_back else "held")
    assert order.wants == ("" if products_is_back else "released")
    products.fault = None
    relay_until_idle()
    assert products.stock(kettle) == 10
    assert history(order.pk) == [("pending", user.user_id), ("cancelled", user.user_id)]
    assert_agreement(products, {kettle: 10})


def test_a_cancellation_that_reaches_products_first_makes_the_put_a_late_one(
    user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    products.script = [faults.meanwhile(before=lambda: user.post(f"/orders/{Order.objects.get().pk}/cancel/"))]
    reply = user.order((kettle, 3))
    order = Order.objects.get()
    assert (reply.body["status"], order.reason) == ("cancelled", None)
    assert (products.asked(), products.state(order.pk)) == (["PUT", "DELETE"], "released")
    relay_until_idle()
    assert_agreement(products, {kettle: 10})


def test_a_refusal_whose_reply_was_lost_stands_although_stock_came_in(
    user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Relay
) -> None:
    products.script = [faults.reply_lost]
    assert user.order((kettle, 11), key="k-1").status == 202
    products.catalogue[kettle].stock = 100
    relay_until_idle()
    assert user.order((kettle, 11), key="k-1").body["items"][0]["available"] == 10
    assert_agreement(products, {kettle: 100})


class Shop:
    """Users and staff act in a random order, while products and the process fail at random."""

    def __init__(self, seed: int, products: FakeProducts, clock: Clock) -> None:
        self.dice = random.Random(seed)
        self.products, self.clock = products, clock
        self.user, self.staff = Api(), Api(is_staff=True)
        self.trouble = [
            *TROUBLE,
            faults.meanwhile(before=self.cancel_the_newest),
            faults.meanwhile(after=self.cancel_the_newest),
        ]
        self.stocked = {products.add(stock=40): 40, products.add(stock=8, price="0.35"): 8}

    def step(self) -> None:
        steps = [self.place, self.place, self.replay, self.cancel, self.pay, self.relay, self.arrive, self.hide]
        self.products.script = [self.dice.choice(self.trouble) for _ in range(3)]
        try:
            self.dice.choice(steps)()
        except Crash:
            pass
        self.products.script = []
        self.clock.advance(self.dice.choice([0.01, 1, 5, 20]))

    def place(self) -> None:
        chosen = self.dice.sample(sorted(self.stocked), self.dice.randint(1, 2))
        key = self.dice.choice([None, f"k-{self.dice.random()}"])
        self.user.order(*((product_id, self.dice.randint(1, 6)) for product_id in chosen), key=key)

    def replay(self) -> None:
        self.user.order((min(self.stocked), 2), key="again")

    def cancel(self) -> None:
        self.user.post(f"/orders/{self.any_order()}/cancel/")

    def cancel_the_newest(self) -> None:
        self.user.post(f"/orders/{Order.objects.latest('id').pk}/cancel/")

    def pay(self) -> None:
        self.staff.patch(f"/orders/{self.any_order()}/", {"status": self.dice.choice(["paid", "shipped"])})

    def hide(self) -> None:
        self.user.delete(f"/orders/{self.any_order()}/")

    def relay(self) -> None:
        call_command("relay", once=True)

    def arrive(self) -> None:
        self.products.arrive()

    def any_order(self) -> UUID | None:
        return self.dice.choice([None, *Order.objects.values_list("pk", flat=True)])


@pytest.mark.parametrize("seed", range(6))
def test_a_shop_in_trouble_ends_in_agreement(
    seed: int, products: FakeProducts, clock: Clock, relay_until_idle: Relay
) -> None:
    shop = Shop(seed, products, clock)
    for _ in range(40):
        shop.step()
    products.arrive()
    call_command("retry_orders")
    relay_until_idle()
    assert_agreement(products, shop.stocked)
    assert Order.objects.filter(status="confirmed").exists()


def die(*args: Any, **kwargs: Any) -> Any:
    raise Crash


def at(owner: Any, name: str) -> Arm:
    """The process dies instead of calling `owner.name`."""
    return lambda patch, products: patch.setattr(owner, name, die)


def after(owner: Any, name: str) -> Arm:
    """The process dies when `owner.name` has returned."""
    original = getattr(owner, name)

    def and_die(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise Crash

    return lambda patch, products: patch.setattr(owner, name, and_die)


def writing(status: Status) -> Arm:
    """The process dies in the transaction that sets `status`, before the history is written."""
    one, many = OrderEvent.objects.create, OrderEvent.objects.bulk_create

    def create(**values: Any) -> OrderEvent:
        if values["status"] == status:
            raise Crash
        return one(**values)

    def bulk_create(events: Iterable[OrderEvent]) -> list[OrderEvent]:
        listed = list(events)
        if any(event.status == status for event in listed):
            raise Crash
        return many(listed)

    def arm(patch: pytest.MonkeyPatch, products: FakeProducts) -> None:
        patch.setattr(OrderEvent.objects, "create", create)
        patch.setattr(OrderEvent.objects, "bulk_create", bulk_create)

    return arm


def asking(fault: Any) -> Arm:
    return lambda patch, products: patch.setattr(products, "fault", fault)


@contextmanager
def crashing(arm: Arm, products: FakeProducts) -> Iterator[None]:
    """In this block, the process dies where `arm` says. After the block, a new process runs."""
    with pytest.MonkeyPatch.context() as patch:
        arm(patch, products)
        with pytest.raises(Crash):
            yield


# For each step: where the process dies, whether an order is left behind, and the state of its reservation.
PLACING: dict[str, tuple[Arm, bool, str | None]] = {
    "before the order is written": (at(Order, "save"), False, None),
    "before the order is committed": (after(Order, "save"), False, None),
    "between commit and call": (at(views, "deliver"), True, None),
    "before products did it": (asking(faults.crash_before), True, None),
    "after products did it": (asking(faults.crash_after), True, "held"),
    "before the verdict is applied": (at(outbox, "settle"), True, "held"),
    "while the verdict is applied": (writing(Status.CONFIRMED), True, "held"),
    "before the prices are written": (at(outbox, "store_prices"), True, "held"),
    "after the verdict is committed": (after(outbox, "settle"), True, "held"),
    "before the answer is sent": (at(views, "_placed"), True, "held"),
}

CONFIRMING: dict[str, tuple[Arm, str | None]] = {
    "after the claim": (after(relay, "claim_due"), None),
    "before the call": (at(relay, "ask"), None),
    "before products did it": (asking(faults.crash_before), None),
    "after products did it": (asking(faults.crash_after), "held"),
    "before the verdict is applied": (at(relay, "settle_all"), "held"),
    "while the verdict is applied": (writing(Status.CONFIRMED), "held"),
    "before the prices are written": (at(outbox, "store_prices"), "held"),
    "after the verdict is committed": (after(relay, "settle_all"), "held"),
    "after the call": (after(relay, "ask"), "held"),
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
    assert Order.objects.count() == IdempotencyKey.objects.count() == int(is_left)
    assert [len(load(order).loaded_lines) for order in Order.objects.all()] == [1] * int(is_left)
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
    products.catalogue[kettle].stock -= 5  # what a second decision would find
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


@pytest.mark.parametrize("arm", [asking(faults.crash_before), asking(faults.crash_after), at(relay, "ask")])
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
