import threading

import pytest

from common.resilience import Policy, RetryBudget, backoff_s
from tests.support.clock import Clock
from tests.support.threads import in_threads


def test_a_few_retries_are_always_in_the_budget() -> None:
    budget = RetryBudget(Policy(min_retries=3), Clock())
    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]


def test_beyond_those_the_budget_is_a_share_of_the_calls() -> None:
    budget = RetryBudget(Policy(min_retries=3, retry_ratio=0.1), Clock())
    for _ in range(50):
        budget.count_call()
    assert [budget.take() for _ in range(6)] == [True] * 5 + [False]


def test_a_budget_of_nothing_allows_none() -> None:
    budget = RetryBudget(Policy(min_retries=0, retry_ratio=0.0), Clock())
    budget.count_call()
    assert budget.take() is False


def test_the_budget_comes_back_as_the_window_passes() -> None:
    clock = Clock()
    budget = RetryBudget(Policy(min_retries=1, window_s=10), clock)
    assert budget.take() is True
    clock.advance(9.0)
    assert budget.take() is False
    clock.advance(1.0)
    assert budget.take() is True


def test_a_refused_retry_does_not_use_the_budget_up() -> None:
    clock = Clock()
    budget = RetryBudget(Policy(min_retries=1, window_s=10), clock)
    budget.take()
    clock.advance(5.0)
    assert budget.take() is False
    clock.advance(5.0)
    assert budget.take() is True


def test_threads_share_one_budget() -> None:
    budget = RetryBudget(Policy(min_retries=3), Clock())
    together = threading.Barrier(8, timeout=10)

    def take() -> bool:
        together.wait()
        return budget.take()

    assert sum(in_threads(8, take)) == 3


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.05), (1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (60, 0.5)])
def test_the_pause_is_a_random_share_of_a_doubling_and_capped_time(attempt: int, longest: float) -> None:
    policy = Policy(backoff_base_s=0.05, backoff_cap_s=0.5)
    assert backoff_s(attempt, policy, rand=lambda: 1.0) == pytest.approx(longest)
    assert backoff_s(attempt, policy, rand=lambda: 0.5) == pytest.approx(longest / 2)
    assert backoff_s(attempt, policy, rand=lambda: 0.0) == 0.0


def test_without_a_source_of_chance_the_pause_stays_in_its_bounds() -> None:
    pauses = {backoff_s(0, Policy(backoff_base_s=0.05)) for _ in range(20)}
    assert len(pauses) > 1
    assert all(0 <= pause < 0.05 for pause in pauses)
