"""Who may call, on behalf of whom, and for whom an order doesn't exist."""

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from common.identifiers import new_id
from common.identity import TokenIssuer
from orders_project.orders.models import Order
from tests.orders.api import Api, Reply
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import everything, make_order
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

GATEWAY_KEY = settings.CALLER_KEYS["gateway"]
ORDER = {"items": [{"product_id": str(new_id()), "quantity": 1}]}
ON_ONE_ORDER = [("GET", "", None), ("PATCH", "", {"note": "x"}), ("DELETE", "", None), ("POST", "cancel/", None)]


def every_route(order_id: UUID) -> list[tuple[str, str, Any]]:
    one = [(method, f"/orders/{order_id}/{tail}", body) for method, tail, body in ON_ONE_ORDER]
    return [("GET", "/orders/", None), ("POST", "/orders/", ORDER), *one]


def bearer(issuer: str = "gateway", audience: str = "orders", key: str = GATEWAY_KEY, **options: Any) -> str:
    return "Bearer " + TokenIssuer(issuer, audience, key, **options).issue(new_id(), is_staff=True)


def replies(order: Order, authorization: str) -> list[Reply]:
    """The answers of all routes to `authorization`. None of them changed anything."""
    before = everything(order.pk)
    sent = [
        Api().send(method, path, body, {"Authorization": authorization}) for method, path, body in every_route(order.pk)
    ]
    assert everything(order.pk) == before
    assert Order.objects.count() == 1
    return sent


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x.y.z",
        "Basic YWRtaW46YWRtaW4=",
        bearer(issuer="users", key="x" * 40),
        bearer(issuer="products", key=settings.PRODUCTS_KEY),
        bearer(key=settings.CALLER_KEYS["operator"]),
        bearer(audience="products"),
        bearer(clock=lambda: 1_700_000_000.0),
    ],
    ids=["none", "empty", "no token", "basic", "stranger", "not a caller", "other's key", "other's", "expired"],
)
def test_without_a_valid_token_every_route_is_a_401(authorization: str, products: FakeProducts) -> None:
    for reply in replies(make_order("paid"), authorization):
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="orders"')
        assert reply.headers["Content-Type"] == "application/problem+json"
    assert products.calls == []


def test_a_caller_that_no_route_names_is_a_403(products: FakeProducts) -> None:
    operator = bearer(issuer="operator", key=settings.CALLER_KEYS["operator"])
    for reply in replies(make_order("paid"), operator):
        assert (reply.status, reply.body["type"]) == (403, "/problems/permission-denied")
    assert products.calls == []


def test_the_gateway_on_nobodys_behalf_sees_and_does_nothing(products: FakeProducts) -> None:
    order = make_order("confirmed")
    before = everything(order.pk)
    nobody = Api(user_id=None)
    answers = [nobody.send(method, path, body, {}).status for method, path, body in every_route(order.pk)]
    assert answers == [403, 403, 403, 403, 403, 403]
    assert everything(order.pk) == before
    assert Order.objects.count() == 1
    assert products.calls == []


def test_an_order_is_somebodys_even_if_staff_place_it(products: FakeProducts, kettle: UUID) -> None:
    assert Api(user_id=None, is_staff=True).order((kettle, 1)).status == 403
    assert Order.objects.count() == 0


@pytest.mark.parametrize(("method", "tail", "body"), ON_ONE_ORDER)
def test_another_users_order_is_a_404(
    method: str, tail: str, body: Any, user: Api, stranger: Api, products: FakeProducts
) -> None:
    order = make_order("cancelled" if method == "DELETE" else "confirmed", user_id=user.user_id)
    before = everything(order.pk)
    reply = stranger.send(method, f"/orders/{order.pk}/{tail}", body, {})
    assert (reply.status, reply.body["type"]) == (404, "/problems/not-found")
    assert everything(order.pk) == before
    assert products.calls == []
    assert stranger.get("/orders/").body["results"] == []


@pytest.mark.parametrize(("method", "tail", "body"), [*ON_ONE_ORDER, ("PATCH", "", {"status": "paid"})])
def test_a_hidden_order_is_a_404_for_everyone(
    method: str, tail: str, body: Any, user: Api, staff: Api, clock: Clock, products: FakeProducts
) -> None:
    order = make_order("delivered", user_id=user.user_id, hidden_at=clock.now())
    before = everything(order.pk)
    for who in (user, staff):
        reply = who.send(method, f"/orders/{order.pk}/{tail}", body, {})
        assert (reply.status, reply.body["type"]) == (404, "/problems/not-found")
    assert everything(order.pk) == before
    assert products.calls == []


@pytest.mark.parametrize(
    ("method", "tail", "body", "status"), [(*r, 204 if r[0] == "DELETE" else 200) for r in ON_ONE_ORDER]
)
def test_staff_reach_everyones_orders(
    method: str, tail: str, body: Any, status: int, staff: Api, products: FakeProducts
) -> None:
    order = make_order("cancelled" if method == "DELETE" else "confirmed")
    assert staff.send(method, f"/orders/{order.pk}/{tail}", body, {}).status == status


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/orders/"), ("DELETE", "/orders/"), ("GET", "/orders/{}/cancel/")]
)
def test_other_methods_are_a_405(method: str, path: str, staff: Api) -> None:
    reply = staff.send(method, path.format(make_order("paid").pk), None, {})
    assert (reply.status, reply.body["type"]) == (405, "/problems/method-not-allowed")


@pytest.mark.parametrize("path", ["/", "/orders//", "/reservations/"])
def test_other_paths_are_a_404_problem(path: str, staff: Api) -> None:
    reply = staff.get(path)
    assert (reply.status, reply.body["type"]) == (404, "/problems/not-found")
