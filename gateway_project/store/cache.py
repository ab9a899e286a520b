"""Answers that a service marks `Cache-Control: public` are cached (RFC 9111), and served stale while the service fails
(RFC 5861).

Each entry holds the service's generation, which was read before the service was asked. A write through the gateway
begins a new generation, so an answer from before the write, or from during it, is no longer fresh. After a deletion it
isn't served stale either.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache

import msgspec
from prometheus_client import Counter

from common.upstream import BulkheadRejected, TimedOut, UpstreamError
from gateway_project.upstreams.answers import ProxiedAnswer

from .backends import Store
from .fallback import store

MAX_FOLLOWERS = 300  # requests to one service that may wait for another's answer; as many as wait in a lane
FOLLOW_S = 3.0

CACHE = Counter("plaza_cache_total", "Lookups, by how they ended.", ["service", "result"])

_DIRECTIVE = re.compile(r"([a-z-]+)(?:=\"?(\d+)\"?)?")


@dataclass(frozen=True, slots=True)
class CacheKey:
    """All that selects an answer."""

    service: str
    path: str
    query: tuple[tuple[str, str], ...]
    language: str

    def __str__(self) -> str:
        """The key in the store."""
        digest = hashlib.sha256(msgspec.json.encode((self.path, self.query, self.language))).hexdigest()
        return f"plaza:answer:{self.service}:{digest}"


class Generation(msgspec.Struct, frozen=True):
    """Of a service's data: `writes` changes with each write, `deletions` with each deletion."""

    writes: bytes
    deletions: bytes


class CachedAnswer(msgspec.Struct, frozen=True):
    """An answer of status 200. `asked_at` is in Unix seconds, the lifetimes are seconds from then."""

    body: bytes
    headers: dict[str, str]
    asked_at: float
    fresh_s: int
    stale_s: int
    generation: Generation

    def is_fresh(self, generation: Generation, now: float) -> bool:
        return self.generation == generation and self._age(now) < self.fresh_s

    def may_replace_error(self, generation: Generation, now: float) -> bool:
        return self.generation.deletions == generation.deletions and self._age(now) < self.stale_s

    def served(self, now: float, detail: str = "") -> ProxiedAnswer:
        """With the headers of RFC 9111 and RFC 9211."""
        headers = {**self.headers, "Age": str(int(self._age(now))), "Cache-Status": f"plaza; hit{detail}"}
        return ProxiedAnswer(200, headers, msgspec.Raw(self.body))

    def _age(self, now: float) -> float:
        return max(0.0, now - self.asked_at)


def lifetimes(cache_control: str) -> tuple[int, int] | None:
    """For how many seconds a public answer is fresh, and may replace an error; None if it isn't public."""
    directives = {m[1]: int(m[2] or 0) for m in _DIRECTIVE.finditer(cache_control.lower())}
    if "public" not in directives or directives.keys() & {"private", "no-store"}:
        return None
    return directives.get("max-age", 0), directives.get("stale-if-error", 0)


class AnswerCache:
    """Shared by the threads of this process, and through `store` by several processes. `clock` is in Unix seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._flights: dict[tuple[CacheKey, bytes], Future[ProxiedAnswer]] = {}
        self._followers: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    def serve(self, key: CacheKey, ask: Callable[[], ProxiedAnswer]) -> ProxiedAnswer:
        """The answer to `key`: cached while it is fresh, else what `ask` brings, else stale if that fails.

        Of concurrent misses for one key only one asks. The others take its answer if that is public.

        Raises:
            UpstreamError: `ask` raised it, and nothing may be served instead.
        """
        cached, generation = self._look_up(key)
        if cached and cached.is_fresh(generation, self._clock()):
            CACHE.labels(key.service, "hit").inc()
            return cached.served(self._clock())
        try:
            answer = self._ask_once(key, generation, ask)
        except UpstreamError:
            if not cached or not cached.may_replace_error(generation, self._clock()):
                raise
            CACHE.labels(key.service, "stale").inc()
            return cached.served(self._clock(), "; detail=stale-if-error")
        CACHE.labels(key.service, "miss").inc()
        return answer

    def invalidate(self, services: Iterable[str], *, deleted: bool) -> None:
        """After a write to `services`: no cached answer of theirs is fresh. After a deletion none is served at all."""
        kinds = ("writes", "deletions") if deleted else ("writes",)
        if keys := [_generation_key(service, kind) for service in services for kind in kinds]:
            self._store.mark(keys)

    def _look_up(self, key: CacheKey) -> tuple[CachedAnswer | None, Generation]:
        keys = [str(key), _generation_key(key.service, "writes"), _generation_key(key.service, "deletions")]
        cached, writes, deletions = self._store.get_many(keys)
        return _decode(cached), Generation(writes or b"0", deletions or b"0")

    def _ask_once(self, key: CacheKey, generation: Generation, ask: Callable[[], ProxiedAnswer]) -> ProxiedAnswer:
        # The generation is part of the flight's key: who asks after a write must not get an answer from before it.
        flight_key = (key, generation.writes)
        with self._lock:
            leader = self._flights.get(flight_key)
            if leader is None:
                own = self._flights[flight_key] = Future[ProxiedAnswer]()
        if leader is not None:
            answer = self._follow(key.service, leader)
            is_shareable = lifetimes(answer.cache_control) is not None
            return answer if is_shareable else self._ask_and_keep(key, generation, ask)
        try:
            own.set_result(self._ask_and_keep(key, generation, ask))
        except BaseException as error:  # the followers' too
            own.set_exception(error)
        finally:
            with self._lock:
                del self._flights[flight_key]
        return own.result()

    def _follow(self, service: str, leader: "Future[ProxiedAnswer]") -> ProxiedAnswer:
        with self._lock:
            places = self._followers.setdefault(service, threading.BoundedSemaphore(MAX_FOLLOWERS))
        if not places.acquire(blocking=False):
            raise BulkheadRejected(service, "too many wait for the same answer")
        try:
            return leader.result(FOLLOW_S)
        except TimeoutError as error:
            raise TimedOut(service, "the request that asks did not end in time") from error
        finally:
            places.release()

    def _ask_and_keep(self, key: CacheKey, generation: Generation, ask: Callable[[], ProxiedAnswer]) -> ProxiedAnswer:
        asked_at = self._clock()
        answer = ask()
        fresh_s, stale_s = lifetimes(answer.cache_control) or (0, 0)
        if answer.status == 200 and (ttl_s := max(fresh_s, stale_s)):
            body = msgspec.json.encode(answer.content)
            entry = CachedAnswer(body, dict(answer.headers), asked_at, fresh_s, stale_s, generation)
            self._store.put(str(key), msgspec.msgpack.encode(entry), ttl_s)
        return answer


def _decode(value: bytes | None) -> CachedAnswer | None:
    try:
        return msgspec.msgpack.decode(value, type=CachedAnswer) if value else None
    except msgspec.DecodeError:  # written by another version of the gateway
        return None


def _generation_key(service: str, kind: str) -> str:
    return f"plaza:generation:{service}:{kind}"


@cache
def answer_cache() -> AnswerCache:
    """The process's one cache."""
    return AnswerCache(store())
