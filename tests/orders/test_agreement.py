"""Whatever is lost, late, doubled or crashed: once products answers again, every order and its reservation agree."""

import random
from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.management import call_command

from orders_project.orders.models import Order
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.rows import assert_agreement, history

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

Relay = Callable[[], None]
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
    """Users and staff doing things in a random order, while products and the process fail at random."""

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
        except faults.Crash:
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
    call_command("retry_parked")
    relay_until_idle()
    assert_agreement(products, shop.stocked)
    assert Order.objects.filter(status="confirmed").exists()
