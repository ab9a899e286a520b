import pytest

from common.resilience import Deadline, DeadlineExceeded
from tests.support.clock import Clock


def test_what_is_left_falls_to_zero_and_no_further() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock)
    assert deadline.remaining_s() == 2.0
    clock.advance(1.5)
    assert deadline.remaining_s() == 0.5
    clock.advance(1.5)
    assert deadline.remaining_s() == 0.0


def test_a_timeout_is_cut_to_what_is_left() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock)
    assert deadline.bound_s(0.5) == 0.5
    clock.advance(1.75)
    assert deadline.bound_s(0.5) == 0.25
    assert deadline.bound_s(float("inf")) == 0.25


def test_a_deadline_that_has_passed_bounds_nothing_but_raises() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock)
    clock.advance(2.0)
    with pytest.raises(DeadlineExceeded, match=r"^the deadline has passed$"):
        deadline.bound_s(0.5)


def test_within_shortens_and_never_lengthens() -> None:
    clock = Clock()
    deadline = Deadline.after(2.0, clock)
    assert deadline.within(0.5) == Deadline(1000.5, clock)
    assert deadline.within(5.0) == Deadline(1002.0, clock)
    clock.advance(1.75)
    assert deadline.within(0.5) == Deadline(1002.0, clock)


def test_an_exceeded_deadline_is_a_timeout_to_whoever_knows_only_those() -> None:
    assert issubclass(DeadlineExceeded, TimeoutError)


def test_an_earlier_one_leaves_less(clock: Clock) -> None:
    assert Deadline.after(3.0, clock).earlier_by(0.5).remaining_s() == 2.5
