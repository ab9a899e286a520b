"""At most so many calls in flight in one lane. Who finds no place waits in line, as long as it makes sense."""

import math
import threading
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from .deadline import Deadline

WEIGHT = 0.1  # of the newest call in the averages
SPREAD = 2  # how many average deviations above the mean a call is likely to take


class BulkheadFull(Exception):
    """No place was free in time; the call was not made. `retry_after_s` is how long the line takes (seconds)."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class _Waiter:
    """A caller in line. Its lock is held until a place is given to it."""

    __slots__ = ("caller", "lock")

    def __init__(self, caller: Hashable) -> None:
        self.caller = caller
        self.lock = threading.Lock()
        self.lock.acquire()


class Bulkhead:
    """`limit` places, and room for `max_waiting` in line, first come first served.

    One caller may hold only as many places as it leaves free: half of the lane when it is alone, less when others
    are there. So whoever comes new finds a place soon, however many calls another one makes.
    """

    def __init__(self, limit: int, max_waiting: int) -> None:
        self.limit = limit
        self.max_waiting = max_waiting
        self.rejected = 0
        self._held: Counter[Hashable] = Counter()
        self._in_flight = 0
        self._line: deque[_Waiter] = deque()
        self._mean_s = 0.0
        self._deviation_s = 0.0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def likely_s(self) -> float:
        """How long a call is likely to take at most, from the calls before it."""
        return self._mean_s + SPREAD * self._deviation_s

    @contextmanager
    def entered(self, caller: Hashable, deadline: Deadline) -> Iterator[None]:
        """A place for the length of the block, waited for while `deadline` is likely to leave time for the call.

        Raises:
            BulkheadFull: the line is full, or the place would come too late.
        """
        self._enter(caller, deadline)
        started_at = deadline.clock()
        try:
            yield
        finally:
            self._leave(caller, deadline.clock() - started_at)

    def _enter(self, caller: Hashable, deadline: Deadline) -> None:
        with self._lock:
            if self._may_enter(caller):
                self._take(caller)
                return
            patience_s = deadline.remaining_s() - self.likely_s
            if len(self._line) >= self.max_waiting or patience_s <= 0:
                raise self._refusal("too many are waiting")
            waiter = _Waiter(caller)
            self._line.append(waiter)
        try:
            is_given = waiter.lock.acquire(timeout=patience_s)
        except BaseException:
            self._withdraw(waiter)
            raise
        if not is_given:
            self._give_up(waiter)

    def _give_up(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._line:  # else a place came at the last moment
                self._line.remove(waiter)
                raise self._refusal("no place was free in time")

    def _withdraw(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._line:
                self._line.remove(waiter)
            else:
                self._give_back(waiter.caller)

    def _leave(self, caller: Hashable, seconds: float) -> None:
        with self._lock:
            self._deviation_s += WEIGHT * (abs(seconds - self._mean_s) - self._deviation_s)
            self._mean_s += WEIGHT * (seconds - self._mean_s)
            self._give_back(caller)

    def _give_back(self, caller: Hashable) -> None:
        self._in_flight -= 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._admit_from_line()

    def _admit_from_line(self) -> None:
        """Give the free places to the first in line who may have them."""
        for waiter in list(self._line):
            if self._in_flight >= self.limit:
                return
            if self._may_enter(waiter.caller):
                self._line.remove(waiter)
                self._take(waiter.caller)
                waiter.lock.release()

    def _may_enter(self, caller: Hashable) -> bool:
        return self._held[caller] < self.limit - self._in_flight

    def _take(self, caller: Hashable) -> None:
        self._in_flight += 1
        self._held[caller] += 1

    def _refusal(self, reason: str) -> BulkheadFull:
        self.rejected += 1
        line_s = math.ceil(len(self._line) / self.limit) * self._mean_s
        return BulkheadFull(reason, max(1.0, line_s))
