"""One budget of time for a whole call: connecting, sending, waiting, reading, retrying."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


class DeadlineExceeded(TimeoutError):
    """The budget is used up."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on `clock` (seconds, monotonic)."""

    expires_at: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, budget_s: float, clock: Clock = time.monotonic) -> "Deadline":
        return cls(clock() + budget_s, clock)

    def remaining_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.expires_at - self.clock())

    def within(self, budget_s: float) -> "Deadline":
        """The earlier of this deadline and `budget_s` from now."""
        return Deadline(min(self.expires_at, self.clock() + budget_s), self.clock)

    def earlier_by(self, seconds: float) -> "Deadline":
        return Deadline(self.expires_at - seconds, self.clock)

    def bound_s(self, timeout_s: float) -> float:
        """`timeout_s` cut to what is left.

        Raises:
            DeadlineExceeded: nothing is left.
        """
        remaining_s = self.remaining_s()
        if remaining_s <= 0:
            raise DeadlineExceeded("the deadline has passed")
        return min(timeout_s, remaining_s)
