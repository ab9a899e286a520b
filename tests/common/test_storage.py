from typing import Any

import pytest
from django.db import Error, OperationalError
from prometheus_client import REGISTRY

from common import storage
from common.database_faults import Fault
from common.storage import BELIEVED_S, PROBE_EVERY_S, StorageWatch, probe
from tests.support.clock import Clock


class Database:
    """What a probe finds, and how often it looked."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.looks = 0

    def __call__(self) -> Fault | None:
        self.looks += 1
        return self.fault


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(database: Database, clock: Clock) -> StorageWatch:
    return StorageWatch(database, clock)


def gauge() -> float | None:
    return REGISTRY.get_sample_value("plaza_storage_fault")


def test_the_database_is_looked_at_every_other_second_whoever_asks(
    watch: StorageWatch, database: Database, clock: Clock
) -> None:
    assert PROBE_EVERY_S == 2.0
    for _ in range(100):
        assert watch.fault() is None
        clock.advance(0.1)
    assert database.looks == 5


def test_what_a_probe_finds_stands_until_one_finds_nothing(
    watch: StorageWatch, database: Database, clock: Clock
) -> None:
    database.fault = Fault.FULL
    assert watch.fault() is Fault.FULL
    database.fault = None
    clock.advance(PROBE_EVERY_S - 0.1)
    assert watch.fault() is Fault.FULL
    clock.advance(0.1)
    assert watch.fault() is None


def test_what_a_request_met_counts_for_some_seconds_although_probes_find_nothing(
    watch: StorageWatch, clock: Clock
) -> None:
    assert watch.fault() is None
    watch.meet(Fault.FULL)
    assert watch.fault() is Fault.FULL
    clock.advance(BELIEVED_S - 0.1)
    watch.meet(Fault.FULL)
    clock.advance(BELIEVED_S - 0.1)
    assert watch.fault() is Fault.FULL
    clock.advance(0.1)
    assert watch.fault() is None


def test_the_beginning_and_the_end_are_logged_once(
    watch: StorageWatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    watch.fault()
    assert (caplog.messages, gauge()) == ([], 0)
    watch.meet(Fault.READ_ONLY)
    for _ in range(3):
        watch.fault()
    assert gauge() == 1
    clock.advance(BELIEVED_S)
    for _ in range(3):
        watch.fault()
    assert gauge() == 0
    begin, end = caplog.messages
    assert "can't be written" in begin
    assert "read-only" in begin
    assert "can be written again" in end


class PostgreSQL:
    """A connection that says how it was set, or fails."""

    vendor = "postgresql"

    def __init__(self, read_only: str, error: Error | None = None) -> None:
        self._row = (read_only,)
        self._error = error

    def cursor(self) -> "PostgreSQL":
        return self

    def __enter__(self) -> "PostgreSQL":
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        if self._error:
            raise self._error

    def fetchone(self) -> tuple[str]:
        return self._row


def raised(state: str) -> OperationalError:
    error = OperationalError()
    error.__cause__ = type("Cause", (Exception,), {"sqlstate": state})()
    return error


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        (PostgreSQL("off"), None),
        (PostgreSQL("on"), Fault.READ_ONLY),
        (PostgreSQL("off", raised("53100")), Fault.FULL),
        (PostgreSQL("off", raised("57P01")), None),
        (PostgreSQL("off", raised("42P01")), None),
    ],
)
def test_postgresql_is_asked_whether_it_takes_writes(
    monkeypatch: pytest.MonkeyPatch, connection: Any, expected: Fault | None
) -> None:
    monkeypatch.setattr(storage, "connection", connection)
    assert probe() is expected


@pytest.mark.django_db
def test_the_suites_own_database_can_be_written() -> None:
    assert probe() is None
