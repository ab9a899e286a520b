"""Redis, and the process's own memory while Redis fails.

Redis has 50 ms to connect and answer. If it fails, the request that noticed and all later ones use this process's
memory. A thread waits until Redis is back, so no request does. Then marks that Redis missed are written to it: without
them it would serve answers that were deleted during the outage. Everything else is short-lived, and is forgotten.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge

from .backends import LocalStore, RedisStore, Store
from .counters import Count

RETRY_S = 1.0

REDIS_FAILURES = Counter("plaza_redis_failures_total", "Times that Redis failed and a process used its own memory.")
REDIS_DOWN = Gauge(
    "plaza_redis_down", "1 while Redis fails and a process uses its own memory.", multiprocess_mode="livemax"
)

MODES = REDIS, MEMORY, MEMORY_FOR_NOW = "redis", "memory", "memory (Redis fails)"

log = structlog.get_logger(__name__)
T = TypeVar("T")


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="redis-return", daemon=True).start()


class FallbackStore:
    """`remote` while it answers, else `local`, which is empty at the beginning of each outage."""

    def __init__(
        self,
        remote: Store,
        local: LocalStore,
        *,
        sleep: Callable[[float], None] = time.sleep,
        in_background: Callable[[Callable[[], None]], None] = _in_background,
    ) -> None:
        from redis import RedisError  # here, since all of redis takes 6 MB, and most gateways have none

        self._failure: type[Exception] = RedisError
        self._remote = remote
        self._local = local
        self._sleep = sleep
        self._in_background = in_background
        self._is_down = False
        self._missed: set[str] = set()  # marks that `remote` doesn't have
        self._lock = threading.Lock()

    @property
    def is_down(self) -> bool:
        return self._is_down

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._ask(lambda store: store.get_many(keys))

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._ask(lambda store: store.put(key, value, ttl_s))

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        return self._ask(lambda store: store.count(key, ttl_s, by))

    def forget(self, keys: Iterable[str]) -> None:
        self._ask(lambda store: store.forget(keys))

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        self._ask(lambda store: store.publish(name, value, ttl_s))

    def published(self) -> list[bytes]:
        return self._ask(lambda store: store.published())

    def mark(self, keys: Iterable[str]) -> None:
        marked = frozenset(keys)
        while True:
            if not self._is_down:
                try:
                    return self._remote.mark(marked)
                except self._failure as error:
                    self._fall_back(error)
            with self._lock:
                if self._is_down:  # or else Redis came back a moment ago
                    self._missed |= marked
                    return self._local.mark(marked)

    def _ask(self, question: Callable[[Store], T]) -> T:
        if not self._is_down:
            try:
                return question(self._remote)
            except self._failure as error:
                self._fall_back(error)
        return question(self._local)

    def _fall_back(self, error: Exception) -> None:
        REDIS_FAILURES.inc()
        with self._lock:
            if self._is_down:  # another request was faster
                return
            self._local.clear()
            self._is_down = True
        REDIS_DOWN.set(1)
        log.warning("Redis fails; this process goes on with its own memory", error=type(error).__name__)
        self._in_background(self._wait_for_redis)

    def _wait_for_redis(self) -> None:
        while True:
            self._sleep(RETRY_S)
            try:
                self._write_missed()
            except self._failure:
                continue
            REDIS_DOWN.set(0)
            log.warning("Redis answers again")
            return

    def _write_missed(self) -> None:
        """Write the missed marks to Redis, then use it again. Raises `redis.RedisError`."""
        self._remote.put("plaza:probe", b"", 1)  # a Redis that is read-only can't be used
        while True:
            with self._lock:
                missed, self._missed = self._missed, set()
                if not missed:
                    self._is_down = False
                    return
            try:
                self._remote.mark(missed)
            except self._failure:
                with self._lock:
                    self._missed |= missed
                raise


@cache
def store() -> LocalStore | FallbackStore:
    """The process's one store."""
    return FallbackStore(RedisStore(settings.REDIS_URL), LocalStore()) if settings.REDIS_URL else LocalStore()


def mode() -> str:
    """Where shared values are at the moment, for people: one of `MODES`."""
    current = store()
    if isinstance(current, LocalStore):
        return MEMORY
    return MEMORY_FOR_NOW if current.is_down else REDIS
