"""One stored, final verdict for each order, whatever the order of the calls, and in races too."""

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from products_project.products import reservations
from products_project.products.models import Product, Reservation, ReservationLine
from products_project.products.reservations import (
    StockChanged,
    Wanted,
    find_reservation,
    release_stock,
    reserve_for_all,
    reserve_stock,
)
from products_project.products.services import Movement, hide_product, move_stock, update_product
from tests.products.shop import STAFF, Make, held, shelf, stock
from tests.support.service import race
from tests.support.statements import statements, verbs

ORDER = UUID("019a0000-0000-7000-8000-000000000001")

CALLS = [("put", "again", "delete"), ("put", "again", "delete", "delete again")]
EVERY_ORDER = [order for calls in CALLS for order in permutations(calls)]


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
        with statements() as executed:
            again = put((pen, 2))
        assert verbs(executed) == ["SELECT", "SELECT"]
        assert verdict(again) == first


@pytest.mark.parametrize("lines", [1, 100])
class TestCosts:
    """As many statements for a hundred lines as for one."""

    def test_taking_stock(self, make: Make, lines: int) -> None:
        products = [make(stock=2) for _ in range(lines)]
        with statements() as executed:
            made = put(*((product, 1) for product in products))
            assert len(made.loaded_lines) == lines
        assert verbs(executed) == ["SELECT", "SELECT", "INSERT", "INSERT", "UPDATE"]
        assert {stock(product) for product in products} == {1}

    def test_refusing(self, make: Make, lines: int) -> None:
        products = [make(stock=0) for _ in range(lines)]
        with statements() as executed:
            assert put(*((product, 1) for product in products)).refusal["items"]
        assert verbs(executed) == ["SELECT", "SELECT", "INSERT"]

    def test_giving_back(self, make: Make, lines: int) -> None:
        products = [make(stock=2) for _ in range(lines)]
        put(*((product, 1) for product in products))
        with statements() as executed:
            release_stock(order_id=ORDER)
        assert verbs(executed) == ["SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE"]
        assert {stock(product) for product in products} == {2}


class TestTheStatementThatTakes:
    """It decides, even if the stock were not what was read before."""

    @pytest.fixture
    def misread(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """That many times, all that is wanted seems to be there."""

        def arm(times: int) -> None:
            readings = [lambda *args: None] * times
            read = reservations._refusal
            monkeypatch.setattr(reservations, "_refusal", lambda *args: (readings.pop() if readings else read)(*args))

        return arm

    def test_it_takes_no_more_than_there_is_and_the_refusal_names_what_is_short(
        self, make: Make, misread: Callable[[int], None]
    ) -> None:
        pen, ink = make(stock=10), make(stock=4)
        misread(1)
        state, _, refusal, lines = verdict(put((pen, 1), (ink, 5)))
        assert (state, lines) == ("refused", [])
        assert refusal["items"] == [{"product_id": str(ink.pk), "requested": 5, "available": 4}]
        assert (stock(pen), stock(ink)) == (10, 4)

    def test_stock_that_is_misread_again_and_again_ends_without_a_verdict(
        self, make: Make, misread: Callable[[int], None]
    ) -> None:
        pen = make(stock=2)
        misread(2)
        before = shelf()
        with pytest.raises(StockChanged):
            put((pen, 3))
        assert shelf() == before


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


@pytest.mark.parametrize("taken", [2, 9], ids=["enough", "too much"])
@pytest.mark.parametrize("order", EVERY_ORDER, ids=" ".join)
def test_every_order_of_calls_ends_with_one_verdict_and_all_stock(
    make: Make, order: tuple[str, ...], taken: int
) -> None:
    pen, ink = make(stock=5), make(stock=5)
    calls: dict[str, Callable[[], Reservation]] = {
        "put": lambda: put((pen, taken), (ink, 1)),
        "again": lambda: put((ink, 1), (pen, taken)),
        "delete": lambda: release_stock(order_id=ORDER),
        "delete again": lambda: release_stock(order_id=ORDER),
    }
    seen = []
    for call in order:
        seen.append(calls[call]().state)
        holds = taken if seen[-1] == "held" else 0
        assert (stock(pen), held(pen)) == (5 - holds, holds)
    first = next(index for index, call in enumerate(order) if call.startswith("delete"))
    if first == 0 or taken == 2:
        assert seen == ["held"] * first + ["released"] * (len(order) - first)
    else:
        assert seen == ["refused"] * len(order)
    assert Reservation.objects.get().state == seen[-1]
    assert (stock(pen), stock(ink)) == (5, 5)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_twenty_orders_racing_for_ten_units_sell_exactly_ten(self, make: Make) -> None:
        pen = make(stock=10)
        outcomes = race(*[lambda: put((pen, 1), order_id=uuid4()).state] * 20)
        assert sorted(outcomes) == ["held"] * 10 + ["refused"] * 10
        assert (stock(pen), held(pen)) == (0, 10)
        assert {
            row["items"][0]["available"]
            for row in Reservation.objects.filter(state="refused").values_list("refusal", flat=True)
        } == {0}

    def test_orders_of_several_units_and_products_never_oversell(self, make: Make) -> None:
        pen, ink = make(stock=10), make(stock=7)
        wanted = [((pen, 3), (ink, 2)), ((ink, 3), (pen, 2)), ((pen, 4),), ((ink, 4),)] * 3
        outcomes = race(*[lambda lines=lines: put(*lines, order_id=uuid4()).state for lines in wanted])
        assert set(outcomes) == {"held", "refused"}
        assert stock(pen) >= 0
        assert stock(ink) >= 0
        assert ReservationLine.objects.exclude(reservation__state="held").count() == 0

    def test_opposite_orders_of_lines_do_not_wait_for_each_other_for_ever(self, make: Make) -> None:
        products = [make(stock=100) for _ in range(4)]
        there, back = [(product, 1) for product in products], [(product, 1) for product in reversed(products)]
        for _ in range(5):
            orders = [uuid4() for _ in range(6)]
            calls = [lambda o=o, lines=lines: put(*lines, order_id=o).state for o in orders for lines in (there, back)]
            assert race(*calls) == ["held"] * 12
            assert race(*(lambda o=o: release_stock(order_id=o).state for o in orders * 2)) == ["released"] * 12
        assert [stock(product) for product in products] == [100] * 4

    def test_one_order_put_twice_takes_once_and_both_hear_the_same(self, make: Make) -> None:
        pen = make(stock=100)
        for quantity in range(1, 6):
            order = uuid4()
            first, second = race(
                lambda o=order, n=quantity: put((pen, n), order_id=o), lambda o=order: put((pen, 7), order_id=o)
            )
            assert [line.quantity for line in first.lines.all()] == [line.quantity for line in second.lines.all()]
            assert (first.state, second.state) == ("held", "held")
            assert ReservationLine.objects.filter(reservation=order).count() == 1
        assert stock(pen) == 100 - held(pen)

    def test_puts_and_deletes_of_one_order_end_released_with_all_stock(self, make: Make) -> None:
        pen = make(stock=5)
        for _ in range(8):
            order = uuid4()
            outcomes = race(
                lambda o=order: put((pen, 2), order_id=o).state,
                lambda o=order: release_stock(order_id=o).state,
                lambda o=order: put((pen, 2), order_id=o).state,
                lambda o=order: release_stock(order_id=o).state,
            )
            assert (outcomes[1], outcomes[3]) == ("released", "released")
            assert {outcomes[0], outcomes[2]} <= {"held", "released"}
            assert Reservation.objects.get(pk=order).state == "released"
            assert (stock(pen), held(pen)) == (5, 0)

    def test_a_verdict_is_written_whole_or_not_at_all(self, make: Make) -> None:
        """After a crash between taking the stock and recording it, neither is stored."""
        pen = make(stock=5)

        def crash(execute: Any, sql: str, *rest: Any) -> Any:
            if "products_reservationline" in sql:
                raise KeyboardInterrupt
            return execute(sql, *rest)

        with pytest.raises(KeyboardInterrupt), connection.execute_wrapper(crash):
            put((pen, 2))
        assert not Reservation.objects.exists()
        assert stock(pen) == 5
        assert put((pen, 2)).state == "held"

    def test_batches_in_opposite_order_do_not_wait_for_each_other_for_ever(self, make: Make) -> None:
        products = [make(stock=100) for _ in range(4)]

        def batch(of: list[Product]) -> set[str]:
            orders = {uuid4(): [Wanted(product.pk, 1)] for product in of}
            return {reservation.state for reservation in reserve_for_all(orders)}

        for _ in range(5):
            alone = [lambda: {put(*((product, 1) for product in products), order_id=uuid4()).state}] * 2
            calls = [lambda: batch(products), lambda: batch(products[::-1])] * 3
            assert race(*calls, *alone) == [{"held"}] * 8
        assert [stock(product) for product in products] == [60] * 4

    def test_a_batch_is_decided_whole_or_not_at_all(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        pen = make(stock=5)

        def crash(*args: Any) -> Any:
            raise KeyboardInterrupt

        monkeypatch.setattr(reservations, "_take", crash)
        with pytest.raises(KeyboardInterrupt):
            reserve_for_all({uuid4(): [Wanted(pen.pk, 1)] for _ in range(2)})
        assert not Reservation.objects.exists()
        assert stock(pen) == 5
