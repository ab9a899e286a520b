"""However PUTs and DELETEs of one order, and orders of one product, follow or meet each other."""

from collections.abc import Callable
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from products_project.products.models import Product, Reservation, ReservationLine
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from tests.products.shop import Make, held, stock
from tests.service import race

ORDER = UUID("019a0000-0000-7000-8000-000000000001")

CALLS = [("put", "again", "delete"), ("put", "again", "delete", "delete again")]
EVERY_ORDER = [order for calls in CALLS for order in permutations(calls)]


def put(*wanted: tuple[Product, int], order_id: UUID = ORDER) -> Reservation:
    return reserve_stock(order_id=order_id, wanted=[Wanted(product.pk, quantity) for product, quantity in wanted])


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
        """A crash between taking units and recording why leaves neither."""
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
