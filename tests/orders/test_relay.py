"""`manage.py relay`: drains what is due, stops when told, survives its database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import OperationalError

from common.settings import ROOT
from common.tracing import current_request_id
from orders_project.orders.management.commands import relay as relay_module
from orders_project.orders.models import Order, Wants
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.clock import Clock
from tests.orders.fake_products import FakeProducts
from tests.orders.rows import assert_agreement, make_order, pending

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]


def stop_after(looks: int, monkeypatch: pytest.MonkeyPatch, number: int = signal.SIGTERM) -> list[Any]:
    """The relay gets a signal at its `looks`-th look; what each look found is noted."""
    found: list[Any] = []
    claim_due = relay_module.claim_due

    def look(limit: int) -> list[UUID]:
        found.append(None)
        if len(found) == looks:
            signal.raise_signal(number)
        found[-1] = claim_due(limit)
        return list(found[-1])

    monkeypatch.setattr(relay_module, "claim_due", look)
    return found


def test_once_drains_what_is_due_batch_by_batch(products: FakeProducts, clock: Clock) -> None:
    orders = [pending(products) for _ in range(5)]
    release = make_order("cancelled", wants="released")
    call_command("relay", once=True, batch=2)
    assert set(Order.objects.values_list("wants", flat=True)) == {Wants.NOTHING}
    assert {products.state(order.pk) for order in orders} == {"held"}
    assert products.state(release.pk) == "released"
    assert sorted(products.asked()) == ["DELETE", *["PUT"] * 5]


def test_once_leaves_what_is_not_due_yet(products: FakeProducts, clock: Clock) -> None:
    products.fault = faults.down
    order = pending(products)
    call_command("relay", once=True)
    order.refresh_from_db()
    assert (order.wants, order.attempts, products.asked()) == (Wants.HELD, 1, ["PUT"])


def test_an_outage_ends_in_agreement(
    user: Api, products: FakeProducts, kettle: UUID, relay_until_idle: Callable[[], None]
) -> None:
    products.fault = faults.down
    ids = [user.order((kettle, 4)).body["id"] for _ in range(3)]
    assert user.post(f"/orders/{ids[0]}/cancel/").status == 200
    call_command("relay", once=True)
    assert set(Order.objects.values_list("status", flat=True)) == {"pending", "cancelled"}
    products.fault = None
    relay_until_idle()
    assert_agreement(products, {kettle: 10})
    assert [Order.objects.get(pk=pk).status for pk in ids] == ["cancelled", "confirmed", "confirmed"]
    assert products.stock(kettle) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_order_at_hand(number: int, products: FakeProducts) -> None:
    orders = [pending(products) for _ in range(3)]
    products.script = [faults.meanwhile(after=lambda: signal.raise_signal(number))]
    call_command("relay")
    assert Order.objects.filter(status="confirmed").count() == 1
    left = Order.objects.filter(status="pending")
    assert {order.pk for order in left} < {order.pk for order in orders}
    assert [order.claimed_until is None for order in left] == [False, False]


def test_an_idle_relay_pauses_between_looks_until_it_is_told_to_stop(
    products: FakeProducts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float | None] = []

    class Instant(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout)
            return super().wait(0)

    monkeypatch.setattr(relay_module, "threading", SimpleNamespace(Event=Instant))
    found = stop_after(3, monkeypatch)
    call_command("relay")
    assert found == [[], [], []]
    assert pauses == [0.5, 0.5, 0.5]


def test_a_failing_database_is_logged_and_tried_again(
    products: FakeProducts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    order = pending(products)
    found = stop_after(2, monkeypatch)
    claim_due, failures = relay_module.claim_due, [OperationalError("database is locked")]
    closed: list[bool] = []

    def fail_once(limit: int) -> list[UUID]:
        if failures:
            raise failures.pop()
        return claim_due(limit)

    monkeypatch.setattr(relay_module, "claim_due", fail_once)
    monkeypatch.setattr(relay_module, "close_old_connections", lambda: closed.append(True))
    call_command("relay", interval=0.001)
    assert found == [[order.pk], []]
    assert closed == [True]
    assert "the database failed; trying again" in caplog.text
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_each_order_is_delivered_in_a_trace_of_its_own(products: FakeProducts) -> None:
    traces: list[str | None] = []
    for _ in range(2):
        pending(products)
    products.fault = faults.meanwhile(before=lambda: traces.append(current_request_id()))
    call_command("relay", once=True)
    assert len(set(traces)) == 2
    assert None not in traces


def test_tables_are_made_under_the_lock_of_all_who_make_tables(
    products: FakeProducts, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    @contextmanager
    def lock() -> Iterator[None]:
        steps.append("locked")
        yield
        steps.append("free")

    monkeypatch.setattr(relay_module, "migration_lock", lock)
    monkeypatch.setattr(relay_module, "call_command", lambda name, **options: steps.append(name))
    monkeypatch.setattr(relay_module, "claim_due", lambda limit: steps.append("claim") or [])
    call_command("relay", once=True)
    assert steps == ["locked", "migrate", "free", "claim"]


def start_relay(folder: Path) -> "subprocess.Popen[str]":
    """A real relay, without tables and without a products service."""
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
