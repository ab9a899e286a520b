"""Asking products for what an order wants, and writing down what came of it."""

import random
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from common.identifiers import new_id
from common.upstream import Answer, Call, Unreachable
from orders_project.orders.models import Order, Wants
from orders_project.orders.outbox import PARK_AFTER, claim_due, deliver, due_orders, retry_parked, settle
from orders_project.orders.products_client import ProductsClient, Verdict
from tests.orders import faults
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.rows import REFUSAL, REFUSED, everything, held, history, make_order, pending

pytestmark = pytest.mark.django_db

RELEASED = Verdict("released", "", (), None)
HOPELESS = {"400": faults.status(400), "404": faults.status(404), "garbage": faults.garbage}
TRANSIENT = {"down": faults.down, "timeout": faults.timeout, "lost": faults.reply_lost, "500": faults.status(500)}


@pytest.fixture
def longest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def try_once(order: Order, client: ProductsClient, clock: Clock) -> float:
    """Ask once more; how many seconds later it is due again."""
    client.upstream.circuit.close()
    deliver(order.pk, client)
    order.refresh_from_db()
    return (order.due_at - clock.now()).total_seconds()


def test_a_held_verdict_confirms_with_prices_and_total(clock: Clock) -> None:
    order = make_order("pending", claimed_until=clock.now(), last_error="x", parked_at=clock.now())
    settle(order.pk, held(order))
    order.refresh_from_db()
    assert (order.status, order.total, order.currency) == ("confirmed", Decimal("5.00"), "EUR")
    assert (order.wants, order.claimed_until, order.last_error, order.parked_at) == ("", None, "", None)
    assert (order.reason, order.updated_at) == (None, clock.now())
    line = order.lines.get()
    assert (line.sku, line.name, line.unit_price) == ("SKU-9", "Pot", Decimal("2.50"))
    assert history(order.pk) == [("pending", order.user_id), ("confirmed", None)]


def test_a_refusal_rejects_and_is_kept(clock: Clock) -> None:
    order = make_order("pending")
    settle(order.pk, REFUSED)
    order.refresh_from_db()
    assert (order.status, order.reason, order.refusal) == ("rejected", "insufficient-stock", REFUSAL)
    assert (order.total, order.currency, order.wants) == (None, None, Wants.NOTHING)
    assert order.lines.get().unit_price is None
    assert history(order.pk) == [("pending", order.user_id), ("rejected", None)]


def test_a_tombstone_rejects_too() -> None:
    order = make_order("pending")
    settle(order.pk, RELEASED)
    order.refresh_from_db()
    assert (order.status, order.reason, order.refusal["items"]) == ("rejected", "released", [])


@pytest.mark.parametrize("status", ["rejected", "confirmed", "paid", "shipped", "delivered", "cancelled"])
@pytest.mark.parametrize("state", ["held", "refused", "released"])
def test_a_verdict_on_a_settled_order_changes_nothing(status: str, state: str) -> None:
    order = make_order(status)
    before = everything(order.pk)
    settle(order.pk, {"held": held(order), "refused": REFUSED, "released": RELEASED}[state])
    assert everything(order.pk) == before


@pytest.mark.parametrize("status", ["rejected", "confirmed", "paid", "cancelled"])
def test_an_order_that_wants_nothing_asks_nothing(status: str, client: ProductsClient, products: FakeProducts) -> None:
    order = make_order(status)
    before = everything(order.pk)
    deliver(order.pk, client)
    assert everything(order.pk) == before
    assert products.calls == []


def test_a_release_is_done_once(client: ProductsClient, products: FakeProducts, clock: Clock) -> None:
    order = make_order("cancelled", wants="released", last_error="x", claimed_until=clock.now(), parked_at=clock.now())
    deliver(order.pk, client)
    deliver(order.pk, client)
    order.refresh_from_db()
    assert products.asked() == ["DELETE"]
    assert (order.wants, order.last_error, order.claimed_until, order.parked_at) == ("", "", None, None)
    assert products.state(order.pk) == "released"


@pytest.mark.parametrize("fault", [*TRANSIENT.values(), *HOPELESS.values()], ids=[*TRANSIENT, *HOPELESS])
@pytest.mark.parametrize("wants", ["held", "released"])
def test_trouble_is_written_down_and_not_raised(
    wants: str, fault: Fault, client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    claimed = {"claimed_until": clock.now() + timedelta(seconds=5)}
    cancelled = {"status": "cancelled", "wants": "released", **claimed}
    order = pending(products, **claimed) if wants == "held" else make_order(**cancelled)
    status = order.status
    products.fault = fault
    deliver(order.pk, client)
    order.refresh_from_db()
    assert (order.status, order.wants, order.attempts) == (status, wants, 1)
    assert order.last_error.startswith("products")
    assert (order.claimed_until, order.parked_at) == (None, None)
    assert order.due_at > clock.now()


def test_a_long_error_is_cut(client: ProductsClient, products: FakeProducts) -> None:
    def verbose(products: FakeProducts, call: Call) -> Answer:
        raise Unreachable("products", "no " * 100)

    order = pending(products)
    products.fault = verbose
    deliver(order.pk, client)
    order.refresh_from_db()
    assert order.last_error == f"products: {'no ' * 100}"[:200]


@pytest.mark.usefixtures("longest_pause")
def test_pauses_double_up_to_five_seconds(client: ProductsClient, products: FakeProducts, clock: Clock) -> None:
    order = pending(products)
    products.fault = faults.down
    pauses = [try_once(order, client, clock) for _ in range(14)]
    assert pauses == [0.5, 1, 2, 4, *[5] * 10]
    assert order.attempts == 14


def test_pauses_are_spread_over_their_upper_half(
    client: ProductsClient, products: FakeProducts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []

    def lowest(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    monkeypatch.setattr(random, "uniform", lowest)
    order = pending(products)
    products.fault = faults.down
    pauses = [try_once(order, client, clock) for _ in range(8)]
    assert pauses == [0.25, 0.5, 1, 2, *[2.5] * 4]
    assert asked == [(0.5, 1)] * 8


@pytest.mark.usefixtures("longest_pause")
def test_a_call_that_was_not_made_counts_as_no_try_and_waits_for_the_circuit(
    client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products, attempts=6, hopeless=PARK_AFTER - 1)
    client.upstream.circuit.open()
    clock.advance(1.5)
    deliver(order.pk, client)
    order.refresh_from_db()
    assert products.calls == []
    assert (order.attempts, order.hopeless, order.parked_at) == (6, PARK_AFTER - 1, None)
    assert order.due_at == clock.now() + timedelta(seconds=3.5)
    assert order.last_error == "products: the circuit is open"


@pytest.mark.parametrize("fault", HOPELESS.values(), ids=HOPELESS.keys())
def test_an_order_is_parked_after_hopeless_answers_in_a_row(
    fault: Fault, client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products)
    products.fault = fault
    for _ in range(PARK_AFTER - 1):
        try_once(order, client, clock)
        assert order.parked_at is None
    try_once(order, client, clock)
    assert (order.parked_at, order.attempts) == (clock.now(), PARK_AFTER)
    clock.advance(24 * 3600)
    assert list(due_orders()) == []
    assert claim_due(10) == []


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_an_order_is_never_parked_for_what_may_pass(
    fault: Fault, client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products)
    products.fault = fault
    for _ in range(3 * PARK_AFTER):
        try_once(order, client, clock)
    assert (order.attempts, order.parked_at) == (3 * PARK_AFTER, None)


def test_one_hopeless_answer_after_a_long_outage_does_not_park(
    client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products)
    hopeless = [faults.status(404)] * (PARK_AFTER - 1)
    products.script = [faults.down] * 20 + hopeless + [faults.down] + hopeless
    for _ in range(21 + 2 * (PARK_AFTER - 1)):
        try_once(order, client, clock)
    assert (order.attempts, order.parked_at) == (21 + 2 * (PARK_AFTER - 1), None)


def test_parked_orders_are_made_due_again(client: ProductsClient, products: FakeProducts, clock: Clock) -> None:
    orders = [pending(products, attempts=9, hopeless=8, parked_at=clock.now()) for _ in range(2)]
    due, settled = pending(products, attempts=3), make_order("confirmed")
    clock.advance(60)
    assert retry_parked() == 2
    assert retry_parked() == 0
    for order in orders:
        order.refresh_from_db()
        assert (order.parked_at, order.attempts, order.hopeless, order.due_at) == (None, 0, 0, clock.now())
    due.refresh_from_db()
    assert due.attempts == 3
    assert set(claim_due(10)) == {due.pk, *(order.pk for order in orders)}
    assert settled.wants == Wants.NOTHING


def test_a_parked_order_that_a_replay_settles_is_no_longer_parked(
    client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products, hopeless=8, parked_at=clock.now())
    deliver(order.pk, client)
    order.refresh_from_db()
    assert (order.status, order.parked_at) == ("confirmed", None)
    assert retry_parked() == 0


def test_a_failure_that_comes_back_after_a_cancellation_leaves_it_alone(
    client: ProductsClient, products: FakeProducts, clock: Clock
) -> None:
    order = pending(products)

    def cancel() -> None:
        Order.objects.filter(pk=order.pk).update(status="cancelled", wants="released", due_at=clock.now())

    products.fault = faults.meanwhile(after=lambda: (cancel(), faults.down(products, products.calls[0])))
    deliver(order.pk, client)
    order.refresh_from_db()
    assert (order.wants, order.attempts, order.due_at, order.last_error) == ("released", 0, clock.now(), "")


def test_an_order_nobody_knows_is_an_error_of_the_caller(client: ProductsClient) -> None:
    unknown: UUID = new_id()
    with pytest.raises(Order.DoesNotExist):
        deliver(unknown, client)
