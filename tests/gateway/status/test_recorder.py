"""Transitions become rows, written by a thread of their own."""

import os
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import InterfaceError
from structlog.testing import capture_logs

from common.resilience import Transition
from gateway_project.status import recorder
from gateway_project.status.models import CircuitTransition
from gateway_project.status.recorder import Recorder, write

OPENED = Transition("products", "closed", "open", failed=5, total=7)
CLOSED = Transition("products", "half-open", "closed", failed=0, total=0)
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.django_db
def test_a_transition_is_a_row() -> None:
    write(OPENED, AT)
    row = CircuitTransition.objects.get()
    assert (row.upstream, row.old, row.new, row.failed, row.total, row.at) == (
        "products",
        "closed",
        "open",
        5,
        7,
        AT,
    )
    assert row.process.endswith(f":{os.getpid()}")
    assert str(row) == "products: closed → open"


def fail(**values: Any) -> None:
    raise InterfaceError("connection already closed")


def test_a_transition_that_cannot_be_written_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CircuitTransition.objects, "create", fail)
    with capture_logs() as logs:
        write(OPENED, AT)
    [entry] = logs
    assert (entry["event"], entry["upstream"], entry["new"]) == (
        "a transition was not written down",
        "products",
        "open",
    )


@pytest.mark.django_db(transaction=True)
def test_the_recorder_writes_in_order_without_making_the_circuit_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Semaphore(0)
    may_write = threading.Event()

    def write_and_tell(transition: Transition, at: datetime) -> None:
        assert may_write.wait(10)
        write(transition, at)
        written.release()

    monkeypatch.setattr(recorder, "write", write_and_tell)
    before = datetime.now(UTC)
    own = Recorder()
    own.record(OPENED)
    own.record(CLOSED)
    assert CircuitTransition.objects.count() == 0  # and yet both calls are back
    may_write.set()
    assert all(written.acquire(timeout=10) for _ in range(2))
    rows = list(CircuitTransition.objects.order_by("at"))
    assert [row.new for row in rows] == ["open", "closed"]
    assert before <= rows[0].at <= rows[1].at <= datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_the_recorder_survives_a_failing_database(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Semaphore(0)
    create = CircuitTransition.objects.create
    failures = iter([True, False])

    def create_or_fail(**values: Any) -> CircuitTransition:
        try:
            if next(failures):
                fail()
            return create(**values)
        finally:
            tried.release()

    monkeypatch.setattr(CircuitTransition.objects, "create", create_or_fail)
    own = Recorder()
    own.record(OPENED)
    own.record(CLOSED)
    assert all(tried.acquire(timeout=10) for _ in range(2))
    assert [row.new for row in CircuitTransition.objects.all()] == ["closed"]
