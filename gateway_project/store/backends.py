"""Two places for shared values: the memory of this process, or a Redis server.

Not Django's cache framework: its Redis backend needs three round trips to count, and a counter that expires between two
of them lives for ever; its memory backend limits the number of entries, but not their bytes.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from .counters import MAX_COUNTERS, Count, Counters

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 0.02, 0.03  # together the most time that a request can lose
MARK_TTL_S = 7 * 24 * 3600  # longer than any stale answer may be served
MAX_ENTRIES = 5_000
MAX_BYTES = 32 * 1024 * 1024
PUBLISHERS = "plaza:publishers"
COUNT = Path(__file__).with_name("counters.lua").read_text()


class Store(Protocol):
    """Keys are text, values bytes, lifetimes seconds. Each method costs one round trip, `published` two."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        """Add `by`. The first call sets the lifetime. Counters are no values: `get_many` doesn't read them.

        What a key holds before its last colon is its scope. Redis limits how many counters each scope has.
        """
        ...

    def forget(self, keys: Iterable[str]) -> None:
        """Drop these counters."""
        ...

    def mark(self, keys: Iterable[str]) -> None:
        """Give each key a value that it never had before."""
        ...

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        """Let the other processes read `value`."""
        ...

    def published(self) -> list[bytes]:
        """What each process, this one included, has published and what has not expired."""
        ...


class LocalStore:
    """The memory of this process, which no other process sees. The least recently used entries are dropped first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._counters = Counters(clock)
        self._lock = threading.Lock()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            return [self._get(key) for key in keys]

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        with self._lock:
            self._put(key, value, self._clock() + ttl_s)

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        with self._lock:
            return self._counters.count(key, ttl_s, by)

    def forget(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._counters.drop(key)

    def mark(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._put(key, _never_used(), self._clock() + MARK_TTL_S)

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        pass

    def published(self) -> list[bytes]:
        return []

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._bytes = 0
            self._counters.clear()

    def _get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def _put(self, key: str, value: bytes, expires_at: float) -> None:
        self._drop(key)
        self._entries[key] = (value, expires_at)
        self._bytes += len(key) + len(value)
        while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        if entry := self._entries.pop(key, None):
            self._bytes -= len(key) + len(entry[0])


class RedisStore:
    """A Redis server. Every failure is a `redis.RedisError`."""

    def __init__(self, url: str) -> None:
        import redis  # here, since it takes 6 MB, and most gateways have none

        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=None,
            max_connections=64,
            # With these a new connection needs no greeting, which would cost a round trip.
            protocol=2,
            driver_info=None,
        )
        self._count: Any = self._client.register_script(COUNT)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = self._client.mget(keys)
        return values

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._client.set(key, value, ex=ttl_s)

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        scope, _, name = key.rpartition(":")
        arguments = [name, by, ttl_s * 1000, MAX_COUNTERS]
        number, left_ms = self._count(keys=[scope, f"{scope}:expiries"], args=arguments)
        return Count(number, left_ms / 1000)

    def forget(self, keys: Iterable[str]) -> None:
        commands = self._client.pipeline(transaction=False)
        for key in keys:
            scope, _, name = key.rpartition(":")
            commands.hdel(scope, name).zrem(f"{scope}:expiries", name)
        commands.execute()

    def mark(self, keys: Iterable[str]) -> None:
        commands = self._client.pipeline(transaction=False)
        for key in keys:
            commands.set(key, _never_used(), ex=MARK_TTL_S)
        commands.execute()

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        commands = self._client.pipeline(transaction=False)
        commands.set(f"{PUBLISHERS}:{name}", value, ex=ttl_s)
        commands.sadd(PUBLISHERS, name).expire(PUBLISHERS, MARK_TTL_S).execute()

    def published(self) -> list[bytes]:
        names = sorted(self._client.smembers(PUBLISHERS))
        values = self._client.mget([b"%s:%s" % (PUBLISHERS.encode(), name) for name in names]) if names else []
        if gone := [name for name, value in zip(names, values, strict=True) if value is None]:
            self._client.srem(PUBLISHERS, *gone)  # a process that is still alive adds itself again
        return [value for value in values if value is not None]


def _never_used() -> bytes:
    return os.urandom(12)
