"""Which orders are accepted. Everything else is a 400, and leaves nothing behind."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from common.identifiers import new_id
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, OrderLine
from tests.orders import faults
from tests.orders.api import Api, Reply
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import everything, make_order

pytestmark = pytest.mark.django_db


def assert_refused(reply: Reply, products: FakeProducts, *errors: tuple[str, str]) -> None:
    assert (reply.status, reply.body["type"]) == (400, "/problems/invalid")
    assert sorted((error["pointer"], error["code"]) for error in reply.body["errors"]) == sorted(errors)
    made = [model.objects.count() for model in (Order, OrderLine, OrderEvent, IdempotencyKey)]
    assert made == [0, 0, 0, 0]
    assert products.calls == []


def item(product_id: Any, quantity: Any = 1, **members: Any) -> dict[str, Any]:
    return {"product_id": str(product_id), "quantity": quantity, **members}


@pytest.mark.parametrize("member", ["unit_price", "price", "line_total", "sku", "name"])
def test_a_price_or_a_name_from_the_client_is_an_unknown_member(
    member: str, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    reply = user.post("/orders/", {"items": [item(kettle, **{member: "0.01"})]})
    assert_refused(reply, products, (f"/items/0/{member}", "unknown"))


@pytest.mark.parametrize("member", ["id", "user_id", "status", "total", "currency", "reason", "history", "surprise"])
def test_what_only_the_server_writes_is_an_unknown_member(
    member: str, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    reply = user.post("/orders/", {"items": [item(kettle)], member: "x"})
    assert_refused(reply, products, (f"/{member}", "unknown"))


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        (0, "min_value"),
        (-1, "min_value"),
        (10_001, "max_value"),
        (1.5, "invalid"),
        ("many", "invalid"),
        ("2", "invalid"),
        (True, "invalid"),
        (None, "null"),
        ([], "invalid"),
    ],
)
def test_a_quantity_out_of_range_is_refused(
    quantity: Any, code: str, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    reply = user.post("/orders/", {"items": [item(kettle, quantity)]})
    assert_refused(reply, products, ("/items/0/quantity", code))


@pytest.mark.parametrize("quantity", [1, 10_000])
def test_a_quantity_at_its_bounds_is_taken(quantity: int, user: Api, products: FakeProducts) -> None:
    product_id = products.add(stock=10_000)
    assert user.order((product_id, quantity)).status == 201
    assert products.stock(product_id) == 10_000 - quantity


@pytest.mark.parametrize(
    ("items", "errors"),
    [
        ([], [("/items", "min_length")]),
        ([item(new_id()) for _ in range(101)], [("/items", "max_length")]),
        ("kettle", [("/items", "not_a_list")]),
        ({"0": item(new_id())}, [("/items", "not_a_list")]),
        (None, [("/items", "null")]),
        (["kettle"], [("/items/0", "invalid")]),
        ([item("kettle")], [("/items/0/product_id", "invalid")]),
        ([{}], [("/items/0/product_id", "required"), ("/items/0/quantity", "required")]),
        ([item(new_id()), {"quantity": 1}], [("/items/1/product_id", "required")]),
    ],
)
def test_items_of_a_wrong_shape_are_refused(
    items: Any, errors: list[tuple[str, str]], user: Api, products: FakeProducts
) -> None:
    assert_refused(user.post("/orders/", {"items": items}), products, *errors)


def test_a_hundred_products_are_taken(user: Api, products: FakeProducts) -> None:
    reply = user.order(*[(products.add(price="0.01"), 1) for _ in range(100)])
    assert (reply.status, len(reply.body["items"]), reply.body["total"]) == (201, 100, "1.00")


@pytest.mark.parametrize("spelling", [str, lambda u: str(u).upper(), lambda u: f"{{{u}}}", lambda u: u.hex])
def test_a_product_named_twice_is_refused_however_it_is_spelled(
    spelling: Callable[[UUID], str], user: Api, products: FakeProducts, kettle: UUID
) -> None:
    reply = user.post("/orders/", {"items": [item(kettle), item(spelling(kettle), 2)]})
    assert_refused(reply, products, ("/items", "repeated"))


@pytest.mark.parametrize(("member", "longest"), [("note", 1000), ("shipping_address", 500)])
def test_texts_have_a_length(member: str, longest: int, user: Api, products: FakeProducts, kettle: UUID) -> None:
    reply = user.order((kettle, 1), **{member: "é" * (longest + 1)})
    assert_refused(reply, products, (f"/{member}", "max_length"))
    reply = user.order((kettle, 1), **{member: "é" * longest})
    assert (reply.status, reply.body[member]) == (201, "é" * longest)


@pytest.mark.parametrize("member", ["note", "shipping_address"])
@pytest.mark.parametrize(("value", "code"), [(None, "null"), (["x"], "invalid"), ({"a": 1}, "invalid")])
def test_texts_are_texts(value: Any, code: str, member: str, user: Api, products: FakeProducts, kettle: UUID) -> None:
    assert_refused(user.order((kettle, 1), **{member: value}), products, (f"/{member}", code))


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ("[]", 400, "invalid"),
        ("{", 400, "parse-error"),
        ('{"items": [], "items": []}', 400, "parse-error"),
        ('{"items": [{"product_id": NaN}]}', 400, "parse-error"),
        ("", 400, "invalid"),
    ],
)
def test_a_body_that_is_no_order_is_refused(
    body: str, status: int, slug: str, user: Api, products: FakeProducts
) -> None:
    reply = user.post("/orders/", body)
    assert (reply.status, reply.body["type"]) == (status, f"/problems/{slug}")
    assert Order.objects.count() == 0
    assert products.calls == []


def test_an_order_without_texts_has_empty_ones(user: Api, products: FakeProducts, kettle: UUID) -> None:
    body = user.order((kettle, 1)).body
    assert (body["note"], body["shipping_address"]) == ("", "")


def test_an_answer_never_shows_what_is_kept_for_the_relay(user: Api, products: FakeProducts, kettle: UUID) -> None:
    products.fault = faults.down
    reply = user.order((kettle, 1))
    assert set(reply.body) == {
        *("id", "user_id", "status", "items", "total", "currency", "note", "shipping_address"),
        *("reason", "history", "created_at", "updated_at"),
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"note": "x" * 1001}, ("/note", "max_length")),
        ({"note": None}, ("/note", "null")),
        ({"shipping_address": "x" * 501}, ("/shipping_address", "max_length")),
        ({"status": "lost"}, ("/status", "invalid_choice")),
        ({"status": None}, ("/status", "null")),
        ({"total": "0.01"}, ("/total", "unknown")),
        ({"items": []}, ("/items", "unknown")),
        ({"user_id": str(new_id())}, ("/user_id", "unknown")),
    ],
)
def test_a_change_of_a_wrong_shape_is_refused(change: Any, error: tuple[str, str], staff: Api) -> None:
    order = make_order("paid")
    before = everything(order.pk)
    reply = staff.patch(f"/orders/{order.pk}/", {"note": "new", **change})
    assert reply.status == 400
    assert [(row["pointer"], row["code"]) for row in reply.body["errors"]] == [error]
    assert everything(order.pk) == before
