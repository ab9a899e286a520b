"""Each list reads its pages from an index, in as many statements whatever it holds, on whichever database this runs."""

from decimal import Decimal

import pytest
from django.db import connection

from common.expiring import ExpiringMap
from products_project.products import search
from products_project.products.models import Category, ProductEntry
from products_project.products.search import INDEX, ORDERINGS
from products_project.products.services import create_category
from tests.products.shop import SIFTS, Make, stockpile
from tests.support.plans import planned, sorts
from tests.support.service import ServiceClient, pages

IS_SQLITE = connection.vendor == "sqlite"


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize(("query", "suffix"), SIFTS.items())
def test_a_list_reads_its_own_index(
    shopper: ServiceClient, books: Category, ordering: str, query: str, suffix: str
) -> None:
    stockpile(create_category(name="Games"), books, 60)
    walk = pages(shopper, f"/products/?page_size=5&ordering={ordering}&{query}")
    index = f"products_{ordering.removeprefix('-').replace('name', 'name_key')}{suffix}"
    for _ in range(3):
        with planned() as plans:
            next(walk)
        [plan] = plans
        assert index in plan
        assert not sorts(plan)


@pytest.mark.parametrize("path", ["/categories/", "/products/{id}/stock/"])
def test_categories_and_ledgers_are_read_from_an_index(staff: ServiceClient, make: Make, path: str) -> None:
    product = make(stock=3)
    index = "movements_by_age" if "stock" in path else "categories_by_age"
    with planned() as plans:
        assert staff.get(path.format(id=product.pk)).status_code == 200
    assert index in plans[-1]
    assert not sorts(plans[-1])


@pytest.mark.parametrize("text", ["product", "name", "sku", "nothing", "name nothing", "sku-7 product"])
def test_a_search_reads_the_newest_words(shopper: ServiceClient, make: Make, text: str) -> None:
    for _ in range(9):
        make()
    for path in (f"/products/?search={text}&page_size=3", f"/products/?search={text}&ordering=created_at"):
        with planned() as plans:
            assert shopper.get(path).status_code == 200
        words = [plan for plan in plans if "productentry" in plan]
        assert not any("SCAN products_product " in plan or "Seq Scan" in plan for plan in plans)
        if IS_SQLITE:
            assert len(plans) <= 3
            assert "products_productentry_fts VIRTUAL TABLE" in words[1]
            assert not sorts(words[1])
        else:
            assert len(plans) <= 5
            assert "products_productentry_pkey" in words[1]
            assert not sorts(words[1])
            assert all("products_productentry_terms" in plan for plan in words[2:])


@pytest.fixture
def large_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_is_small", lambda: False)


@pytest.mark.usefixtures("large_shop")
@pytest.mark.parametrize(("few", "index"), [(1000, ""), (1, "products_created_at")])
def test_a_price_range_by_age_looks_at_the_prices_first(
    shopper: ServiceClient, make: Make, monkeypatch: pytest.MonkeyPatch, few: int, index: str
) -> None:
    monkeypatch.setattr(search, "_beyond_few", search.priced_after(few))
    for price in (1, 2, 3, 20, 21):
        make(price=Decimal(price))
    with planned() as plans:
        page = shopper.get("/products/?min_price=2&max_price=20").json()
    assert [product["price"] for product in page["results"]] == ["20.00", "3.00", "2.00"]
    prices, rows = plans
    assert "products_price" in prices
    assert not sorts(prices)
    assert index in rows
    assert not (index and sorts(rows))


def test_of_a_small_shop_a_price_range_is_read_in_the_list_s_own_order(
    shopper: ServiceClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_sizes", sizes := ExpiringMap[str, bool](1))
    monkeypatch.setattr(search, "_beyond_few", search.priced_after(3))
    path, seen = "/products/?min_price=2&max_price=20", []
    for price in (1, 2, 20, 21):
        make(price=Decimal(price))
        with planned() as plans:
            page = shopper.get(path).json()
        seen.append((len(plans), [product["price"] for product in page["results"]]))
        assert "products_created_at" in plans[-1]
        assert not sorts(plans[-1])
    assert seen == [(2, []), (1, ["2.00"]), (1, ["20.00", "2.00"]), (1, ["20.00", "2.00"])]

    sizes.put("is small", value=True, expires_at=0)  # as a minute later: of four products, no more
    for statements in (3, 2):
        with planned() as plans:
            assert shopper.get(path).json() == page
        assert len(plans) == statements


def test_stale_entries_have_an_index(make: Make) -> None:
    make()
    with planned() as plans:
        INDEX.fill()
    assert "product_entries_stale" in plans[0]


@pytest.mark.usefixtures("large_shop")
@pytest.mark.parametrize(
    ("query", "index"),
    [("", ""), ("&category=books", "_cat"), ("&in_stock=true", "_avail")],
    ids=["all", "cat", "stock"],
)
def test_a_small_price_range_is_read_from_its_own_index_whatever_else_is_asked(
    shopper: ServiceClient, books: Category, query: str, index: str
) -> None:
    stockpile(create_category(name="Games"), books, 60)
    with planned() as plans:
        assert shopper.get(f"/products/?min_price=2&max_price=20&page_size=5{query}").status_code == 200
    assert f"products_price{index} " in plans[-1]
    assert not (IS_SQLITE and "products_created_at" in plans[-1])  # PostgreSQL walks a table of sixty rows


@pytest.mark.django_db
def test_entries_that_are_stale_are_found_without_a_look_at_the_others(books: Category) -> None:
    stockpile(books, create_category(name="Games"), 60)
    with planned() as plans:
        INDEX.fill()
    of_stale = [plan for plan in plans if ProductEntry._meta.db_table in plan]
    assert of_stale
    assert all("product_entries_stale" in plan for plan in of_stale), of_stale
