"""What gateway processes share: cached answers and counters, in Redis where there is one, else in this process.

Redis is given 50 ms, connecting included. When it fails, this process goes on with its own memory and asks
Redis again every `RETRY_S`, one request at a time. Only counts that last are made good in Redis then, or an answer
kept there would not know what was deleted meanwhile; the rest is short-lived, and forgotten.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import redis
import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 0.02, 0.03  # together the most that a request can lose
RETRY_S = 1.0
LASTING_S = 3600  # counts that are kept longer than this outlive an outage
MAX_ENTRIES = 5_000
MAX_BYTES = 32 * 1024 * 1024

REDIS_FAILURES = Counter("plaza_redis_failures_total", "Times that Redis failed and this process used its own memory.")
REDIS_UP = Gauge("plaza_redis_up", "1 while Redis is used, 0 while this process uses its own memory.")

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Store(Protocol):
    """Keys are text, values bytes, lifetimes seconds. Each method is one round trip."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]: ...
    def put(self, key: str, value: bytes, ttl_s: int) -> None: ...
    def count(self, key: str, ttl_s: int) -> int: ...


class LocalStore:
    """This process's memory: the least recently used entries go first."""

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
        """One more; the first sets the lifetime."""
        with self._lock:
            before = self._get(key)
            expires_at = self._entries[key][1] if before is not None else self._clock() + ttl_s
            number = int(before or b"0") + 1
            self._put(key, b"%d" % number, expires_at)
            return number

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
        )

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values: list[bytes | None] = self._client.mget(keys)
        return values

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._client.set(key, value, ex=ttl_s)

    def count(self, key: str, ttl_s: int) -> int:
        number, _ = self._client.pipeline().incr(key).expire(key, ttl_s, nx=True).execute()
        return int(number)


class FallbackStore:
    """Redis while it answers, else this process's memory."""

    def __init__(self, remote: Store, local: LocalStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._remote = remote
        self._local = local
        self._clock = clock
        self._retry_at = 0.0
        self._is_down = False
        self._missed: dict[str, int] = {}  # lasting counts that Redis doesn't know of, with their lifetimes
        self._trying = threading.Lock()
        REDIS_UP.set(1)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._ask(lambda store: store.get_many(keys))

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._ask(lambda store: store.put(key, value, ttl_s))

    def count(self, key: str, ttl_s: int) -> int:
        def question(store: Store) -> int:
            if store is self._local and ttl_s > LASTING_S:
                self._missed[key] = ttl_s
            return store.count(key, ttl_s)

        return self._ask(question)

    def _ask(self, question: Callable[[Store], T]) -> T:
        if not self._is_down:
            return self._ask_remote(question)
        if self._clock() < self._retry_at or not self._trying.acquire(blocking=False):
            return question(self._local)
        try:  # one request finds out, the others don't wait for it
            return self._ask_remote(self._first_made_good(question))
        finally:
            self._trying.release()

    def _ask_remote(self, question: Callable[[Store], T]) -> T:
        try:
            answer = question(self._remote)
        except redis.RedisError as error:
            if not self._is_down:
                log.warning("Redis fails; this process goes on with its own memory", error=type(error).__name__)
            self._is_down, self._retry_at = True, self._clock() + RETRY_S
            REDIS_FAILURES.inc()
            REDIS_UP.set(0)
            return question(self._local)
        if self._is_down:
            log.warning("Redis answers again")
            self._is_down = False
            self._local.clear()
            REDIS_UP.set(1)
        return answer

    def _first_made_good(self, question: Callable[[Store], T]) -> Callable[[Store], T]:
        """`question`, asked of Redis once it knows the counts that it missed."""

        def ask(store: Store) -> T:
            for key, ttl_s in list(self._missed.items()) if store is self._remote else ():
                store.count(key, ttl_s)
                self._missed.pop(key, None)
            return question(store)

        return ask


@cache
def store() -> Store:
    """The process's one store."""
    return FallbackStore(RedisStore(settings.REDIS_URL), LocalStore()) if settings.REDIS_URL else LocalStore()
