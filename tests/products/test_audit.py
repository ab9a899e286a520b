"""What the operator's audit reads: three numbers of each product, and the state of each reservation."""

from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from products_project.products.models import Product, Reservation
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from products_project.products.services import Movement, hide_product, move_stock
from tests.products.shop import STAFF, Make
from tests.support.service import ServiceClient, client_for, faults, pages, problem

HELD, RELEASED, REFUSED, TOMBSTONE = (UUID(int=number) for number in range(1, 5))


@pytest.fixture
def operator() -> ServiceClient:
    return client_for(caller="operator")


@pytest.fixture
def product(make: Make) -> Product:
    """A product that was sold, given back, moved by staff, and then hidden."""
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
    assert operator.get("/audit/stock/").json() == {"next": None, "results": [row, none]}
    assert operator.get(f"/audit/stock/{product.pk}/").json() == row


def test_a_lost_unit_shows(operator: ServiceClient, product: Product) -> None:
    Product.objects.update(stock=5)
    shown = operator.get(f"/audit/stock/{product.pk}/").json()
    assert shown["moved"] - shown["held"] - shown["stock"] == 1


def test_every_reservation_is_told_with_its_lines(operator: ServiceClient, product: Product) -> None:
    def line(quantity: int) -> dict[str, int]:
        return {str(product.pk): quantity}

    rows = [
        {"order_id": str(HELD), "state": "held", "ownerless": False, "items": line(3)},
        {"order_id": str(RELEASED), "state": "released", "ownerless": False, "items": line(2)},
        {"order_id": str(REFUSED), "state": "refused", "ownerless": False, "items": {}},
        {"order_id": str(TOMBSTONE), "state": "released", "ownerless": False, "items": {}},
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


def test_a_reservation_without_an_order_is_released_once_and_told_so(operator: ServiceClient, product: Product) -> None:
    for order_id, state in ((HELD, "released"), (HELD, "released"), (REFUSED, "refused")):
        with capture_logs() as logged:
            assert operator.delete(f"/audit/reservations/{order_id}/").status_code == 204
        row = operator.get(f"/audit/reservations/{order_id}/").json()
        assert (row["state"], row["ownerless"]) == (state, True)
        events = [entry for entry in logged if entry["event"] == "a reservation without an order was released"]
        assert [(event["order_id"], event["items"]) for event in events] == [(str(order_id), row["items"])]
    assert operator.get(f"/audit/stock/{product.pk}/").json()["held"] == 0
    assert Product.objects.get().stock == 9
    assert reserve_stock(order_id=HELD, wanted=[Wanted(product.pk, 1)]).state == "released"  # however late it asks


@pytest.mark.django_db
def test_nothing_is_stored_of_a_reservation_that_never_was(operator: ServiceClient) -> None:
    problem(operator.delete(f"/audit/reservations/{uuid4()}/"), 404, "not-found")
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("caller", ["gateway", "orders"])
def test_only_the_operator_releases_what_has_no_order(product: Product, caller: str) -> None:
    problem(client_for(caller=caller).delete(f"/audit/reservations/{HELD}/"), 403, "permission-denied")
    assert Reservation.objects.get(pk=HELD).state == "held"
