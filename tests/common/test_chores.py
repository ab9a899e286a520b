"""What each process that serves does now and then."""

import threading

import pytest
from django.db import OperationalError

from common import chores
from common.chores import Chores
from tests.support.clock import Clock


def test_each_chore_is_done_at_the_start_and_as_often_as_it_asks_for() -> None:
    clock, done = Clock(), list[str]()
    book = Chores(clock=clock)
    book.add(60, lambda: done.append("minute"))
    book.add(3600, lambda: done.append("hour"))
    assert book.do_what_is_due() == 60
    assert done == ["minute", "hour"]
    clock.advance(59)
    assert book.do_what_is_due() == 1
    assert done == ["minute", "hour"]
    clock.advance(1)
    book.do_what_is_due()
    assert done == ["minute", "hour", "minute"]


def test_a_database_that_fails_keeps_no_chore_from_its_next_time() -> None:
    clock, tried = Clock(), list[int]()
    book = Chores(clock=clock)

    def fail() -> None:
        tried.append(1)
        raise OperationalError("database is locked")

    book.add(60, fail)
    for _ in range(2):
        assert book.do_what_is_due() == 60
        clock.advance(60)
    assert len(tried) == 2


def test_they_are_done_beside_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    book = Chores()
    book.add(3600, done.set)
    monkeypatch.setattr(chores, "chores", book)
    chores.begin()
    assert done.wait(10)
