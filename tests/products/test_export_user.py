"""`manage.py export_user`: what a person has moved as staff."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from common.identifiers import new_id
from products_project.products.management.commands import export_user
from products_project.products.models import Product, StockMovement
from products_project.products.services import create_category, create_product
from tests.support.personal import personal_models


@pytest.mark.django_db
def test_movements_of_a_person_are_exported_and_no_others() -> None:
    ada = new_id()
    category = create_category(name="Tea", slug="tea", description="")
    fields = {"description": "", "price": Decimal("1.00"), "currency": "EUR", "category": category}
    for sku, by in (("A-1", ada), ("A-2", new_id()), ("A-3", None)):
        create_product(sku=sku, name=sku, stock=3, by=by, **fields)
    out = StringIO()
    call_command("export_user", str(ada), stdout=out)
    (row,) = json.loads(out.getvalue())["stock_movements"]
    assert row.keys() == {field.attname for field in StockMovement._meta.concrete_fields}
    assert (row["product_id"], row["delta"]) == (str(Product.objects.get(sku="A-1").pk), 3)


def test_every_table_that_names_a_person_is_exported() -> None:
    assert personal_models() <= {rows.model for rows in export_user.Command().rows_about(new_id()).values()}
