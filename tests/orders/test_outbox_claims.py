"""Which relay works on which order: no two on one, and none forgotten."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from orders_project.orders.models import Order, OrderEvent
from orders_project.orders.outbox import CLAIM, claim_due, deliver, due_orders, settle
from orders_project.orders.products_client import ProductsClient
from orders_project.orders.services import INLINE_CLAIM
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import REFUSED, held, history, make_order, pending
from tests.orders.threads import at_once


@pytest.mark.django_db
def test_the_longest_due_come_first_and_only_as_many_as_asked_for(clock: Clock) -> None:
    made = [make_order(due_at=clock.now() - timedelta(seconds=n)) for n in range(5)]
    assert set(claim_due(2)) == {made[4].pk, made[3].pk}
    assert set(claim_due(2)) == {made[2].pk, made[1].pk}
    assert claim_due(2) == [made[0].pk]
    assert claim_due(2) == []


@pytest.mark.django_db
def test_what_is_not_due_parked_or_wants_nothing_is_not_claimed(clock: Clock) -> None:
    make_order(due_at=clock.now() + timedelta(seconds=1))
    make_order(parked_at=clock.now())
    make_order("confirmed")
    make_order("cancelled")
    assert claim_due(10) == []
    assert not Order.objects.exclude(claimed_until=None).exists()


@pytest.mark.django_db
def test_a_hidden_order_still_gives_its_stock_back(clock: Clock) -> None:
    order = make_order("cancelled", wants="released", hidden_at=clock.now())
    assert claim_due(10) == [order.pk]


@pytest.mark.django_db
def test_a_claim_that_expired_is_taken_over(clock: Clock) -> None:
    order = make_order()
    assert claim_due(10) == [order.pk]
    clock.advance(CLAIM.total_seconds())
    assert claim_due(10) == []
    clock.advance(0.001)
    assert claim_due(10) == [order.pk]


@pytest.mark.django_db
def test_a_new_order_belongs_to_the_request_that_placed_it(
    clock: Clock, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    seen: list[UUID] = []
    products.fault = faults.meanwhile(before=lambda: seen.extend(claim_due(10)))
    user.order((kettle, 1))
    assert seen == []
    products.fault = faults.crash_before
    with pytest.raises(faults.Crash):
        user.order((kettle, 1))
    clock.advance(INLINE_CLAIM.total_seconds())
    assert claim_due(10) == []
    clock.advance(0.001)
    assert claim_due(10) == [Order.objects.get(status="pending").pk]


@pytest.mark.django_db
def test_a_cancelled_order_belongs_to_the_request_that_cancelled_it(
    clock: Clock, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    order_id = user.order((kettle, 1)).body["id"]
    products.fault = faults.crash_before
    clock.advance(3600)
    with pytest.raises(faults.Crash):
        user.post(f"/orders/{order_id}/cancel/")
    assert claim_due(10) == []
    clock.advance(INLINE_CLAIM.total_seconds() + 0.001)
    assert claim_due(10) == [UUID(order_id)]


@pytest.mark.django_db
def test_claims_outlast_the_longest_call(client: ProductsClient) -> None:
    assert client.upstream.policy.deadline_s < INLINE_CLAIM.total_seconds() <= CLAIM.total_seconds()


@pytest.mark.django_db
def test_an_order_that_was_postponed_is_free_when_it_is_due(
    clock: Clock, client: ProductsClient, products: FakeProducts
) -> None:
    order = pending(products)
    products.fault = faults.down
    claim_due(10)
    deliver(order.pk, client)
    assert list(due_orders()) == []
    clock.advance(0.5)
    assert claim_due(10) == [order.pk]


@pytest.mark.django_db(transaction=True)
def test_many_claimers_never_get_the_same_order(clock: Clock) -> None:
    made = {make_order(due_at=clock.now() - timedelta(seconds=n)).pk for n in range(40)}

    def claim_all() -> list[UUID]:
        mine: list[UUID] = []
        while batch := claim_due(3):
            mine += batch
        return mine

    claimed = at_once([claim_all] * 8)
    everyones = [order_id for mine in claimed for order_id in mine]
    assert len(everyones) == 40
    assert set(everyones) == made


@pytest.mark.django_db(transaction=True)
def test_of_many_verdicts_at_once_one_settles() -> None:
    order = make_order()
    at_once([partial(settle, order.pk, verdict) for verdict in [held(order), REFUSED] * 4])
    order.refresh_from_db()
    assert OrderEvent.objects.filter(order=order).count() == 2
    assert history(order.pk)[-1] == (order.status, None)
    assert (order.status == "confirmed") == (order.total is not None) == (order.lines.get().sku == "SKU-9")
    assert (order.status == "rejected") == (order.reason is not None)


@pytest.mark.django_db(transaction=True)
def test_relays_that_work_on_one_order_take_its_stock_once(client: ProductsClient, products: FakeProducts) -> None:
    order = pending(products)
    product_id = order.lines.get().product_id
    at_once([lambda: deliver(order.pk, client)] * 6)
    order.refresh_from_db()
    assert (order.status, products.stock(product_id)) == ("confirmed", 8)
    assert history(order.pk) == [("pending", order.user_id), ("confirmed", None)]
