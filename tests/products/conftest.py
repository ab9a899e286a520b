from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.conf import settings

from products_project.products.models import Category
from products_project.products.services import create_category, create_product
from tests.products.shop import SHOPPER, STAFF, Make
from tests.support.properties import load_profile
from tests.support.service import ServiceClient, client_for

load_profile()

# These tests read SQLite's own plans and counters.
collect_ignore = [] if settings.DATABASES["default"]["ENGINE"] == "common.sqlite" else ["test_search_plans.py"]


@pytest.fixture
def staff() -> ServiceClient:
    return client_for(STAFF, is_staff=True)


@pytest.fixture
def shopper() -> ServiceClient:
    return client_for(SHOPPER)


@pytest.fixture
def orders() -> ServiceClient:
    return client_for(caller="orders")


@pytest.fixture
def books(db: None) -> Category:
    return create_category(name="Books")


@pytest.fixture
def make(books: Category) -> Make:
    numbers = count(1)

    def create(**fields: Any) -> Any:
        number = next(numbers)
        known = {"sku": f"SKU-{number}", "name": f"Product {number}", "price": Decimal("10.00"), "currency": "EUR"}
        return create_product(**{**known, "category": books, "by": STAFF, **fields})

    return create
