"""The relay settles what is due, is silent while products is out, and survives failures of its database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError

from common.observability.tracing import current_request_id
from common.settings import ROOT
from common.upstream import Answer, Call
from orders_project.orders import outbox, relay as relay_module
from orders_project.orders.management.commands import relay as command_module
from orders_project.orders.models import IdempotencyKey, Order, Wants
from orders_project.orders.products_client import MAX_TOGETHER, ProductsClient, Verdict
from orders_project.orders.relay import PURGE_EVERY_S, SMALL, TELL_EVERY_S, TRY_AGAIN_S, Map, Relay
from orders_project.orders.services import KEY_LIFETIME
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts, answer
from tests.orders.rows import assert_agreement, loaded, make_order, pending
from tests.support.clock import Clock
from tests.support.statements import statements, verbs
from tests.support.threads import TOGETHER_S

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

IDLE_S = 0.25


class Stop(threading.Event):
    """Instead of waiting it moves the clock. `waits` are the seconds of each; after `limit` of them it is set."""

    def __init__(self, clock: Clock, limit: int = 1000) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._clock, self._limit = clock, limit

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        self._clock.advance(timeout)
        if len(self.waits) >= self._limit:
            self.set()
        return self.is_set()


@pytest.fixture
def stop(clock: Clock) -> Stop:
    return Stop(clock)


@pytest.fixture
def new_relay(client: ProductsClient, stop: Stop, clock: Clock) -> Callable[..., Relay]:
    def make(in_threads: Map = map, batch: int = 10) -> Relay:
        return Relay(client, in_threads, stop, batch=batch, interval_s=IDLE_S, clock=clock)

    return make


@pytest.fixture
def relay(new_relay: Callable[..., Relay]) -> Relay:
    return new_relay()


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of orders' own loggers since the last call."""
    lines = [record.msg for record in caplog.records if record.name.startswith("orders_project")]
    caplog.clear()
    return [line for line in lines if isinstance(line, dict)]


def failing_for(order: Order, step: str, error: Exception) -> Callable[..., Any]:
    """The relay's `step`, which raises for one order."""
    original = getattr(relay_module, step)

    def call(argument: Any, *rest: Any) -> Any:
        orders = [argument] if step == "ask" else [order for order, _ in argument]
        if order in orders:
            raise error
        return original(argument, *rest)

    return call


def cancelled() -> Order:
    return make_order("cancelled", wants="released")


def wanting() -> int:
    return Order.objects.exclude(wants=Wants.NOTHING).count()


class TestDelivering:
    def test_what_is_due_is_settled_batch_by_batch(
        self, new_relay: Callable[..., Relay], products: FakeProducts, clock: Clock
    ) -> None:
        orders = [pending(products, due_at=clock.now() - timedelta(seconds=10 - n)) for n in range(5)]
        release = make_order("cancelled", wants="released")
        relay = new_relay(batch=2)
        assert [relay.step() for _ in range(4)] == [0, 0, 0, IDLE_S]
        assert wanting() == 0
        assert {products.state(order.pk) for order in orders} == {"held"}
        assert products.state(release.pk) == "released"
        assert products.asked() == ["POST", "POST", "PUT", "DELETE"]

    def test_what_is_not_due_yet_is_left(self, relay: Relay, products: FakeProducts, clock: Clock) -> None:
        pending(products, due_at=clock.now() + timedelta(seconds=1))
        assert relay.step() == IDLE_S
        assert products.calls == []

    def test_each_question_is_a_trace_of_its_own(self, relay: Relay, products: FakeProducts) -> None:
        traces: list[str | None] = []
        for _ in range(2):
            cancelled()
        products.fault = faults.meanwhile(before=lambda: traces.append(current_request_id()))
        relay.run_once()
        assert len(set(traces)) == 2
        assert None not in traces

    def test_what_is_in_flight_at_a_signal_is_finished_and_the_rest_left_to_others(
        self, relay: Relay, products: FakeProducts, stop: Stop
    ) -> None:
        for _ in range(3):
            cancelled()
        products.script = [faults.meanwhile(after=stop.set)]
        relay.run()
        left = Order.objects.filter(wants="released")
        assert [(order.claimed_until, order.attempts) for order in left] == [(None, 0)] * 2
        assert products.asked() == ["DELETE"]

    def test_so_are_orders_that_are_asked_for_together(
        self, new_relay: Callable[..., Relay], products: FakeProducts, stop: Stop
    ) -> None:
        for _ in range(MAX_TOGETHER + 5):
            pending(products)
        products.script = [faults.meanwhile(after=stop.set)]
        new_relay(batch=100).run()
        assert Order.objects.filter(status="confirmed").count() == MAX_TOGETHER
        left = Order.objects.filter(wants="held")
        assert [(order.claimed_until, order.attempts) for order in left] == [(None, 0)] * 5
        assert products.asked() == ["POST"]


class TestAskingTogether:
    """Small orders that want to be held are asked for by one call."""

    def test_a_call_has_so_many_orders_and_none_that_is_large(
        self, new_relay: Callable[..., Relay], user: Api, products: FakeProducts
    ) -> None:
        products.fault, products.is_ready = faults.down, False
        user.order(*((products.add(), 1) for _ in range(SMALL + 1)))
        products.fault, products.is_ready = None, True
        products.calls.clear()
        for _ in range(2 * MAX_TOGETHER + 1):
            pending(products)
        new_relay(batch=100).run_once()
        assert sorted(products.asked()) == ["POST", "POST", "PUT", "PUT"]
        assert wanting() == 0

    @pytest.mark.parametrize(
        "fault", [faults.status(400), faults.status(404), faults.status(500), faults.garbage, faults.raw(b"[]")]
    )
    def test_one_order_does_not_spoil_the_others(
        self, fault: faults.Fault, relay: Relay, products: FakeProducts
    ) -> None:
        orders = [pending(products) for _ in range(4)]
        products.fault = faults.of_order(orders[1].pk, fault)
        relay.run_once()
        assert [loaded(order).status for order in orders] == ["confirmed", "pending", "confirmed", "confirmed"]
        assert [loaded(order).attempts for order in orders] == [0, 1, 0, 0]
        assert products.asked() == ["POST", *["PUT"] * 4]

    def test_a_verdict_that_breaks_the_contract_is_asked_for_again_alone(
        self, relay: Relay, products: FakeProducts
    ) -> None:
        orders = [pending(products) for _ in range(3)]

        def without_a_state(products: FakeProducts, call: Call) -> Answer:
            results = json.loads(products.serve(call).body)["results"]
            return answer(200, {"results": [results[0], {**results[1], "state": None}, results[2]]})

        products.script = [without_a_state]
        relay.run_once()
        assert {loaded(order).status for order in orders} == {"confirmed"}
        assert products.asked() == ["POST", "PUT"]

    def test_products_that_is_not_ready_is_not_asked_order_by_order(self, relay: Relay, products: FakeProducts) -> None:
        for _ in range(3):
            pending(products)
        products.fault, products.is_ready = faults.timeout, False
        relay.run_once()
        assert products.asked() == ["POST"]


class TestAnOrderWithoutAVerdict:
    @pytest.mark.parametrize("fault", [faults.status(400), faults.status(404), faults.status(500), faults.garbage])
    def test_it_is_tried_ever_more_rarely_and_delays_no_other(
        self, fault: faults.Fault, relay: Relay, products: FakeProducts, clock: Clock
    ) -> None:
        first, others = pending(products), [pending(products) for _ in range(3)]
        products.fault = faults.of_order(first.pk, fault)
        relay.run_once()
        assert {loaded(order).status for order in others} == {"confirmed"}
        stuck = loaded(first)
        assert (stuck.status, stuck.wants, stuck.attempts, stuck.claimed_until) == ("pending", "held", 1, None)
        assert stuck.last_error.startswith("products: ")
        for _ in range(120):
            clock.advance(30)
            relay.run_once()
        assert 12 <= loaded(first).attempts <= 24
        products.fault = None
        clock.advance(600)
        relay.run_once()
        assert loaded(first).status == "confirmed"

    def test_the_log_has_a_line_for_a_reason_and_not_one_for_an_order(
        self, relay: Relay, products: FakeProducts, caplog: pytest.LogCaptureFixture
    ) -> None:
        orders = [pending(products) for _ in range(4)]
        products.fault = faults.status(401)
        relay.run_once()
        (line,) = logged(caplog)
        assert (line["event"], line["error"]) == (
            "no verdict, so these orders are tried again later",
            "products: answered 401",
        )
        assert set(line["order_ids"]) == {str(order.pk) for order in orders}

    @pytest.mark.parametrize("step", ["ask", "settle_all"])
    def test_one_that_breaks_the_relay_itself_is_postponed_too(
        self,
        step: str,
        new_relay: Callable[..., Relay],
        products: FakeProducts,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        first, second = pending(products), pending(products)
        monkeypatch.setattr(relay_module, step, failing_for(first, step, ZeroDivisionError("by this order")))
        new_relay(batch=1).run_once()
        assert (loaded(first).attempts, loaded(first).last_error) == (1, "by this order")
        assert loaded(second).status == "confirmed"
        assert "ZeroDivisionError" in caplog.text

    def test_one_whose_statement_fails_leaves_the_others_settled(
        self, relay: Relay, products: FakeProducts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second, third = pending(products), pending(products), pending(products)
        outcome = outbox._outcome

        def without_a_total(verdict: Verdict) -> dict[str, Any]:
            is_second = verdict.lines[0].product_id == second.loaded_lines[0].product_id
            return outcome(verdict) | ({"total": None} if is_second else {})

        monkeypatch.setattr(outbox, "_outcome", without_a_total)
        relay.run_once()
        assert [loaded(order).status for order in (first, second, third)] == ["confirmed", "pending", "confirmed"]
        assert loaded(second).attempts == 1


class TestAnOutage:
    def test_it_asks_once_a_second_and_neither_writes_nor_logs_for_an_order(
        self, relay: Relay, products: FakeProducts, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            pending(products)
        products.fault, products.is_ready = faults.down, False
        relay.run_once()
        assert wanting() == 3
        caplog.clear()
        calls, probes = len(products.calls), products.probes
        with statements() as executed:
            for _ in range(59):
                relay.step()
        assert (len(products.calls), verbs(executed), logged(caplog)) == (calls, [], [])
        assert products.probes - probes == 59

    def test_it_is_over_as_soon_as_products_is_ready(self, relay: Relay, products: FakeProducts) -> None:
        orders = [pending(products) for _ in range(3)]
        products.fault, products.is_ready = faults.down, False
        relay.run_once()
        assert [relay.step() for _ in range(3)] == [TRY_AGAIN_S] * 3
        products.fault, products.is_ready = None, True
        relay.run_once()
        assert {loaded(order).status for order in orders} == {"confirmed"}
        assert {loaded(order).attempts for order in orders} == {0}

    def test_it_has_a_line_at_its_beginning_each_minute_and_at_its_end(
        self, relay: Relay, products: FakeProducts, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            pending(products)
        products.fault, products.is_ready = faults.down, False
        for _ in range(int(2 * TELL_EVERY_S)):
            relay.step()
            clock.advance(1)
        products.fault, products.is_ready = None, True
        relay.step()
        assert [(line["event"], line["seconds"], line.get("orders_waiting")) for line in logged(caplog)] == [
            ("products is out", 0, 3),
            ("products is out", 60, 3),
            ("products is out no longer", 119, None),
        ]

    @pytest.mark.parametrize("fault", [faults.status(404), faults.garbage, faults.status(503), faults.timeout])
    def test_whatever_stands_at_its_address_says_nothing_about_the_orders(
        self, fault: faults.Fault, relay: Relay, products: FakeProducts
    ) -> None:
        """A balancer's default page answers the question for readiness too."""
        order = pending(products)
        products.fault, products.is_ready = fault, False
        for _ in range(75):
            relay.step()
        assert (loaded(order).attempts, loaded(order).last_error, loaded(order).claimed_until) == (0, "", None)
        assert products.asked() == ["PUT"]

    @pytest.mark.parametrize("readiness", [{"status": "degraded", "storage": "full"}, {}, [], "It works!", None])
    def test_products_that_does_not_say_that_all_is_well_is_out_too(
        self, readiness: Any, relay: Relay, products: FakeProducts
    ) -> None:
        """It may answer reads while its disk is full. And another server's page may be a 200 too."""
        order = pending(products)
        products.fault, products.readiness = faults.status(503), (200, readiness)
        for _ in range(30):
            relay.step()
        assert (loaded(order).attempts, products.asked()) == (0, ["PUT"])
        products.fault, products.readiness = None, (200, {"status": "ok"})
        relay.step()
        assert loaded(order).status == "confirmed"

    def test_an_open_circuit_is_waited_for_although_products_is_ready(
        self, relay: Relay, products: FakeProducts, client: ProductsClient, clock: Clock
    ) -> None:
        order = pending(products)
        client.upstream.circuit.open()
        relay.run_once()
        assert relay.step() == TRY_AGAIN_S
        assert (products.calls, loaded(order).attempts, loaded(order).claimed_until) == ([], 0, None)
        clock.advance(client.upstream.policy.open_s)
        client.upstream.circuit.judge(is_ready=True)
        relay.run_once()
        assert loaded(order).status == "confirmed"

    def test_it_ends_in_agreement(
        self, user: Api, products: FakeProducts, kettle: Any, relay_until_idle: Callable[[], None]
    ) -> None:
        products.fault, products.is_ready = faults.down, False
        ids = [user.order((kettle, 4)).body["id"] for _ in range(3)]
        assert user.post(f"/orders/{ids[0]}/cancel/").status == 200
        call_command("relay", once=True)
        assert set(Order.objects.values_list("status", flat=True)) == {"pending", "cancelled"}
        products.fault, products.is_ready = None, True
        relay_until_idle()
        assert_agreement(products, {kettle: 10})
        assert [Order.objects.get(pk=pk).status for pk in ids] == ["cancelled", "confirmed", "confirmed"]
        assert products.stock(kettle) == 2


DATABASE_FAILURES = [
    OperationalError("database or disk is full"),
    InterfaceError("connection already closed"),
    OSError("No space left on device"),
]


class TestAFailingDatabase:
    @pytest.mark.parametrize("failure", DATABASE_FAILURES, ids=str)
    def test_it_is_told_once_a_minute_and_the_work_goes_on_afterwards(
        self,
        failure: Exception,
        relay: Relay,
        stop: Stop,
        products: FakeProducts,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        order = pending(products)
        claim_due, failures, closed = relay_module.claim_due, [failure] * 70, []

        def claim(limit: int) -> list[Order]:
            if failures:
                raise failures.pop()
            if not (due := claim_due(limit)):
                stop.set()
            return due

        monkeypatch.setattr(relay_module, "claim_due", claim)
        monkeypatch.setattr(relay_module, "close_old_connections", lambda: closed.append(True))
        relay.run()
        assert stop.waits[:70] == [TRY_AGAIN_S] * 70
        assert len(closed) == 70
        assert loaded(order).status == "confirmed"
        assert [(line["event"], line["seconds"], line.get("error")) for line in logged(caplog)] == [
            ("the database fails", 0, str(failure)),
            ("the database fails", 60, str(failure)),
            ("the database fails no longer", 70, None),
        ]

    def test_a_failure_while_an_order_is_settled_is_not_the_orders(
        self, relay: Relay, products: FakeProducts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        orders = [pending(products) for _ in range(3)]
        full = OperationalError("database or disk is full")
        with monkeypatch.context() as patch:
            patch.setattr(relay_module, "settle_all", failing_for(orders[1], "settle_all", full))
            with pytest.raises(OperationalError):
                relay.step()
        assert {(loaded(order).status, loaded(order).attempts) for order in orders} == {("pending", 0)}
        assert {products.state(order.pk) for order in orders} == {"held"}


class TestHousekeeping:
    def test_expired_keys_are_deleted_at_once_and_then_hourly(self, relay: Relay, clock: Clock) -> None:
        order = make_order("paid")

        def expire(key: str) -> None:
            made_at = clock.now() - KEY_LIFETIME - timedelta(seconds=1)
            IdempotencyKey.objects.create(user_id=order.user_id, key=key, order=order, created_at=made_at)

        expire("first")
        relay.step()
        assert IdempotencyKey.objects.count() == 0
        expire("second")
        clock.advance(PURGE_EVERY_S - 1)
        relay.step()
        assert IdempotencyKey.objects.count() == 1
        clock.advance(1)
        relay.step()
        assert IdempotencyKey.objects.count() == 0


class TestTheCommand:
    def test_once_does_what_is_due_and_ends(self, products: FakeProducts) -> None:
        pending(products)
        call_command("relay", once=True)
        assert wanting() == 0

    def test_it_asks_as_many_questions_at_once_as_it_has_threads(
        self, products: FakeProducts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command_module, "ThreadPoolExecutor", ThreadPoolExecutor)
        together = threading.Barrier(4)
        products.fault = faults.meanwhile(before=lambda: together.wait(TOGETHER_S))
        for _ in range(8):
            cancelled()
        call_command("relay", once=True, threads=4)
        assert wanting() == 0

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it(self, number: int, products: FakeProducts) -> None:
        for _ in range(3):
            pending(products)
        products.script = [faults.meanwhile(after=lambda: signal.raise_signal(number))]
        call_command("relay")
        assert products.asked() == ["POST"]

    def test_tables_are_made_first(self, products: FakeProducts, monkeypatch: pytest.MonkeyPatch) -> None:
        steps: list[str] = []
        monkeypatch.setattr(command_module, "make_tables", lambda: steps.append("tables"))
        monkeypatch.setattr(relay_module, "claim_due", lambda limit: steps.append("claim") or [])
        call_command("relay", once=True)
        assert steps == ["tables", "claim"]


def start_relay(folder: Path) -> "subprocess.Popen[str]":
    """A real relay process, without tables and without a products service."""
    outside = {name: value for name, value in os.environ.items() if name != "ORDERS_DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "orders_project" / "manage.py"), "relay", "--interval", "0.01"],
        env={**outside, "PLAZA_DATA_DIR": str(folder), "PRODUCTS_URL": "http://127.0.0.1:9"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_relay_that_starts_first_makes_the_tables_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    with start_relay(tmp_path) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    assert (first["event"], first["level"]) == ("relay started", "info")
    assert (process.returncode, rest) == (0, "")
    with sqlite3.connect(tmp_path / "orders_project" / "Data-base.db") as database:
        assert database.execute("SELECT count(*) FROM orders_order").fetchone() == (0,)
    database.close()
