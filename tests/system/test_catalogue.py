"""Searching the catalogue: filters, orderings, and pages in both directions."""

import pytest

from tests.support.http import Client, problem, succeeded
from tests.system.shop import make_category, make_product


@pytest.fixture(scope="module")
def category(staff: Client) -> str:
    """Seven products with different prices and stocks."""
    slug = make_category(staff, "Lamps of all kinds")
    for number, name in enumerate(("Anglepoise", "Bankers", "Candle", "Desk", "Emergency", "Floor", "Gas")):
        fields = {"name": f"{name} lamp", "price": f"{10 + number}.50", "stock": number % 3}
        make_product(staff, category=slug, description="Shines." if number < 2 else "", **fields)
    return slug


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ordering=name", "Anglepoise Bankers Candle Desk Emergency Floor Gas"),
        ("ordering=-price", "Gas Floor Emergency Desk Candle Bankers Anglepoise"),
        ("", "Gas Floor Emergency Desk Candle Bankers Anglepoise"),
        ("ordering=price&min_price=11.50&max_price=13.50", "Bankers Candle Desk"),
        ("ordering=name&in_stock=true", "Bankers Candle Emergency Floor"),
        ("ordering=name&in_stock=false", "Anglepoise Desk Gas"),
        ("ordering=name&search=shines", "Anglepoise Bankers"),
        ("search=lamp+desk&min_price=&in_stock=", "Desk"),
    ],
)
def test_the_catalogue_is_searched_filtered_and_ordered(
    customer: Client, category: str, query: str, names: str
) -> None:
    page = succeeded(customer.get(f"/api/products/?category={category}&{query}"))

    assert [product["name"].removesuffix(" lamp") for product in page["results"]] == names.split()
    assert (page["next"], page["previous"]) == (None, None)


@pytest.mark.parametrize("ordering", ["price", "-price", "name", "-name", "created_at", "-created_at"])
def test_the_catalogue_is_paged_forwards_and_back(customer: Client, category: str, ordering: str) -> None:
    query = f"/api/products/?category={category}&ordering={ordering}"
    whole = succeeded(customer.get(query))["results"]

    forwards = list(customer.pages(f"{query}&page_size=2"))
    assert [len(page["results"]) for page in forwards] == [2, 2, 2, 1]
    assert [product for page in forwards for product in page["results"]] == whole
    backwards = list(customer.pages(forwards[-1]["previous"], link="previous"))
    assert [page["results"] for page in reversed(backwards)] == [whole[0:2], whole[2:4], whole[4:6]]


def test_a_cursor_belongs_to_its_query(customer: Client, category: str) -> None:
    following = succeeded(customer.get(f"/api/products/?category={category}&ordering=price&page_size=2"))["next"]

    foreign = customer.get(following.replace("ordering=price", "ordering=name"))
    forged = customer.get("/api/products/?cursor=forged")
    for refused in (foreign, forged):
        (error,) = problem(refused, 400, "invalid")["errors"]
        assert error["pointer"] == "?cursor"
