from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, DecimalField, F, UUIDField

from common import prepared
from common.identifiers import new_id
from common.prepared import Parameter, Prepared, PreparedUpdate, insert
from products_project.products.models import Category, Product, Reservation, ReservationLine
from tests.support.threads import race

COLUMNS = ("id", "price", "category__slug", "created_at")

of_id = Prepared(lambda: Product.objects.filter(pk=Parameter("id", UUIDField()), hidden_at=None))
shown = Prepared(lambda: Product.objects.filter(pk=Parameter("id", UUIDField())).values(*COLUMNS))
cheap = Prepared(
    lambda: Product.objects.filter(
        price__lt=Parameter("below", DecimalField()), category__slug=Parameter("slug", CharField())
    ).order_by("price")
)

reprice = PreparedUpdate(
    lambda: (
        Product.objects.filter(pk=Parameter("id", UUIDField()), price=Parameter("was", DecimalField())),
        {"price": Parameter("price", DecimalField()), "stock": F("stock") + 1},
    )
)


def make(price: str) -> Product:
    category, _ = Category.objects.get_or_create(slug="tea", name="Tea")
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    return Product.objects.create(sku=f"S{price}", price=Decimal(price), category=category, created_at=moment)


def ids(products: list[Product]) -> list[UUID]:
    return [product.pk for product in products]


@pytest.mark.django_db
def test_it_finds_what_the_queryset_finds() -> None:
    three, one, two = make("3"), make("1"), make("2")
    assert ids(cheap.all(below=Decimal("2.50"), slug="tea")) == [one.pk, two.pk]
    assert ids(cheap.all(below=Decimal("1.50"), slug="tea")) == [one.pk]
    assert cheap.all(below=Decimal("9"), slug="coffee") == []
    found = of_id.first(id=three.pk)
    assert found is not None
    assert vars(found).keys() == vars(Product.objects.get(pk=three.pk)).keys()
    assert (found.price, found.created_at, found._state.adding) == (Decimal("3.00"), three.created_at, False)
    assert of_id.first(id=new_id()) is None
    assert of_id.first(id=None) is None


@pytest.mark.django_db
def test_values_are_dictionaries() -> None:
    product = make("3")
    assert shown.all(id=product.pk) == list(Product.objects.filter(pk=product.pk).values(*COLUMNS))


@pytest.mark.django_db(transaction=True)
def test_each_thread_uses_its_own_connection() -> None:
    product = make("3")
    found = race(*[lambda: of_id.first(id=product.pk)] * 3, prepare=connection.ensure_connection)
    assert found == [product] * 3
    connection.close()
    assert of_id.first(id=product.pk) == product


@pytest.mark.django_db
def test_an_update_changes_what_the_queryset_would() -> None:
    one, two = make("1"), make("2")
    assert reprice.run(id=one.pk, was=Decimal("2.00"), price=Decimal("3.00")) == 0
    assert reprice.run(id=one.pk, was=Decimal("1.00"), price=Decimal("3.00")) == 1
    assert reprice.run(id=one.pk, was=Decimal("3.00"), price=Decimal("4.50")) == 1
    found = dict(Product.objects.values_list("pk", "price"))
    assert found == {one.pk: Decimal("4.50"), two.pk: Decimal("2.00")}
    assert Product.objects.get(pk=one.pk).stock == 2


@pytest.mark.django_db
def test_inserted_rows_are_those_that_bulk_create_would_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "ROWS_AT_ONCE", 2)
    category = Category.objects.create(slug="tea", name="Tea")
    made = [Product(sku=f"S{n}", name="x'\"%", price=Decimal(n), category=category) for n in range(5)]
    insert(made)
    assert list(Product.objects.order_by("sku").values()) == [
        {field.attname: getattr(product, field.attname) for field in Product._meta.concrete_fields} for product in made
    ]
    insert([])
    line = {"product_id": made[0].pk, "quantity": 3, "sku": "S0", "name": "x", "unit_price": Decimal("1.00")}
    reservation = Reservation(order_id=new_id(), state="held")
    insert([reservation])
    insert([ReservationLine(reservation=reservation, **line)])
    assert ReservationLine.objects.filter(reservation=reservation, **line).count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([Product(sku="S0", price=1, category=category)])
