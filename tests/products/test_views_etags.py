"""ETag, If-None-Match and If-Match (RFC 9110, sections 8.8.3 and 13.1)."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from products_project.products.models import Category, Product
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from products_project.products.services import Movement, move_stock, update_category
from tests.products.shop import STAFF, Make, shelf
from tests.support.service import ServiceClient, problem

ORDER = uuid4()
FORM = {"sku": "PEN-1", "name": "Pen", "price": "1.50", "category": "books"}


def category() -> str:
    return Category.objects.get().slug


WRITES: dict[str, Callable[..., Any]] = {
    "put": lambda client, path, **kwargs: client.put(path, {**FORM, "category": category()}, **kwargs),
    "patch": lambda client, path, **kwargs: client.patch(path, {"name": "Pen"}, **kwargs),
    "delete": lambda client, path, **kwargs: client.delete(path, **kwargs),
    "stock": lambda client, path, **kwargs: client.post(f"{path}stock/", {"delta": 2}, **kwargs),
}
EVERY_WRITE = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())


def move(product: Product) -> None:
    move_stock(Movement(product.pk, -1, "", STAFF), key=None, precondition=lambda product: True)


CHANGES: dict[str, Callable[[Product], Any]] = {
    "a movement": move,
    "a reservation": lambda product: reserve_stock(order_id=ORDER, wanted=[Wanted(product.pk, 1)]),
    "a new price": lambda product: Product.objects.update(price=99),
    "its category's new slug": lambda product: update_category(
        slug="books", changes={"slug": "reading"}, precondition=lambda category: True
    ),
}


@pytest.fixture
def product(make: Make) -> Product:
    return make(stock=5)


@pytest.fixture
def path(product: Product) -> str:
    return f"/products/{product.pk}/"


def etag(client: ServiceClient, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    assert re.fullmatch(r'"[0-9a-f]{32}"', response["ETag"])
    return str(response["ETag"])


def test_an_answer_that_is_known_is_304_without_a_body(shopper: ServiceClient, path: str) -> None:
    known = etag(shopper, path)
    for header in (known, f'"other", {known}', f"W/{known}", "*"):
        response = shopper.get(path, headers={"If-None-Match": header})
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", known)
    assert shopper.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_changes_the_answer_changes_its_tag(
    shopper: ServiceClient, product: Product, path: str, change: Callable[[Product], Any]
) -> None:
    known = etag(shopper, path)
    assert etag(shopper, path) == known
    change(product)
    response = shopper.get(path, headers={"If-None-Match": known})
    assert response.status_code == 200
    assert response["ETag"] != known


def test_a_release_brings_a_new_tag_too(shopper: ServiceClient, product: Product, path: str) -> None:
    CHANGES["a reservation"](product)
    known = etag(shopper, path)
    release_stock(order_id=ORDER)
    assert etag(shopper, path) != known


def test_a_write_answers_with_the_tag_of_the_next_read(staff: ServiceClient, path: str) -> None:
    made = staff.post("/products/", {**FORM, "sku": "PEN-2", "price": 9.9, "stock": 3})
    assert made["ETag"] == etag(staff, f"/products/{made.json()['id']}/")
    for method in ("put", "patch"):
        response = getattr(staff, method)(path, {**FORM, "price": 2})
        assert response.status_code == 200
        assert response["ETag"] == etag(staff, path)


@pytest.mark.parametrize("header", ["{}", '"other", {}', "*", ""], ids=["known", "among others", "any", "absent"])
@EVERY_WRITE
def test_a_write_that_knows_the_latest_goes_through(
    staff: ServiceClient, path: str, write: Callable[..., Any], header: str
) -> None:
    before = shelf()
    response = write(staff, path, headers={"If-Match": header.format(etag(staff, path))})
    assert response.status_code in {200, 201, 204}
    assert shelf() != before


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@EVERY_WRITE
def test_a_stale_write_is_412_and_changes_nothing(
    staff: ServiceClient, product: Product, path: str, write: Callable[..., Any], change: Callable[[Product], Any]
) -> None:
    known = etag(staff, path)
    change(product)
    before = shelf()
    body = problem(write(staff, path, headers={"If-Match": known}), 412, "precondition-failed")
    assert body["detail"] == "This is not the version that If-Match or If-None-Match asks for. Read it again."
    assert shelf() == before


@pytest.mark.parametrize("header", ["W/{}", '"other"', "unquoted", "{}x"])
@EVERY_WRITE
def test_a_tag_that_is_weak_foreign_or_malformed_matches_nothing(
    staff: ServiceClient, path: str, write: Callable[..., Any], header: str
) -> None:
    known = etag(staff, path)
    before = shelf()
    header = header.format(known.strip('"') if header.endswith("x") else known)
    problem(write(staff, path, headers={"If-Match": header}), 412, "precondition-failed")
    assert shelf() == before


def test_what_everyone_sees_alike_may_be_kept_a_second_and_a_day_for_outages(
    shopper: ServiceClient, staff: ServiceClient, path: str
) -> None:
    for public in (path, "/products/", "/categories/", "/categories/books/"):
        assert shopper.get(public)["Cache-Control"] == "public, max-age=1, stale-if-error=86400"
    assert "Cache-Control" not in staff.get(f"{path}stock/")
    assert "Cache-Control" not in shopper.get(f"/products/{uuid4()}/")


@pytest.mark.parametrize("header", ["*", "{}", "W/{}", '"other", {}'])
@EVERY_WRITE
def test_a_write_that_rules_out_this_version_is_412(
    staff: ServiceClient, path: str, write: Callable[..., Any], header: str
) -> None:
    known = etag(staff, path)
    before = shelf()
    problem(write(staff, path, headers={"If-None-Match": header.format(known)}), 412, "precondition-failed")
    assert shelf() == before
    assert write(staff, path, headers={"If-None-Match": '"other"'}).status_code in {200, 201, 204}


CATEGORY = {"name": "Good books", "slug": "books", "description": ""}
CATEGORY_WRITES: dict[str, Callable[..., Any]] = {
    "put": lambda client, **kwargs: client.put("/categories/books/", CATEGORY, **kwargs),
    "patch": lambda client, **kwargs: client.patch("/categories/books/", {"name": "Good books"}, **kwargs),
    "delete": lambda client, **kwargs: client.delete("/categories/books/", **kwargs),
}


@pytest.mark.parametrize("write", CATEGORY_WRITES.values(), ids=CATEGORY_WRITES.keys())
def test_a_category_honours_its_tag(staff: ServiceClient, books: Category, write: Callable[..., Any]) -> None:
    stale = etag(staff, "/categories/books/")
    changed = staff.patch("/categories/books/", {"description": "Read them."})
    assert changed["ETag"] == etag(staff, "/categories/books/") != stale
    before = Category.objects.values().get()
    for headers in ({"If-Match": stale}, {"If-None-Match": "*"}, {"If-None-Match": changed["ETag"]}):
        problem(write(staff, headers=headers), 412, "precondition-failed")
    assert Category.objects.values().get() == before
    assert write(staff, headers={"If-Match": changed["ETag"]}).status_code in {200, 204}


def test_a_new_category_comes_with_its_tag(staff: ServiceClient, db: None) -> None:
    assert staff.post("/categories/", {"name": "Games"})["ETag"] == etag(staff, "/categories/games/")
