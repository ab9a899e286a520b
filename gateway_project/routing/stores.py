"""Where shared things may be: this process's memory, or one Redis server that others use too."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import redis

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 0.02, 0.03  # together the most that a request can lose
MARK_TTL_S = 7 * 24 * 3600  # longer than any answer may be served stale
MAX_ENTRIES = 5_000
MAX_BYTES = 32 * 1024 * 1024
PUBLISHERS = "plaza:publishers"


class Store(Protocol):
    """Keys are text, values bytes, lifetimes seconds. Each method is one round trip, but `published`: two."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]: ...

    def put(self, key: str, value: bytes, ttl_s: int) -> None: ...

    def count(self, key: str, ttl_s: int) -> int:
        """One more; the first sets the lifetime."""
        ...

    def mark(self, keys: Iterable[str]) -> None:
        """Give each key a value that it never had."""
        ...

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        """Tell the other processes."""
        ...

    def published(self) -> list[bytes]:
        """What all processes, this one included, told less than their `ttl_s` ago."""
        ...


class LocalStore:
    """This process's memory: the least recently used entries go first. No other process sees it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            return [self._get(key) for key in keys]

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        with self._lock:
            self._put(key, value, self._clock() + ttl_s)

    def count(self, key: str, ttl_s: int) -> int:
        with self._lock:
            before = self._get(key)
            expires_at = self._entries[key][1] if before is not None else self._clock() + ttl_s
            number = int(before or b"0") + 1
            self._put(key, b"%d" % number, expires_at)
            return number

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
    """One Redis server. Every failure is a `redis.RedisError`."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=None,
            max_connections=64,
            # A new connection is ready without a word, but for password and database: each costs a round trip.
            protocol=2,
            driver_info=None,
        )

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = self._client.mget(keys)
        return values

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._client.set(key, value, ex=ttl_s)

    def count(self, key: str, ttl_s: int) -> int:
        number, _ = self._client.pipeline().incr(key).expire(key, ttl_s, nx=True).execute()
        return int(number)

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
            self._client.srem(PUBLISHERS, *gone)  # who lives after all names itself again the next time
        return [value for value in values if value is not None]


def _never_used() -> bytes:
    return os.urandom(12)
