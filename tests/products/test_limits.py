"""What a request may cost the database, on whichever database the suite runs."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from products_project.products import views
from products_project.products.models import Category, Product
from products_project.products.search import visible_products
from tests.products.shop import Make
from tests.support.service import ServiceClient, problem

# A statement that is cut ends its transaction on PostgreSQL, so no test may be inside one.
pytestmark = pytest.mark.django_db(transaction=True)

# As long as it is let, up to minutes.
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {most}) SELECT max(x) > 0 FROM n"
MINUTES, MILLISECONDS = 2_000_000_000, 300_000


@pytest.fixture
def slow_search(monkeypatch: pytest.MonkeyPatch, settings: Any, make: Make) -> None:
    settings.STATEMENT_LIMIT_S = 0.05
    make()
    slow = RawSQL(ENDLESS.format(most=MINUTES), (), output_field=BooleanField())  # type: ignore[no-untyped-call]
    monkeypatch.setattr(views, "search_products", lambda query: visible_products().filter(slow))


def test_the_limit_as_shipped_is_a_second() -> None:
    assert settings.STATEMENT_LIMIT_S == 1.0


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.usefixtures("slow_search")
def test_a_read_that_takes_too_long_ends_and_says_how_to_narrow_it(shopper: ServiceClient, method: str) -> None:
    response = getattr(shopper, method)("/products/?search=tea")
    assert response.status_code == 422
    if method == "get":
        assert "Narrow it" in problem(response, 422, "query-too-costly")["detail"]


@pytest.mark.usefixtures("slow_search")
def test_the_next_request_is_served(shopper: ServiceClient) -> None:
    assert shopper.get("/products/").status_code == 422
    product = Product.objects.get()
    assert shopper.get(f"/products/{product.pk}/").status_code == 200


def test_a_write_is_not_cut(
    staff: ServiceClient, books: Category, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATEMENT_LIMIT_S = 0.001
    create = views.services.create_category

    def create_slowly(**fields: Any) -> Category:
        with connection.cursor() as cursor:
            cursor.execute(ENDLESS.format(most=MILLISECONDS))
        return create(**fields)

    monkeypatch.setattr(views.services, "create_category", create_slowly)
    assert staff.post("/categories/", {"name": "Tea"}).status_code == 201


@pytest.mark.usefixtures("slow_search")
def test_work_outside_of_requests_is_not_cut(shopper: ServiceClient) -> None:
    assert shopper.get("/products/").status_code == 422
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_sleep(0.1)" if connection.vendor == "postgresql" else ENDLESS.format(most=MILLISECONDS)
        )
        assert cursor.fetchone() is not None
