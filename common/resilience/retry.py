"""When to try once more: never so often that retries become the load."""

import random
import threading
from collections.abc import Callable

from .deadline import Clock
from .policy import Policy
from .window import SlidingWindow


class RetryBudget:
    """Retries may be `retry_ratio` of the window's calls, but always `min_retries` of them."""

    def __init__(self, policy: Policy, clock: Clock) -> None:
        self._policy = policy
        self._calls = SlidingWindow(policy.window_s, clock)
        self._retries = SlidingWindow(policy.window_s, clock)
        self._lock = threading.Lock()

    def count_call(self) -> None:
        with self._lock:
            self._calls.record(failed=False)

    def take(self) -> bool:
        """True, and one retry fewer; False when the budget is used up."""
        with self._lock:
            calls, _ = self._calls.totals()
            retries, _ = self._retries.totals()
            if retries >= max(self._policy.min_retries, calls * self._policy.retry_ratio):
                return False
            self._retries.record(failed=False)
            return True


def backoff_s(attempt: int, policy: Policy, rand: Callable[[], float] = random.random) -> float:
    """Full jitter: a random share of `base * 2**attempt`, capped. `attempt` starts at 0."""
    return rand() * min(policy.backoff_cap_s, policy.backoff_base_s * float(2**attempt))
