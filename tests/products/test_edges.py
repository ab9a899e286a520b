"""Products as real catalogues have them: their SKUs, currencies and prices, and the order of their names."""

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from iso4217 import Currency

from common.catalogue import DECIMALS, check_price
from common.identifiers import new_id
from products_project.products.models import Category, Product
from products_project.products.search import INDEX
from tests.products.shop import Make
from tests.support.service import ServiceClient, faults, pages

SKUS = (
    "MK2K3LL/A",
    "Raglan_grey_&_black_Tee",
    "24-WG085 / blue",
    '#1 (refurbished), 12" × 3',
    "スキー-01",
    "x" * 64,
    "Ä" * 64,
)
NAMES_IN_ORDER = ("1 cup", "10 cups", "ÅRE", "areas", "Ärmel", "Émile", "Øre", "zebra", "Ёлка", "жук", "茶")


def form(**fields: Any) -> dict[str, Any]:
    return {"sku": "PEN", "name": "Pen", "price": "1", "category": "books", **fields}


@pytest.mark.parametrize("sku", SKUS)
def test_a_real_sku_is_taken_as_it_is(staff: ServiceClient, books: Category, sku: str) -> None:
    made = staff.post("/products/", form(sku=sku))
    assert (made.status_code, made.json()["sku"]) == (201, sku)


@pytest.mark.parametrize("sku", ["a\nb", "a\u200bb", "a\u00a0b", "\u202eab", "a\tb", "\ue000"])
def test_a_sku_that_cannot_be_printed_is_refused_in_words(staff: ServiceClient, books: Category, sku: str) -> None:
    [error] = staff.post("/products/", form(sku=sku)).json()["errors"]
    assert (error["pointer"], error["code"]) == ("/sku", "invalid")
    assert "letters, digits, punctuation and plain spaces" in error["detail"]


@pytest.mark.parametrize(("first", "twin"), [("Pen-1", "PEN-1"), ("GRÖSSE/ß", "grösse/SS"), ("ＰＥＮ", "pen")])
def test_a_sku_is_unique_whatever_its_case(staff: ServiceClient, books: Category, first: str, twin: str) -> None:
    assert staff.post("/products/", form(sku=first)).status_code == 201
    refused = staff.post("/products/", form(sku=twin))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/sku-taken")
    other = staff.post("/products/", form(sku="other")).json()["id"]
    assert staff.patch(f"/products/{other}/", {"sku": twin}).status_code == 409
    assert staff.patch(f"/products/{other}/", {"sku": "OTHER"}).json()["sku"] == "OTHER"


def test_the_currencies_are_those_of_iso_4217_with_two_decimals_or_fewer() -> None:
    assert {code: DECIMALS[code] for code in ("EUR", "JPY", "KRW", "USD", "CLP")} == {
        "EUR": 2, "JPY": 0, "KRW": 0, "USD": 2, "CLP": 0
    }  # fmt: skip
    assert DECIMALS.keys().isdisjoint({"BTC", "HRK", "XAU", "XXX", "XTS", "KWD", "CLF"})
    assert len(DECIMALS) > 140
    assert set(DECIMALS) <= {each.code for each in Currency}


@pytest.mark.parametrize("currency", ["BTC", "HRK", "XXX", "KWD", "eur", "€"])
def test_another_currency_is_refused_in_words(staff: ServiceClient, books: Category, currency: str) -> None:
    [error] = staff.post("/products/", form(currency=currency)).json()["errors"]
    assert (error["pointer"], error["code"]) == ("/currency", "invalid")
    assert "ISO 4217" in error["detail"]


@pytest.mark.parametrize("currency", sorted(DECIMALS))
def test_a_price_has_no_more_decimals_than_its_currency(currency: str) -> None:
    check_price(Decimal("100.00"), currency)
    if DECIMALS[currency] == 2:
        check_price(Decimal("100.55"), currency)
    else:
        with pytest.raises(Exception, match=currency):
            check_price(Decimal("100.55"), currency)


def test_price_and_currency_agree_after_each_change(staff: ServiceClient, books: Category) -> None:
    refused = staff.post("/products/", form(price="100.50", currency="JPY"))
    assert faults(refused) == [("/price", "decimals")]
    assert refused.json()["errors"][0]["detail"] == "An amount in JPY has no decimals."
    path = f"/products/{staff.post('/products/', form(price='100', currency='JPY')).json()['id']}/"
    assert faults(staff.patch(path, {"price": "1.5"})) == [("/price", "decimals")]
    assert staff.patch(path, {"price": "1.5", "currency": "EUR"}).json()["price"] == "1.50"
    assert faults(staff.patch(path, {"currency": "JPY"})) == [("/price", "decimals")]
    assert staff.get(path).json()["currency"] == "EUR"


@pytest.mark.django_db
def test_a_currency_of_an_earlier_release_stays_and_its_product_can_be_changed(
    staff: ServiceClient, make: Make
) -> None:
    product = make()
    Product.objects.filter(pk=product.pk).update(currency="HRK")
    assert staff.patch(f"/products/{product.pk}/", {"name": "Kuna"}).json()["currency"] == "HRK"
    assert staff.patch(f"/products/{product.pk}/", {"price": "2.55"}).json()["price"] == "2.55"


@pytest.mark.parametrize("form_of_unicode", ["NFC", "NFD"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_names_are_sorted_the_same_on_both_databases(
    staff: ServiceClient, make: Make, form_of_unicode: Any, size: int
) -> None:
    for name in sorted(NAMES_IN_ORDER):
        make(name=unicodedata.normalize(form_of_unicode, name))
    for ordering, expected in (("name", NAMES_IN_ORDER), ("-name", NAMES_IN_ORDER[::-1])):
        found = [
            unicodedata.normalize("NFC", product["name"])
            for page in pages(staff, f"/products/?ordering={ordering}&page_size={size}")
            for product in page["results"]
        ]
        assert found == list(expected)


def test_a_renamed_product_moves_in_the_list(staff: ServiceClient, make: Make) -> None:
    first, second = make(name="Alpha"), make(name="beta")
    staff.patch(f"/products/{first.pk}/", {"name": "Gamma"})
    shown = staff.get("/products/?ordering=name").json()["results"]
    assert [product["id"] for product in shown] == [str(second.pk), str(first.pk)]


def insert_as_before(category: Category, **columns: Any) -> None:
    """As a process of the release before this one does, which knows no keys."""
    known = {
        "id": Product._meta.pk.get_db_prep_value(new_id(), connection),
        "description": "",
        "price": 1,
        "currency": "EUR",
        "stock": 0,
        "category_id": Product._meta.pk.get_db_prep_value(category.pk, connection),
        "created_at": "2026-01-01 00:00:00+00:00",
        "updated_at": "2026-01-01 00:00:00+00:00",
        **columns,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO products_product ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})",
            list(known.values()),
        )


@pytest.mark.django_db(transaction=True)
def test_what_the_release_before_writes_gets_its_keys_with_its_words(books: Category, make: Make) -> None:
    insert_as_before(books, sku="Old-1", name="Åre")
    insert_as_before(books, sku="OLD-1", name="Twin")
    renamed = make(name="Fresh")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET name = 'Zebra' WHERE name = 'Fresh'")
    INDEX.fill()
    keys = dict(Product.objects.values_list("name", "name_key"))
    assert keys == {"Åre": "are", "Twin": "twin", "Zebra": "zebra"}
    assert sorted(Product.objects.exclude(pk=renamed.pk).values_list("sku_key", flat=True), key=str) == [None, "old-1"]


@pytest.mark.django_db(transaction=True)
def test_a_younger_twin_of_an_earlier_release_can_be_changed(staff: ServiceClient, books: Category) -> None:
    insert_as_before(books, sku="Old-1", name="First")
    insert_as_before(books, sku="OLD-1", name="Twin")
    INDEX.fill()
    twin = Product.objects.get(sku_key=None)
    changed = staff.put(f"/products/{twin.pk}/", form(sku=twin.sku, name="Renamed"))
    assert (changed.status_code, changed.json()["name"]) == (200, "Renamed")


@pytest.fixture
def before() -> Any:
    """The models of before the keys. The tables are as they are now when the test ends."""
    yield migrate([("products", "0005_ownerless")])
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("products"))


def migrate(target: Any) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.mark.django_db(transaction=True)
def test_the_migration_makes_the_keys_of_what_is_there_and_keeps_its_rows(before: Any) -> None:
    category = before.get_model("products", "Category").objects.create(id=new_id(), slug="books", name="Books")
    old = before.get_model("products", "Product")
    skus = ["abc", "ABC", "ÖL / 1"]
    for sku in skus:
        old.objects.create(id=new_id(), sku=sku, name=f"Ä {sku}", price=1, category=category)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("products"))
    rows = dict(Product.objects.values_list("sku", "sku_key"))
    assert rows == {"abc": "abc", "ABC": None, "ÖL / 1": "öl / 1"}
    assert set(Product.objects.values_list("name_key", flat=True)) == {"a abc", "a ol / 1"}
