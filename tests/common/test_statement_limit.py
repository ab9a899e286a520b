"""On SQLite, with a clock that stands still; `tests/products/test_limits.py` asks both databases."""

import pytest
from django.db import OperationalError, connection

from common.database_faults import Fault, fault_of
from common.statement_limit import statement_limit
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

MANY_ROWS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000) SELECT x FROM n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("common.statement_limit.monotonic", clock)
    monkeypatch.setattr("common.sqlite.base.monotonic", clock)
    return clock


def test_a_statement_within_its_limit_brings_every_row(clock: Clock) -> None:
    with statement_limit(2), connection.cursor() as cursor:
        cursor.execute(MANY_ROWS)
        clock.advance(2)
        assert len(cursor.fetchall()) == 200_000


def test_rows_that_are_fetched_too_late_are_too_costly(clock: Clock) -> None:
    with statement_limit(2), connection.cursor() as cursor:
        cursor.execute(MANY_ROWS)
        assert cursor.fetchone() == (1,)
        clock.advance(2.1)
        with pytest.raises(OperationalError) as error:
            cursor.fetchall()
    assert fault_of(error.value) is Fault.TOO_COSTLY


def test_each_statement_has_the_limit_for_itself(clock: Clock) -> None:
    with statement_limit(2), connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute(MANY_ROWS)
            clock.advance(1.5)
            assert len(cursor.fetchall()) == 200_000
            clock.advance(1.5)


def test_nothing_of_it_is_left_after_the_block(clock: Clock) -> None:
    with statement_limit(2), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute(MANY_ROWS)
        clock.advance(100)
        assert len(cursor.fetchall()) == 200_000


def test_nor_after_a_block_that_failed(clock: Clock) -> None:
    test_rows_that_are_fetched_too_late_are_too_costly(clock)
    test_nothing_of_it_is_left_after_the_block(clock)


def test_in_a_block_within_a_block_the_inner_limit_counts(clock: Clock) -> None:
    with statement_limit(2):
        with statement_limit(60), connection.cursor() as cursor:
            cursor.execute(MANY_ROWS)
            clock.advance(59)
            assert len(cursor.fetchall()) == 200_000
        test_rows_that_are_fetched_too_late_are_too_costly(clock)
