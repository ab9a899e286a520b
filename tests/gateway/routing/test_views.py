"""What enters: checked here, then passed on as the route table says."""

from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from common.upstream import Call
from gateway_project.routing.routes import Route
from tests.gateway.clients import send, slug
from tests.gateway.examples import (
    BODIES,
    ORDER_ID,
    OTHER_ID,
    PRODUCT,
    PRODUCT_ID,
    STAFF_ID,
    USER_ID,
    filled,
    page,
)
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.table import TABLE, label


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_every_operation_reaches_its_service_at_the_same_path_without_api(
    route: Route, method: str, staff: Client, services: Services
) -> None:
    services[route.service].otherwise = problem(409)
    body = BODIES.get((method, route.path))
    assert send(staff, method, f"/api/{filled(route.path)}", body).status_code == 409
    assert services.calls == services[route.service].calls
    call = services[route.service].last
    assert (call.method, call.path, call.query) == (method, f"/{filled(route.path)}", {})
    assert services[route.service].last_body == body


def test_a_head_is_asked_for_as_a_get_and_answered_without_its_body(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT, ETag='"v1"')
    response = send(user, "HEAD", f"/api/products/{PRODUCT_ID}/")
    assert (response.status_code, response.content) == (200, b"")
    assert response["ETag"] == '"v1"'
    assert response["Content-Type"] == "application/json"
    assert services.products.last.method == "GET"


@pytest.mark.parametrize(
    "path",
    [
        f"/api/products/{PRODUCT_ID}/..%2f..%2freservations/{ORDER_ID}/",
        f"/api/products/../reservations/{ORDER_ID}/",
        f"/api/products/%2e%2e/reservations/{ORDER_ID}/",
        "/api/products/%2e%2e/",
        "/api/categories/../products/",
        "/api/categories/%2e%2e/",
        "/api/categories/a%2fb/",
        "/api/categories/a%3fpage_size=1/",
        "/api/categories/a%0d%0aX-Evil:%201/",
        "/api/categories/a%00/",
        "/api//products/",
        "/api/products",
        f"/api/products/{PRODUCT_ID.upper()}/",
        "/api/products/1/",
        "/api/credentials/",
        f"/api/accounts/{USER_ID}/",
        f"/api/reservations/{ORDER_ID}/",
    ],
)
def test_a_path_outside_the_table_is_404_and_nothing_is_sent(path: str, staff: Client, services: Services) -> None:
    response = send(staff, "GET", path)
    assert response.status_code == 404
    assert slug(response) == "not-found"
    assert services.calls == []


def test_an_encoded_slash_is_held_to_what_it_decodes_to(user: Client, services: Services) -> None:
    assert send(user, "GET", f"/api/products/{PRODUCT_ID}%2fstock/").status_code == 403
    assert services.calls == []


def test_the_path_is_made_of_the_typed_parameters(user: Client, services: Services) -> None:
    services.products.otherwise = problem(404, "not-found")
    send(user, "GET", "/api/categories/board_games-2/")
    assert services.products.last.path == "/categories/board_games-2/"
    assert resolve("/api/products/" + PRODUCT_ID + "/").kwargs["product_id"].hex == PRODUCT_ID.replace("-", "")


def test_the_token_that_a_service_gets_says_for_whom_the_gateway_asks(
    user: Client, staff: Client, anonymous: Client, services: Services
) -> None:
    services.users.otherwise = problem(409)
    send(user, "GET", "/api/users/me/")
    assert services.users.claims() | {"iat": 0, "exp": 60} == {
        "iss": "gateway",
        "aud": "users",
        "iat": 0,
        "exp": 60,
        "is_staff": False,
        "sub": USER_ID,
    }
    assert services.users.claims()["exp"] - services.users.claims()["iat"] == 60
    send(staff, "GET", "/api/users/me/")
    assert (services.users.claims()["sub"], services.users.claims()["is_staff"]) == (STAFF_ID, True)
    send(anonymous, "POST", "/api/auth/register/", BODIES["POST", "auth/register/"])
    assert "sub" not in services.users.claims()
    assert services.users.claims()["is_staff"] is False


def test_validated_values_are_passed_on_not_the_clients_spelling(staff: Client, services: Services) -> None:
    services.products.otherwise = problem(409)
    body = {"sku": " GO-19 ", "name": " Go board ", "price": 149.9, "category": "board-games", "stock": 7}
    send(staff, "POST", "/api/products/", body)
    assert services.products.last_body == {
        "sku": "GO-19",
        "name": "Go board",
        "price": "149.90",
        "category": "board-games",
        "stock": 7,
    }


def test_query_parameters_are_passed_on_as_they_were_understood(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, page())
    query = "search=go&category=board-games&min_price=1&max_price=2.5&in_stock=1&ordering=-price&page_size=7&cursor=x"
    assert send(user, "GET", f"/api/products/?{query}&format=json").status_code == 200
    assert services.products.last.query == {
        "cursor": "x",
        "page_size": "7",
        "search": "go",
        "category": "board-games",
        "min_price": "1.00",
        "max_price": "2.50",
        "in_stock": "true",
        "ordering": "-price",
    }


def test_moments_and_ids_of_a_query_are_passed_on_unambiguously(staff: Client, services: Services) -> None:
    services.orders.otherwise = answer(200, page())
    moment = "2026-03-04T07:06:07%2B02:00"
    send(staff, "GET", f"/api/orders/?created_after={moment}&user_id={OTHER_ID.upper()}&status=paid")
    assert services.orders.last.query == {
        "created_after": "2026-03-04T05:06:07+00:00",
        "user_id": OTHER_ID,
        "status": "paid",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "may_repeat"),
    [
        ("POST", "orders/", BODIES["POST", "orders/"], "k", True),
        ("POST", "orders/", BODIES["POST", "orders/"], None, False),
        ("POST", f"products/{PRODUCT_ID}/stock/", {"delta": 1}, "k", True),
        ("POST", "products/", BODIES["POST", "products/"], "k", False),
        ("DELETE", f"products/{PRODUCT_ID}/", None, "k", False),
        ("GET", f"products/{PRODUCT_ID}/", None, None, True),
    ],
)
def test_only_reads_and_keyed_replay_safe_writes_may_be_sent_twice(
    method: str, path: str, body: Any, key: str | None, may_repeat: bool, staff: Client, services: Services
) -> None:
    services.orders.otherwise = services.products.otherwise = answer(503)
    headers = {} if key is None else {"Idempotency_Key": key}
    assert send(staff, method, f"/api/{path}", body, **headers).status_code == 502
    calls: list[Call] = services.calls
    assert [call.may_repeat for call in calls] == [may_repeat] * (2 if may_repeat else 1)
