from hypothesis import given, strategies as st

from common.resilience.window import SlidingWindow
from tests.common.fakes import FakeClock


def test_an_empty_window_counts_nothing() -> None:
    assert SlidingWindow(10, FakeClock()).totals() == (0, 0)


def test_what_lies_the_windows_length_back_is_forgotten() -> None:
    clock = FakeClock(1000.9)
    window = SlidingWindow(10, clock)
    window.record(failed=True)
    window.record(failed=False)
    clock.now = 1009.9
    window.record(failed=True)
    assert window.totals() == (3, 2)
    clock.now = 1010.0
    assert window.totals() == (1, 1)
    clock.now = 1019.0
    assert window.totals() == (0, 0)


def test_clearing_forgets_everything_at_once() -> None:
    window = SlidingWindow(10, FakeClock())
    window.record(failed=True)
    window.clear()
    assert window.totals() == (0, 0)
    window.record(failed=False)
    assert window.totals() == (1, 0)


def test_the_memory_is_one_bucket_a_second_whatever_the_load() -> None:
    clock = FakeClock()
    window = SlidingWindow(10, clock)
    for _ in range(50):
        for _ in range(20):
            window.record(failed=False)
        clock.advance(1.0)
    assert len(window._buckets) == 10


Steps = st.lists(st.tuples(st.floats(0, 4), st.sampled_from(["success", "failure", "look", "clear"])), max_size=60)


@given(length_s=st.integers(1, 12), steps=Steps)
def test_it_counts_what_a_list_of_all_records_would(length_s: int, steps: list[tuple[float, str]]) -> None:
    clock = FakeClock()
    window = SlidingWindow(length_s, clock)
    records: list[tuple[int, bool]] = []
    for pause, step in steps:
        clock.advance(pause)
        if step == "clear":
            window.clear()
            records.clear()
        elif step != "look":
            window.record(failed=step == "failure")
            records.append((int(clock.now), step == "failure"))
        recent = [failed for second, failed in records if second > int(clock.now) - length_s]
        assert window.totals() == (len(recent), sum(recent))
