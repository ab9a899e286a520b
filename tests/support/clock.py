"""Time that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Both clocks of a process, moved together.

    Calling it gives seconds, as `time.monotonic` and `time.time` do; `now` gives the date and time, as
    `django.utils.timezone.now` does.
    """

    def __init__(self, seconds: float = 1000.0) -> None:
        self._seconds = seconds
        self._now = datetime.now(UTC)

    def __call__(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self.advance_to(self._seconds + seconds)

    def advance_to(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds - self._seconds)
        self._seconds = seconds
