"""The table and the resolver, walked: deny by default."""

import json
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gateway_project.auth.permissions import AllowAny
from gateway_project.routing.operations import Route
from gateway_project.routing.routes import ROUTES
from tests.gateway.clients import send, slug
from tests.gateway.fakes import Services, problem
from tests.gateway.table import OF_STAFF, TABLE, label
from tests.support.examples import BODIES, ORDER_ID, filled

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

# The contract's open paths, word for word.
OPEN = {
    "/api/": {"GET"},
    "/api/auth/register/": {"POST"},
    "/api/auth/password-reset/": {"POST"},
    "/api/auth/password-reset/confirm/": {"POST"},
    "/api/auth/token/": {"POST"},
    "/api/auth/token/refresh/": {"POST"},
    "/api/auth/token/verify/": {"POST"},
    "/api/auth/logout/": {"POST"},
    "/api/schema/": {"GET"},
    "/api/docs/": {"GET"},
    "/login/": {"GET", "POST"},
    "/health/live": {"GET"},
    "/health/ready": {"GET"},
    "/metrics": {"GET"},
    "/": {"GET"},
    "/register/": {"GET", "POST"},
    "/password-reset/": {"GET", "POST"},
    "/password-reset/<uuid:user_id>/<slug:token>/": {"GET", "POST"},
    "/problems/": {"GET"},
    "/problems/<slug:slug>": {"GET"},
    "/favicon.ico": {"GET"},
    "/language/": {"GET", "POST"},
}


def paths_of(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths_of(pattern.url_patterns, path)
        else:
            yield path


ALL_PATHS = sorted(set(paths_of(get_resolver().url_patterns)))


def is_refused(response: HttpResponse) -> bool:
    """401 with a challenge from the API; pages lead to the sign-in page instead."""
    is_led_away = response.status_code == 302 and response["Location"].startswith("/login/")
    return is_led_away or (response.status_code == 401 and "WWW-Authenticate" in response)


def test_the_resolver_serves_every_route_of_the_table() -> None:
    assert {f"/api/{route.path}" for route in ROUTES} < set(ALL_PATHS)


@pytest.mark.django_db
def test_what_an_anonymous_caller_may_do_is_exactly_the_open_list(anonymous: Client, services: Services) -> None:
    found: dict[str, set[str]] = {}
    for path in ALL_PATHS:
        for method in METHODS:
            response = send(anonymous, method, filled(path), {})
            assert response.status_code < 500
            if not is_refused(response) and response.status_code != 405 and method not in {"HEAD", "OPTIONS"}:
                found.setdefault(path, set()).add(method)
    assert found == OPEN
    assert services.calls == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path in ALL_PATHS if path.startswith("/api/") and path not in OPEN])
def test_every_other_path_refuses_every_method_of_an_anonymous_caller(
    path: str, anonymous: Client, services: Services
) -> None:
    for method in METHODS:
        response = send(anonymous, method, filled(path), BODIES.get((method, path.removeprefix("/api/"))))
        assert response.status_code == 401, method
        assert response["WWW-Authenticate"] == 'Bearer realm="plaza"'
        if method != "HEAD":
            assert slug(response) == "not-authenticated"
    assert services.calls == []


@pytest.mark.parametrize(("route", "method"), TABLE, ids=label)
def test_an_operation_of_the_table_refuses_an_anonymous_caller_unless_it_is_marked_open(
    route: Route, method: str, anonymous: Client, services: Services
) -> None:
    response = send(anonymous, method, f"/api/{filled(route.path)}", {})
    is_open = route.operations[method].permission is AllowAny
    assert (response.status_code == 401) is not is_open
    assert services.calls == []


@pytest.mark.parametrize(("route", "method"), OF_STAFF, ids=label)
def test_what_is_for_staff_refuses_a_user_and_the_service_hears_nothing(
    route: Route, method: str, user: Client, services: Services
) -> None:
    response = send(user, method, f"/api/{filled(route.path)}", BODIES.get((method, route.path)))
    assert response.status_code == 403
    assert slug(response) == "permission-denied"
    assert json.loads(response.content)["detail"] == "Only staff may do this. Sign in as staff."
    assert services.calls == []


@pytest.mark.parametrize(("route", "method"), OF_STAFF, ids=label)
def test_what_is_for_staff_reaches_the_service_when_staff_ask(
    route: Route, method: str, staff: Client, services: Services
) -> None:
    services[route.service].otherwise = problem(409)
    response = send(staff, method, f"/api/{filled(route.path)}", BODIES.get((method, route.path)))
    assert response.status_code == 409
    assert services[route.service].claims()["is_staff"] is True


def test_the_staff_operations_are_the_contracts() -> None:
    assert {(f"/api/{route.path}", method) for route, method in OF_STAFF} == {
        ("/api/users/", "GET"),
        ("/api/users/", "POST"),
        ("/api/categories/", "POST"),
        ("/api/categories/<slug:slug>/", "PUT"),
        ("/api/categories/<slug:slug>/", "PATCH"),
        ("/api/categories/<slug:slug>/", "DELETE"),
        ("/api/products/", "POST"),
        ("/api/products/<uuid:product_id>/", "PUT"),
        ("/api/products/<uuid:product_id>/", "PATCH"),
        ("/api/products/<uuid:product_id>/", "DELETE"),
        ("/api/products/<uuid:product_id>/stock/", "GET"),
        ("/api/products/<uuid:product_id>/stock/", "POST"),
    }


@pytest.mark.parametrize("path", ["/api/users/", "/api/categories/", "/api/products/"])
def test_options_asks_for_no_more_than_the_least_of_the_paths_methods(path: str, user: Client) -> None:
    assert send(user, "OPTIONS", path).status_code == (403 if path == "/api/users/" else 200)


@pytest.mark.parametrize("path", ["auth/register/", "users/me/password/", f"orders/{ORDER_ID}/cancel/"])
def test_a_path_without_a_get_has_no_head_either(path: str, user: Client, services: Services) -> None:
    response = send(user, "HEAD", f"/api/{path}")
    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    assert services.calls == []
