"""Answers that a service marks `Cache-Control: public`, kept by what selects them (RFC 9111), served stale while
the service fails (RFC 5861).

An entry remembers the service's generation, read before the fetch. A write through the gateway begins a new one, so
what was fetched before or during the write is no longer fresh; a deletion also forbids serving it stale.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
from prometheus_client import Counter

from common.resilience import Bulkhead, BulkheadFull
from common.upstream import BulkheadRejected, TimedOut, UpstreamError

from .shared import store
from .stores import Store

MAX_FOLLOWERS = 8  # threads that may wait for another's fetch, for each service
FOLLOW_S = 3.0

CACHE = Counter("plaza_cache_total", "Lookups, by how they ended.", ["service", "result"])

T = TypeVar("T")

_DIRECTIVE = re.compile(r"([a-z-]+)(?:=\"?(\d+)\"?)?")


class Entry(msgspec.Struct, frozen=True):
    """A checked answer as it was sent. `stored_at` is Unix seconds, the lifetimes are seconds from then."""

    body: bytes
    headers: dict[str, str]
    stored_at: float
    fresh_s: int
    stale_s: int
    generation: bytes
    deletions: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    entry: Entry
    age_s: int
    detail: str = ""

    @property
    def headers(self) -> dict[str, str]:
        status = f"plaza; hit; detail={self.detail}" if self.detail else "plaza; hit"
        return {**self.entry.headers, "Age": str(self.age_s), "Cache-Status": status}


def lifetimes(cache_control: str) -> tuple[int, int] | None:
    """Seconds fresh and seconds servable on error, of an answer marked public; None for any other."""
    directives = {m[1]: int(m[2] or 0) for m in _DIRECTIVE.finditer(cache_control.lower())}
    if "public" not in directives or directives.keys() & {"private", "no-store"}:
        return None
    return directives.get("max-age", 0), directives.get("stale-if-error", 0)


class AnswerCache:
    """Shared by the process's threads, and through `store` by its fellow processes."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._flights: dict[tuple[str, bytes], Future[Any]] = {}
        self._followers: dict[str, Bulkhead] = {}
        self._lock = threading.Lock()

    def serve(
        self,
        service: str,
        selectors: Mapping[str, str],
        fetch: Callable[["Generation"], T],
        is_public: Callable[[T], bool],
    ) -> Hit | T:
        """A fresh entry, else what `fetch` brings, else, when the service fails, an entry that may be served stale.

        Of concurrent misses for one key only one fetches, and the others take what it brought if that `is_public`.

        Raises:
            UpstreamError: of the fetch, when nothing may be served instead.
        """
        key = _key(service, selectors)
        entry, generation = self._look_up(service, key)
        if entry and entry.generation == generation.writes and self._age(entry) < entry.fresh_s:
            CACHE.labels(service, "hit").inc()
            return Hit(entry, int(self._age(entry)))
        try:
            # A fetch from before a write is not joined by who asks after it.
            fetched = self._fetch_once(service, (key, generation.writes), lambda: fetch(generation), is_public)
        except UpstreamError:
            if entry and entry.deletions == generation.deletions and self._age(entry) < entry.stale_s:
                CACHE.labels(service, "stale").inc()
                return Hit(entry, int(self._age(entry)), "stale-if-error")
            raise
        CACHE.labels(service, "miss").inc()
        return fetched

    def expire(self, service: str, *, deleted: bool) -> None:
        """After a write to `service`: what is kept of it is no longer fresh; after a deletion it is never served."""
        begun = ("writes", "deletions") if deleted else ("writes",)
        self._store.mark(_generation_key(service, name) for name in begun)

    def keep(
        self,
        service: str,
        selectors: Mapping[str, str],
        generation: "Generation",
        asked_at: float,
        body: bytes,
        headers: Mapping[str, str],
        lifetimes: tuple[int, int],
    ) -> None:
        """Remember an answer to a question of the moment `asked_at`; `lifetimes` as the function of that name gives."""
        fresh_s, stale_s = lifetimes
        if ttl_s := max(fresh_s, stale_s):
            entry = Entry(body, dict(headers), asked_at, fresh_s, stale_s, generation.writes, generation.deletions)
            self._store.put(_key(service, selectors), msgspec.msgpack.encode(entry), ttl_s)

    def now(self) -> float:
        return self._clock()

    def _look_up(self, service: str, key: str) -> tuple[Entry | None, "Generation"]:
        keys = [key, _generation_key(service, "writes"), _generation_key(service, "deletions")]
        kept, writes, deletions = self._store.get_many(keys)
        return _read(kept), Generation(writes or b"0", deletions or b"0")

    def _age(self, entry: Entry) -> float:
        return max(0.0, self._clock() - entry.stored_at)

    def _fetch_once(
        self, service: str, key: tuple[str, bytes], fetch: Callable[[], T], is_public: Callable[[T], bool]
    ) -> T:
        with self._lock:
            flight: Future[T] | None = self._flights.get(key)
            if flight is None:
                own: Future[T] = Future()
                self._flights[key] = own
        if flight is not None:
            followed = self._follow(service, flight)
            return followed if is_public(followed) else fetch()
        try:
            own.set_result(fetch())
        except BaseException as error:  # the followers' too
            own.set_exception(error)
        finally:
            with self._lock:
                del self._flights[key]
        return own.result()

    def _follow(self, service: str, flight: "Future[T]") -> T:
        with self._lock:
            places = self._followers.setdefault(service, Bulkhead(MAX_FOLLOWERS))
        try:
            with places.entered():
                return flight.result(FOLLOW_S)
        except BulkheadFull as error:
            raise BulkheadRejected(service, "too many wait for the same answer") from error
        except TimeoutError as error:
            raise TimedOut(service, "the fetch of another request did not end in time") from error


@dataclass(frozen=True, slots=True)
class Generation:
    writes: bytes
    deletions: bytes


def _read(kept: bytes | None) -> Entry | None:
    try:
        return msgspec.msgpack.decode(kept, type=Entry) if kept else None
    except msgspec.DecodeError:  # of another version of the gateway
        return None


def _key(service: str, selectors: Mapping[str, str]) -> str:
    digest = hashlib.sha256(msgspec.json.encode(sorted(selectors.items()))).hexdigest()
    return f"plaza:answer:{service}:{digest}"


def _generation_key(service: str, name: str) -> str:
    return f"plaza:generation:{service}:{name}"


@cache
def answers() -> AnswerCache:
    """The process's one cache."""
    return AnswerCache(store())
