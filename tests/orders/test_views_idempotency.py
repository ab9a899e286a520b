"""Idempotency-Key: the same key and body always mean the same order, whatever happens in between."""

import json
from typing import Any
from uuid import UUID

import pytest

from orders_project.orders.models import IdempotencyKey, Order
from orders_project.orders.services import cancel_order, hide_order
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import everything
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db


def test_the_same_key_and_body_are_the_same_order(user: Api, products: FakeProducts, kettle: UUID) -> None:
    first = user.order((kettle, 2), key="k-1")
    again = user.order((kettle, 2), key="k-1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"] == f"/orders/{first.body['id']}/"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1
    assert products.asked() == ["PUT"]


def test_without_a_key_the_same_body_is_another_order(user: Api, products: FakeProducts, kettle: UUID) -> None:
    assert user.order((kettle, 2)).body["id"] != user.order((kettle, 2)).body["id"]
    assert products.stock(kettle) == 6
    assert IdempotencyKey.objects.count() == 0


def test_a_replay_that_finds_it_pending_asks_products_itself(user: Api, products: FakeProducts, kettle: UUID) -> None:
    products.script = [faults.down, faults.timeout]
    first = user.order((kettle, 2), key="k-1")
    second = user.order((kettle, 2), key="k-1")
    third = user.order((kettle, 2), key="k-1")
    assert (first.status, second.status, third.status) == (202, 202, 201)
    assert (second.headers["Idempotent-Replayed"], third.headers["Idempotent-Replayed"]) == ("true", "true")
    assert third.body["total"] == "39.80"
    assert Order.objects.get().pk == UUID(first.body["id"])
    assert products.asked() == ["PUT", "PUT", "PUT"]


def test_a_replay_of_a_refused_order_is_the_same_409(user: Api, products: FakeProducts, kettle: UUID) -> None:
    first = user.order((kettle, 11), key="k-1")
    products.catalogue[kettle].stock = 1000
    again = user.order((kettle, 11), key="k-1")
    assert (first.status, again.status) == (409, 409)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert {**again.body, "request_id": None} == {**first.body, "request_id": None}
    assert products.stock(kettle) == 1000


def test_a_replay_of_a_cancelled_order_shows_it_cancelled(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 2), key="k-1").body["id"]
    user.post(f"/orders/{order_id}/cancel/")
    again = user.order((kettle, 2), key="k-1")
    assert (again.status, again.body["id"], again.body["status"]) == (201, order_id, "cancelled")
    assert products.stock(kettle) == 10


def test_the_order_of_the_items_makes_no_other_body(user: Api, products: FakeProducts, kettle: UUID) -> None:
    cup = products.add(stock=10, price="4.00")
    first = user.order((kettle, 2), (cup, 1), key="k-1")
    again = user.order((cup, 1), (kettle, 2), key="k-1")
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert user.order((cup, 2), (kettle, 1), key="k-1").status == 422


@pytest.mark.parametrize("change", [{"quantity": 3}, {"note": "x"}, {"shipping_address": "x"}])
def test_another_body_is_a_422_and_makes_nothing(
    change: dict[str, Any], user: Api, products: FakeProducts, kettle: UUID
) -> None:
    order_id = user.order((kettle, 2), key="k-1").body["id"]
    before = everything(order_id)
    texts = {name: value for name, value in change.items() if name != "quantity"}
    reply = user.order((kettle, change.get("quantity", 2)), key="k-1", **texts)
    assert (reply.status, reply.body["type"]) == (422, "/problems/idempotency-key-reused")
    assert Order.objects.count() == 1
    assert everything(order_id) == before
    assert products.asked() == ["PUT"]


def test_a_hidden_order_is_a_404_for_its_key(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 11), key="k-1").body["order_id"]
    assert user.delete(f"/orders/{order_id}/").status == 204
    reply = user.order((kettle, 11), key="k-1")
    assert (reply.status, reply.body["type"]) == (404, "/problems/not-found")
    assert Order.objects.count() == 1
    assert products.asked() == ["PUT"]


def test_another_body_is_a_422_for_a_hidden_order_too(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = UUID(user.order((kettle, 1), key="k-1").body["id"])
    cancel_order(order_id=order_id, by=None)
    hide_order(order_id=order_id)
    assert user.order((kettle, 2), key="k-1").status == 422
    assert Order.objects.count() == 1


@pytest.mark.parametrize(("first", "second"), [("k-1", '"k-1"'), ('"k-1"', "k-1")])
def test_a_quoted_key_is_the_bare_key(first: str, second: str, user: Api, products: FakeProducts, kettle: UUID) -> None:
    made = user.order((kettle, 2), key=first)
    again = user.order((kettle, 2), key=second)
    assert again.body["id"] == made.body["id"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert IdempotencyKey.objects.get().key == "k-1"


def test_another_users_same_key_is_its_own(user: Api, stranger: Api, products: FakeProducts, kettle: UUID) -> None:
    mine = user.order((kettle, 2), key="k-1")
    other = stranger.order((kettle, 3), key="k-1")
    assert (mine.status, other.status) == (201, 201)
    assert mine.body["id"] != other.body["id"]
    assert user.order((kettle, 2), key="k-1").body == mine.body
    assert stranger.order((kettle, 3), key="k-1").body == other.body
    assert products.stock(kettle) == 5


def test_keys_differ_by_case(user: Api, products: FakeProducts, kettle: UUID) -> None:
    assert user.order((kettle, 2), key="key").body["id"] != user.order((kettle, 2), key="KEY").body["id"]


def test_a_key_is_forgotten_after_a_day(clock: Clock, user: Api, products: FakeProducts, kettle: UUID) -> None:
    first = user.order((kettle, 2), key="k-1")
    clock.advance(24 * 3600 - 60)
    assert user.order((kettle, 2), key="k-1").body["id"] == first.body["id"]
    clock.advance(120)
    fresh = user.order((kettle, 3), key="k-1")
    assert fresh.status == 201
    assert fresh.body["id"] != first.body["id"]
    assert "Idempotent-Replayed" not in fresh.headers
    assert IdempotencyKey.objects.get().order_id == UUID(fresh.body["id"])
    assert Order.objects.count() == 2


def test_one_users_new_order_forgets_nobody_elses_key(
    clock: Clock, user: Api, stranger: Api, products: FakeProducts, kettle: UUID
) -> None:
    user.order((kettle, 1), key="k-1")
    stranger.order((kettle, 1), key="k-2")
    user.order((kettle, 1), key="k-3")
    clock.advance(25 * 3600)
    user.order((kettle, 1), key="k-1")
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"k-1", "k-2", "k-3"}


@pytest.mark.parametrize("key", ["", '""', "a b", "k" * 256, "clé", '"a b"', "\t"])
def test_a_malformed_key_is_a_400_and_makes_nothing(key: str, user: Api, products: FakeProducts, kettle: UUID) -> None:
    reply = user.order((kettle, 2), key=key)
    assert (reply.status, reply.body["type"]) == (400, "/problems/invalid")
    assert Order.objects.count() == 0
    assert products.calls == []


@pytest.mark.parametrize("key", ["k", "k" * 255, '"', "!~/:@"])
def test_any_visible_ascii_is_a_key(key: str, user: Api, products: FakeProducts, kettle: UUID) -> None:
    assert user.order((kettle, 2), key=key).status == 201
    assert IdempotencyKey.objects.get().key == key


def test_the_spelling_of_the_json_does_not_matter(user: Api, products: FakeProducts, kettle: UUID) -> None:
    plain = {"items": [{"product_id": str(kettle), "quantity": 2}], "note": "café"}
    product = str(kettle).upper()
    spellings = [
        json.dumps(plain, indent=4),
        json.dumps(plain, ensure_ascii=False),
        f'{{"note":"caf\\u00e9","items":[{{"quantity":2,"product_id":"{kettle}"}}]}}',
        f'{{"note":"café","shipping_address":"","items":[{{"quantity":2,"product_id":"{product}"}}]}}',
    ]
    replies = [user.post("/orders/", body, **{"Idempotency-Key": "k-1"}) for body in spellings]
    assert [reply.status for reply in replies] == [201, 201, 201, 201]
    assert len({reply.body["id"] for reply in replies}) == 1


def test_a_bad_body_leaves_its_key_free(user: Api, products: FakeProducts, kettle: UUID) -> None:
    assert user.order((kettle, 0), key="k-1").status == 400
    reply = user.order((kettle, 1), key="k-1")
    assert reply.status == 201
    assert "Idempotent-Replayed" not in reply.headers
