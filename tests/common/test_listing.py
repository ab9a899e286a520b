"""A listing reads what its queryset would, from statements that are compiled once."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db.models import CharField, QuerySet

from common import listing
from common.api.pagination import paginate
from common.listing import Listing
from products_project.products.models import Category

CHOICES: list[dict[str, Any]] = [
    {},
    {"before": "m"},
    {"before": "t"},
    {"is_long": True},
    {"before": "m", "is_long": False},
]


def chosen(query: Mapping[str, Any]) -> QuerySet[Category]:
    rows = Category.objects.all()
    if "before" in query:
        rows = rows.filter(slug__lt=query["before"])
    if "is_long" in query:
        rows = rows.filter(description="long") if query["is_long"] else rows.exclude(description="long")
    return rows


@pytest.fixture
def categories(db: None) -> Listing[Category]:
    for number, slug in enumerate(("tea", "coffee", "milk", "jam", "bread", "salt")):
        Category.objects.create(slug=slug, name=slug.title(), description="long" if number % 2 else "")
    return Listing(chosen, before=CharField())


@pytest.mark.parametrize("query", CHOICES)
@pytest.mark.parametrize("ordering", ["slug", "-slug", "-name"])
def test_its_pages_are_those_of_the_queryset(
    categories: Listing[Category], query: dict[str, Any], ordering: str
) -> None:
    def walk(rows: Any) -> list[list[str]]:
        found, cursor = [], None
        while cursor or not found:
            page = paginate(rows, path="/", query={**query, "cursor": cursor, "page_size": 2}, ordering=ordering)
            found.append([row.slug for row in page.rows])
            cursor = page.next and page.next.partition("cursor=")[2]
        return found

    assert walk(categories.of(query)) == walk(chosen(query))
    assert walk(categories.of(query)) == walk(chosen(query))


def test_a_statement_is_compiled_once_for_all_values_of_a_parameter(
    categories: Listing[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(before: str, **more: Any) -> list[dict[str, str]]:
        return list(categories.of({"before": before, **more}).values("slug").read("slug", False, None, 9))  # type: ignore[arg-type]

    assert read("d") == [{"slug": "bread"}, {"slug": "coffee"}]
    monkeypatch.setattr(categories, "_select", None)
    assert read("k", cursor="c", page_size=5) == [{"slug": "bread"}, {"slug": "coffee"}, {"slug": "jam"}]
    with pytest.raises(TypeError):
        read("k", is_long=True)


def test_a_value_stays_a_value(categories: Listing[Category]) -> None:
    evil = "x' OR '1'='1"
    assert categories.of({"before": evil}).read("slug", False, None, 9) == list(
        chosen({"before": evil}).order_by("slug")
    )


def test_no_client_makes_it_keep_statements_without_end(
    categories: Listing[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_STATEMENTS", 3)
    for limit in range(1, 9):
        assert len(categories.of({}).read("slug", False, None, limit)) == min(limit, 6)
    assert len(categories._statements) == 3
