"""Which products a list finds, and in which order."""

from decimal import Decimal
from typing import Any

import pytest

from products_project.products.models import Category, Product
from products_project.products.search import ORDERINGS
from products_project.products.services import create_category, hide_product
from tests.products.shop import SIFTS, Make, stockpile
from tests.support.service import ServiceClient, faults, pages

OLD, NEW = "Atlas of railways", "100% luck"


def names(page: dict[str, Any]) -> list[str]:
    return [product["name"] for product in page["results"]]


@pytest.fixture
def catalogue(make: Make) -> None:
    """Oldest first: two books, two games, and a hidden book."""
    games = create_category(name="Games")
    make(name=OLD, price=Decimal("34.00"), stock=3, description="Maps, on paper.", sku="BOO-1")
    make(name="A short atlas", price=Decimal("9.99"), stock=0, sku="BOO-2")
    make(name="Night train", price=Decimal("24.50"), stock=1, category=games, description="Like an ATLAS.", sku="GAM-1")
    make(name=NEW, price=Decimal("9.99"), stock=0, category=games, sku="GAM_2")
    hide_product(product_id=make(name="Hidden atlas", stock=5).pk, precondition=lambda product: True)


@pytest.mark.usefixtures("catalogue")
class TestFilters:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", [NEW, "Night train", "A short atlas", OLD]),
            ("search=&category=&min_price=&in_stock=&page_size=", [NEW, "Night train", "A short atlas", OLD]),
            ("ordering=&cursor=&max_price=&format=json", [NEW, "Night train", "A short atlas", OLD]),
            ("search=ATLAS", ["Night train", "A short atlas", OLD]),
            ("search=paper", [OLD]),
            ("search=boo-2", ["A short atlas"]),
            ("search=atlas railways", [OLD]),
            ("search=  railways   atlas ", [OLD]),
            ("search=100%25", [NEW]),
            ("search=gam_", [NEW, "Night train"]),
            ("search=gam_2", [NEW]),
            ("search=%25", []),
            ("search=%22atlas", ["Night train", "A short atlas", OLD]),
            ("search=tlas", []),
            ("search=atl%C3%A1", ["Night train", "A short atlas", OLD]),
            ("search=atlas&ordering=created_at", [OLD, "A short atlas", "Night train"]),
            ("search=atlas&ordering=name", ["A short atlas", OLD, "Night train"]),
            ("search=%25&ordering=name", []),
            ("category=games", [NEW, "Night train"]),
            ("category=music", []),
            ("in_stock=true", ["Night train", OLD]),
            ("in_stock=false", [NEW, "A short atlas"]),
            ("min_price=24.50", ["Night train", OLD]),
            ("max_price=24.50", [NEW, "Night train", "A short atlas"]),
            ("max_price=24.49&min_price=9.99", [NEW, "A short atlas"]),
            ("min_price=30&max_price=20", []),
            ("category=games&in_stock=true&search=atlas&min_price=1&max_price=25", ["Night train"]),
            ("ordering=name", [NEW, "A short atlas", OLD, "Night train"]),
            ("ordering=-price&in_stock=true", [OLD, "Night train"]),
            ("ordering=price", ["A short atlas", NEW, "Night train", OLD]),
            ("ordering=created_at", [OLD, "A short atlas", "Night train", NEW]),
        ],
    )
    def test_a_list_is_newest_first_and_joins_its_filters(
        self, shopper: ServiceClient, query: str, expected: list[str]
    ) -> None:
        response = shopper.get(f"/products/?{query}")
        assert response.status_code == 200
        assert names(response.json()) == expected

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("sort=name", [("?sort", "unknown")]),
            ("ordering=stock", [("?ordering", "invalid_choice")]),
            ("ordering=price&ordering=name", [("?ordering", "repeated")]),
            ("min_price=cheap", [("?min_price", "invalid")]),
            ("min_price=-1&max_price=1.234", [("?min_price", "min_value"), ("?max_price", "max_decimal_places")]),
            ("min_price=NaN", [("?min_price", "invalid")]),
            ("max_price=12345678901", [("?max_price", "max_whole_digits")]),
            ("in_stock=perhaps", [("?in_stock", "invalid")]),
            ("category=no spaces", [("?category", "invalid")]),
            ("page_size=0", [("?page_size", "min_value")]),
            ("page_size=101", [("?page_size", "max_value")]),
            ("cursor=forged", [("?cursor", "invalid")]),
            (f"search={'x' * 201}", [("?search", "max_length")]),
            ("search=%00", [("?search", "null_characters_not_allowed")]),
        ],
    )
    def test_a_bad_query_is_named_by_pointer(
        self, shopper: ServiceClient, query: str, expected: list[tuple[str, str]]
    ) -> None:
        assert faults(shopper.get(f"/products/?{query}")) == expected

    @pytest.mark.parametrize(
        ("made_with", "used_with"),
        [
            ("ordering=price", "ordering=-price"),
            ("in_stock=true", "in_stock=false"),
            ("category=games", "category=books"),
            ("search=a", "search=t"),
            ("min_price=1", "min_price=2"),
        ],
    )
    def test_a_cursor_belongs_to_its_filters_and_ordering(
        self, shopper: ServiceClient, made_with: str, used_with: str
    ) -> None:
        link = shopper.get(f"/products/?page_size=1&{made_with}").json()["next"]
        assert shopper.get(link).status_code == 200
        assert made_with in link
        assert faults(shopper.get(link.replace(made_with, used_with))) == [("?cursor", "invalid")]


@pytest.mark.parametrize("query", SIFTS)
@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_show_everything_once_in_order_both_ways(
    shopper: ServiceClient, books: Category, ordering: str, query: str
) -> None:
    games = create_category(name="Games")
    stockpile(games, books, 60)
    column = ordering.removeprefix("-")
    chosen: dict[str, Any] = {
        "": {},
        "category=games": {"category": games},
        "in_stock=true": {"stock__gt": 0},
        "in_stock=false": {"stock": 0},
    }[query]
    rows = sorted(Product.objects.filter(**chosen), key=lambda product: (getattr(product, column), product.pk))
    expected = [product.sku for product in (reversed(rows) if ordering.startswith("-") else rows)]
    forth = list(pages(shopper, f"/products/?page_size=7&ordering={ordering}&{query}"))
    assert [product["sku"] for page in forth for product in page["results"]] == expected
    assert {len(page["results"]) for page in forth[:-1]} == {7}
    assert forth[0]["previous"] is None
    back = [forth[-1], *pages(shopper, forth[-1]["previous"], "previous")]
    assert [product["sku"] for page in reversed(back) for product in page["results"]] == expected


def test_a_price_range_keeps_its_ends_on_every_page(shopper: ServiceClient, books: Category) -> None:
    stockpile(books, books, 200)
    for ordering in ("price", "-price", "name"):
        forth = list(pages(shopper, f"/products/?page_size=7&ordering={ordering}&min_price=20&max_price=30"))
        back = [forth[-1], *pages(shopper, forth[-1]["previous"], "previous")]
        for walk in (forth, back):
            assert [len(page["results"]) for page in walk].count(7) >= 3
            shown = [float(product["price"]) for page in walk for product in page["results"]]
            assert sorted(shown) == sorted(float(p.price) for p in Product.objects.filter(price__range=(20, 30)))


def test_what_is_added_meanwhile_shifts_no_page(shopper: ServiceClient, make: Make) -> None:
    for number in range(4):
        make(name=f"Old {number}")
    first = shopper.get("/products/?page_size=2").json()
    make(name="New")
    assert names(shopper.get(first["next"]).json()) == ["Old 1", "Old 0"]
    assert names(shopper.get("/products/?page_size=2").json()) == ["New", "Old 3"]
