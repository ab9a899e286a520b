"""A circuit over a sliding window, around a pybreaker that keeps its state and tells its listeners.

pybreaker's own `call` holds its lock while the guarded function runs, counts only failures in a row, and lets a probe
that never ends block it. Here the lock guards the state alone: admit under it, call outside it, settle under it again.

A circuit opens on evidence about the service. Calls that fail or crawl only raise the question, since one caller's
requests may be too big or too costly for a healthy service. The answer is the service's own: whoever runs the probe
asks whether it is ready, and tells `judge`. Without that answer the circuit opens only when nobody is served any more.
"""

import enum
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from common.imports import left_out

from .deadline import Clock
from .policy import Policy
from .window import SlidingWindow

with left_out("redis"):  # for a storage that isn't used here
    import pybreaker

T = TypeVar("T")


class CircuitOpen(pybreaker.CircuitBreakerError):
    """No call was made. `retry_after_s` is when the circuit may close (seconds, above 0)."""

    def __init__(self, name: str, retry_after_s: float) -> None:
        super().__init__(f"the circuit to {name} is open")
        self.retry_after_s = retry_after_s


class Outcome(enum.Enum):
    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"  # says nothing about the service: a 4xx, or a call that its caller gave up


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one call says about the service. `suspect` is what else may have caused a failure: a caller, a row."""

    outcome: Outcome
    suspect: Hashable = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What listeners are told. They run under the circuit's lock and must not wait."""

    circuit: str
    old: str
    new: str
    failed: int
    total: int


class _Announcer(pybreaker.CircuitBreakerListener):
    def __init__(self, circuit: "Circuit", tell: Callable[[Transition], None]) -> None:
        self._circuit = circuit
        self._tell = tell

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        total, failed = self._circuit.window.totals()
        self._tell(Transition(cb.name, old_state.name, new_state.name, failed, total))


def settle_by_ending(result: object, error: Exception | None, seconds: float) -> Settlement:
    return Settlement(Outcome.FAILURE if error else Outcome.SUCCESS)


class Circuit:
    """Raises the question at `failure_ratio` of at least `min_calls` in the window, or at `consecutive_failures`.

    `settle` says what a call that returned or raised means, given its seconds; whatever took `slow_call_s` and is not
    neutral is a failure. `ask` is called, outside the lock, whenever a probe is wanted.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        *,
        ask: Callable[[], None] = lambda: None,
        on_transition: Callable[[Transition], None] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = name
        self.window = SlidingWindow(policy.window_s, clock)
        self._policy = policy
        self._ask = ask
        self._clock = clock
        self._opened_at = 0.0
        self._cleared_at = float("-inf")
        self._failures_in_a_row = 0
        self._is_suspected = False
        self._era: object = object()  # changes with each transition
        self._lock = threading.RLock()
        self._breaker = pybreaker.CircuitBreaker(name=name)
        if on_transition:
            self._breaker.add_listener(_Announcer(self, on_transition))

    @property
    def state(self) -> str:
        """One of "closed", "open" and "half-open"."""
        return str(self._breaker.current_state)

    @property
    def awaits_probe(self) -> bool:
        return self._is_suspected or self.state != pybreaker.STATE_CLOSED

    def call(
        self,
        func: Callable[[], T],
        settle: Callable[[T | None, Exception | None, float], Settlement] = settle_by_ending,
    ) -> T:
        """What `func` returns or raises.

        Raises:
            CircuitOpen: `func` was not called.
        """
        era: object | None = self._admit()
        started_at = self._clock()
        result: T | None = None
        failure: Exception | None = None
        try:
            result = func()
            return result
        except Exception as error:
            failure = error
            raise
        except BaseException:  # the caller gave up, which says nothing about the service
            era = None
            raise
        finally:
            if era is not None:
                seconds = self._clock() - started_at
                self._settle(era, settle(result, failure, seconds), seconds)

    def judge(self, *, is_ready: bool) -> None:
        """What the service answered when it was asked whether it is ready."""
        with self._lock:
            if self.state == pybreaker.STATE_CLOSED:
                self._judge_suspicion(is_ready)
            elif is_ready and self._clock() >= self._opened_at + self._policy.open_s:
                self._breaker.half_open()
                self.close()

    def open(self) -> None:
        with self._lock:
            self._is_suspected = False
            self._opened_at = self._clock()
            self._era = object()
            self._breaker.open()

    def close(self) -> None:
        with self._lock:
            self.window.clear()
            self._failures_in_a_row = 0
            self._era = object()
            self._breaker.close()

    def retry_after_s(self) -> float:
        """Seconds until an open circuit may close; at least a moment, so that it can be slept."""
        return max(0.1, self._opened_at + self._policy.open_s - self._clock())

    def _admit(self) -> object:
        with self._lock:
            if self.state == pybreaker.STATE_CLOSED:
                return self._era
        self._ask()  # whoever probes may have died since
        raise CircuitOpen(self.name, self.retry_after_s())

    def _settle(self, era: object, settlement: Settlement, seconds: float) -> None:
        if settlement.outcome is Outcome.NEUTRAL:
            return
        failed = settlement.outcome is Outcome.FAILURE or seconds >= self._policy.slow_call_s
        with self._lock:
            if self._era is era:  # else it is a late outcome from before the last transition
                self._count(failed, settlement.suspect)
        if self.awaits_probe:
            self._ask()

    def _count(self, failed: bool, suspect: Hashable) -> None:
        self.window.record(failed=failed, suspect=suspect)
        self._failures_in_a_row = self._failures_in_a_row + 1 if failed else 0
        if not failed or not self._is_questionable():
            return
        if self._is_nobody_served():
            self.open()
        elif self._clock() >= self._cleared_at + self._policy.probe_interval_s:
            self._is_suspected = True

    def _is_questionable(self) -> bool:
        total, failed = self.window.totals()
        too_many = total >= self._policy.min_calls and failed >= total * self._policy.failure_ratio
        return too_many or self._failures_in_a_row >= self._policy.consecutive_failures

    def _is_nobody_served(self) -> bool:
        """Whether all calls of several callers failed, so that no single one can be the cause."""
        total, failed = self.window.totals()
        return failed == total >= self._policy.min_calls and self.window.suspects() >= self._policy.min_suspects

    def _judge_suspicion(self, is_ready: bool) -> None:
        if self._is_suspected and not is_ready:
            self.open()
        self._is_suspected = False
        self._failures_in_a_row = 0
        self._cleared_at = self._clock()
