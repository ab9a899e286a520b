"""Who may call: the gateway the catalogue, orders the reservations, the operator the audit. Nobody else."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from common.identity import LEEWAY_S, LIFETIME_S, TokenIssuer
from products_project.products.models import Category, Product
from products_project.products.reservations import Wanted, reserve_stock
from products_project.products.urls import urlpatterns
from tests.products.shop import SHOPPER, STAFF, Make, shelf
from tests.support.service import ServiceClient, client_for, client_with, problem, routes

ORDER = "019a0000-0000-7000-8000-000000000001"
ROUTES = routes(urlpatterns, product_id="{product_id}", order_id=ORDER, slug="books")
EVERY_ROUTE = pytest.mark.parametrize(("method", "route", "path"), ROUTES)
READS = {"get", "head", "options"}


def named(route: str) -> str:
    return {"reservations": "orders", "audit": "operator"}.get(route.partition("/")[0], "gateway")


def state() -> list[dict[str, Any]]:
    return [*shelf(), *Category.objects.order_by("pk").values()]


@pytest.fixture
def product(make: Make) -> Product:
    """A product of which some units are reserved for `ORDER`."""
    product = make(stock=5)
    reserve_stock(order_id=ORDER, wanted=[Wanted(product.pk, 2)])
    return product


@EVERY_ROUTE
def test_without_a_token_every_route_is_401(product: Product, method: str, route: str, path: str) -> None:
    before = state()
    response = getattr(ServiceClient(), method)(path.format(product_id=product.pk))
    problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="products"'
    assert state() == before


@pytest.mark.parametrize("caller", ["gateway", "orders", "operator"])
@EVERY_ROUTE
def test_a_caller_that_a_route_does_not_name_is_403(
    product: Product, method: str, route: str, path: str, caller: str
) -> None:
    before = state()
    response = getattr(client_for(STAFF, is_staff=True, caller=caller), method)(path.format(product_id=product.pk))
    if caller == named(route):
        assert response.status_code not in {401, 403, 404, 405, 500}
        return
    problem(response, 403, "permission-denied")
    assert state() == before


@pytest.mark.parametrize(("method", "route", "path"), [row for row in ROUTES if named(row[1]) == "gateway"])
def test_who_is_no_staff_reads_the_catalogue_and_writes_nothing(
    product: Product, method: str, route: str, path: str
) -> None:
    before = state()
    response = getattr(client_for(SHOPPER), method)(path.format(product_id=product.pk))
    if method in READS and not route.endswith("stock/"):
        assert response.status_code == 200
    else:
        assert problem(response, 403, "permission-denied")["detail"] == "Only staff may do this. Sign in as staff."
    assert state() == before


def gateway(**changes: object) -> TokenIssuer:
    known = {"issuer": "gateway", "audience": "products", "key": settings.CALLER_KEYS["gateway"], "clock": time.time}
    return TokenIssuer(**{**known, **changes})  # type: ignore[arg-type]


REFUSED: dict[str, Callable[[], TokenIssuer]] = {
    "another audience": lambda: gateway(audience="users"),
    "another's key": lambda: gateway(key=settings.CALLER_KEYS["orders"]),
    "another's name": lambda: gateway(issuer="orders"),
    "a service that has no key here": lambda: gateway(issuer="users"),
    "expired": lambda: gateway(clock=lambda: time.time() - LIFETIME_S - LEEWAY_S - 5),
}


@pytest.mark.parametrize("issuer", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_proves_nothing_here_is_401(product: Product, issuer: Callable[[], TokenIssuer]) -> None:
    before = state()
    caller = client_with(issuer().issue(STAFF, is_staff=True))
    for response in (caller.delete(f"/products/{product.pk}/"), caller.delete(f"/reservations/{ORDER}/")):
        problem(response, 401, "authentication-failed")
    assert state() == before


@pytest.mark.django_db
def test_what_is_not_there_and_not_json_is_told_by_its_cause(staff: ServiceClient, books: Category) -> None:
    problem(staff.get("/nothing/"), 404, "not-found")
    problem(staff.post("/categories/books/", {}), 405, "method-not-allowed")
    problem(staff.generic("POST", "/products/", "{", content_type="application/json"), 400, "parse-error")
    problem(staff.generic("POST", "/products/", "a=1", content_type="text/plain"), 415, "unsupported-media-type")
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert ServiceClient().get(path).status_code == 200
