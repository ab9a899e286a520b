from hypothesis import given, strategies as st

from common.resilience.window import MAX_SUSPECTS, SlidingWindow
from tests.support.clock import Clock


def test_an_empty_window_counts_nothing() -> None:
    assert SlidingWindow(10, Clock()).totals() == (0, 0)


def test_what_lies_the_windows_length_back_is_forgotten() -> None:
    clock = Clock(1000.9)
    window = SlidingWindow(10, clock)
    window.record(failed=True)
    window.record(failed=False)
    clock.advance_to(1009.9)
    window.record(failed=True)
    assert window.totals() == (3, 2)
    clock.advance_to(1010.0)
    assert window.totals() == (1, 1)
    clock.advance_to(1019.0)
    assert window.totals() == (0, 0)


def test_clearing_forgets_everything_at_once() -> None:
    window = SlidingWindow(10, Clock())
    window.record(failed=True)
    window.clear()
    assert window.totals() == (0, 0)
    window.record(failed=False)
    assert window.totals() == (1, 0)


def test_the_memory_is_one_bucket_a_second_whatever_the_load() -> None:
    clock = Clock()
    window = SlidingWindow(10, clock)
    for _ in range(50):
        for _ in range(20):
            window.record(failed=False)
        clock.advance(1.0)
    assert len(window._buckets) == 10


Steps = st.lists(st.tuples(st.floats(0, 4), st.sampled_from(["success", "failure", "look", "clear"])), max_size=60)


@given(length_s=st.integers(1, 12), steps=Steps)
def test_it_counts_what_a_list_of_all_records_would(length_s: int, steps: list[tuple[float, str]]) -> None:
    clock = Clock()
    window = SlidingWindow(length_s, clock)
    records: list[tuple[int, bool]] = []
    for pause, step in steps:
        clock.advance(pause)
        if step == "clear":
            window.clear()
            records.clear()
        elif step != "look":
            window.record(failed=step == "failure")
            records.append((int(clock()), step == "failure"))
        recent = [failed for second, failed in records if second > int(clock()) - length_s]
        assert window.totals() == (len(recent), sum(recent))


def test_it_knows_how_many_different_suspects_the_failures_have() -> None:
    clock = Clock()
    window = SlidingWindow(10, clock)
    for suspect in ("ada", "ada", "bob"):
        window.record(failed=True, suspect=suspect)
    window.record(failed=False, suspect="eve")
    assert window.suspects() == 2
    clock.advance(10.0)
    assert window.suspects() == 0


def test_of_many_suspects_it_remembers_a_few() -> None:
    window = SlidingWindow(10, Clock())
    for number in range(1000):
        window.record(failed=True, suspect=number)
    assert (window.suspects(), window.totals()) == (MAX_SUSPECTS, (1000, 1000))
