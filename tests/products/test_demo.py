"""`manage.py demo`, which may run at every start."""

from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command

from products_project.products.demo import CATALOGUE
from products_project.products.models import Category, Product
from products_project.products.serializers import CategoryInput, NewProductInput
from products_project.products.services import create_category
from tests.products.shop import Make, ledger, shelf, stock

pytestmark = pytest.mark.django_db


def demo() -> str:
    out = StringIO()
    call_command("demo", stdout=out)
    return out.getvalue().strip()


def test_the_catalogue_has_at_least_sixty_products_in_six_categories() -> None:
    amount = sum(len(rows) for rows in CATALOGUE.values())
    assert demo() == f"Demo catalogue: {amount} products made, 0 were there."
    assert Product.objects.filter(hidden_at=None, currency="EUR").count() == amount >= 60
    shares = Counter(Product.objects.values_list("category__slug", flat=True))
    assert len(shares) == Category.objects.count() == 6
    assert min(shares.values()) >= 5
    for product in Product.objects.all():
        assert stock(product) == ledger(product) > 0


def test_what_it_makes_is_what_the_service_itself_would_take() -> None:
    for (slug, name, text), rows in CATALOGUE.items():
        data = CategoryInput(data={"slug": slug, "name": name, "description": text})
        assert data.is_valid(), data.errors
        create_category(**data.validated_data)
        for sku, title, price, amount, description in rows:
            form = {"sku": sku, "name": title, "price": price, "stock": amount, "category": slug}
            new = NewProductInput(data={**form, "description": description, "currency": "EUR"})
            assert new.is_valid(), new.errors


def test_again_it_makes_nothing() -> None:
    demo()
    before = shelf()
    assert demo() == f"Demo catalogue: 0 products made, {len(before) // 2} were there."
    assert shelf() == before


def test_what_is_there_is_left_as_it_is(make: Make) -> None:
    create_category(name="Hot drinks", slug="coffee-and-tea")
    mine = make(sku="COF-001", name="Mine", stock=1)
    before = Product.objects.values().get()
    assert demo().endswith("1 were there.")
    assert Product.objects.values().get(pk=mine.pk) == before
    assert Category.objects.get(slug="coffee-and-tea").name == "Hot drinks"
