"""Wrong input is a 400 here, names each fault, and never reaches a service."""

from typing import Any

import pytest
from django.test import Client

from gateway_project.routing.routes import Route
from tests.gateway.clients import faults, send, slug
from tests.gateway.examples import BODIES, NEW_ORDER, NEW_PRODUCT, NEW_USER, ORDER_ID, PRODUCT_ID, USER, filled, page
from tests.gateway.fakes import Services, answer
from tests.gateway.table import TABLE, WITH_BODY, label

WRITING = [(route, method) for route, method in WITH_BODY if method != "PATCH"]
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
        ("POST", "products/", NEW_PRODUCT | {"currency": "euro"}, {"/currency": "invalid"}),
        ("POST", "products/", NEW_PRODUCT | {"sku": "-x"}, {"/sku": "invalid"}),
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
    assert several["detail"] == "Several members are not as they must be."
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
        (b'{"name": "' + b"a" * 1024 * 1024 + b'"}', "application/json", 413, "body-too-large"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_a_body_that_cannot_be_read_goes_no_further(
    body: bytes, kind: str, status: int, expected: str, staff: Client, services: Services
) -> None:
    response = staff.generic("POST", "/api/categories/", body, kind)
    assert (response.status_code, slug(response)) == (status, expected)
    assert services.calls == []


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
