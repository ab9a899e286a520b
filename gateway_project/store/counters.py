"""Counters in the memory of one process, bounded, and apart from cached answers: no search can push one out."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MAX_COUNTERS = 50_000  # of each lifetime; some 16 MB


class Count(NamedTuple):
    number: int
    left_s: float  # until it is forgotten


@dataclass(slots=True)
class _Counter:
    lifetime_s: int
    expires_at: float
    number: int = 0


class Counters:
    """Above the bound, the counter that expires next is dropped.

    Each lifetime has a bound of its own. Requests are counted for a minute and cost nothing to send, so they must not
    push out wrong passwords, which are counted for an hour and cost a hash each. Not safe to share between threads.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counters: dict[str, _Counter] = {}
        self._queues: dict[int, OrderedDict[str, None]] = {}  # by lifetime: the keys, those that expire next first

    def __len__(self) -> int:
        return len(self._counters)

    def count(self, key: str, ttl_s: int, by: int) -> Count:
        now = self._clock()
        counter = self._counters.get(key)
        if counter is None or counter.expires_at <= now:
            counter = self._add(key, ttl_s, now)
        counter.number += by
        if counter.number <= 0:
            self.drop(key)
        return Count(counter.number, counter.expires_at - now)

    def drop(self, key: str) -> None:
        if counter := self._counters.pop(key, None):
            del self._queues[counter.lifetime_s][key]

    def clear(self) -> None:
        self._counters.clear()
        self._queues.clear()

    def _add(self, key: str, ttl_s: int, now: float) -> _Counter:
        self.drop(key)
        queue = self._queues.setdefault(ttl_s, OrderedDict())
        while queue and (len(queue) >= MAX_COUNTERS or self._counters[next(iter(queue))].expires_at <= now):
            self.drop(next(iter(queue)))
        queue[key] = None
        counter = self._counters[key] = _Counter(ttl_s, now + ttl_s)
        return counter
