"""One stored verdict an order, for ever."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from products_project.products.models import Product, Reservation, ReservationLine
from products_project.products.reservations import Wanted, find_reservation, release_stock, reserve_stock
from products_project.products.services import Movement, hide_product, move_stock, update_product
from tests.products.shop import STAFF, Make, held, shelf, stock

ORDER = UUID("019a0000-0000-7000-8000-000000000001")


def put(*wanted: tuple[Product, int], order_id: UUID = ORDER) -> Reservation:
    return reserve_stock(order_id=order_id, wanted=[Wanted(product.pk, quantity) for product, quantity in wanted])


def verdict(reservation: Reservation) -> tuple[Any, ...]:
    lines = [(line.product_id, line.quantity, line.sku, line.name, line.unit_price) for line in reservation.lines.all()]
    return reservation.state, reservation.currency, reservation.refusal, lines


def hide(product: Product) -> None:
    hide_product(product_id=product.pk, precondition=lambda product: True)


def edit(product: Product, **changes: Any) -> None:
    update_product(product_id=product.pk, changes=changes, precondition=lambda product: True)


def move(product: Product, delta: int) -> None:
    move_stock(Movement(product.pk, delta, "", STAFF), key=None, precondition=lambda product: True)


class TestHolding:
    def test_a_held_order_takes_every_line_and_keeps_how_it_looked(self, make: Make) -> None:
        pen = make(sku="PEN", name="Pen", price=Decimal("1.50"), stock=10)
        ink = make(sku="INK", name="Ink", price=Decimal("9.99"), stock=5)
        made = put((ink, 5), (pen, 4))
        assert verdict(made) == (
            "held",
            "EUR",
            None,
            [(pen.pk, 4, "PEN", "Pen", Decimal("1.50")), (ink.pk, 5, "INK", "Ink", Decimal("9.99"))],
        )
        assert (stock(pen), stock(ink), held(pen), held(ink)) == (6, 0, 4, 5)
        assert made.released_at is None

    def test_a_held_order_makes_no_row_of_the_ledger_but_changes_its_products(self, make: Make) -> None:
        pen = make(stock=10)
        put((pen, 1))
        assert [row.delta for row in pen.movements.all()] == [10]
        assert Product.objects.get().updated_at > pen.updated_at

    def test_the_same_verdict_is_given_whatever_changed_since(self, make: Make) -> None:
        pen = make(price=Decimal("1.50"), stock=3)
        first = verdict(put((pen, 2)))
        move(pen, -1)
        edit(pen, price=Decimal("99.00"), name="Quill", sku="QUILL", currency="USD")
        assert verdict(put((pen, 2))) == first
        hide(pen)
        ink = make(stock=1)
        before = shelf()
        assert verdict(put((pen, 2))) == verdict(put((pen, 1))) == verdict(put((ink, 1))) == first
        assert shelf() == before

    def test_a_verdict_that_is_known_is_told_without_a_write(self, make: Make) -> None:
        pen = make(stock=3)
        first = verdict(put((pen, 2)))
        verbs: list[str] = []

        def note(execute: Any, sql: str, *rest: Any) -> Any:
            verbs.append(sql.partition(" ")[0])
            return execute(sql, *rest)

        with connection.execute_wrapper(note):
            again = put((pen, 2))
        assert set(verbs) == {"SELECT"}
        assert verdict(again) == first


class TestRefusing:
    def test_not_enough_names_every_short_line_and_takes_nothing(self, make: Make) -> None:
        plenty, little, none = make(stock=10), make(stock=2), make(stock=0)
        refused = put((plenty, 10), (none, 1), (little, 3))
        assert verdict(refused) == (
            "refused",
            "",
            {
                "reason": "insufficient-stock",
                "detail": "There is not enough in stock.",
                "items": [
                    {"product_id": str(little.pk), "requested": 3, "available": 2},
                    {"product_id": str(none.pk), "requested": 1, "available": 0},
                ],
            },
            [],
        )
        assert (stock(plenty), stock(little), stock(none)) == (10, 2, 0)
        assert not ReservationLine.objects.exists()

    @pytest.mark.parametrize("hidden", [False, True])
    def test_a_product_that_is_not_there_refuses_the_order(self, make: Make, hidden: bool) -> None:
        plenty, little, gone = make(stock=10), make(stock=1), make(stock=10)
        if hidden:
            hide(gone)
        else:
            gone.pk = uuid4()
        refused = put((plenty, 1), (little, 2), (gone, 3))
        assert verdict(refused) == (
            "refused",
            "",
            {
                "reason": "unknown-product",
                "detail": "There is no such product.",
                "items": [{"product_id": str(gone.pk), "requested": 3, "available": 0}],
            },
            [],
        )
        assert (stock(plenty), stock(little)) == (10, 1)

    def test_mixed_currencies_refuse_the_order(self, make: Make) -> None:
        euro, dollar, yen = make(stock=5), make(stock=5, currency="USD"), make(stock=5, currency="JPY")
        refused = put((euro, 1), (dollar, 1), (yen, 1))
        detail = "One order has one currency, not EUR, JPY, USD."
        refusal = {"reason": "mixed-currency", "detail": detail, "items": []}
        assert verdict(refused) == ("refused", "", refusal, [])
        assert (stock(euro), stock(dollar), stock(yen)) == (5, 5, 5)
        assert verdict(put((dollar, 1), order_id=uuid4()))[:2] == ("held", "USD")

    def test_a_refusal_stands_when_stock_comes_or_products_return(self, make: Make) -> None:
        pen = make(stock=1)
        refused = verdict(put((pen, 2)))
        move(pen, 10)
        before = shelf()
        assert verdict(put((pen, 2))) == verdict(put((pen, 1))) == refused
        assert shelf() == before
        assert verdict(put((pen, 2), order_id=uuid4()))[0] == "held"

    def test_a_refusal_has_nothing_to_give_back(self, make: Make) -> None:
        pen = make(stock=1)
        refused = verdict(put((pen, 2)))
        before = shelf()
        assert verdict(release_stock(order_id=ORDER)) == refused
        assert shelf() == before


class TestReleasing:
    def test_a_release_gives_back_once(self, make: Make) -> None:
        pen, ink = make(stock=10), make(stock=5)
        kept = put((pen, 1), order_id=uuid4())
        lines = verdict(put((pen, 4), (ink, 5)))[3]
        released = release_stock(order_id=ORDER)
        assert verdict(released) == ("released", "EUR", None, lines)
        assert released.released_at is not None
        assert (stock(pen), stock(ink)) == (9, 5)
        before = shelf()
        again = release_stock(order_id=ORDER)
        assert (verdict(again), again.released_at) == (verdict(released), released.released_at)
        assert shelf() == before
        assert find_reservation(kept.pk) == kept

    def test_a_release_is_a_change_of_its_products(self, make: Make) -> None:
        pen = make(stock=10)
        put((pen, 4))
        sold = Product.objects.get().updated_at
        release_stock(order_id=ORDER)
        assert pen.updated_at < sold < Product.objects.get().updated_at

    def test_a_released_order_is_never_held_again(self, make: Make) -> None:
        pen = make(stock=10)
        put((pen, 4))
        released = verdict(release_stock(order_id=ORDER))
        before = shelf()
        assert verdict(put((pen, 4))) == verdict(put((pen, 1))) == released
        assert shelf() == before

    def test_a_release_of_the_unknown_leaves_a_tombstone_that_refuses_a_late_put(self, make: Make) -> None:
        pen = make(stock=10)
        assert find_reservation(ORDER) is None
        tombstone = verdict(release_stock(order_id=ORDER))
        assert tombstone == ("released", "", None, [])
        before = shelf()
        assert verdict(put((pen, 1))) == verdict(release_stock(order_id=ORDER)) == tombstone
        assert shelf() == before
        assert Reservation.objects.count() == 1

    def test_a_hidden_product_gets_back_what_was_held_of_it(self, make: Make) -> None:
        pen = make(stock=10)
        put((pen, 4))
        hide(pen)
        assert verdict(release_stock(order_id=ORDER))[0] == "released"
        assert (stock(pen), held(pen)) == (10, 0)
