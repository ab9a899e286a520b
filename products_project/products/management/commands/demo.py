"""`manage.py demo` loads the demo catalogue."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand

from products_project.products.demo import CATALOGUE
from products_project.products.models import Category
from products_project.products.services import SkuTaken, SlugTaken, create_category, create_product


class Command(BaseCommand):
    help = "Load the demo catalogue. What is there already, by slug and SKU, is left as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        made = 0
        for (slug, name, description), rows in CATALOGUE.items():
            with suppress(SlugTaken):
                create_category(name=name, slug=slug, description=description)
            category = Category.objects.get(slug=slug)
            made += sum(_make(category, *row) for row in rows)
        total = sum(len(rows) for rows in CATALOGUE.values())
        self.stdout.write(f"Demo catalogue: {made} products made, {total - made} were there.")


def _make(category: Category, sku: str, name: str, price: str, stock: int, description: str) -> bool:
    try:
        create_product(
            sku=sku,
            name=name,
            description=description,
            price=Decimal(price),
            currency="EUR",
            stock=stock,
            category=category,
            by=None,
        )
    except SkuTaken:
        return False
    return True
