"""Status changes that happen at once, and cases that the views don't reach."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError
from django.http import Http404

from common import batches
from common.identifiers import new_id
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, OrderLine
from orders_project.orders.services import (
    KEY_LIFETIME,
    Placement,
    WrongStatus,
    hide_order,
    place_order,
    purge_idempotency_keys,
)
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import everything, history, make_order
from tests.support.clock import Clock
from tests.support.statements import statements, verbs
from tests.support.threads import at_once


@pytest.mark.django_db
def test_an_order_that_cannot_be_written_leaves_no_key(kettle: UUID) -> None:
    placement = Placement(user_id=new_id(), lines={kettle: 0}, note=None, key="k-1")  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        place_order(placement)
    assert [model.objects.count() for model in (Order, IdempotencyKey)] == [0, 0]


@pytest.mark.django_db
def test_the_key_of_a_hidden_order_names_no_order(clock: Clock) -> None:
    order = make_order("delivered", hidden_at=clock.now())
    IdempotencyKey.objects.create(user_id=order.user_id, key="k-1", fingerprint="f", order=order)
    with pytest.raises(Http404):
        place_order(Placement(user_id=order.user_id, lines={new_id(): 1}, key="k-1", fingerprint="f"))
    assert Order.objects.get() == order


@pytest.mark.django_db
def test_of_two_deletions_the_first_stands(clock: Clock) -> None:
    order = make_order("delivered")
    hide_order(order_id=order.pk)
    before = everything(order.pk)
    clock.advance(5)
    with pytest.raises(WrongStatus):
        hide_order(order_id=order.pk)
    assert everything(order.pk) == before


@pytest.mark.django_db
def test_only_expired_keys_are_purged_and_their_orders_stay(clock: Clock) -> None:
    order = make_order("paid")
    for name, age in (("old", KEY_LIFETIME + timedelta(seconds=1)), ("young", KEY_LIFETIME - timedelta(seconds=1))):
        IdempotencyKey.objects.create(user_id=order.user_id, key=name, order=order, created_at=clock.now() - age)
    assert purge_idempotency_keys() == 1
    assert IdempotencyKey.objects.get().key == "young"
    assert Order.objects.get() == order


@pytest.mark.django_db
def test_many_expired_keys_are_purged_a_few_at_a_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZE", 2)
    order, made_at = make_order("paid"), clock.now() - KEY_LIFETIME - timedelta(seconds=1)
    for number in range(5):
        IdempotencyKey.objects.create(user_id=order.user_id, key=str(number), order=order, created_at=made_at)
    with statements() as executed:
        assert purge_idempotency_keys() == 5
    assert verbs(executed).count("DELETE") == 3
    assert IdempotencyKey.objects.count() == 0


@pytest.mark.django_db
def test_a_key_that_is_purged_while_it_is_asked_for_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    create, taken = IdempotencyKey.objects.create, [True]

    def lose_once(**values: Any) -> IdempotencyKey:
        if taken and taken.pop():
            raise IntegrityError
        return create(**values)

    monkeypatch.setattr(IdempotencyKey.objects, "create", lose_once)
    order, is_replay = place_order(Placement(user_id=new_id(), lines={new_id(): 1}, key="k-1", fingerprint="f"))
    assert (Order.objects.get(), IdempotencyKey.objects.get().order, is_replay) == (order, order, False)


@pytest.mark.django_db(transaction=True)
def test_of_many_requests_with_one_expired_key_one_takes_it(
    user: Api, products: FakeProducts, kettle: UUID, clock: Clock
) -> None:
    old = user.order((kettle, 1), key="k-1").body["id"]
    IdempotencyKey.objects.update(created_at=clock.now() - KEY_LIFETIME - timedelta(seconds=1))
    replies = at_once([lambda: user.order((kettle, 2), key="k-1")] * 8)
    (new,) = {reply.body["id"] for reply in replies}
    assert new != old
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies].count(None) == 1
    assert (Order.objects.count(), products.stock(kettle)) == (2, 7)
    assert str(IdempotencyKey.objects.get().order_id) == new


@pytest.mark.django_db(transaction=True)
def test_ten_requests_with_one_key_make_one_order(user: Api, products: FakeProducts, kettle: UUID) -> None:
    replies = at_once([lambda: user.order((kettle, 2), key="k-1")] * 10)
    assert {reply.body["id"] for reply in replies} == {str(Order.objects.get().pk)}
    assert {reply.status for reply in replies} <= {201, 202}
    assert [reply.headers.get("Idempotent-Replayed") for reply in replies].count(None) == 1
    assert products.stock(kettle) == 8
    assert OrderLine.objects.count() == 1
    assert history(Order.objects.get().pk) == [("pending", user.user_id), ("confirmed", None)]


@pytest.mark.django_db(transaction=True)
def test_requests_with_one_key_and_two_bodies_make_one_order(user: Api, products: FakeProducts, kettle: UUID) -> None:
    replies = at_once([partial(user.order, (kettle, quantity), key="k-1") for quantity in (1, 2) * 3])
    assert sorted(reply.status == 422 for reply in replies) == [False] * 3 + [True] * 3
    assert Order.objects.count() == 1
    assert products.stock(kettle) == 10 - OrderLine.objects.get().quantity


@pytest.mark.django_db(transaction=True)
def test_of_two_staff_who_move_an_order_at_once_one_does(products: FakeProducts) -> None:
    order, first, second = make_order("confirmed"), Api(is_staff=True), Api(is_staff=True)
    replies = at_once([partial(who.patch, f"/orders/{order.pk}/", {"status": "paid"}) for who in (first, second)])
    assert sorted(reply.status for reply in replies) == [200, 409]
    winner = first if replies[0].status == 200 else second
    assert history(order.pk)[-1] == ("paid", winner.user_id)
    assert OrderEvent.objects.filter(order=order, status="paid").count() == 1


@pytest.mark.django_db(transaction=True)
def test_shipping_and_cancelling_at_once_end_in_one_of_the_two(user: Api, staff: Api, products: FakeProducts) -> None:
    order = make_order("paid", user_id=user.user_id)
    shipped, cancelled = at_once(
        [
            lambda: staff.patch(f"/orders/{order.pk}/", {"status": "shipped"}),
            lambda: user.post(f"/orders/{order.pk}/cancel/"),
        ]
    )
    order.refresh_from_db()
    assert sorted((shipped.status, cancelled.status)) == [200, 409]
    assert order.status == ("shipped" if shipped.status == 200 else "cancelled")
    assert products.asked() == ([] if shipped.status == 200 else ["DELETE"])


@pytest.mark.django_db(transaction=True)
def test_cancelling_twice_at_once_is_done_once(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 2)).body["id"]
    replies = at_once([lambda: user.post(f"/orders/{order_id}/cancel/")] * 4)
    assert [reply.status for reply in replies] == [200] * 4
    assert products.stock(kettle) == 10
    assert history(order_id)[-1] == ("cancelled", user.user_id)
