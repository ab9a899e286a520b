"""At most so many calls in flight to one upstream, so that a hung one can't take every thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BulkheadFull(Exception):
    """As many calls as allowed are in flight; this one was not made."""


class Bulkhead:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rejected = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @contextmanager
    def entered(self) -> Iterator[None]:
        """A place for the length of the block; never waits for one.

        Raises:
            BulkheadFull: none is free.
        """
        with self._lock:
            if self._in_flight >= self.limit:
                self.rejected += 1
                raise BulkheadFull(f"{self.limit} calls are in flight already")
            self._in_flight += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1
