"""Asking products for what orders want, storing the results, and claiming orders: one relay for each order."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from common.upstream import BrokenContract, Unreachable
from orders_project.orders import outbox, services
from orders_project.orders.models import Order, OrderEvent, Wants
from orders_project.orders.outbox import (
    CLAIM,
    LONGEST_PAUSE,
    ask,
    claim_due,
    deliver,
    due_orders,
    free,
    postpone,
    retry_now,
    settle,
    settle_all,
)
from orders_project.orders.products_client import LINE_S, MAX_TOGETHER, HeldLine, ProductsClient, Verdict
from orders_project.orders.relay import BATCH, SMALL, THREADS
from orders_project.orders.serializers import MAX_LINES, OrderSerializer
from orders_project.orders.services import INLINE_CLAIM
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.rows import REFUSAL, REFUSED, everything, held, history, loaded, make_order, pending
from tests.support.clock import Clock
from tests.support.statements import statements, verbs
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

RELEASED = Verdict("released", "", (), None)
NO_VERDICT = {
    "400": faults.status(400),
    "404": faults.status(404),
    "garbage": faults.garbage,
    "down": faults.down,
    "timeout": faults.timeout,
    "lost": faults.reply_lost,
    "500": faults.status(500),
}
ERROR = Unreachable("products", "no connection")


@pytest.fixture
def longest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def claimed(limit: int) -> list[UUID]:
    return [order.pk for order in claim_due(limit)]


def pause_after_another_failure(order: Order, clock: Clock) -> float:
    """Seconds until it is due again."""
    postpone([(order, ERROR)])
    order.refresh_from_db()
    return (order.due_at - clock.now()).total_seconds()


class TestSettling:
    def test_a_held_verdict_confirms_with_prices_and_total(self, clock: Clock) -> None:
        order = make_order("pending", claimed_until=clock.now(), last_error="x")
        settle(order, held(order))
        order.refresh_from_db()
        assert (order.status, order.total, order.currency) == ("confirmed", Decimal("5.00"), "EUR")
        assert (order.wants, order.claimed_until, order.last_error) == ("", None, "")
        assert (order.reason, order.updated_at) == (None, clock.now())
        line = order.lines.get()
        assert (line.sku, line.name, line.unit_price) == ("SKU-9", "Pot", Decimal("2.50"))
        assert history(order.pk) == [("pending", order.user_id), ("confirmed", None)]

    def test_a_refusal_rejects_and_is_kept(self) -> None:
        order = make_order("pending")
        settle(order, REFUSED)
        order.refresh_from_db()
        assert (order.status, order.reason, order.refusal) == ("rejected", "insufficient-stock", REFUSAL)
        assert (order.total, order.currency, order.wants) == (None, None, Wants.NOTHING)
        assert order.lines.get().unit_price is None
        assert history(order.pk) == [("pending", order.user_id), ("rejected", None)]

    def test_a_tombstone_rejects_too(self) -> None:
        order = make_order("pending")
        settle(order, RELEASED)
        order.refresh_from_db()
        assert (order.status, order.reason, order.refusal["items"]) == ("rejected", "released", [])

    @pytest.mark.parametrize("state", ["held", "refused", "released"])
    def test_the_order_that_is_returned_is_the_one_that_is_stored(self, state: str) -> None:
        order = make_order("pending")
        settled = settle(order, {"held": held(order), "refused": REFUSED, "released": RELEASED}[state])
        assert OrderSerializer(settled).data == OrderSerializer(loaded(order)).data
        assert (settled.wants, settled.refusal) == (loaded(order).wants, loaded(order).refusal)

    @pytest.mark.parametrize("status", ["rejected", "confirmed", "paid", "shipped", "delivered", "cancelled"])
    @pytest.mark.parametrize("state", ["held", "refused", "released"])
    def test_a_verdict_on_a_settled_order_changes_nothing(self, status: str, state: str) -> None:
        order = make_order(status)
        before = everything(order.pk)
        seen_as_pending = Order(pk=order.pk, user_id=order.user_id, wants="held")
        seen_as_pending.loaded_lines = order.loaded_lines
        settled = settle(seen_as_pending, {"held": held(order), "refused": REFUSED, "released": RELEASED}[state])
        assert everything(order.pk) == before
        assert OrderSerializer(settled).data == OrderSerializer(order).data

    @pytest.mark.parametrize("lines", [1, 100])
    def test_it_costs_as_many_statements_for_a_hundred_lines_as_for_one(
        self, user: Api, products: FakeProducts, lines: int
    ) -> None:
        products.fault = faults.down
        user.order(*((products.add(), 1) for _ in range(lines)))
        order = loaded(Order.objects.get())
        prices = tuple(HeldLine(x.product_id, "S", "N", Decimal(x.position), 1) for x in order.loaded_lines)
        with statements() as executed:
            settle(order, Verdict("held", "EUR", prices, None))
        assert verbs(executed) == ["UPDATE", "INSERT", "INSERT"]
        assert [line.unit_price for line in order.lines.all()] == [Decimal(n) for n in range(lines)]

    def test_many_orders_are_settled_by_as_many_updates_and_two_statements(self) -> None:
        orders, refused = [make_order() for _ in range(3)], make_order()
        released, late = make_order("cancelled", wants="released"), make_order()
        Order.objects.filter(pk=late.pk).update(status="cancelled", wants="released")
        answers = [*((order, held(order)) for order in (*orders, late)), (refused, REFUSED), (released, RELEASED)]
        with statements() as executed:
            changed = settle_all(answers)
        assert verbs(executed) == ["UPDATE"] * 6 + ["INSERT", "UPDATE"]
        assert {order.pk for order in changed} == {order.pk for order in (*orders, refused, released)}
        for order in changed:
            assert OrderSerializer(order).data == OrderSerializer(loaded(order)).data
            assert order.wants == loaded(order).wants == ""
        assert [order.status for order in (*orders, refused, released)] == [
            *["confirmed"] * 3,
            "rejected",
            "cancelled",
        ]
        assert (loaded(late).status, loaded(late).wants) == ("cancelled", "released")

    def test_verdicts_that_are_not_stored_leave_the_orders_as_they_were(self, monkeypatch: pytest.MonkeyPatch) -> None:
        order = make_order()
        monkeypatch.setattr(outbox, "store_prices", lambda lines: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            settle_all([(order, held(order))])
        assert OrderSerializer(order).data == OrderSerializer(loaded(order)).data
        assert order.wants == loaded(order).wants == "held"

    @pytest.mark.django_db(transaction=True)
    def test_the_commit_of_a_verdict_is_not_flushed_and_all_others_are(
        self, user: Api, kettle: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []

        def flushes() -> str:
            """The setting that decides: 1 is NORMAL, 2 is FULL. PostgreSQL always flushes."""
            setting = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"
            with connection.cursor() as cursor:
                cursor.execute(setting)
                return str(cursor.fetchone()[0])

        def note(step: Callable[..., Any]) -> Callable[..., Any]:
            def noted(*args: Any) -> Any:
                seen.append(flushes())
                return step(*args)

            return noted

        monkeypatch.setattr(services, "_take_key", note(services._take_key))
        monkeypatch.setattr(outbox, "store_prices", note(outbox.store_prices))
        user.order((kettle, 1))
        assert [*seen, flushes()] == (["2", "1", "2"] if connection.vendor == "sqlite" else ["on"] * 3)

    @pytest.mark.django_db(transaction=True)
    def test_of_many_verdicts_at_once_one_settles(self) -> None:
        order = make_order()
        at_once([partial(settle, loaded(order), verdict) for verdict in [held(order), REFUSED] * 4])
        order.refresh_from_db()
        assert OrderEvent.objects.filter(order=order).count() == 2
        assert history(order.pk)[-1] == (order.status, None)
        assert (order.status == "confirmed") == (order.total is not None) == (order.lines.get().sku == "SKU-9")
        assert (order.status == "rejected") == (order.reason is not None)


class TestAsking:
    @pytest.mark.parametrize("status", ["rejected", "confirmed", "paid", "cancelled"])
    def test_an_order_that_wants_nothing_asks_nothing(
        self, status: str, client: ProductsClient, products: FakeProducts
    ) -> None:
        order = make_order(status)
        before = everything(order.pk)
        assert deliver(order, client, None) is order
        assert everything(order.pk) == before
        assert products.calls == []

    def test_a_release_is_done_once(self, client: ProductsClient, products: FakeProducts, clock: Clock) -> None:
        order = make_order("cancelled", wants="released", last_error="x", claimed_until=clock.now())
        deliver(order, client, None)
        deliver(loaded(order), client, None)
        order.refresh_from_db()
        assert products.asked() == ["DELETE"]
        assert (order.wants, order.last_error, order.claimed_until) == ("", "", None)
        assert products.state(order.pk) == "released"

    def test_asking_neither_reads_nor_stores(self, client: ProductsClient, products: FakeProducts) -> None:
        held, released = pending(products), make_order("cancelled", wants="released")
        with statements() as executed:
            assert [ask(order, client).state for order in (held, released)] == ["held", "released"]
        assert executed == []

    @pytest.mark.parametrize("fault", NO_VERDICT.values(), ids=NO_VERDICT.keys())
    def test_the_request_of_a_customer_leaves_it_to_the_relay_at_once(
        self, fault: Fault, client: ProductsClient, products: FakeProducts, clock: Clock
    ) -> None:
        order = pending(products, claimed_until=clock.now() + INLINE_CLAIM)
        before = everything(order.pk)
        products.fault = fault
        assert deliver(order, client, None) is order
        assert everything(order.pk) == {**before, "order": {**before["order"], "claimed_until": None}}
        assert claimed(10) == [order.pk]

    @pytest.mark.django_db(transaction=True)
    def test_relays_that_work_on_one_order_take_its_stock_once(
        self, client: ProductsClient, products: FakeProducts
    ) -> None:
        order = pending(products)
        product_id = order.lines.get().product_id
        at_once([partial(deliver, loaded(order), client, None) for _ in range(6)])
        order.refresh_from_db()
        assert (order.status, products.stock(product_id)) == ("confirmed", 8)
        assert history(order.pk) == [("pending", order.user_id), ("confirmed", None)]


class TestPostponing:
    @pytest.mark.usefixtures("longest_pause")
    def test_pauses_double_up_to_ten_minutes_and_never_end(self, clock: Clock) -> None:
        order = make_order()
        pauses = [pause_after_another_failure(order, clock) for _ in range(40)]
        assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *[600] * 29]
        assert (order.attempts, order.status, order.wants) == (40, "pending", "held")

    def test_pauses_are_spread_over_their_upper_half(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[float, float]] = []

        def lowest(low: float, high: float) -> float:
            asked.append((low, high))
            return low

        monkeypatch.setattr(random, "uniform", lowest)
        order = make_order()
        assert [pause_after_another_failure(order, clock) for _ in range(4)] == [0.25, 0.5, 1, 2]
        assert asked == [(0.5, 1)] * 4

    def test_the_reason_is_kept_and_cut(self) -> None:
        order = make_order()
        postpone([(order, BrokenContract("products", "no " * 100))])
        order.refresh_from_db()
        assert order.last_error == f"products: {'no ' * 100}"[:200]

    def test_a_postponed_order_is_free_when_it_is_due(self, clock: Clock) -> None:
        order = make_order()
        (mine,) = claim_due(10)
        postpone([(mine, ERROR)])
        assert claimed(10) == []
        clock.advance(0.5)
        assert claimed(10) == [order.pk]

    def test_an_order_that_was_cancelled_meanwhile_is_left_alone(self, clock: Clock) -> None:
        order = make_order()
        Order.objects.filter(pk=order.pk).update(status="cancelled", wants="released", claimed_until=clock.now())
        before = everything(order.pk)
        postpone([(order, ERROR)])
        assert everything(order.pk) == before

    def test_failing_orders_are_made_due_at_once(self, clock: Clock) -> None:
        later = clock.now() + timedelta(minutes=9)
        failing = [make_order(due_at=later, attempts=9) for _ in range(2)]
        due, settled = make_order(), make_order("confirmed", attempts=4)
        assert claimed(10) == [due.pk]
        assert retry_now() == 2
        assert retry_now() == 0
        assert set(claimed(10)) == {order.pk for order in failing}
        assert loaded(settled).attempts == 4


class TestClaiming:
    def test_the_longest_due_come_first_and_only_as_many_as_asked_for(self, clock: Clock) -> None:
        made = [make_order(due_at=clock.now() - timedelta(seconds=n)).pk for n in range(5)]
        assert claimed(2) == [made[4], made[3]]
        assert claimed(2) == [made[2], made[1]]
        assert claimed(2) == [made[0]]
        assert claimed(2) == []

    def test_an_order_comes_with_what_it_takes_to_ask_and_to_settle(self) -> None:
        order = make_order()
        (mine,) = claim_due(10)
        assert OrderSerializer(mine).data == OrderSerializer(order).data

    def test_what_is_not_due_or_wants_nothing_is_not_claimed(self, clock: Clock) -> None:
        make_order(due_at=clock.now() + timedelta(seconds=1))
        make_order("confirmed")
        make_order("cancelled")
        assert claimed(10) == []
        assert not Order.objects.exclude(claimed_until=None).exists()

    def test_what_the_previous_release_has_parked_is_claimed(self, clock: Clock) -> None:
        order = make_order(parked_at=clock.now(), permanent_failures=20)
        assert claimed(10) == [order.pk]

    def test_a_hidden_order_still_gives_its_stock_back(self, clock: Clock) -> None:
        order = make_order("cancelled", wants="released", hidden_at=clock.now())
        assert claimed(10) == [order.pk]

    def test_a_claim_that_expired_is_taken_over(self, clock: Clock) -> None:
        order = make_order()
        assert claimed(10) == [order.pk]
        clock.advance(CLAIM.total_seconds())
        assert claimed(10) == []
        clock.advance(0.001)
        assert claimed(10) == [order.pk]

    def test_claims_outlast_the_longest_call_and_the_longest_batch(self, client: ProductsClient) -> None:
        deadline_s = client.upstream.policy.deadline_s
        alone_s, together_s = deadline_s + LINE_S * MAX_LINES, deadline_s + LINE_S * SMALL * MAX_TOGETHER
        assert alone_s < INLINE_CLAIM.total_seconds()
        assert BATCH / MAX_TOGETHER <= THREADS
        assert together_s + alone_s * BATCH / THREADS < CLAIM.total_seconds()

    def test_a_claim_that_was_given_up_is_free(self) -> None:
        kept, given_up = make_order(), make_order()
        assert len(claimed(10)) == 2
        free([given_up.pk])
        assert claimed(10) == [given_up.pk]
        assert loaded(kept).claimed_until is not None

    @pytest.mark.parametrize("hours", [1, 24 * 365])
    def test_a_clock_that_is_set_back_leaves_no_order_behind(self, clock: Clock, hours: int) -> None:
        orders = {make_order().pk, make_order(due_at=clock.now() + LONGEST_PAUSE, attempts=20).pk}
        clock.advance(LONGEST_PAUSE.total_seconds())
        assert set(claimed(10)) == orders
        clock.advance(-3600 * hours)
        assert set(claimed(10)) == orders

    def test_a_claim_and_a_pause_hold_when_the_clock_is_right(self, clock: Clock) -> None:
        make_order(due_at=clock.now() + LONGEST_PAUSE)
        make_order()
        assert len(claimed(10)) == 1
        assert claimed(10) == []

    def test_a_new_order_belongs_to_the_request_that_placed_it(
        self, clock: Clock, user: Api, products: FakeProducts, kettle: UUID
    ) -> None:
        seen: list[UUID] = []
        products.fault = faults.meanwhile(before=lambda: seen.extend(claimed(10)))
        user.order((kettle, 1))
        assert seen == []
        products.fault = faults.crash_before
        with pytest.raises(faults.Crash):
            user.order((kettle, 1))
        clock.advance(INLINE_CLAIM.total_seconds())
        assert claimed(10) == []
        clock.advance(0.001)
        assert claimed(10) == [Order.objects.get(status="pending").pk]

    def test_a_cancelled_order_belongs_to_the_request_that_cancelled_it(
        self, clock: Clock, user: Api, products: FakeProducts, kettle: UUID
    ) -> None:
        order_id = user.order((kettle, 1)).body["id"]
        products.fault = faults.crash_before
        clock.advance(3600)
        with pytest.raises(faults.Crash):
            user.post(f"/orders/{order_id}/cancel/")
        assert claimed(10) == []
        clock.advance(INLINE_CLAIM.total_seconds() + 0.001)
        assert claimed(10) == [UUID(order_id)]

    @pytest.mark.django_db(transaction=True)
    def test_many_claimers_never_get_the_same_order(self, clock: Clock) -> None:
        made = {make_order(due_at=clock.now() - timedelta(seconds=n)).pk for n in range(40)}

        def claim_all() -> list[UUID]:
            mine: list[UUID] = []
            while batch := claimed(3):
                mine += batch
            return mine

        everyones = [order_id for mine in at_once([claim_all] * 8) for order_id in mine]
        assert len(everyones) == 40
        assert set(everyones) == made

    def test_looking_for_due_orders_reads_unfinished_ones_alone(self) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_seqscan = off")  # a scan is cheaper in an empty table
        assert "orders_unsettled" in due_orders().order_by("due_at").explain()
