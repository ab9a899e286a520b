"""Products over HTTP: create, read, change, hide."""

from typing import Any
from uuid import uuid4

import pytest

from products_project.products.models import Category, Product
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from products_project.products.services import create_category
from tests.products.shop import STAFF, Make, shelf, stock
from tests.support import examples
from tests.support.service import ServiceClient, faults, problem

FORM = {"sku": "PEN-1", "name": "Pen", "price": "1.50", "category": "books"}


@pytest.mark.usefixtures("books")
class TestMaking:
    def test_a_new_product_is_shown_as_it_was_written(self, staff: ServiceClient) -> None:
        form = {**FORM, "description": "Writes.", "currency": "USD", "stock": 7}
        response = staff.post("/products/", form)
        assert response.status_code == 201
        shown = response.json()
        product = Product.objects.get()
        assert list(shown) == list(examples.PRODUCT)
        assert {name: shown[name] for name in form} == form
        assert shown["id"] == str(product.pk)
        assert shown["created_at"].endswith("Z")
        assert shown["updated_at"].endswith("Z")

    def test_its_first_stock_is_the_first_row_of_its_ledger(self, staff: ServiceClient) -> None:
        staff.post("/products/", {**FORM, "stock": 7})
        product = Product.objects.get()
        assert stock(product) == 7
        [row] = product.movements.all()
        assert (row.delta, row.reason, row.by) == (7, "initial stock", STAFF)

    def test_what_is_left_out_has_its_default(self, staff: ServiceClient) -> None:
        shown = staff.post("/products/", FORM).json()
        assert (shown["description"], shown["currency"], shown["stock"]) == ("", "EUR", 0)

    @pytest.mark.parametrize(
        ("price", "shown"), [("0", "0.00"), (9.9, "9.90"), (1, "1.00"), ("9999999999.99", "9999999999.99")]
    )
    def test_money_has_two_places(self, staff: ServiceClient, price: Any, shown: str) -> None:
        made = staff.post("/products/", {**FORM, "price": price}).json()
        assert made["price"] == shown
        assert staff.get(f"/products/{made['id']}/").json() == made

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"sku": "PEN\u200b"}, [("/sku", "invalid")]),
            ({"sku": "P" * 65}, [("/sku", "max_length")]),
            ({"name": " "}, [("/name", "blank")]),
            ({"price": "-0.01"}, [("/price", "min_value")]),
            ({"price": "1.999"}, [("/price", "max_decimal_places")]),
            ({"price": "10000000000.00"}, [("/price", "max_digits")]),
            ({"price": "much"}, [("/price", "invalid")]),
            ({"currency": "eur"}, [("/currency", "invalid")]),
            ({"price": "100.50", "currency": "JPY"}, [("/price", "decimals")]),
            ({"category": "music"}, [("/category", "does_not_exist")]),
            ({"category": None}, [("/category", "null")]),
            ({"stock": -1}, [("/stock", "min_value")]),
            ({"stock": 1_000_000_001}, [("/stock", "max_value")]),
            ({"stock": 1.5}, [("/stock", "invalid")]),
            ({"name": "a\u0000b"}, [("/name", "invalid")]),
            ({"hidden_at": None, "id": "x"}, [("/hidden_at", "unknown"), ("/id", "unknown")]),
        ],
    )
    def test_bad_input_is_named_by_pointer_and_makes_nothing(
        self, staff: ServiceClient, change: dict[str, Any], expected: list[tuple[str, str]]
    ) -> None:
        response = staff.post("/products/", {**FORM, **change})
        assert faults(response) == expected
        assert not Product.objects.exists()

    def test_every_missing_member_is_named_in_the_reader_s_language(self, staff: ServiceClient) -> None:
        response = staff.post("/products/", {}, headers={"Accept-Language": "es"})
        body = problem(response, 400, "invalid")
        assert [(error["pointer"], error["detail"]) for error in body["errors"]] == [
            (f"/{name}", "Este campo es requerido.") for name in ("sku", "name", "price", "category")
        ]
        assert response["Content-Language"] == "es"

    @pytest.mark.parametrize("hidden", [False, True])
    def test_a_taken_sku_is_409(self, staff: ServiceClient, hidden: bool) -> None:
        made = staff.post("/products/", {**FORM, "stock": 1}).json()
        if hidden:
            assert staff.delete(f"/products/{made['id']}/").status_code == 204
        before = shelf()
        body = problem(staff.post("/products/", {**FORM, "stock": 1}), 409, "sku-taken")
        assert body["detail"] == "Another product has this SKU, or had it. Choose another one."
        assert shelf() == before


class TestChanging:
    def test_a_patch_changes_what_it_names(self, staff: ServiceClient, make: Make) -> None:
        product = make(description="Writes.", stock=4)
        create_category(name="Games")
        response = staff.patch(f"/products/{product.pk}/", {"price": "2", "category": "games"})
        assert response.status_code == 200
        now = Product.objects.get()
        assert response.json() == staff.get(f"/products/{product.pk}/").json()
        assert (response.json()["price"], response.json()["category"]) == ("2.00", "games")
        assert (now.description, now.name, now.stock) == ("Writes.", product.name, 4)
        assert now.updated_at > product.updated_at
        assert now.created_at == product.created_at

    def test_a_put_names_what_a_product_needs(self, staff: ServiceClient, make: Make) -> None:
        product = make(stock=4)
        before = shelf()
        response = staff.put(f"/products/{product.pk}/", {"name": "Pen"})
        assert faults(response) == [("/sku", "required"), ("/price", "required"), ("/category", "required")]
        assert shelf() == before
        assert staff.put(f"/products/{product.pk}/", FORM).status_code == 200
        assert (Product.objects.get().sku, stock(product)) == ("PEN-1", 4)

    @pytest.mark.parametrize("method", ["put", "patch"])
    @pytest.mark.parametrize("member", ["stock", "id", "created_at", "updated_at", "hidden_at"])
    def test_stock_and_the_rest_cannot_be_written(
        self, staff: ServiceClient, make: Make, method: str, member: str
    ) -> None:
        product = make(stock=4)
        before = shelf()
        response = getattr(staff, method)(f"/products/{product.pk}/", {**FORM, member: 9})
        assert faults(response) == [(f"/{member}", "unknown")]
        assert shelf() == before

    def test_a_taken_sku_changes_nothing(self, staff: ServiceClient, make: Make) -> None:
        product, other = make(), make()
        before = shelf()
        response = staff.patch(f"/products/{product.pk}/", {"sku": other.sku, "name": "New"})
        problem(response, 409, "sku-taken")
        assert shelf() == before
        assert staff.patch(f"/products/{product.pk}/", {"sku": product.sku}).status_code == 200


class TestHiding:
    def test_a_deleted_product_is_404_everywhere(
        self, staff: ServiceClient, shopper: ServiceClient, make: Make
    ) -> None:
        product = make(stock=4)
        gone = staff.delete(f"/products/{product.pk}/")
        assert (gone.status_code, gone.content) == (204, b"")
        before = shelf()
        for method in ("get", "put", "patch", "delete"):
            problem(getattr(staff, method)(f"/products/{product.pk}/", FORM), 404, "not-found")
        problem(staff.get(f"/products/{product.pk}/stock/"), 404, "not-found")
        problem(staff.post(f"/products/{product.pk}/stock/", {"delta": 1}), 404, "not-found")
        problem(shopper.get(f"/products/{product.pk}/"), 404, "not-found")
        assert shopper.get("/products/").json()["results"] == []
        assert shelf() == before

    def test_its_reservations_still_release(self, staff: ServiceClient, make: Make) -> None:
        product, order = make(stock=4), uuid4()
        reserve_stock(order_id=order, wanted=[Wanted(product.pk, 3)])
        staff.delete(f"/products/{product.pk}/")
        assert stock(product) == 1
        release_stock(order_id=order)
        assert stock(product) == 4

    def test_one_that_never_was_is_404(self, staff: ServiceClient, books: Category) -> None:
        for method in ("get", "put", "patch", "delete"):
            problem(getattr(staff, method)(f"/products/{uuid4()}/", FORM), 404, "not-found")
        problem(staff.post(f"/products/{uuid4()}/stock/", {"delta": 1}), 404, "not-found")
        assert shelf() == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/products/", "/categories/", "/categories/books/"])
def test_options_never_shows_an_answer_s_fields_as_what_to_send(
    staff: ServiceClient, books: Category, path: str
) -> None:
    assert set(staff.options(path).json()) == {"name", "description", "renders", "parses"}
