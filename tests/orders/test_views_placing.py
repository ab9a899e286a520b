"""POST /orders/: confirmed, rejected, or pending until products answers."""

from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from common.identifiers import new_id
from common.resilience import Deadline
from orders_project.orders.models import Order, Wants
from orders_project.orders.products_client import ProductsClient
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.rows import everything, history
from tests.support.statements import statements, verbs, whole_transactions

pytestmark = pytest.mark.django_db

NO_ANSWER = {
    "down": faults.down,
    "timeout": faults.timeout,
    "late": faults.late,
    "reply lost": faults.reply_lost,
    "500": faults.status(500),
    "503": faults.status(503),
    "400": faults.status(400),
    "401": faults.status(401),
    "404": faults.status(404),
    "garbage": faults.garbage,
    "held but empty": faults.held_but_empty,
    "wrong order id": faults.wrong_order_id,
}


def moment(value: Any) -> str:
    return value.isoformat().replace("+00:00", "Z")


def item(product_id: UUID, sku: str, name: str, unit_price: str, quantity: int, line_total: str) -> dict[str, Any]:
    snapshot = {"product_id": str(product_id), "sku": sku, "name": name, "unit_price": unit_price}
    return {**snapshot, "quantity": quantity, "line_total": line_total}


def test_an_order_that_products_takes_is_confirmed_with_its_prices(user: Api, products: FakeProducts) -> None:
    lamp = products.add(price="7.05", name="Lamp", stock=5)
    kettle = products.add(price="19.90", name="Kettle", stock=3)
    reply = user.order((kettle, 2), (lamp, 3), note="Ring twice", shipping_address="1 Quay")
    order = Order.objects.get()
    confirmed = order.events.get()
    assert reply.status == 201
    assert reply.headers["Location"] == f"/orders/{order.pk}/"
    assert "Idempotent-Replayed" not in reply.headers
    assert reply.body == {
        "id": str(order.pk),
        "user_id": str(user.user_id),
        "status": "confirmed",
        "items": [
            item(kettle, "SKU-2", "Kettle", "19.90", 2, "39.80"),
            item(lamp, "SKU-1", "Lamp", "7.05", 3, "21.15"),
        ],
        "total": "60.95",
        "currency": "EUR",
        "note": "Ring twice",
        "shipping_address": "1 Quay",
        "reason": None,
        "history": [
            {"status": "pending", "at": moment(order.created_at), "by": str(user.user_id)},
            {"status": "confirmed", "at": moment(confirmed.at), "by": None},
        ],
        "created_at": moment(order.created_at),
        "updated_at": moment(order.updated_at),
    }
    assert (products.stock(kettle), products.stock(lamp)) == (1, 2)
    assert (order.wants, order.claimed_until) == (Wants.NOTHING, None)


@pytest.mark.parametrize("lines", [1, 100])
def test_an_order_costs_as_many_statements_for_a_hundred_lines_as_for_one(
    lines: int, user: Api, products: FakeProducts
) -> None:
    items = [(products.add(), 1) for _ in range(lines)]
    with statements() as executed:
        reply = user.order(*items, key="k-1")
    assert (reply.status, len(reply.body["items"])) == (201, lines)
    assert verbs(executed) == ["INSERT", "INSERT", "UPDATE", "INSERT", "INSERT"]
    assert user.get(f"/orders/{reply.body['id']}/").body == reply.body


@pytest.mark.django_db(transaction=True)
def test_an_order_is_two_transactions_of_nine_statements(user: Api, kettle: UUID) -> None:
    with whole_transactions() as executed:
        assert user.order((kettle, 1), key="k-1").status == 201
    placing, settling = ["BEGIN", "INSERT", "INSERT", "COMMIT"], ["BEGIN", "UPDATE", "INSERT", "INSERT", "COMMIT"]
    assert verbs(executed) == placing + settling


def test_prices_are_a_snapshot_that_the_catalogue_no_longer_changes(
    user: Api, products: FakeProducts, kettle: UUID
) -> None:
    placed = user.order((kettle, 2)).body
    products.catalogue[kettle].price = "99.00"
    products.catalogue[kettle].name = "Old kettle"
    assert user.order((kettle, 1)).body["total"] == "99.00"
    assert user.get(f"/orders/{placed['id']}/").body == placed


def test_the_largest_order_has_an_exact_total(user: Api, products: FakeProducts) -> None:
    items = [(products.add(price="9999999999.99", stock=10_000), 10_000) for _ in range(100)]
    reply = user.order(*items)
    assert reply.status == 201
    assert reply.body["total"] == "9999999999990000.00"
    assert reply.body["items"][99]["line_total"] == "99999999999900.00"


@pytest.mark.parametrize(
    ("quantity", "slug", "title", "detail", "available"),
    [
        (11, "insufficient-stock", "Insufficient stock", "There is not enough in stock. Order less", 10),
        (1, "unknown-product", "Unknown product", "There is no such product. Order again without it.", 0),
    ],
)
def test_a_refused_order_is_a_409_that_names_the_items_and_the_order(
    quantity: int, slug: str, title: str, detail: str, available: int, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    wanted = kettle if available else new_id()
    reply = user.order((wanted, quantity))
    order = Order.objects.get()
    assert reply.status == 409
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Location"] == f"/orders/{order.pk}/"
    assert reply.body.pop("detail").startswith(detail)
    assert reply.body == {
        "type": f"/problems/{slug}",
        "title": title,
        "status": 409,
        "instance": "/orders/",
        "request_id": reply.headers["X-Request-ID"],
        "items": [{"product_id": str(wanted), "requested": quantity, "available": available}],
        "order_id": str(order.pk),
    }
    assert products.stock(kettle) == 10
    assert history(order.pk) == [("pending", user.user_id), ("rejected", None)]
    shown = user.get(f"/orders/{order.pk}/").body
    assert (shown["status"], shown["reason"]) == ("rejected", slug)
    assert (shown["total"], shown["currency"], shown["items"][0]["unit_price"]) == (None, None, None)


def test_mixed_currencies_are_refused(user: Api, products: FakeProducts, kettle: UUID) -> None:
    lamp = products.add(currency="USD", stock=4)
    reply = user.order((kettle, 1), (lamp, 1))
    assert (reply.status, reply.body["type"]) == (409, "/problems/mixed-currency")
    assert reply.body["detail"].startswith("The products have prices in different currencies.")
    assert reply.body["items"] == []
    assert (products.stock(kettle), products.stock(lamp)) == (10, 4)
    assert Order.objects.get().reason == "mixed-currency"


def assert_pending(reply: Any, user: Api) -> None:
    order = Order.objects.get()
    assert reply.status == 202
    assert reply.headers["Location"] == f"/orders/{order.pk}/"
    assert (reply.body["status"], reply.body["reason"]) == ("pending", None)
    assert (reply.body["total"], reply.body["currency"]) == (None, None)
    unpriced = {"sku": None, "name": None, "unit_price": None, "line_total": None}
    assert {**reply.body["items"][0], **unpriced} == reply.body["items"][0]
    assert [step["status"] for step in reply.body["history"]] == ["pending"]
    assert (order.wants, order.attempts, order.claimed_until) == (Wants.HELD, 0, None)
    assert user.get(f"/orders/{order.pk}/").body == reply.body


@pytest.mark.parametrize("fault", NO_ANSWER.values(), ids=NO_ANSWER.keys())
def test_without_a_usable_answer_the_order_is_kept_pending(
    fault: Fault, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    products.fault = fault
    assert_pending(user.order((kettle, 2)), user)
    assert products.asked() == ["PUT"]


def test_an_open_circuit_keeps_the_order_pending_without_calling_products(
    user: Api, products: FakeProducts, kettle: UUID
) -> None:
    products.is_ready = False
    products.fault = faults.down
    for _ in range(5):
        user.order((kettle, 1))
    Order.objects.all().delete()
    products.fault = None
    assert_pending(user.order((kettle, 2)), user)
    assert len(products.calls) == 5


def test_a_full_bulkhead_keeps_the_order_pending_without_calling_products(
    user: Api, products: FakeProducts, client: ProductsClient, kettle: UUID
) -> None:
    with ExitStack() as places:
        client.upstream.bulkhead.max_waiting = 0
        for number in range(8):
            places.enter_context(client.upstream.bulkhead.entered(number, Deadline.after(60)))
        assert_pending(user.order((kettle, 2)), user)
    assert products.calls == []


def test_a_doubled_request_takes_the_stock_once(user: Api, products: FakeProducts, kettle: UUID) -> None:
    products.fault = faults.doubled
    reply = user.order((kettle, 4))
    assert (reply.status, reply.body["total"]) == (201, "79.60")
    assert products.stock(kettle) == 6


def test_products_is_asked_in_the_name_of_orders_and_of_no_user(
    staff: Api, products: FakeProducts, kettle: UUID
) -> None:
    staff.order((kettle, 1))
    (caller,) = products.callers
    assert (caller.service, caller.user_id, caller.is_staff) == ("orders", None, False)


@pytest.mark.django_db(transaction=True)
def test_the_order_is_committed_before_products_is_asked(user: Api, products: FakeProducts, kettle: UUID) -> None:
    seen = []

    def look() -> None:
        seen.append((connection.in_atomic_block, Order.objects.get().wants))

    products.fault = faults.meanwhile(before=look)
    assert user.order((kettle, 1)).status == 201
    assert seen == [(False, Wants.HELD)]


@pytest.mark.parametrize(
    ("header", "left_s"), [("900", 0.9), ("60000", 1.51), ("-5", 1.51), ("1e3", 1.51), ("", 1.51), ("100000000", 1.51)]
)
def test_the_callers_deadline_can_only_shorten_the_call(
    header: str, left_s: float, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    body = {"items": [{"product_id": str(kettle), "quantity": 1}]}
    assert user.post("/orders/", body, **{"X-Plaza-Deadline-Ms": header}).status == 201
    assert products.seconds_left == [pytest.approx(left_s)]


def test_each_line_adds_to_the_time_that_products_may_take(user: Api, products: FakeProducts) -> None:
    user.order(*((products.add(), 1) for _ in range(100)))
    assert products.seconds_left == [pytest.approx(2.5)]


def test_a_deadline_that_is_nearly_over_keeps_the_order_pending(
    user: Api, products: FakeProducts, kettle: UUID
) -> None:
    body = {"items": [{"product_id": str(kettle), "quantity": 1}]}
    assert user.post("/orders/", body, **{"X-Plaza-Deadline-Ms": "150"}).status == 202
    assert products.calls == []


def test_a_cancellation_while_products_decides_wins(user: Api, products: FakeProducts, kettle: UUID) -> None:
    def cancel() -> None:
        assert user.post(f"/orders/{Order.objects.get().pk}/cancel/").status == 200

    products.script = [faults.meanwhile(after=cancel)]
    reply = user.order((kettle, 3))
    order_id = Order.objects.get().pk
    before = everything(order_id)
    assert (reply.status, reply.body["status"]) == (201, "cancelled")
    assert (products.state(order_id), products.stock(kettle)) == ("released", 10)
    assert (before["order"]["total"], before["order"]["wants"]) == (None, Wants.NOTHING)
    assert history(order_id) == [("pending", user.user_id), ("cancelled", user.user_id)]
