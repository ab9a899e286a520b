import threading
import time
from collections.abc import Callable

import pytest

from common.resilience import Bulkhead, BulkheadFull, Deadline
from common.resilience.bulkhead import _Waiter
from tests.support.clock import Clock
from tests.support.threads import HeldCall, in_threads

LONG = Deadline.after(3600.0)  # from the collection on: a slow machine may need minutes to come here


def hold(bulkhead: Bulkhead, caller: str, deadline: Deadline = LONG) -> HeldCall:
    """A call of `caller` that has its place."""

    def guard(work: Callable[[], object]) -> object:
        with bulkhead.entered(caller, deadline):
            return work()

    return HeldCall(guard)


def wait_in_line(bulkhead: Bulkhead, caller: str, served: list[str], deadline: Deadline = LONG) -> threading.Thread:
    """A thread of `caller` that stands in line; it notes itself when it has had its place."""

    def work() -> None:
        try:
            with bulkhead.entered(caller, deadline):
                served.append(caller)
        except BulkheadFull:
            served.append(f"{caller} refused")

    waiting = bulkhead.waiting
    thread = threading.Thread(target=work)
    thread.start()
    while bulkhead.waiting == waiting and thread.is_alive():
        time.sleep(0.001)
    return thread


def test_who_finds_no_place_waits_until_one_is_free() -> None:
    bulkhead, served = Bulkhead(1, max_waiting=5), list[str]()
    first = hold(bulkhead, "ada")
    second = wait_in_line(bulkhead, "bob", served)
    assert (bulkhead.in_flight, bulkhead.waiting, served) == (1, 1, [])
    first.end(lambda: None)
    second.join(10)
    assert (bulkhead.in_flight, bulkhead.waiting, bulkhead.rejected, served) == (0, 0, 0, ["bob"])


def test_first_come_first_served() -> None:
    bulkhead, served = Bulkhead(1, max_waiting=5), list[str]()
    first = hold(bulkhead, "ada")
    threads = [wait_in_line(bulkhead, name, served) for name in ("bob", "cleo", "dan", "eve")]
    first.end(lambda: None)
    for thread in threads:
        thread.join(10)
    assert served == ["bob", "cleo", "dan", "eve"]


def test_a_full_line_refuses_at_once() -> None:
    bulkhead, served = Bulkhead(1, max_waiting=1), list[str]()
    first = hold(bulkhead, "ada")
    second = wait_in_line(bulkhead, "bob", served)
    with pytest.raises(BulkheadFull, match=r"^too many are waiting$") as refusal, bulkhead.entered("eve", LONG):
        pytest.fail("let in")
    assert (bulkhead.rejected, refusal.value.retry_after_s) == (1, 1.0)
    first.end(lambda: None)
    second.join(10)


def test_a_deadline_that_leaves_no_time_for_the_call_is_refused_at_once() -> None:
    clock, bulkhead = Clock(), Bulkhead(1, max_waiting=5)
    for _ in range(100):
        with bulkhead.entered("ada", Deadline.after(9.0, clock)):
            clock.advance(2.0)
    first = hold(bulkhead, "ada")
    with pytest.raises(BulkheadFull), bulkhead.entered("bob", Deadline.after(1.5, clock)):
        pytest.fail("let in")
    first.end(lambda: None)
    with bulkhead.entered("bob", Deadline.after(1.5, clock)):  # a free place is taken however late it is
        assert bulkhead.in_flight == 1


def test_a_place_that_does_not_come_in_time_is_given_up() -> None:
    bulkhead = Bulkhead(1, max_waiting=5)
    first = hold(bulkhead, "ada")
    with (
        pytest.raises(BulkheadFull, match=r"^no place was free in time$"),
        bulkhead.entered("bob", Deadline.after(0.02, Clock())),
    ):
        pytest.fail("let in")
    assert (bulkhead.waiting, bulkhead.rejected) == (0, 1)
    first.end(lambda: None)
    assert bulkhead.in_flight == 0


def test_who_is_refused_is_told_how_long_the_line_takes() -> None:
    clock, bulkhead = Clock(), Bulkhead(2, max_waiting=3)
    for _ in range(200):
        with bulkhead.entered("ada", Deadline.after(9.0, clock)):
            clock.advance(4.0)
    holders = [hold(bulkhead, name) for name in ("ada", "bob")]
    served: list[str] = []
    threads = [wait_in_line(bulkhead, name, served) for name in ("cleo", "dan", "eve")]
    assert bulkhead.likely_s == pytest.approx(4.0)
    with pytest.raises(BulkheadFull) as refusal, bulkhead.entered("fay", LONG):
        pytest.fail("let in")
    assert refusal.value.retry_after_s == pytest.approx(8.0)  # three in line, two at a time, four seconds each
    for call in holders:
        call.end(lambda: None)
    for thread in threads:
        thread.join(10)


def test_calls_that_differ_much_are_expected_to_take_longer_than_their_mean() -> None:
    clock, bulkhead = Clock(), Bulkhead(1, max_waiting=0)
    for number in range(400):
        with bulkhead.entered("ada", Deadline.after(9.0, clock)):
            clock.advance(1.0 + number % 2)
    assert bulkhead.likely_s == pytest.approx(2.5, abs=0.1)  # one and a half, and half a second up and down


def test_one_caller_holds_only_as_many_places_as_it_leaves_free() -> None:
    bulkhead, served = Bulkhead(8, max_waiting=9), list[str]()
    calls = [hold(bulkhead, "ada") for _ in range(4)]
    fifth = wait_in_line(bulkhead, "ada", served)
    assert (bulkhead.in_flight, bulkhead.waiting) == (4, 1)
    calls += [hold(bulkhead, "bob") for _ in range(2)]
    bobs_third = wait_in_line(bulkhead, "bob", served)
    assert (bulkhead.in_flight, bulkhead.waiting) == (6, 2)
    assert hold(bulkhead, "eve").was_let_in  # before both of them, who have stood in line for longer
    for call in calls:
        call.end(lambda: None)
    for thread in (fifth, bobs_third):
        thread.join(10)
    assert sorted(served) == ["ada", "bob"]


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt])
def test_a_call_that_raises_gives_its_place_back(ending: type[BaseException]) -> None:
    bulkhead = Bulkhead(1, max_waiting=0)
    with pytest.raises(ending), bulkhead.entered("ada", LONG):
        raise ending
    assert bulkhead.in_flight == 0
    with bulkhead.entered("ada", LONG):
        assert bulkhead.in_flight == 1


@pytest.mark.parametrize("is_given_a_place", [True, False])
def test_who_is_interrupted_in_line_takes_no_place_along(is_given_a_place: bool) -> None:
    bulkhead = Bulkhead(1, max_waiting=5)
    first = hold(bulkhead, "ada")
    waiter = _Waiter("bob")
    bulkhead._line.append(waiter)
    if is_given_a_place:
        first.end(lambda: None)
    assert (bulkhead.in_flight, bulkhead.waiting) == (1, 0 if is_given_a_place else 1)
    bulkhead._withdraw(waiter)
    assert (bulkhead.in_flight, bulkhead.waiting) == (0 if is_given_a_place else 1, 0)


def test_a_place_that_comes_while_its_waiter_gives_up_is_used() -> None:
    bulkhead = Bulkhead(1, max_waiting=5)
    bulkhead._give_up(_Waiter("bob"))  # no longer in line, so it has its place
    assert bulkhead.rejected == 0


def test_of_64_threads_at_once_never_more_than_8_are_in_and_all_are_served() -> None:
    bulkhead = Bulkhead(8, max_waiting=64)
    together, most, lock = 0, 0, threading.Lock()
    numbers = iter(range(64))

    def enter() -> str:
        nonlocal together, most
        with lock:
            caller = next(numbers)
        with bulkhead.entered(caller, LONG):
            with lock:
                together += 1
                most = max(most, together)
            time.sleep(0.001)
            with lock:
                together -= 1
        return "served"

    assert in_threads(64, enter) == ["served"] * 64
    assert 1 <= most <= 8
    assert (bulkhead.in_flight, bulkhead.waiting, bulkhead.rejected) == (0, 0, 0)
