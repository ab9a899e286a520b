"""Time that stands still until a test moves it."""

from datetime import datetime, timedelta

from django.utils import timezone


class Clock:
    """Both clocks of a process: `now` on the wall, `monotonic` for time-outs."""

    def __init__(self) -> None:
        self._now = timezone.now()
        self._seconds = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds
