"""Counters in memory: how long they live, how many there are, and which one goes when there are too many."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway_project.store import counters as module
from gateway_project.store.counters import Count, Counters
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> Counters:
    return Counters(clock)


def test_the_first_count_sets_the_lifetime(counters: Counters, clock: Clock) -> None:
    assert counters.count("a", 60, 1) == Count(1, 60)
    clock.advance(59)
    assert counters.count("a", 3600, 1) == Count(2, 1)
    clock.advance(1)
    assert counters.count("a", 3600, 1) == Count(1, 3600)


def test_one_that_is_back_at_nothing_takes_no_memory(counters: Counters, clock: Clock) -> None:
    counters.count("a", 60, 1)
    counters.count("b", 60, 2)
    assert counters.count("a", 60, -1).number == 0
    assert len(counters) == 1
    clock.advance(30)
    assert counters.count("a", 60, 1) == Count(1, 60)
    assert counters.count("never counted", 60, -1).number == -1
    assert len(counters) == 2


def test_a_dropped_one_begins_anew(counters: Counters) -> None:
    counters.count("a", 60, 5)
    counters.drop("a")
    counters.drop("never counted")
    assert counters.count("a", 3600, 1) == Count(1, 3600)


def test_expired_ones_make_room_for_those_that_follow(counters: Counters, clock: Clock) -> None:
    for number in range(100):
        counters.count(f"old {number}", 60, 1)
    clock.advance(60)
    counters.count("new", 60, 1)
    assert len(counters) == 1


def test_above_the_bound_the_one_goes_that_expires_next(
    counters: Counters, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_COUNTERS", 3)
    for key in "abc":
        counters.count(key, 60, 1)
        clock.advance(1)
    counters.count("a", 60, 1)  # its lifetime stays
    counters.count("d", 60, 1)
    assert [counters.count(key, 60, 1).number for key in "dcb"] == [2, 2, 2]
    assert counters.count("a", 60, 1).number == 1


def test_no_number_of_short_lived_ones_pushes_out_a_long_lived_one(
    counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_COUNTERS", 3)
    counters.count("wrong passwords", 3600, 7)
    for number in range(100):
        counters.count(f"request {number}", 60, 1)
    assert len(counters) == 4
    assert counters.count("wrong passwords", 3600, 1).number == 8


def test_a_cleared_one_counts_from_one(counters: Counters) -> None:
    counters.count("a", 60, 1)
    counters.clear()
    assert len(counters) == 0
    assert counters.count("a", 60, 1).number == 1


STEPS = st.one_of(
    st.tuples(st.just("count"), st.sampled_from("abcdef"), st.sampled_from([1, 10, 60]), st.sampled_from([1, 2, -1])),
    st.tuples(st.just("drop"), st.sampled_from("abcdef")),
    st.tuples(st.just("wait"), st.integers(0, 30)),
)


@given(st.lists(STEPS, max_size=60))
def test_it_counts_as_a_plain_dictionary_would(steps: list[tuple[Any, ...]]) -> None:
    clock = Clock()
    counters = Counters(clock)
    expected: dict[str, tuple[int, float]] = {}
    for step, *arguments in steps:
        if step == "wait":
            clock.advance(arguments[0])
            expected = {key: each for key, each in expected.items() if each[1] > clock()}
        elif step == "drop":
            counters.drop(arguments[0])
            expected.pop(arguments[0], None)
        else:
            key, ttl_s, by = arguments
            number, expires_at = expected.get(key, (0, clock() + ttl_s))
            expected[key] = (number + by, expires_at)
            assert counters.count(key, ttl_s, by) == Count(number + by, expires_at - clock())
            if number + by <= 0:
                del expected[key]
    assert len(counters) >= len(expected)
