"""Categories over HTTP."""

from typing import Any

import pytest

from products_project.products.models import Category, Product
from products_project.products.services import create_category
from tests.products.shop import Make
from tests.support.service import ServiceClient, faults, pages, problem


def rows() -> list[dict[str, Any]]:
    return list(Category.objects.order_by("pk").values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "slug"),
    [
        ({"name": "Café & Thé"}, "cafe-the"),
        ({"name": "Café & Thé", "slug": "hot-drinks"}, "hot-drinks"),
        ({"name": "本", "slug": "hon", "description": "Books"}, "hon"),
    ],
)
def test_a_slug_is_given_or_made_of_the_name(staff: ServiceClient, form: dict[str, str], slug: str) -> None:
    response = staff.post("/categories/", form)
    assert response.status_code == 201
    assert response.json() == {"slug": slug, "name": form["name"], "description": form.get("description", "")}
    assert staff.get(f"/categories/{slug}/").json() == response.json()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, [("/name", "required")]),
        ({"name": "本"}, [("/slug", "invalid")]),
        ({"name": "x", "slug": "no spaces"}, [("/slug", "invalid")]),
        ({"name": "x", "slug": "s" * 61}, [("/slug", "max_length")]),
        ({"name": "x" * 101}, [("/name", "max_length")]),
        ({"name": "x", "description": "d" * 2001}, [("/description", "max_length")]),
        ({"name": "x", "id": "1", "created_at": "x"}, [("/id", "unknown"), ("/created_at", "unknown")]),
    ],
)
def test_bad_input_is_named_by_pointer_and_makes_nothing(
    staff: ServiceClient, books: Category, form: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    before = rows()
    assert faults(staff.post("/categories/", form)) == expected
    assert rows() == before


@pytest.mark.parametrize("form", [{"name": "Books"}, {"name": "Other", "slug": "books"}])
def test_a_taken_slug_is_409(staff: ServiceClient, books: Category, form: dict[str, str]) -> None:
    before = rows()
    body = problem(staff.post("/categories/", form), 409, "slug-taken")
    assert body["detail"] == "Another category has this slug. Choose another one."
    assert rows() == before


def test_a_new_name_keeps_the_slug_and_a_new_slug_keeps_the_products(staff: ServiceClient, make: Make) -> None:
    product = make()
    renamed = staff.put("/categories/books/", {"name": "Reading"})
    assert (renamed.status_code, renamed.json()) == (200, {"slug": "books", "name": "Reading", "description": ""})
    assert staff.patch("/categories/books/", {"slug": "reading"}).json()["name"] == "Reading"
    problem(staff.get("/categories/books/"), 404, "not-found")
    assert staff.get(f"/products/{product.pk}/").json()["category"] == "reading"


def test_a_put_names_what_a_category_needs(staff: ServiceClient, books: Category) -> None:
    before = rows()
    assert faults(staff.put("/categories/books/", {"description": "x"})) == [("/name", "required")]
    assert rows() == before
    assert staff.patch("/categories/books/", {"description": "x"}).json()["description"] == "x"


def test_an_update_to_a_taken_slug_changes_nothing(staff: ServiceClient, books: Category) -> None:
    create_category(name="Games")
    before = rows()
    problem(staff.patch("/categories/games/", {"slug": "books", "name": "New"}), 409, "slug-taken")
    assert rows() == before


def test_one_that_is_empty_can_be_deleted(staff: ServiceClient, books: Category) -> None:
    create_category(name="Games")
    gone = staff.delete("/categories/games/")
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("get", "put", "patch", "delete"):
        problem(getattr(staff, method)("/categories/games/", {"name": "Games"}), 404, "not-found")
    assert [row["slug"] for row in rows()] == ["books"]
    assert staff.post("/categories/", {"name": "Games"}).status_code == 201


@pytest.mark.parametrize("hidden", [False, True])
def test_one_in_use_cannot_be_deleted(staff: ServiceClient, make: Make, hidden: bool) -> None:
    product = make()
    if hidden:
        staff.delete(f"/products/{product.pk}/")
    before = rows()
    body = problem(staff.delete("/categories/books/"), 409, "category-in-use")
    assert (
        body["detail"] == "The category still has products, hidden ones included. Move them to another category first."
    )
    assert rows() == before
    assert Product.objects.get().category.slug == "books"


@pytest.mark.django_db
def test_a_list_is_oldest_first_in_pages(shopper: ServiceClient) -> None:
    for name in ("Zoo", "Art", "Music"):
        create_category(name=name)
    walk = list(pages(shopper, "/categories/?page_size=2"))
    assert [[category["slug"] for category in page["results"]] for page in walk] == [["zoo", "art"], ["music"]]
    assert [category["slug"] for category in shopper.get(walk[1]["previous"]).json()["results"]] == ["zoo", "art"]
    assert faults(shopper.get("/categories/?search=zoo")) == [("?search", "unknown")]
