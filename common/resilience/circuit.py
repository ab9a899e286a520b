"""A circuit over a sliding window, on pybreaker's states, storage and listeners.

pybreaker's own `call` holds its lock while the guarded function runs, counts only failures in a row, and lets a probe
that never ends wedge it. Here the lock guards the state alone: admit under it, call outside it, settle under it again.
"""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import pybreaker

from .deadline import Clock
from .policy import Policy
from .window import SlidingWindow

T = TypeVar("T")


class CircuitOpen(pybreaker.CircuitBreakerError):
    """No call was made. `retry_after_s` is when a probe may be (seconds, above 0)."""

    def __init__(self, name: str, retry_after_s: float) -> None:
        super().__init__(f"the circuit to {name} is open")
        self.retry_after_s = retry_after_s


class Outcome(enum.Enum):
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"  # answered in time, but says nothing about health (4xx), or was abandoned by the caller


@dataclass(frozen=True, slots=True)
class Transition:
    """What listeners are told; they run under the circuit's lock and must not wait."""

    circuit: str
    old: str
    new: str
    failed: int
    total: int


class _Announcer(pybreaker.CircuitBreakerListener):
    def __init__(self, tell: Callable[[Transition], None]) -> None:
        self._tell = tell

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        total, failed = cb.window.totals()
        self._tell(Transition(cb.name, old_state.name, new_state.name, failed, total))


class Circuit(pybreaker.CircuitBreaker):
    """Opens at `failure_ratio` of at least `min_calls` in the window, or at `consecutive_failures`.

    A raised `Exception` is a failure, so is whatever took `slow_call_s`. A returned value is a success unless
    `is_neutral` says otherwise. When half-open one probe at a time is let through; any timely answer closes.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        *,
        is_neutral: Callable[[Any], bool] = lambda result: False,
        on_transition: Callable[[Transition], None] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.window = SlidingWindow(policy.window_s, clock)
        self._policy = policy
        self._clock = clock
        self._is_neutral = is_neutral
        self._opened_at = 0.0
        self._failures_in_a_row = 0
        self._probed: object | None = None  # the half-open state whose probe is in flight
        super().__init__(
            fail_max=policy.consecutive_failures,
            reset_timeout=policy.open_s,
            listeners=[_Announcer(on_transition)] if on_transition else [],
            name=name,
            throw_new_error_on_trip=False,
        )

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What `func` returns or raises.

        Raises:
            CircuitOpen: `func` was not called.
        """
        admitted_in = self._admit()
        started_at = self._clock()
        outcome = Outcome.NEUTRAL
        try:
            result = func(*args, **kwargs)
            outcome = Outcome.NEUTRAL if self._is_neutral(result) else Outcome.SUCCESS
            return result
        except Exception:
            outcome = Outcome.FAILURE
            raise
        except BaseException:  # the caller gave up: no verdict on the service, but the probe's place is free again
            self._abandon(admitted_in)
            admitted_in = None
            raise
        finally:
            if admitted_in is not None:
                self._settle(admitted_in, outcome, self._clock() - started_at)

    def calling(self) -> NoReturn:
        raise NotImplementedError("pybreaker's calling() admits every thread to a half-open circuit; use call()")

    def call_async(self, func: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError("pybreaker's call_async() holds the lock while it waits; use call()")

    def open(self) -> bool:
        with self._lock:
            self._opened_at = self._clock()
            return super().open()

    def retry_after_s(self) -> float:
        """Seconds until an open circuit may probe; at least a moment, so that it can be slept."""
        return max(0.1, self._opened_at + self._policy.open_s - self._clock())

    def _admit(self) -> object:
        """The state object that the call belongs to: pybreaker makes a new one at each transition."""
        with self._lock:
            if self.current_state == pybreaker.STATE_OPEN:
                if self._clock() < self._opened_at + self._policy.open_s:
                    raise CircuitOpen(self._name or "", self.retry_after_s())
                self.half_open()
            if self.current_state == pybreaker.STATE_HALF_OPEN:
                if self._probed is self._state:
                    raise CircuitOpen(self._name or "", self.retry_after_s())
                self._probed = self._state
            return self._state

    def _abandon(self, admitted_in: object) -> None:
        with self._lock:
            if self._probed is admitted_in:
                self._probed = None

    def _settle(self, admitted_in: object, outcome: Outcome, seconds: float) -> None:
        if seconds >= self._policy.slow_call_s:
            outcome = Outcome.FAILURE
        with self._lock:
            if self._state is not admitted_in:
                return  # a late outcome from before the last transition
            if self.current_state == pybreaker.STATE_HALF_OPEN:
                self._settle_probe(outcome)
            elif outcome is not Outcome.NEUTRAL:
                self._count(failed=outcome is Outcome.FAILURE)

    def _settle_probe(self, outcome: Outcome) -> None:
        if outcome is Outcome.FAILURE:
            self.open()
            return
        self.window.clear()
        self._failures_in_a_row = 0
        self.close()

    def _count(self, *, failed: bool) -> None:
        self.window.record(failed=failed)
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        total, failures = self.window.totals()
        too_many = total >= self._policy.min_calls and failures >= total * self._policy.failure_ratio
        if failed and (too_many or self._failures_in_a_row >= self._policy.consecutive_failures):
            self.open()
