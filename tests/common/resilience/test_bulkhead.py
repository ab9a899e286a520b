import threading

import pytest

from common.resilience import Bulkhead, BulkheadFull
from tests.common.fakes import in_threads


def test_the_call_beyond_the_limit_is_refused_and_counted() -> None:
    bulkhead = Bulkhead(2)
    with bulkhead.entered(), bulkhead.entered():
        assert bulkhead.in_flight == 2
        with pytest.raises(BulkheadFull, match=r"^2 calls are in flight already$"), bulkhead.entered():
            pytest.fail("let in")
        assert (bulkhead.in_flight, bulkhead.rejected) == (2, 1)
    assert (bulkhead.in_flight, bulkhead.rejected) == (0, 1)


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt])
def test_a_call_that_raises_gives_its_place_back(ending: type[BaseException]) -> None:
    bulkhead = Bulkhead(1)
    with pytest.raises(ending), bulkhead.entered():
        raise ending
    assert bulkhead.in_flight == 0
    with bulkhead.entered():
        assert bulkhead.in_flight == 1


def test_of_8_threads_at_once_exactly_3_are_let_in() -> None:
    bulkhead = Bulkhead(3)
    at_the_door, decided = threading.Barrier(8, timeout=10), threading.Barrier(8, timeout=10)

    def try_to_enter() -> str:
        at_the_door.wait()
        try:
            with bulkhead.entered():
                decided.wait()
                return "in"
        except BulkheadFull:
            decided.wait()
            return "refused"

    assert sorted(in_threads(8, try_to_enter)) == ["in"] * 3 + ["refused"] * 5
    assert (bulkhead.in_flight, bulkhead.rejected) == (0, 5)
