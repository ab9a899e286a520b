"""How long attempts took in the last minute: one histogram a second, so memory and cost don't grow with the load."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

LENGTH_S = 60
FINEST_S = 1e-4
STEP = math.log(1.04)  # a bucket is 4 % wider than the one before, so a quantile is at most 2 % off

Histogram = dict[int, int]  # attempts by bucket


class Point(msgspec.Struct, frozen=True):
    """A second that had attempts. `ago_s` 0 is the current second."""

    ago_s: int
    count: int
    failed: int
    p50_ms: float
    max_ms: float


class Latency(msgspec.Struct, frozen=True):
    """The last minute, oldest second first. Without attempts the quantiles are None."""

    calls: int
    failures: int
    p50_ms: float | None
    p99_ms: float | None
    points: list[Point]


@dataclass(slots=True)
class _Second:
    number: int
    count: int = 0
    failed: int = 0
    slowest_s: float = 0.0
    histogram: Histogram = field(default_factory=dict)
    p50_ms: float | None = None  # set once the second has ended

    def point(self, now: int) -> Point:
        p50_ms = self.p50_ms or _quantile_ms(self.histogram, 0.5, self.slowest_s)
        if self.number < now:
            self.p50_ms = p50_ms
        return Point(now - self.number, self.count, self.failed, p50_ms, _ms(self.slowest_s))


class LatencyLog:
    """Safe to share between threads; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[_Second] = deque(maxlen=LENGTH_S)
        self._lock = threading.Lock()

    def record(self, seconds: float, *, failed: bool) -> None:
        bucket = int(math.log(max(seconds, FINEST_S) / FINEST_S) / STEP)
        with self._lock:
            number = int(self._clock())
            if not self._seconds or self._seconds[-1].number != number:
                self._seconds.append(_Second(number))
            latest = self._seconds[-1]
            latest.count += 1
            latest.failed += failed
            latest.slowest_s = max(latest.slowest_s, seconds)
            latest.histogram[bucket] = latest.histogram.get(bucket, 0) + 1

    def read(self) -> Latency:
        now, seconds = self._last_minute()
        whole: Histogram = {}
        for second in seconds:
            for bucket, count in second.histogram.items():
                whole[bucket] = whole.get(bucket, 0) + count
        slowest_s = max((second.slowest_s for second in seconds), default=0.0)
        return Latency(
            calls=sum(second.count for second in seconds),
            failures=sum(second.failed for second in seconds),
            p50_ms=_quantile_ms(whole, 0.5, slowest_s) if whole else None,
            p99_ms=_quantile_ms(whole, 0.99, slowest_s) if whole else None,
            points=[second.point(now) for second in seconds],
        )

    def _last_minute(self) -> tuple[int, list[_Second]]:
        """The current second's number, and the last minute. Only its newest second can change, so that is a copy."""
        with self._lock:
            now = int(self._clock())
            seconds = [second for second in self._seconds if now - second.number < LENGTH_S]
            if seconds:
                seconds[-1] = replace(seconds[-1], histogram=dict(seconds[-1].histogram))
            return now, seconds


def _quantile_ms(histogram: Histogram, share: float, slowest_s: float) -> float:
    """The middle of the bucket that the quantile `share` falls into, but never more than the slowest attempt."""
    left = math.ceil(share * sum(histogram.values()))
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 0:
            break
    return _ms(min(FINEST_S * math.exp((bucket + 0.5) * STEP), slowest_s))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
