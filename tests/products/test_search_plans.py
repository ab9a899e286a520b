"""A page costs the same however many products there are, by SQLite's own plans and counters."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from products_project.products.models import Category, Product
from products_project.products.search import ORDERINGS
from products_project.products.services import create_category
from tests.products.shop import SIFTS, stockpile
from tests.support.plans import plan
from tests.support.service import ServiceClient, pages


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """The statements that run in this block, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def steps(call: Callable[[], Any]) -> int:
    """The number of instructions that SQLite's virtual machine runs for `call`."""
    ran = 0

    def count() -> int:
        nonlocal ran
        ran += 1
        return 0

    connection.connection.set_progress_handler(count, 1)
    try:
        call()
    finally:
        connection.connection.set_progress_handler(None, 1)
    return ran


def deep_link(shopper: ServiceClient, query: str, rows: int) -> str:
    """The link to the 20 products after the first `rows` of `query`."""
    walk = pages(shopper, f"/products/?page_size=100&{query}")
    for _ in range(rows // 100):
        page = next(walk)
    return str(page["next"]).replace("page_size=100", "page_size=20")


# What `ANALYZE` found in 100,000 products of ten categories, 25 of them sold out.
IN_ALL = "99064 1 1"
OF_A_LARGE_SHOP = {"cat": "49062 401 1 1", "out": "25 1 1", **dict.fromkeys(("avail", "at", "price", "key"), IN_ALL)}
KEYS_OF_A_LARGE_SHOP = {
    "products_product_category_id_9b594869": "93600 401",
    "products_sku_unique_whatever_case": "62060 1",
    "sqlite_autoindex_products_product_1": "96876 1",
    "sqlite_autoindex_products_product_2": "62060 1",
    "categories_by_age": "10 1 1",
    "sqlite_autoindex_products_category_1": "10 1",
    "sqlite_autoindex_products_category_2": "10 1",
}


@pytest.fixture
def statistics_of_a_large_shop(db: None) -> Iterator[None]:
    """What SQLite plans by. It looks at a few hundred rows of each index, so ten categories seem to have little."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("DELETE FROM sqlite_stat1")
        indexes = {index.name: OF_A_LARGE_SHOP[index.name.rpartition("_")[2]] for index in Product._meta.indexes}
        for name, found in {**indexes, **KEYS_OF_A_LARGE_SHOP}.items():
            table = "products_category" if found.startswith("10 ") else "products_product"
            cursor.execute("INSERT INTO sqlite_stat1 VALUES (%s, %s, %s)", [table, name, found])
        cursor.execute("ANALYZE sqlite_schema")  # read them
        yield
        cursor.execute("DELETE FROM sqlite_stat1")
        cursor.execute("ANALYZE sqlite_schema")


@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize(("query", "suffix"), SIFTS.items())
def test_a_page_is_read_from_the_ordering_s_own_index_where_it_starts(
    shopper: ServiceClient, books: Category, ordering: str, query: str, suffix: str
) -> None:
    stockpile(create_category(name="Games"), books, 60)
    walk = pages(shopper, f"/products/?page_size=5&ordering={ordering}&{query}")
    column = ordering.removeprefix("-").replace("name", "name_key")
    keyset = f"({column},id){'<' if ordering.startswith('-') else '>'}(?,?)"
    for beyond in ("", keyset, keyset):
        with statements() as seen:
            assert len(next(walk)["results"]) == 5
        [statement] = seen
        plans = plan(*statement).splitlines()
        assert "TEMP B-TREE" not in " ".join(plans)
        [read] = [step for step in plans if "products_product" in step]
        bounds = [bound for bound in ("category_id=?" if suffix == "_cat" else "", beyond) if bound]
        where = f" ({' AND '.join(bounds)})" if bounds else ""
        way = "SEARCH" if bounds else "SCAN"
        assert read == f"{way} products_product USING INDEX products_{column}{suffix}{where}"


@pytest.mark.usefixtures("statistics_of_a_large_shop")
@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize(("query", "suffix"), SIFTS.items())
def test_no_statistics_lead_away_from_that_index(
    shopper: ServiceClient, books: Category, ordering: str, query: str, suffix: str
) -> None:
    create_category(name="Games")
    with statements() as seen:
        shopper.get(f"/products/?page_size=20&ordering={ordering}&{query}")
    [statement] = seen
    found = plan(*statement)
    assert "TEMP B-TREE" not in found
    column = ordering.removeprefix("-").replace("name", "name_key")
    assert f"products_product USING INDEX products_{column}{suffix}" in found


@pytest.mark.parametrize(
    "query",
    [
        *(f"ordering=price&{sift}" for sift in SIFTS),
        "ordering=price&min_price=5&max_price=80",
        "ordering=-price&min_price=5&max_price=80",
    ],
)
def test_a_page_costs_the_same_however_many_come_before_it(shopper: ServiceClient, books: Category, query: str) -> None:
    stockpile(create_category(name="Games"), books, 1300)
    shallow, deep = (deep_link(shopper, query, rows) for rows in (100, 300))
    few, many = (steps(lambda link=link: shopper.get(link)) for link in (shallow, deep))
    assert few > 20
    assert many < few * 1.3
