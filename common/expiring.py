"""What was worked out once and holds until a known moment, such as a verified token."""

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExpiringMap(Generic[K, V]):
    """At most `limit` values, of which the oldest is dropped first. Safe to share between threads.

    Times are seconds of whatever clock the owner uses.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[K, tuple[V, float]] = {}
        self._lock = threading.Lock()

    def get(self, key: K, now: float) -> V | None:
        """The value of `key`, or None if there is none or it has expired."""
        entry = self._entries.get(key)  # without the lock: one look at a dict is atomic
        return entry[0] if entry and now < entry[1] else None

    def put(self, key: K, value: V, expires_at: float) -> None:
        with self._lock:
            self._entries.pop(key, None)
            if len(self._entries) >= self._limit:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (value, expires_at)
