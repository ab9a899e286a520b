from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, strategies as st
from rest_framework.exceptions import ValidationError

from common.api.pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, SALT, Page, paginate
from products_project.products.models import Category, Product

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def make_products(prices: Iterable[str], *, apart: timedelta = timedelta(seconds=1)) -> list[Product]:
    category, _ = Category.objects.get_or_create(slug="tea", defaults={"name": "Tea"})
    made = [
        Product(
            sku=f"sku-{n}", name=f"name {n:04}", price=Decimal(price), category=category, created_at=START + n * apart
        )
        for n, price in enumerate(prices)
    ]
    return Product.objects.bulk_create(made)


def page_of(ordering: str = "created_at", rows: Any = None, **query: Any) -> Page[Product]:
    rows = Product.objects.all() if rows is None else rows
    return paginate(rows, path="/products/", query=query, ordering=ordering)


def follow(link: str | None) -> dict[str, Any]:
    """The query of a link, as a view would read it."""
    assert link is not None
    query: dict[str, Any] = dict(parse_qsl(urlsplit(link).query))
    return query | ({"page_size": int(query["page_size"])} if "page_size" in query else {})


def walk(ordering: str, page_size: int, rows: Any = None) -> tuple[list[Product], list[Product]]:
    """All rows forwards from the first page, then all rows backwards from the last page."""
    page = page_of(ordering, rows, page_size=page_size)
    forwards, backwards = list(page.rows), []
    while page.next:
        page = page_of(ordering, rows, **follow(page.next))
        forwards += page.rows
    backwards = list(page.rows)
    while page.previous:
        page = page_of(ordering, rows, **follow(page.previous))
        backwards = page.rows + backwards
    return forwards, backwards


def cursor_refusal(ordering: str = "created_at", **query: Any) -> list[str]:
    with pytest.raises(ValidationError) as error:
        page_of(ordering, **query)
    assert isinstance(error.value.detail, dict)
    return [str(message) for message in error.value.detail["?cursor"]]


def test_the_first_page_of_a_short_list_has_no_neighbours() -> None:
    made = make_products(["1.00"] * 3)
    assert page_of() == Page(rows=made, next=None, previous=None)


def test_an_empty_list_is_a_page_without_rows() -> None:
    assert page_of() == Page(rows=[], next=None, previous=None)


def test_a_page_that_is_exactly_full_has_no_next() -> None:
    make_products(["1.00"] * DEFAULT_PAGE_SIZE)
    page = page_of()
    assert (len(page.rows), page.next) == (DEFAULT_PAGE_SIZE, None)


def test_the_default_page_has_20_rows_and_a_link_to_the_next() -> None:
    made = make_products(["1.00"] * 21)
    first = page_of()
    assert (first.rows, first.previous) == (made[:20], None)
    second = page_of(**follow(first.next))
    assert (second.rows, second.next) == (made[20:], None)
    assert page_of(**follow(second.previous)) == Page(rows=made[:20], next=first.next, previous=None)


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "price", "-price", "name_key", "-name_key"])
@pytest.mark.parametrize("page_size", [1, 3, 7, 100])
def test_walking_the_pages_visits_each_row_once_in_order_both_ways(ordering: str, page_size: int) -> None:
    made = make_products(["9.99", "10.00", "9.99", "0.00", "100.00", "9.99", "10.00", "2.50", "9999999999.99"])
    column = ordering.removeprefix("-")
    expected = sorted(made, key=lambda row: (getattr(row, column), row.id), reverse=ordering.startswith("-"))
    assert walk(ordering, page_size) == (expected, expected)


@pytest.mark.parametrize("ordering", ["price", "-price", "created_at", "-created_at"])
def test_1100_rows_with_equal_keys_are_each_visited_once(ordering: str) -> None:
    made = make_products(["5.00"] * 1100, apart=timedelta(0))
    expected = sorted(made, key=lambda row: row.id, reverse=ordering.startswith("-"))
    assert walk(ordering, MAX_PAGE_SIZE) == (expected, expected)


@given(prices=st.lists(st.sampled_from(["0.00", "1.00", "1.01", "10.00"]), max_size=12), page_size=st.integers(1, 5))
def test_each_row_of_any_list_is_visited_once_both_ways(prices: list[str], page_size: int) -> None:
    Product.objects.all().delete()
    made = make_products(prices)
    expected = sorted(made, key=lambda row: (row.price, row.id))
    assert walk("price", page_size) == (expected, expected)


@given(weights=st.lists(st.integers(1, 6), max_size=12), page_size=st.integers(1, 5))
def test_pages_that_end_early_lead_through_each_row_once_both_ways(weights: list[int], page_size: int) -> None:
    """A row's price is its weight here, and a page holds 6 of it."""
    Product.objects.all().delete()
    made = make_products(f"{weight}.00" for weight in weights)

    def fit(rows: list[Product]) -> int:
        return sum(total <= 6 for total in accumulate(row.price for row in rows))

    def read(**query: Any) -> Page[Product]:
        return paginate(Product.objects.all(), path="/", query=query, ordering="created_at", fit=fit)

    pages = [read(page_size=page_size)]
    while link := pages[-1].next:
        pages.append(read(**follow(link)))
    assert [row for page in pages for row in page.rows] == made
    back = [pages[-1]]
    while link := back[0].previous:
        back.insert(0, read(**follow(link)))
    assert [row for page in back for row in page.rows] == made
    for page in (*pages, *back):
        assert sum(row.price for row in page.rows) <= 6
        assert len(page.rows) <= page_size


def test_rows_added_or_removed_meanwhile_shift_no_page() -> None:
    made = make_products(["1.00"] * 6)
    first = page_of(page_size=2)
    early = Product(sku="early", name="early", price="1.00", category=made[0].category, created_at=START)
    early.created_at -= timedelta(days=1)
    early.save()
    made[1].delete()  # the row that the cursor names
    assert page_of(**follow(first.next)).rows == made[2:4]


def test_links_keep_the_filters_and_the_page_size() -> None:
    make_products(["1.00"] * 5)
    query = {
        "search": "a & ñ",
        "in_stock": True,
        "min_price": Decimal("0.50"),
        "page_size": 2,
        "empty": "",
        "none": None,
    }
    query["created_after"] = START
    link = urlsplit(page_of(**query).next or "")
    assert (link.scheme, link.netloc, link.path) == ("", "", "/products/")
    kept = parse_qs(link.query)
    assert len(kept.pop("cursor")[0]) < 400
    assert kept == {
        "search": ["a & ñ"],
        "in_stock": ["true"],
        "min_price": ["0.50"],
        "page_size": ["2"],
        "created_after": ["2026-01-01T12:00:00.123456+00:00"],
    }


def test_links_keep_a_false_flag_too() -> None:
    make_products(["1.00"] * 5)
    assert follow(page_of(page_size=2, in_stock=False).next)["in_stock"] == "false"


def test_a_cursor_works_with_another_page_size() -> None:
    made = make_products(["1.00"] * 6)
    cursor = follow(page_of(page_size=2).next)["cursor"]
    assert page_of(page_size=3, cursor=cursor).rows == made[2:5]


def test_a_cursor_of_other_filters_is_refused() -> None:
    make_products(["1.00"] * 5)
    cursor = follow(page_of(page_size=2, in_stock=True, search="tea").next)["cursor"]
    foreign = ["This cursor belongs to other filters or another ordering."]
    assert cursor_refusal(cursor=cursor) == foreign
    assert cursor_refusal(cursor=cursor, in_stock=False, search="tea") == foreign
    assert cursor_refusal(cursor=cursor, in_stock=True, search="te") == foreign
    assert cursor_refusal(cursor=cursor, in_stock=True, search="tea", min_price="1") == foreign
    assert len(page_of(cursor=cursor, search="tea", in_stock=True, min_price=None, category="").rows) == 3


@pytest.mark.parametrize("ordering", ["-created_at", "price", "name"])
def test_a_cursor_of_another_ordering_is_refused(ordering: str) -> None:
    make_products(["1.00"] * 5)
    cursor = follow(page_of("created_at", page_size=2).next)["cursor"]
    assert cursor_refusal(ordering, cursor=cursor) == ["This cursor belongs to other filters or another ordering."]


def test_a_forged_cursor_is_refused() -> None:
    make_products(["1.00"] * 5)
    cursor = follow(page_of(page_size=2).next)["cursor"]
    payload, _, signature = cursor.partition(":")
    forged = [
        "x",
        ":::",
        "ñ",
        payload,
        cursor[:-1],
        cursor + "x",
        cursor.swapcase(),
        f".{cursor}",
        f"{payload[:-2]}:{signature}",
        signing.Signer(salt="another").sign_object(["x", "y", "z", False]),
        signing.Signer(key="another", salt=SALT).sign_object(["x", "y", "z", False]),
    ]
    for text in forged:
        assert cursor_refusal(cursor=text) == ["This cursor is not one of ours."]


def test_a_cursor_of_another_shape_is_refused() -> None:
    assert cursor_refusal(cursor=signing.Signer(salt=SALT).sign_object([1])) == ["This cursor is not one of ours."]


def plan_of_the_second_page(ordering: str, rows: Any) -> list[str]:
    query = follow(page_of(ordering, rows, page_size=2).next)
    with CaptureQueriesContext(connection) as statements:
        page_of(ordering, rows, **query)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statements.captured_queries[0]['sql']}")
        return [row[-1] for row in cursor.fetchall()]


@pytest.mark.parametrize("ordering", ["created_at", "-created_at", "price", "-price", "name_key", "-name_key"])
def test_a_page_starts_in_the_index_at_its_cursor(ordering: str) -> None:
    make_products(["1.00"] * 5)
    column, sign = ordering.removeprefix("-"), "<" if ordering.startswith("-") else ">"
    assert plan_of_the_second_page(ordering, Product.objects.filter(hidden_at=None)) == [
        f"SEARCH products_product USING INDEX products_{column} (({column},id){sign}(?,?))"
    ]


@pytest.mark.parametrize("ordering", ["price", "-price"])
def test_a_page_of_a_price_range_starts_in_the_index_too(ordering: str) -> None:
    make_products(["1.00"] * 5)
    rows = Product.objects.filter(hidden_at=None, price__gte=0, price__lte=100)
    [step] = plan_of_the_second_page(ordering, rows)
    assert step.startswith("SEARCH products_product USING INDEX products_price (")
    assert f"(price,id){'<' if ordering == '-price' else '>'}(?,?)" in step


def test_a_page_is_one_statement() -> None:
    make_products(["1.00"] * 5)
    with CaptureQueriesContext(connection) as statements:
        page_of(page_size=2)
    assert len(statements) == 1
