"""What threads share stays right when they are interrupted in the middle of it."""

import time
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from common.resilience import Bulkhead, BulkheadFull, Deadline, Policy, RetryBudget
from common.resilience.bulkhead import _Waiter
from tests.support.threads import in_threads, race

THREADS = 8


def interrupting_clock() -> float:
    """Whoever looks at it lets the other threads go first."""
    time.sleep(0.0001)
    return 100.0


class InterruptingCaller:
    """Whoever looks it up lets the other threads go first."""

    def __hash__(self) -> int:
        time.sleep(0.0001)
        return id(self)


class InterruptingLine(deque[Any]):
    """Whoever looks for somebody in it lets the other threads go first."""

    def __contains__(self, waiter: object) -> bool:
        is_in_line = super().__contains__(waiter)
        time.sleep(0.001)
        return is_in_line


class InterruptingBulkhead(Bulkhead):
    """Whoever looks at how many are inside lets the other threads go first."""

    def __init__(self, limit: int, max_waiting: int) -> None:
        super().__init__(limit, max_waiting)
        self._line = InterruptingLine()

    @property
    def _in_flight(self) -> int:
        places: int = self.__dict__.get("places", 0)
        time.sleep(0.0001)
        return places

    @_in_flight.setter
    def _in_flight(self, places: int) -> None:
        self.__dict__["places"] = places


def test_no_retry_is_given_twice() -> None:
    budget = RetryBudget(replace(Policy(), min_retries=20, retry_ratio=0.0), interrupting_clock)
    given = in_threads(THREADS, lambda: sum(budget.take() for _ in range(10)))
    assert sum(given) == 20


@pytest.mark.parametrize("kind", [Bulkhead, InterruptingBulkhead])
def test_no_place_is_given_twice_and_none_is_lost(kind: type[Bulkhead]) -> None:
    places = 3
    bulkhead = kind(places, max_waiting=2)
    inside: list[None] = []
    together: list[int] = []

    def enter_often() -> None:
        caller = InterruptingCaller()
        for number in range(20):
            try:
                with bulkhead.entered(caller, Deadline.after(0.003 if number % 2 else 5)):
                    inside.append(None)
                    together.append(len(inside))
                    time.sleep(0.0001)
                    inside.pop()
            except BulkheadFull:
                pass

    assert in_threads(THREADS, enter_often) == [None] * THREADS
    assert max(together) <= places
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


def test_who_withdraws_while_a_place_is_given_away_leaves_none_behind() -> None:
    for _ in range(20):
        bulkhead, waiter = InterruptingBulkhead(1, max_waiting=5), _Waiter("bob")
        bulkhead._enter("ada", Deadline.after(5))
        bulkhead._line.append(waiter)
        assert race(lambda: bulkhead._leave("ada", 0.0), lambda: bulkhead._withdraw(waiter)) == [None, None]  # noqa: B023
        assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)
