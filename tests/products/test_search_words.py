"""What a search finds, beside a definition that looks at every product."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings, strategies as st

from common.search import find
from common.search.words import words_of
from products_project.products.models import Category, Product, ProductEntry
from products_project.products.search import INDEX, search_products
from products_project.products.services import create_category, hide_product, update_product
from tests.products.shop import Make
from tests.support.service import ServiceClient, pages

VOCABULARY = (
    *("tea", "teapot", "Tee", "TEÁ", "pot", "o'tea", "tea-pot", "100%", "50_50", "x", "xylophoneplayers", "1", "10"),
    *(
        "東京",
        "京都",
        "タワー",
        "ﾀﾜｰ",
        "서울",
        "чай",
        "ЧАЙ",
        "τσάι",
        "☕",
        "Łódź",
        "lodz",
        "ø",
        "'",
        "\\",
        "&",
        "*",
        "\u0301",
    ),
)
TEXTS = st.lists(st.sampled_from([*VOCABULARY, "te", "T", "lo", "xylophoneplay", "nothing"]), max_size=3).map(" ".join)


@pytest.fixture
def catalogue(books: Category) -> list[Product]:
    """The newest first. One in ten is hidden."""
    chance = random.Random(5)
    games, now = create_category(name="Games"), timezone.now()
    Product.objects.bulk_create(
        Product(
            sku=f"{chance.choice(('TEA', 'POT'))}-{number}",
            name=" ".join(chance.choices(VOCABULARY, k=2)),
            description=" ".join(chance.choices(VOCABULARY, k=chance.randrange(4))),
            price=Decimal(number % 7),
            category=chance.choice((books, games)),
            stock=number % 3,
            created_at=now + timedelta(seconds=number),
        )
        for number in range(80)
    )
    INDEX.fill()
    Product.objects.filter(stock=0, price=0).update(hidden_at=now)
    return list(Product.objects.filter(hidden_at=None).order_by("-created_at"))


@pytest.fixture(params=[(2000, 1000), (1, 1)], ids=["as shipped", "as in a large shop"])
def _sizes(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, few = request.param
    monkeypatch.setattr(find, "WALK", walk)
    monkeypatch.setattr(find, "FEW", few)


def holds(product: Product, text: str) -> bool:
    wanted = words_of(text)
    words = words_of(f"{product.sku} {product.name} {product.description}")
    return bool(wanted) and all(any(word.startswith(start) for word in words) for start in wanted)


@pytest.mark.usefixtures("_sizes")
def test_a_search_finds_what_holds_every_word(catalogue: list[Product]) -> None:
    @settings(max_examples=60)
    @given(TEXTS, st.sampled_from([{}, {"category": "games"}, {"in_stock": True}, {"min_price": 2}]), st.booleans())
    def check(text: str, filters: dict[str, Any], descending: bool) -> None:
        ordering = "-created_at" if descending else "created_at"
        found = search_products({"search": text, "ordering": ordering, **filters})
        rows = (
            found.read("created_at", descending, None, 1000)
            if isinstance(found, find.Found)
            else list(found.order_by(ordering))
        )
        expected = [
            product
            for product in catalogue
            if holds(product, text)
            and ("category" not in filters or product.category.slug == "games")
            and ("in_stock" not in filters or product.stock > 0)
            and ("min_price" not in filters or product.price >= 2)
        ]
        assert rows == (expected if descending else expected[::-1])

    check()


@pytest.mark.usefixtures("_sizes")
@pytest.mark.parametrize("ordering", ["", "&ordering=created_at", "&ordering=-name"])
@pytest.mark.parametrize("size", [1, 4])
def test_pages_of_a_search_follow_each_other_both_ways(
    shopper: ServiceClient, catalogue: list[Product], ordering: str, size: int
) -> None:
    expected = {product.sku for product in catalogue if holds(product, "tea")}
    forth = list(pages(shopper, f"/products/?search=tea&page_size={size}{ordering}"))
    back = list(pages(shopper, forth[-1]["previous"], "previous"))[::-1]
    assert back == forth[:-1] or [page["results"] for page in back] == [page["results"] for page in forth[:-1]]
    skus = [product["sku"] for page in forth for product in page["results"]]
    assert len(skus) == len(expected) > 12
    assert set(skus) == expected


@pytest.fixture
def found(shopper: ServiceClient) -> Any:
    def search(text: str) -> list[str]:
        return [product["name"] for product in shopper.get(f"/products/?search={text}").json()["results"]]

    return search


def test_what_staff_write_is_found_at_once_and_what_they_remove_never_again(make: Make, found: Any) -> None:
    product = make(name="Glass teapot")
    assert found("teapot") == ["Glass teapot"]
    update_product(product_id=product.pk, changes={"name": "Glass jug"}, precondition=lambda product: True)
    assert found("teapot") == []
    assert found("jug") == ["Glass jug"]
    hide_product(product_id=product.pk, precondition=lambda product: True)
    assert found("jug") == []
    assert ProductEntry.objects.get(owner=product).is_stale is False


def test_what_others_write_is_found_once_it_is_filled(books: Category, make: Make, found: Any) -> None:
    """Others: the release before searches, and people with SQL."""
    Product.objects.filter(pk=make(name="Glass jug").pk).update(name="Glass bowl")
    Product.objects.create(sku="X", name="Glass teapot", price=1, category=books)
    assert found("glass") == ["Glass bowl"]  # by its former words
    assert found("bowl") == []
    INDEX.fill()
    assert found("glass") == ["Glass teapot", "Glass bowl"]
    assert found("bowl") == ["Glass bowl"]
    assert not ProductEntry.objects.filter(is_stale=True).exists()


def test_older_products_get_entries_below_the_newer_ones(make: Make, found: Any) -> None:
    """As a migration does it, while others go on writing."""
    for name in ("Oldest teapot", "Old teapot", "Removed teapot"):
        make(name=name)
    hide_product(product_id=Product.objects.get(name="Removed teapot").pk, precondition=lambda product: True)
    ProductEntry.objects.all().delete()
    make(name="New teapot")
    INDEX.add_missing("created_at")
    INDEX.fill()
    INDEX.add_missing("created_at")  # again changes nothing
    assert found("teapot") == ["New teapot", "Old teapot", "Oldest teapot"]
    assert ProductEntry.objects.count() == 3


def test_a_stock_move_leaves_the_words_alone(make: Make) -> None:
    product = make(name="Glass teapot")
    Product.objects.filter(pk=product.pk).update(stock=7)
    assert not ProductEntry.objects.filter(is_stale=True).exists()


def test_triggers_come_back_with_the_next_migration(make: Make, found: Any) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER products_product_added")
    call_command("migrate", verbosity=0)
    make(name="Glass teapot")
    assert found("teapot") == ["Glass teapot"]
