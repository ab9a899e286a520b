"""What gateway processes share: answers, counters and what they publish, in Redis or else in this process's memory.

Redis is given 50 ms, connecting included. When it fails, the requests that met the failure and all later ones go on
with this process's own memory; a thread finds out when Redis is back, so that no request waits for that. Only marks
are made good in Redis then, or an answer kept there would not know what was deleted meanwhile; the rest is
short-lived, and forgotten.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

import redis
import structlog
from django.conf import settings
from prometheus_client import Counter, Gauge

from .stores import LocalStore, RedisStore, Store

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
    """Redis while it answers, else this process's memory, which is empty at the beginning of each outage."""

    def __init__(
        self,
        remote: Store,
        local: LocalStore,
        *,
        sleep: Callable[[float], None] = time.sleep,
        in_background: Callable[[Callable[[], None]], None] = _in_background,
    ) -> None:
        self._remote = remote
        self._local = local
        self._sleep = sleep
        self._in_background = in_background
        self._is_down = False
        self._missed: set[str] = set()  # marks that Redis doesn't have
        self._lock = threading.Lock()

    @property
    def is_down(self) -> bool:
        return self._is_down

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._ask(lambda store: store.get_many(keys))

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._ask(lambda store: store.put(key, value, ttl_s))

    def count(self, key: str, ttl_s: int) -> int:
        return self._ask(lambda store: store.count(key, ttl_s))

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
                except redis.RedisError as error:
                    self._fall_back(error)
            with self._lock:
                if self._is_down:  # else it is back since the line above
                    self._missed |= marked
                    return self._local.mark(marked)

    def _ask(self, question: Callable[[Store], T]) -> T:
        if not self._is_down:
            try:
                return question(self._remote)
            except redis.RedisError as error:
                self._fall_back(error)
        return question(self._local)

    def _fall_back(self, error: redis.RedisError) -> None:
        REDIS_FAILURES.inc()
        with self._lock:
            if self._is_down:  # another request was faster
                return
            self._local.clear()
            self._is_down = True
        REDIS_DOWN.set(1)
        log.warning("Redis fails; this process goes on with its own memory", error=type(error).__name__)
        self._in_background(self._return)

    def _return(self) -> None:
        while True:
            self._sleep(RETRY_S)
            try:
                self._make_good()
            except redis.RedisError:
                continue
            REDIS_DOWN.set(0)
            log.warning("Redis answers again")
            return

    def _make_good(self) -> None:
        """Use Redis again once it takes what was missed. Raises `redis.RedisError`."""
        self._remote.put("plaza:probe", b"", 1)  # a Redis that can only read is of no use
        while True:
            with self._lock:
                missed, self._missed = self._missed, set()
                if not missed:
                    self._is_down = False
                    return
            try:
                self._remote.mark(missed)
            except redis.RedisError:
                with self._lock:
                    self._missed |= missed
                raise


@cache
def store() -> LocalStore | FallbackStore:
    """The process's one store."""
    return FallbackStore(RedisStore(settings.REDIS_URL), LocalStore()) if settings.REDIS_URL else LocalStore()


def mode() -> str:
    """Where things are at the moment, for people: one of `MODES`."""
    shared = store()
    if isinstance(shared, LocalStore):
        return MEMORY
    return MEMORY_FOR_NOW if shared.is_down else REDIS
