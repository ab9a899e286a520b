"""What leaves: decoded, checked, encoded again; and what becomes of an answer that isn't as agreed."""

import json
from typing import Any

import pytest
from django.test import Client
from structlog.testing import capture_logs

from common.upstream import Answer
from gateway_project.routing.operations import Route
from tests.gateway.clients import HTML, send, slug
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.table import TABLE, label
from tests.support.examples import (
    ANSWERS,
    BODIES,
    MOVEMENT,
    NEW_ORDER,
    ORDER,
    ORDER_ID,
    PRODUCT,
    PRODUCT_ID,
    USER,
    filled,
    page,
    products,
)

PRODUCT_PATH = f"/api/products/{PRODUCT_ID}/"


def example(route: Route, method: str) -> Any:
    schema = route.operations[method].answer
    return None if schema is None else ANSWERS[schema.__name__]


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_every_success_of_every_operation_is_relayed(
    route: Route, method: str, staff: Client, services: Services
) -> None:
    body = BODIES.get((method, route.path))
    for status in route.operations[method].statuses:
        expected = example(route, method)
        services[route.service].otherwise = answer(status, expected)
        services.users.on("GET", "/accounts/01890a5d-ac96-774b-bcce-b302099a8058/", answer(404))
        response = send(staff, method, f"/api/{filled(route.path)}", body)
        assert response.status_code == status
        assert (json.loads(response.content) if response.content else None) == expected
        if method in {"PATCH", "DELETE"}:
            break


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_another_success_than_the_agreed_ones_breaks_the_contract(
    route: Route, method: str, staff: Client, services: Services
) -> None:
    services[route.service].otherwise = answer(206, example(route, method))
    response = send(staff, method, f"/api/{filled(route.path)}", BODIES.get((method, route.path)))
    assert (response.status_code, slug(response)) == (502, "contract-violation")


@pytest.mark.parametrize("status", [100, 200, 203, 301, 302, 304, 307])
def test_a_write_that_is_answered_with_something_else_breaks_the_contract(
    status: int, staff: Client, services: Services
) -> None:
    services.products.otherwise = answer(status, PRODUCT, Location="/products/")
    response = send(staff, "POST", "/api/products/", BODIES["POST", "products/"])
    assert (response.status_code, slug(response)) == (502, "contract-violation")
    assert "Location" not in response


def test_an_etag_and_not_modified_pass_through(user: Client, services: Services) -> None:
    services.products.otherwise = lambda call: (
        answer(304, ETag='"v1"')
        if (call.headers or {}).get("If-None-Match") == '"v1"'
        else answer(200, PRODUCT, ETag='"v1"')
    )
    fresh = send(user, "GET", PRODUCT_PATH)
    assert (fresh.status_code, fresh["ETag"]) == (200, '"v1"')
    same = send(user, "GET", PRODUCT_PATH, If_None_Match='"v1"')
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", '"v1"')
    assert send(user, "HEAD", PRODUCT_PATH, If_None_Match='"v1"').status_code == 304
    assert send(user, "GET", PRODUCT_PATH, If_None_Match='"v0"').status_code == 200


def test_what_is_not_kept_here_is_revalidated_by_its_service(user: Client, services: Services) -> None:
    services.orders.otherwise = answer(304, ETag='"v1"')
    response = send(user, "GET", f"/api/orders/{ORDER_ID}/", If_None_Match='"v1"')
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", '"v1"')
    assert (services.orders.last.headers or {})["If-None-Match"] == '"v1"'


def test_the_page_for_people_has_no_etag_for_that_is_the_jsons(user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, PRODUCT, ETag='"v1"')
    response = user.get(PRODUCT_PATH, headers=HTML)
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "ETag" not in response
    assert response["Cache-Control"] == "no-store"


def test_a_field_outside_the_contract_is_dropped(user: Client, services: Services) -> None:
    inner = {**PRODUCT, "purchase_price": "3.10"}
    services.products.otherwise = answer(200, page(inner, PRODUCT) | {"count": 2})
    assert send(user, "GET", "/api/products/").json() == page(PRODUCT, PRODUCT)


def test_a_broken_contract_says_nothing_of_the_inside_and_is_logged_with_its_field(
    user: Client, services: Services
) -> None:
    rows = products(3)
    rows[1]["price"] = "secret-value"
    services.products.otherwise = answer(200, page(*rows))
    with capture_logs() as logs:
        response = send(user, "GET", "/api/products/")
    assert (response.status_code, slug(response)) == (502, "contract-violation")
    assert response["Proxy-Status"] == "plaza; error=http_protocol_error"
    assert "Retry-After" not in response
    text = response.content.decode()
    assert not [word for word in ("secret-value", "price", "results", "msgspec", "127.0.0.1", "8002") if word in text]
    broken = next(entry for entry in logs if entry["event"] == "broken contract")
    assert (broken["upstream"], broken["contract"], broken["log_level"]) == ("products", "ProductPage", "error")
    assert broken["error"].endswith("at `$.results[1].price`")
    assert "secret-value" not in broken["error"]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"<html></html>", b"\xff\xfe", b'"ok"'])
def test_an_answer_that_is_no_object_breaks_the_contract(body: bytes, user: Client, services: Services) -> None:
    services.products.otherwise = Answer(200, {}, body)
    response = send(user, "GET", PRODUCT_PATH)
    assert (response.status_code, slug(response)) == (502, "contract-violation")


LINKS = ["next", "previous"]


@pytest.mark.parametrize("name", LINKS)
def test_a_pages_links_lead_back_to_the_gateway(name: str, user: Client, services: Services) -> None:
    services.products.otherwise = answer(200, page(**{name: "/products/?page_size=2&cursor=abc%3D"}))
    assert send(user, "GET", "/api/products/").json() == page(**{name: "/api/products/?page_size=2&cursor=abc%3D"})


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize(
    "link",
    [
        "http://products:8002/products/?cursor=a",
        "//evil.example/products/?cursor=a",
        "/orders/?cursor=a",
        "/products/",
        "/products/../users/?cursor=a",
        "javascript:alert(1)",
        "?cursor=a",
        f"/products/{PRODUCT_ID}/?cursor=a",
    ],
)
def test_a_page_whose_links_lead_elsewhere_breaks_the_contract(
    name: str, link: str, user: Client, services: Services
) -> None:
    services.products.otherwise = answer(200, page(**{name: link}))
    response = send(user, "GET", "/api/products/")
    assert (response.status_code, slug(response)) == (502, "contract-violation")
    assert response.json()["detail"] == "A service's answer is not what was agreed. It has been logged."


def test_the_links_of_a_ledger_stay_with_their_product(staff: Client, services: Services) -> None:
    services.products.otherwise = answer(200, page(MOVEMENT, next=f"/products/{PRODUCT_ID}/stock/?cursor=a"))
    response = send(staff, "GET", f"{PRODUCT_PATH}stock/")
    assert response.json()["next"] == f"{PRODUCT_PATH}stock/?cursor=a"
    services.products.otherwise = answer(200, page(MOVEMENT, next=f"/products/{ORDER_ID}/stock/?cursor=a"))
    assert send(staff, "GET", f"{PRODUCT_PATH}stock/").status_code == 502


def test_the_location_of_a_new_thing_is_the_gateways(user: Client, services: Services) -> None:
    services.orders.otherwise = answer(202, ORDER | {"status": "pending"}, Location=f"/orders/{ORDER_ID}/")
    response = send(user, "POST", "/api/orders/", NEW_ORDER)
    assert (response.status_code, response["Location"]) == (202, f"/api/orders/{ORDER_ID}/")


@pytest.mark.parametrize("location", ["http://orders:8003/orders/1/", "//evil.example/", "orders/1/", "https:/x"])
def test_a_location_outside_the_shop_breaks_the_contract(location: str, user: Client, services: Services) -> None:
    services.orders.otherwise = answer(201, ORDER, Location=location)
    response = send(user, "POST", "/api/orders/", NEW_ORDER)
    assert (response.status_code, slug(response)) == (502, "contract-violation")
    assert "Location" not in response


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422])
def test_a_services_refusal_is_relayed_with_the_clients_own_address_in_it(
    status: int, user: Client, services: Services
) -> None:
    refusal = problem(status, "insufficient-stock", inner="secret")
    services.products.otherwise = refusal
    response = send(user, "GET", PRODUCT_PATH)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    expected = json.loads(refusal.body) | {"instance": PRODUCT_PATH}
    del expected["inner"]
    assert response.json() == expected
    assert "Proxy-Status" not in response


def test_a_refusals_own_members_are_relayed(user: Client, services: Services) -> None:
    short = [{"product_id": PRODUCT_ID, "requested": 2, "available": 1}]
    fault = [{"pointer": "/items/0", "detail": "Not enough.", "code": "short"}]
    services.orders.otherwise = problem(409, "insufficient-stock", items=short, errors=fault, order_id=ORDER_ID)
    body = send(user, "POST", "/api/orders/", NEW_ORDER).json()
    assert (body["items"], body["errors"], body["order_id"]) == (short, fault, ORDER_ID)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413, 429])
@pytest.mark.parametrize("body", [None, {"detail": "No."}, "text"])
def test_a_refusal_that_is_no_problem_breaks_the_contract(
    status: int, body: Any, user: Client, services: Services
) -> None:
    services.products.otherwise = answer(status, body)
    response = send(user, "GET", PRODUCT_PATH)
    assert (response.status_code, slug(response)) == (502, "contract-violation")


def test_a_service_that_refuses_the_gateway_itself_is_a_502_and_never_a_401(user: Client, services: Services) -> None:
    services.products.otherwise = problem(401, "not-authenticated")
    with capture_logs() as logs:
        response = send(user, "GET", PRODUCT_PATH)
    assert (response.status_code, slug(response)) == (502, "upstream-refused-gateway")
    assert "WWW-Authenticate" not in response
    assert "The service says no" not in response.content.decode()
    assert [entry["upstream"] for entry in logs if "keys disagree" in entry["event"]] == ["products"]


def test_an_effect_does_not_follow_a_refusal(user: Client, services: Services) -> None:
    services.users.otherwise = problem(403, "permission-denied")
    assert send(user, "DELETE", "/api/users/me/").status_code == 403
    services.users.on("GET", "/users/me/", answer(200, USER))
    assert send(user, "GET", "/api/users/me/").status_code == 200
