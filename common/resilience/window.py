"""Counts over the last seconds, in buckets of a second: constant memory, whatever the load."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from .deadline import Clock

MAX_SUSPECTS = 16  # remembered for each second


@dataclass(slots=True)
class Bucket:
    second: int
    total: int = 0
    failed: int = 0
    suspects: set[Hashable] = field(default_factory=set)


class SlidingWindow:
    """Totals of the last `length_s` seconds. Not locked: its owner is."""

    def __init__(self, length_s: int, clock: Clock) -> None:
        self._length_s = length_s
        self._clock = clock
        self._buckets: list[Bucket] = []

    def record(self, *, failed: bool, suspect: Hashable = None) -> None:
        """One more; `suspect` is who or what may have caused a failure."""
        second = int(self._clock())
        if not self._buckets or self._buckets[-1].second != second:
            self._forget(second)
            self._buckets.append(Bucket(second))
        latest = self._buckets[-1]
        latest.total += 1
        latest.failed += failed
        if failed and len(latest.suspects) < MAX_SUSPECTS:
            latest.suspects.add(suspect)

    def totals(self) -> tuple[int, int]:
        """How many were recorded, and how many of them failed."""
        self._forget(int(self._clock()))
        return sum(b.total for b in self._buckets), sum(b.failed for b in self._buckets)

    def suspects(self) -> int:
        """How many different suspects the failures have."""
        self._forget(int(self._clock()))
        return len(set().union(*(bucket.suspects for bucket in self._buckets)))

    def clear(self) -> None:
        self._buckets.clear()

    def _forget(self, second: int) -> None:
        oldest = second - self._length_s
        while self._buckets and self._buckets[0].second <= oldest:
            del self._buckets[0]
