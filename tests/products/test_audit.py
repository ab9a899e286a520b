"""What the operator's audit reads: the three numbers of every product, the state of every reservation."""

from uuid import UUID, uuid4

import pytest

from products_project.products.models import Product
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from products_project.products.services import Movement, hide_product, move_stock
from tests.products.shop import STAFF, Make
from tests.service import ServiceClient, client_for, faults, pages, problem

HELD, RELEASED, REFUSED, TOMBSTONE = (UUID(int=number) for number in range(1, 5))


@pytest.fixture
def operator() -> ServiceClient:
    return client_for(caller="operator")


@pytest.fixture
def product(make: Make) -> Product:
    """Hidden, sold of, given back, moved."""
    product = make(stock=10, sku="PEN")
    for order, quantity in ((HELD, 3), (RELEASED, 2), (REFUSED, 99)):
        reserve_stock(order_id=order, wanted=[Wanted(product.pk, quantity)])
    release_stock(order_id=RELEASED)
    release_stock(order_id=TOMBSTONE)
    move_stock(Movement(product.pk, -1, "", STAFF), key=None, precondition=lambda product: True)
    hide_product(product_id=product.pk, precondition=lambda product: True)
    return product


def test_a_product_s_three_numbers_agree_at_rest(operator: ServiceClient, product: Product, make: Make) -> None:
    row = {"product_id": str(product.pk), "sku": "PEN", "stock": 6, "moved": 9, "held": 3}
    new = make(sku="INK")
    none = {"product_id": str(new.pk), "sku": "INK", "stock": 0, "moved": 0, "held": 0}
    assert operator.get("/audit/stock/").json() == {"next": None, "previous": None, "results": [row, none]}
    assert operator.get(f"/audit/stock/{product.pk}/").json() == row


def test_a_lost_unit_shows(operator: ServiceClient, product: Product) -> None:
    Product.objects.update(stock=5)
    shown = operator.get(f"/audit/stock/{product.pk}/").json()
    assert shown["moved"] - shown["held"] - shown["stock"] == 1


def test_every_reservation_is_told_with_its_lines(operator: ServiceClient, product: Product) -> None:
    def line(quantity: int) -> list[dict[str, object]]:
        return [{"product_id": str(product.pk), "quantity": quantity}]

    rows = [
        {"order_id": str(HELD), "state": "held", "items": line(3)},
        {"order_id": str(RELEASED), "state": "released", "items": line(2)},
        {"order_id": str(REFUSED), "state": "refused", "items": []},
        {"order_id": str(TOMBSTONE), "state": "released", "items": []},
    ]
    assert operator.get("/audit/reservations/").json()["results"] == rows
    assert [operator.get(f"/audit/reservations/{row['order_id']}/").json() for row in rows] == rows


def test_an_audit_comes_in_pages(operator: ServiceClient, product: Product, make: Make) -> None:
    skus = ["PEN", *(make().sku for _ in range(4))]
    walk = list(pages(operator, "/audit/stock/?page_size=2"))
    assert [[row["sku"] for row in page["results"]] for page in walk] == [skus[:2], skus[2:4], skus[4:]]
    walk = list(pages(operator, "/audit/reservations/?page_size=3"))
    assert [[row["state"] for row in page["results"]] for page in walk] == [
        ["held", "released", "refused"],
        ["released"],
    ]
    assert faults(operator.get("/audit/stock/?sku=PEN")) == [("?sku", "unknown")]


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["stock", "reservations"])
def test_what_never_was_is_404(operator: ServiceClient, what: str) -> None:
    problem(operator.get(f"/audit/{what}/{uuid4()}/"), 404, "not-found")
