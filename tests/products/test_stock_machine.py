"""Stock, ledger and reservations, compared with a model in plain Python after random steps."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.http import Http404
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from products_project.products import services
from products_project.products.models import Category, Product, Reservation, StockMovement
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from tests.products.shop import STAFF, held, ledger

ORDERS = [UUID(int=number) for number in range(1, 6)]

units = st.integers(1, 8)
which = st.integers(0, 3)


@dataclass
class Shelf:
    """The model of one product."""

    row: Product
    stock: int
    ledger: int
    currency: str = "EUR"
    hidden: bool = False
    keys: dict[str, int] = field(default_factory=dict)


@dataclass
class Verdict:
    state: str
    lines: dict[int, int] = field(default_factory=dict)
    refusal: str | None = None


def anything(product: Product) -> bool:
    return True


class Warehouse(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.shelves: list[Shelf] = []
        self.verdicts: dict[UUID, Verdict] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def pick(self, number: int) -> int:
        return number % len(self.shelves)

    @initialize(first=units)
    def open(self, first: int) -> None:
        self.stock_up(first, "EUR")

    @precondition(lambda self: len(self.shelves) < 4)
    @rule(first=st.integers(0, 8), currency=st.sampled_from(["EUR", "EUR", "USD"]))
    def stock_up(self, first: int, currency: str) -> None:
        row = services.create_product(
            sku=f"SKU-{len(self.shelves)}",
            name="x",
            price=Decimal(1),
            currency=currency,
            stock=first,
            by=STAFF,
            category=Category.objects.get(),
        )
        self.shelves.append(Shelf(row, first, first, currency))

    @rule(number=which, delta=st.integers(-9, 9).filter(bool), key=st.sampled_from([None, None, "k1", "k2"]))
    def move(self, number: int, delta: int, key: str | None) -> None:
        shelf = self.shelves[self.pick(number)]
        used = {key: (other, other.keys[key]) for other in self.shelves for key in other.keys}
        movement = services.Movement(shelf.row.pk, delta, "", STAFF)
        expected: Any = None
        if key in used and used[key] != (shelf, delta):
            expected = services.KeyReused
        elif key not in used and shelf.hidden:
            expected = Http404
        elif key not in used and shelf.stock + delta < 0:
            expected = services.InsufficientStock
        if expected:
            with pytest.raises(expected):
                services.move_stock(movement, key=key, precondition=anything)
            return
        row, replayed = services.move_stock(movement, key=key, precondition=anything)
        assert (row.delta, row.product_id, replayed) == (delta, shelf.row.pk, key in used)
        if not replayed:
            shelf.stock += delta
            shelf.ledger += delta
            if key:
                shelf.keys[key] = delta

    @rule(number=which, price=units)
    def reprice(self, number: int, price: int) -> None:
        shelf = self.shelves[self.pick(number)]
        if shelf.hidden:
            return
        services.update_product(product_id=shelf.row.pk, changes={"price": Decimal(price)}, precondition=anything)

    @precondition(lambda self: sum(not shelf.hidden for shelf in self.shelves) > 1)
    @rule(number=which)
    def hide(self, number: int) -> None:
        shelf = self.shelves[self.pick(number)]
        if shelf.hidden:
            with pytest.raises(Http404):
                services.hide_product(product_id=shelf.row.pk, precondition=anything)
        else:
            services.hide_product(product_id=shelf.row.pk, precondition=anything)
            shelf.hidden = True

    @rule(order=st.sampled_from(ORDERS), lines=st.dictionaries(which, units, min_size=1))
    def put(self, order: UUID, lines: dict[int, int]) -> None:
        wanted = {self.pick(number): quantity for number, quantity in lines.items()}
        if order not in self.verdicts:
            self.verdicts[order] = self.decide(wanted)
        answer = reserve_stock(
            order_id=order, wanted=[Wanted(self.shelves[number].row.pk, n) for number, n in wanted.items()]
        )
        self.compare(answer, self.verdicts[order])

    def decide(self, wanted: dict[int, int]) -> Verdict:
        shelves = [self.shelves[number] for number in wanted]
        if any(shelf.hidden for shelf in shelves):
            return Verdict("refused", refusal="unknown-product")
        if any(self.shelves[number].stock < quantity for number, quantity in wanted.items()):
            return Verdict("refused", refusal="insufficient-stock")
        if len({shelf.currency for shelf in shelves}) > 1:
            return Verdict("refused", refusal="mixed-currency")
        for number, quantity in wanted.items():
            self.shelves[number].stock -= quantity
        return Verdict("held", wanted)

    @rule(order=st.sampled_from(ORDERS))
    def delete(self, order: UUID) -> None:
        known = self.verdicts.setdefault(order, Verdict("released"))
        if known.state == "held":
            known.state = "released"
            for number, quantity in known.lines.items():
                self.shelves[number].stock += quantity
        self.compare(release_stock(order_id=order), known)

    def compare(self, answer: Reservation, known: Verdict) -> None:
        lines = {line.product_id: line.quantity for line in answer.lines.all()}
        assert answer.state == known.state
        assert lines == {self.shelves[number].row.pk: quantity for number, quantity in known.lines.items()}
        assert (answer.refusal or {}).get("reason") == known.refusal

    @invariant()
    def stock_is_the_ledger_less_what_is_held(self) -> None:
        for shelf in self.shelves:
            row = Product.objects.get(pk=shelf.row.pk)
            assert row.stock == shelf.stock == ledger(row) - held(row)
            assert (ledger(row), row.hidden_at is not None) == (shelf.ledger, shelf.hidden)
        assert not StockMovement.objects.filter(delta=0).exists()


@pytest.mark.usefixtures("books")
def test_stock_ledger_and_reservations_follow_the_model() -> None:
    run_state_machine_as_test(
        Warehouse,
        settings=settings(max_examples=15, stateful_step_count=25),
    )
