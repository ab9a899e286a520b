"""What the catalogue and the ledger guarantee to any caller, in races too."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.http import Http404
from rest_framework.exceptions import ValidationError

from common.api.errors import PreconditionFailed
from common.api.idempotency import KeyReused
from products_project.products import services
from products_project.products.models import MAX_STOCK, Category, Product, StockMovement
from products_project.products.reservations import Wanted, release_stock, reserve_stock
from products_project.products.services import InsufficientStock, Movement, SkuTaken, SlugTaken
from tests.products.shop import SHOPPER, STAFF, Make, ledger, shelf, stock
from tests.support.service import race
from tests.support.threads import TOGETHER_S


def anything(product: Product) -> bool:
    return True


def nothing(product: Product) -> bool:
    return False


def move(product: Product, delta: int, key: str | None = None, **fields: Any) -> tuple[StockMovement, bool]:
    movement = Movement(**{"product_id": product.pk, "delta": delta, "reason": "count", "by": STAFF, **fields})
    return services.move_stock(movement, key=key, precondition=anything)


class TestMovements:
    def test_each_is_a_row_of_the_ledger(self, make: Make) -> None:
        product = make(stock=5)
        rows = [move(product, delta)[0] for delta in (3, -8, 1)]
        assert stock(product) == 1
        assert [(row.delta, row.reason, row.by) for row in StockMovement.objects.order_by("pk")] == [
            (5, "initial stock", STAFF),
            (3, "count", STAFF),
            (-8, "count", STAFF),
            (1, "count", STAFF),
        ]
        assert [row.pk for row in rows] == list(StockMovement.objects.order_by("pk").values_list("pk", flat=True))[1:]

    def test_a_product_without_first_stock_has_an_empty_ledger(self, make: Make) -> None:
        assert (stock(make()), StockMovement.objects.count()) == (0, 0)

    @pytest.mark.parametrize("delta", [-6, -MAX_STOCK])
    def test_none_takes_more_than_there_is(self, make: Make, delta: int) -> None:
        product = make(stock=5)
        before = shelf()
        with pytest.raises(InsufficientStock) as refused:
            move(product, delta)
        assert refused.value.extra == {"items": [{"product_id": str(product.pk), "requested": -delta, "available": 5}]}
        assert shelf() == before

    def test_none_gives_more_than_there_may_be(self, make: Make) -> None:
        product = make(stock=5)
        before = shelf()
        with pytest.raises(ValidationError) as refused:
            move(product, MAX_STOCK - 4)
        assert list(refused.value.detail) == ["delta"]
        assert shelf() == before
        move(product, MAX_STOCK - 5)
        assert stock(product) == MAX_STOCK

    def test_none_takes_the_room_of_what_is_held(self, make: Make) -> None:
        product, order = make(stock=MAX_STOCK), uuid4()
        reserve_stock(order_id=order, wanted=[Wanted(product.pk, 3)])
        before = shelf()
        with pytest.raises(ValidationError):
            move(product, 1)
        assert shelf() == before
        release_stock(order_id=order)
        assert stock(product) == MAX_STOCK

    def test_none_touches_a_product_that_is_not_there_or_not_as_expected(self, make: Make) -> None:
        product, gone = make(stock=5), make(stock=5)
        services.hide_product(product_id=gone.pk, precondition=anything)
        before = shelf()
        for product_id in (gone.pk, uuid4()):
            with pytest.raises(Http404):
                move(product, 1, product_id=product_id)
        with pytest.raises(PreconditionFailed):
            services.move_stock(Movement(product.pk, 1, "", STAFF), key="k", precondition=nothing)
        assert shelf() == before

    def test_a_change_of_stock_is_a_change_of_the_product(self, make: Make) -> None:
        product = make(stock=5)
        move(product, 1)
        assert Product.objects.get().updated_at > product.updated_at


class TestKeys:
    def test_a_key_again_is_the_same_row(self, make: Make) -> None:
        product = make(stock=5)
        row, replayed = move(product, -2, "k")
        assert not replayed
        before = shelf()
        assert move(product, -2, "k") == (row, True)
        assert shelf() == before

    @pytest.mark.parametrize("other", [{"delta": -3}, {"reason": "loss"}, {"product_id": uuid4()}])
    def test_a_key_with_another_body_changes_nothing(self, make: Make, other: dict[str, Any]) -> None:
        product = make(stock=5)
        move(product, -2, "k")
        before = shelf()
        with pytest.raises(KeyReused):
            move(product, **{"delta": -2, "key": "k", **other})
        assert shelf() == before

    def test_a_key_belongs_to_its_user(self, make: Make) -> None:
        product = make(stock=5)
        assert move(product, -2, "k")[0].pk != move(product, -2, "k", by=SHOPPER)[0].pk
        assert stock(product) == 1

    def test_a_refused_movement_leaves_its_key_free(self, make: Make) -> None:
        product = make(stock=1)
        with pytest.raises(InsufficientStock):
            move(product, -2, "k")
        move(product, 1)
        assert move(product, -2, "k")[1] is False
        assert stock(product) == 0

    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_once_one_moves_and_the_other_replays_it(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both look for the key before one of them writes. The stock is enough for one."""
        product = make(stock=10)
        look, both_looked = services._replayed, threading.Barrier(2)

        def look_together(movement: Movement, key: str | None) -> StockMovement | None:
            if (earlier := look(movement, key)) is None:
                both_looked.wait(TOGETHER_S)
            return earlier

        monkeypatch.setattr(services, "_replayed", look_together)
        outcomes = race(lambda: move(product, -10, "k"), lambda: move(product, -10, "k"))
        assert sorted(replayed for _, replayed in outcomes) == [False, True]
        assert outcomes[0][0] == outcomes[1][0]
        assert stock(product) == 0
        assert StockMovement.objects.filter(idempotency_key="k").count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_once_with_other_bodies_one_is_refused(self, make: Make) -> None:
        product, other = make(stock=10), make(stock=10)
        outcomes = race(lambda: move(product, -1, "k"), lambda: move(other, -1, "k"))
        assert [isinstance(outcome, KeyReused) for outcome in outcomes].count(True) == 1, outcomes
        assert stock(product) + stock(other) == 19


@pytest.mark.django_db(transaction=True)
def test_movements_at_once_take_what_there_is_and_no_more(make: Make) -> None:
    product = make(stock=10)
    outcomes = race(*[lambda: move(product, -1)] * 14)
    assert [isinstance(outcome, InsufficientStock) for outcome in outcomes].count(True) == 4, outcomes
    assert stock(product) == 0


class TestProducts:
    def test_an_edit_keeps_what_was_sold_since_it_was_read(self, make: Make) -> None:
        product = make(stock=5)

        def sold_meanwhile(read: Product) -> bool:
            return bool(Product.objects.filter(pk=read.pk).update(stock=F("stock") - 2))

        services.update_product(product_id=product.pk, changes={"price": Decimal("7.00")}, precondition=sold_meanwhile)
        now = Product.objects.get()
        assert (now.price, now.stock) == (Decimal("7.00"), 3)
        assert now.updated_at > product.updated_at

    @pytest.mark.parametrize("hidden", [False, True])
    def test_a_sku_is_taken_for_ever(self, make: Make, hidden: bool) -> None:
        first, second = make(sku="A-1", stock=3), make(sku="A-2")
        if hidden:
            services.hide_product(product_id=first.pk, precondition=anything)
        before = shelf()
        with pytest.raises(SkuTaken):
            make(sku="A-1", stock=3)
        with pytest.raises(SkuTaken):
            services.update_product(product_id=second.pk, changes={"name": "New", "sku": "A-1"}, precondition=anything)
        assert shelf() == before

    @pytest.mark.django_db(transaction=True)
    def test_of_two_new_products_with_one_sku_at_once_one_is_made(self, make: Make) -> None:
        outcomes = race(*[lambda: make(sku="A-1", stock=3)] * 2)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Product", "SkuTaken"]
        assert (Product.objects.count(), stock(Product.objects.get())) == (1, 3)

    @pytest.mark.parametrize(
        "change",
        [
            lambda **kw: services.update_product(changes={"name": "New"}, **kw),
            lambda **kw: services.hide_product(**kw),
        ],
        ids=["update", "hide"],
    )
    def test_one_that_is_hidden_unknown_or_not_as_expected_stays_as_it_is(
        self, make: Make, change: Callable[..., Any]
    ) -> None:
        product, gone = make(stock=5), make(stock=5)
        services.hide_product(product_id=gone.pk, precondition=anything)
        before = shelf()
        for product_id in (gone.pk, uuid4()):
            with pytest.raises(Http404):
                change(product_id=product_id, precondition=anything)
        with pytest.raises(PreconditionFailed):
            change(product_id=product.pk, precondition=nothing)
        assert shelf() == before

    @pytest.mark.django_db(transaction=True)
    def test_an_edit_and_sales_at_once_lose_nothing(self, make: Make) -> None:
        product = make(stock=10)

        def edit() -> Product:
            return services.update_product(product_id=product.pk, changes={"name": "New"}, precondition=anything)

        def sell() -> Any:
            return reserve_stock(order_id=uuid4(), wanted=[Wanted(product.pk, 1)])

        outcomes = race(edit, sell, edit, sell, edit, sell)
        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert (stock(product), ledger(product)) == (7, 10)


class TestCategories:
    @pytest.mark.parametrize(
        ("name", "slug"),
        [("Café & Thé", "cafe-the"), ("  Two  Words ", "two-words"), ("x" * 80, "x" * 60)],
    )
    @pytest.mark.django_db
    def test_a_slug_is_made_of_the_name(self, name: str, slug: str) -> None:
        assert services.create_category(name=name).slug == slug

    @pytest.mark.django_db
    def test_a_name_without_letters_makes_no_slug(self) -> None:
        with pytest.raises(ValidationError) as refused:
            services.create_category(name="本")
        assert list(refused.value.detail) == ["slug"]
        assert not Category.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_of_two_with_one_slug_at_once_one_is_made(self) -> None:
        outcomes = race(*[lambda: services.create_category(name="Books")] * 2)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Category", "SlugTaken"]
        assert Category.objects.count() == 1

    def test_a_taken_slug_changes_nothing(self, books: Category) -> None:
        services.create_category(name="Games")
        before = list(Category.objects.order_by("pk").values())
        for attempt in (
            lambda: services.create_category(name="BOOKS"),
            lambda: services.create_category(name="Other", slug="books"),
            lambda: services.update_category(
                slug="games", changes={"name": "New", "slug": "books"}, precondition=lambda category: True
            ),
        ):
            with pytest.raises(SlugTaken):
                attempt()
        assert list(Category.objects.order_by("pk").values()) == before
