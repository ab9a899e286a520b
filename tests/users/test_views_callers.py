"""Who may call: on every route, the gateway and nobody else."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.conf import settings

from common.identity import LEEWAY_S, LIFETIME_S, TokenIssuer
from tests.support.service import ServiceClient, client_for, client_with, problem, routes
from users_project.users.models import User
from users_project.users.urls import urlpatterns

ROUTES = routes(urlpatterns, user_id="{user_id}")
EVERY_ROUTE = pytest.mark.parametrize(("method", "route", "path"), ROUTES)

OTHERS_KEY = "another-pair-s-key-0123456789-abcdef"


def gateway(**changes: object) -> TokenIssuer:
    known = {"issuer": "gateway", "audience": "users", "key": settings.CALLER_KEYS["gateway"], "clock": time.time}
    return TokenIssuer(**{**known, **changes})  # type: ignore[arg-type]


REFUSED: dict[str, Callable[[], TokenIssuer]] = {
    "another audience": lambda: gateway(audience="products"),
    "another's key": lambda: gateway(key=settings.CALLER_KEYS["operator"]),
    "a key nobody shares": lambda: gateway(key=OTHERS_KEY),
    "a service that has no key here": lambda: gateway(issuer="orders"),
    "expired": lambda: gateway(clock=lambda: time.time() - LIFETIME_S - LEEWAY_S - 5),
    "not yet made": lambda: gateway(clock=lambda: time.time() + LEEWAY_S + 60),
}


def test_the_routes_are_the_ones_that_this_module_knows() -> None:
    assert sorted({(method, route) for method, route, _ in ROUTES if method != "options"}) == [
        ("delete", "users/<uuid:user_id>/"),
        ("delete", "users/me/"),
        ("get", "accounts/<uuid:user_id>/"),
        ("get", "users/"),
        ("get", "users/<uuid:user_id>/"),
        ("get", "users/me/"),
        ("patch", "users/<uuid:user_id>/"),
        ("patch", "users/me/"),
        ("post", "auth/password-reset/"),
        ("post", "auth/password-reset/confirm/"),
        ("post", "auth/register/"),
        ("post", "credentials/"),
        ("post", "password-resets/"),
        ("post", "users/"),
        ("post", "users/me/password/"),
        ("put", "users/<uuid:user_id>/"),
        ("put", "users/me/"),
    ]


@EVERY_ROUTE
def test_without_a_token_every_route_is_401(ada: User, method: str, route: str, path: str) -> None:
    before = User.objects.values().get()
    response = getattr(ServiceClient(), method)(path.format(user_id=ada.pk))
    problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="users"'
    assert User.objects.values().get() == before


@EVERY_ROUTE
def test_a_caller_that_a_route_does_not_name_is_403(ada: User, method: str, route: str, path: str) -> None:
    before = User.objects.values().get()
    operator = client_for(ada.pk, is_staff=True, caller="operator")
    problem(getattr(operator, method)(path.format(user_id=ada.pk)), 403, "permission-denied")
    assert User.objects.values().get() == before


@pytest.mark.parametrize("issuer", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_proves_nothing_here_is_401(ada: User, issuer: Callable[[], TokenIssuer]) -> None:
    before = User.objects.values().get()
    response = client_with(issuer().issue(ada.pk, is_staff=True)).delete("/users/me/")
    body = problem(response, 401, "authentication-failed")
    assert body["detail"] == "The internal token is not valid here."
    assert response["WWW-Authenticate"] == 'Bearer realm="users"'
    assert User.objects.values().get() == before


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Token x"])
def test_another_scheme_is_no_token(header: str) -> None:
    response = ServiceClient().get("/users/me/", headers={"Authorization": header})
    problem(response, 401, "not-authenticated")


@pytest.mark.django_db
def test_an_unknown_account_behind_a_good_token_is_404() -> None:
    problem(client_for(uuid4()).get("/users/me/"), 404, "not-found")


@pytest.mark.django_db
def test_what_is_not_json_is_refused_by_its_cause(ada: User) -> None:
    caller = client_for(ada.pk)
    before = User.objects.values().get()
    for body, media_type, status, slug in (
        ("{", "application/json", 400, "parse-error"),
        ('{"first_name": "x", "first_name": "y"}', "application/json", 400, "parse-error"),
        ("first_name=x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    ):
        problem(caller.generic("PATCH", "/users/me/", body, content_type=media_type), status, slug)
    problem(caller.post("/users/me/", {}), 405, "method-not-allowed")
    problem(caller.get("/nothing/"), 404, "not-found")
    assert User.objects.values().get() == before


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_health_and_metrics_are_open_on_loopback(path: str) -> None:
    assert ServiceClient().get(path).status_code == 200
