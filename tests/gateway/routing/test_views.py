"""What enters: checked here, then passed on as the route table says."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from common.upstream import Call
from gateway_project.routing.operations import Route
from tests.gateway.clients import faults, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.table import TABLE, WITH_BODY, label
from tests.support.examples import (
    BODIES,
    NEW_ORDER,
    NEW_PRODUCT,
    NEW_USER,
    ORDER,
    ORDER_ID,
    OTHER_ID,
    PRODUCT,
    PRODUCT_ID,
    STAFF_ID,
    USER,
    USER_ID,
    filled,
    page,
)


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


WRITING = [(route, method) for route, method in WITH_BODY if method in {"POST", "PUT"}]
WITH_READ_ONLY = [
    (route, method, name)
    for route, method in WITH_BODY
    for name, field in route.operations[method].body().fields.items()  # type: ignore[misc]
    if field.read_only
]


@pytest.mark.parametrize(("route", "method"), WRITING, ids=label)
def test_each_required_member_that_is_missing_is_named(
    route: Route, method: str, staff: Client, services: Services
) -> None:
    serializer = route.operations[method].body
    assert serializer is not None
    required = [name for name, field in serializer().fields.items() if field.required and not field.read_only]
    response = send(staff, method, f"/api/{filled(route.path)}", {})
    assert faults(response) == {f"/{name}": "required" for name in required}
    assert required
    assert services.calls == []


@pytest.mark.parametrize(("route", "method"), WITH_BODY, ids=label)
def test_an_unknown_member_is_refused(route: Route, method: str, staff: Client, services: Services) -> None:
    body = BODIES[method, route.path] | {"colour": "blue"}
    assert faults(send(staff, method, f"/api/{filled(route.path)}", body)) == {"/colour": "unknown"}
    assert services.calls == []


@pytest.mark.parametrize(("route", "method", "name"), WITH_READ_ONLY, ids=label)
def test_a_read_only_member_is_refused(route: Route, method: str, name: str, staff: Client, services: Services) -> None:
    body = BODIES[method, route.path] | {name: None}
    assert faults(send(staff, method, f"/api/{filled(route.path)}", body)) == {f"/{name}": "read-only"}
    assert services.calls == []


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_an_unknown_query_parameter_is_refused(route: Route, method: str, staff: Client, services: Services) -> None:
    response = send(staff, method, f"/api/{filled(route.path)}?colour=blue", BODIES.get((method, route.path)))
    assert faults(response) == {"?colour": "unknown"}
    assert services.calls == []


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "users/", NEW_USER | {"email": "nobody"}, {"/email": "invalid"}),
        ("POST", "users/", NEW_USER | {"username": "a b"}, {"/username": "invalid"}),
        ("POST", "users/", NEW_USER | {"username": "a" * 151}, {"/username": "max_length"}),
        ("POST", "users/", NEW_USER | {"password": "a" * 129}, {"/password": "max_length"}),
        ("POST", "users/", NEW_USER | {"username": ""}, {"/username": "blank"}),
        ("POST", "users/", NEW_USER | {"is_staff": "perhaps"}, {"/is_staff": "invalid"}),
        ("POST", "users/", NEW_USER | {"first_name": None}, {"/first_name": "null"}),
        ("POST", "products/", NEW_PRODUCT | {"price": "1.005"}, {"/price": "max_decimal_places"}),
        ("POST", "products/", NEW_PRODUCT | {"price": "-1"}, {"/price": "min_value"}),
        ("POST", "products/", NEW_PRODUCT | {"price": "12345678901"}, {"/price": "max_whole_digits"}),
        ("POST", "products/", NEW_PRODUCT | {"price": "NaN"}, {"/price": "invalid"}),
        ("POST", "products/", NEW_PRODUCT | {"price": [1]}, {"/price": "invalid"}),
        ("POST", "products/", NEW_PRODUCT | {"currency": "HRK"}, {"/currency": "invalid"}),
        ("POST", "products/", NEW_PRODUCT | {"sku": "x\u200by"}, {"/sku": "invalid"}),
        ("POST", "products/", NEW_PRODUCT | {"stock": -1}, {"/stock": "min_value"}),
        ("POST", "products/", NEW_PRODUCT | {"stock": 1_000_000_001}, {"/stock": "max_value"}),
        ("POST", "products/", NEW_PRODUCT | {"category": "no slug"}, {"/category": "invalid"}),
        ("PATCH", f"products/{PRODUCT_ID}/", {"price": "free"}, {"/price": "invalid"}),
        ("POST", f"products/{PRODUCT_ID}/stock/", {"delta": 0}, {"/delta": "zero"}),
        ("POST", f"products/{PRODUCT_ID}/stock/", {"delta": 1.5}, {"/delta": "invalid"}),
        ("POST", "orders/", {"items": []}, {"/items": "min_length"}),
        ("POST", "orders/", {"items": {}}, {"/items": "not_a_list"}),
        ("POST", "orders/", {"items": [1]}, {"/items/0": "invalid"}),
        ("POST", "orders/", {"items": NEW_ORDER["items"] * 2}, {"/items": "repeated"}),
        ("POST", "orders/", {"items": [{}]}, {"/items/0/product_id": "required", "/items/0/quantity": "required"}),
        ("PATCH", f"orders/{ORDER_ID}/", {"status": "lost"}, {"/status": "invalid_choice"}),
        ("PATCH", f"orders/{ORDER_ID}/", {"note": "a" * 1001}, {"/note": "max_length"}),
    ],
)
def test_a_wrong_member_is_named(
    method: str, path: str, body: Any, expected: dict[str, str], staff: Client, services: Services
) -> None:
    assert faults(send(staff, method, f"/api/{path}", body)) == expected
    assert services.calls == []


def test_one_fault_is_the_detail_several_are_listed(staff: Client, services: Services) -> None:
    one = send(staff, "POST", "/api/categories/", {}).json()
    assert (one["detail"], one["title"]) == ("This field is required.", "Invalid input")
    several = send(staff, "POST", "/api/products/", {}).json()
    assert several["detail"] == "Several fields are not as they must be. Correct each that is listed here."
    assert len(several["errors"]) == 4
    assert services.calls == []


def test_a_fault_is_told_in_spanish_to_who_prefers_it(staff: Client) -> None:
    response = send(staff, "POST", "/api/categories/", {}, Accept_Language="es")
    assert response.json()["detail"] == "Este campo es requerido."
    assert response["Content-Language"] == "es"


@pytest.mark.parametrize(
    ("body", "kind", "status", "expected"),
    [
        (b"{nope", "application/json", 400, "parse-error"),
        (b'{"name": "a", "name": "b"}', "application/json", 400, "parse-error"),
        (b'{"name": NaN}', "application/json", 400, "parse-error"),
        (b"\xff", "application/json", 400, "parse-error"),
        (b"", "application/json", 400, "invalid"),
        (b"[]", "application/json", 400, "invalid"),
        (b'"name"', "application/json", 400, "invalid"),
        (b'{"name": "a\\u0000"}', "application/json", 400, "invalid"),
        (b"<name/>", "application/xml", 415, "unsupported-media-type"),
        (b"name=a", "text/plain", 415, "unsupported-media-type"),
        (b'{"name": "' + b"a" * 65_536 + b'"}', "application/json", 413, "body-too-large"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_a_body_that_cannot_be_read_goes_no_further(
    body: bytes, kind: str, status: int, expected: str, staff: Client, services: Services
) -> None:
    response = staff.generic("POST", "/api/categories/", body, kind)
    assert (response.status_code, slug(response)) == (status, expected)
    assert services.calls == []


def test_an_order_may_be_larger_than_any_other_body(user: Client, services: Services) -> None:
    services.orders.otherwise = answer(201, ORDER)
    body, path, kind = json.dumps(NEW_ORDER).encode(), "/api/orders/", "application/json"
    assert user.generic("POST", path, body.ljust(262_144), kind).status_code == 201
    assert user.generic("POST", path, body.ljust(262_145), kind).status_code == 413
    assert user.generic("PATCH", f"{path}{ORDER_ID}/", b"{}".ljust(65_537), kind).status_code == 413
    assert len(services.calls) == 1


def test_patch_takes_any_part_and_passes_on_no_more(user: Client, services: Services) -> None:
    services.users.otherwise = answer(200, USER)
    for part in ({"email": "ada@example.org"}, {"first_name": ""}, {}):
        assert send(user, "PATCH", "/api/users/me/", part).status_code == 200
        assert services.users.last_body == part


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("page_size=0", {"?page_size": "min_value"}),
        ("page_size=101", {"?page_size": "max_value"}),
        ("page_size=many", {"?page_size": "invalid"}),
        ("page_size=10&page_size=20", {"?page_size": "repeated"}),
        ("page_size=10&page_size=10", {"?page_size": "repeated"}),
        ("search=&search=", {"?search": "repeated"}),
        ("format=json&format=json", {"?format": "repeated"}),
        ("ordering=stock", {"?ordering": "invalid_choice"}),
        ("in_stock=perhaps", {"?in_stock": "invalid"}),
        ("min_price=cheap&max_price=-1", {"?min_price": "invalid", "?max_price": "min_value"}),
        ("category=no+slug", {"?category": "invalid"}),
        ("search=" + "a" * 201, {"?search": "max_length"}),
        ("cursor=" + "a" * 2001, {"?cursor": "max_length"}),
        ("cursor=%C3%A9", {"?cursor": "invalid"}),
        ("search=a%00b", {"?search": "null_characters_not_allowed"}),
        ("Search=a", {"?Search": "unknown"}),
        ("user_id=1", {"?user_id": "unknown"}),
        ("page_size=0&colour=blue", {"?page_size": "min_value", "?colour": "unknown"}),
    ],
)
def test_a_wrong_query_parameter_is_named(
    query: str, expected: dict[str, str], user: Client, services: Services
) -> None:
    assert faults(send(user, "GET", f"/api/products/?{query}")) == expected
    assert services.calls == []


def test_an_empty_query_parameter_counts_as_absent(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, page())
    names = ("search", "category", "min_price", "max_price", "in_stock", "ordering", "cursor", "page_size")
    response = send(user, "GET", "/api/products/?" + "&".join(f"{name}=" for name in names))
    assert response.status_code == 200
    assert services.products.last.query == {}


@pytest.mark.parametrize(("query", "sent"), [("is_staff=false", {"is_staff": "false"}), ("", {})])
def test_a_false_filter_is_not_an_absent_one(
    query: str, sent: dict[str, str], staff: Client, services: Services
) -> None:
    services.users.otherwise = answer(200, page())
    assert send(staff, "GET", f"/api/users/?{query}").status_code == 200
    assert services.users.last.query == sent
