"""How a process goes on alone while Redis fails, what it owes Redis afterwards, and what a Redis that hangs costs."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pytest
import redis
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway_project.store import fallback
from gateway_project.store.backends import LocalStore, RedisStore
from gateway_project.store.counters import Count
from gateway_project.store.fallback import MEMORY, MEMORY_FOR_NOW, REDIS, FallbackStore, mode, store
from tests.support.threads import in_threads

KEY = "plaza:generation:products:deletions"


class SwitchedRedis(LocalStore):
    """A Redis that can be switched off, wholly or for writing; `asked` counts the round trips that were tried."""

    def __init__(self) -> None:
        super().__init__()
        self.is_off = self.is_read_only = False
        self.asked = 0
        self.told: dict[str, bytes] = {}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._try()
        return super().get_many(keys)

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._try(writes=True)
        super().put(key, value, ttl_s)

    def count(self, key: str, ttl_s: int, by: int = 1) -> Count:
        self._try(writes=True)
        return super().count(key, ttl_s, by)

    def forget(self, keys: Iterable[str]) -> None:
        self._try(writes=True)
        super().forget(keys)

    def mark(self, keys: Iterable[str]) -> None:
        self._try(writes=True)
        super().mark(keys)

    def publish(self, name: str, value: bytes, ttl_s: int) -> None:
        self._try(writes=True)
        self.told[name] = value

    def published(self) -> list[bytes]:
        self._try()
        return list(self.told.values())

    def _try(self, *, writes: bool = False) -> None:
        self.asked += 1
        if self.is_off:
            raise redis.ConnectionError("refused")
        if self.is_read_only and writes:
            raise redis.ReadOnlyError("a replica")


class Outage:
    """`begins()` and `ends()` switch Redis; what runs in the background runs when the outage ends."""

    def __init__(self) -> None:
        self.remote = SwitchedRedis()
        self.pauses: list[float] = []
        self.before_each_try: Callable[[], None] = lambda: None
        self._waiting: list[Callable[[], None]] = []
        self.store = FallbackStore(self.remote, LocalStore(), sleep=self._pause, in_background=self._waiting.append)

    def begins(self) -> None:
        self.remote.is_off = True

    def ends(self) -> None:
        """The background finds that Redis answers again."""
        self.remote.is_off = False
        while self._waiting:
            self._waiting.pop()()

    @property
    def searches(self) -> int:
        """How many background threads look for Redis."""
        return len(self._waiting)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.before_each_try()


@pytest.fixture
def outage() -> Outage:
    return Outage()


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def test_without_redis_a_process_has_its_own_memory(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert type(store()) is LocalStore
    assert store() is store()
    assert mode() == MEMORY


def test_with_redis_a_process_shares(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert type(store()) is FallbackStore
    assert mode() == REDIS


def test_while_redis_fails_people_are_told(outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fallback, "store", lambda: outage.store)
        assert mode() == REDIS
        outage.begins()
        outage.store.get_many(["a"])
        assert mode() == MEMORY_FOR_NOW
        outage.ends()
        assert mode() == REDIS


def test_redis_is_asked_while_it_answers(outage: Outage) -> None:
    outage.store.put("a", b"1", 60)
    assert outage.store.count("n", 60).number == 1
    outage.store.mark([KEY])
    outage.store.publish("shop:1", b"state", 5)
    assert outage.store.published() == [b"state"]
    assert outage.store.get_many(["a", KEY]) == outage.remote.get_many(["a", KEY])
    assert None not in outage.remote.get_many(["a", KEY])
    assert outage.remote.count("n", 60).number == 2
    outage.store.forget(["n"])
    assert outage.remote.count("n", 60).number == 1
    assert not outage.store.is_down


def test_the_request_that_meets_the_failure_is_served_too(outage: Outage) -> None:
    outage.begins()
    assert [outage.store.count("n", 60).number for _ in range(2)] == [1, 2]
    outage.store.put("a", b"own", 60)
    outage.store.publish("shop:1", b"state", 5)
    assert outage.store.get_many(["a"]) == [b"own"]
    outage.store.forget(["n"])
    assert outage.store.count("n", 60).number == 1
    assert outage.store.published() == []


def test_a_failing_redis_costs_one_request_and_is_sought_by_one_thread(outage: Outage) -> None:
    outage.begins()
    for _ in range(10):
        outage.store.count("n", 60)
        outage.store.mark([KEY])
    assert outage.remote.asked == 1
    assert outage.searches == 1


def test_an_outage_is_told_in_logs_and_metrics(outage: Outage) -> None:
    failures = metric("plaza_redis_failures_total")
    outage.begins()
    with capture_logs() as logs:
        outage.store.get_many(["a"])
        outage.store.get_many(["a"])
        assert (metric("plaza_redis_down"), metric("plaza_redis_failures_total")) == (1, failures + 1)
        outage.ends()
    assert (metric("plaza_redis_down"), metric("plaza_redis_failures_total")) == (0, failures + 1)
    assert [entry["event"] for entry in logs] == [
        "Redis fails; this process goes on with its own memory",
        "Redis answers again",
    ]
    assert logs[0]["error"] == "ConnectionError"


def test_redis_is_sought_once_a_second_until_it_takes_writes_again(outage: Outage) -> None:
    outage.begins()
    outage.store.get_many(["a"])

    def recover() -> None:
        outage.remote.is_off = len(outage.pauses) < 3
        outage.remote.is_read_only = len(outage.pauses) < 5
        assert outage.store.is_down

    outage.before_each_try = recover
    outage.ends()
    assert outage.pauses == [1.0] * 5
    assert not outage.store.is_down


def test_when_redis_answers_again_it_is_used_again(outage: Outage) -> None:
    outage.store.put("a", b"shared", 60)
    outage.begins()
    assert outage.store.get_many(["a"]) == [None]
    outage.store.put("a", b"own", 60)
    assert outage.store.get_many(["a"]) == [b"own"]
    outage.ends()
    assert outage.store.get_many(["a"]) == [b"shared"]


def test_nothing_of_one_outage_comes_back_in_the_next(outage: Outage) -> None:
    """Or an answer that was kept in the first would outlive a deletion that only Redis knows of."""
    outage.begins()
    outage.store.put("a", b"own", 3600)
    outage.ends()
    outage.begins()
    assert outage.store.get_many(["a"]) == [None]


def test_a_mark_that_redis_missed_is_made_good_before_anyone_reads_it(outage: Outage) -> None:
    """Or an answer that is kept there would be served although its thing was deleted meanwhile."""
    outage.store.mark([KEY])
    before = outage.remote.get_many([KEY])
    outage.begins()
    outage.store.mark([KEY])
    outage.store.count("requests", 60)
    outage.ends()
    after, requests = outage.store.get_many([KEY, "requests"])
    assert after is not None
    assert [after] != before
    assert requests is None  # short-lived, and forgotten


def test_a_mark_that_meets_the_failure_is_made_good_too(outage: Outage) -> None:
    outage.begins()
    outage.store.mark([KEY])
    assert outage.store.get_many([KEY]) != [None]
    outage.ends()
    assert outage.remote.get_many([KEY]) != [None]


def test_a_mark_that_fails_again_on_the_way_back_is_not_lost(outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
    outage.begins()
    outage.store.mark([KEY])
    tried: list[object] = []
    mark = outage.remote.mark

    def fail_once(keys: Iterable[str]) -> None:
        tried.append(keys)
        if len(tried) == 1:
            raise redis.TimeoutError("no answer")
        mark(keys)

    monkeypatch.setattr(outage.remote, "mark", fail_once)
    outage.ends()
    assert tried == [{KEY}, {KEY}]
    assert outage.remote.get_many([KEY]) != [None]


def test_a_mark_of_the_moment_of_return_is_not_lost(outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
    outage.begins()
    outage.store.mark(["first"])
    mark = outage.remote.mark

    def meanwhile(keys: Iterable[str]) -> None:
        if "first" in set(keys):
            outage.store.mark(["second"])  # another request, while the first is being made good
        mark(keys)

    monkeypatch.setattr(outage.remote, "mark", meanwhile)
    outage.ends()
    assert None not in outage.remote.get_many(["first", "second"])
    assert not outage.store.is_down


def test_an_error_that_is_not_redis_is_not_hidden(outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(keys: Sequence[str]) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(outage.remote, "get_many", broken)
    with pytest.raises(TypeError):
        outage.store.get_many(["a"])
    assert not outage.store.is_down


LIMIT_S = 0.05


class Mute:
    """A server that takes connections and what is sent, and never says a word."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.received: list[bytes] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                self._open.append(connection)
                self.received.append(connection.recv(4096))
        except OSError:  # closed
            pass


@pytest.fixture
def mute() -> Iterator[Mute]:
    server = Mute()
    yield server
    server.close()


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Where nobody takes a connection any more: the queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        for client in waiting:
            client.close()


def shortest_s(work: Callable[[], object]) -> float:
    """Of several times: what the code takes, without what the machine was busy with."""
    times: list[float] = []
    for _ in range(8):
        started_at = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_at)
    return min(times)


def fallback_to(url: str) -> FallbackStore:
    return FallbackStore(RedisStore(url), LocalStore(), in_background=lambda work: None)


def test_a_redis_that_hangs_costs_less_than_50_ms(mute: Mute) -> None:
    assert 0.01 < shortest_s(lambda: fallback_to(mute.url).count("n", 60)) < LIMIT_S


def test_a_redis_that_takes_no_connection_costs_less_than_50_ms(unreachable: str) -> None:
    assert 0.01 < shortest_s(lambda: fallback_to(unreachable).count("n", 60)) < LIMIT_S


def test_a_new_connection_asks_at_once(mute: Mute) -> None:
    """A greeting would be a round trip of its own, with a time-out of its own."""
    fallback_to(mute.url).count("n", 60)
    assert mute.received[0].startswith(b"*9\r\n$7\r\nEVALSHA\r\n")


def test_only_the_first_request_waits_for_a_redis_that_hangs(mute: Mute) -> None:
    own = fallback_to(mute.url)
    assert [own.count("n", 60).number for _ in range(100)] == list(range(1, 101))
    own.put("a", b"1", 60)
    own.mark(["m"])
    own.publish("shop:1", b"state", 5)
    assert own.published() == []
    assert own.get_many(["a"]) == [b"1"]
    assert len(mute.received) == 1


def test_who_meets_the_failure_at_the_same_time_waits_once_and_one_thread_looks_for_redis(mute: Mute) -> None:
    searches: list[Callable[[], None]] = []
    own = FallbackStore(RedisStore(mute.url), LocalStore(), in_background=searches.append)
    counted = in_threads(8, lambda: [own.count("n", 60).number for _ in range(20)])
    assert sorted(chain.from_iterable(counted)) == list(range(1, 161))
    assert len(mute.received) <= 8
    assert len(searches) == 1


class Flaky(LocalStore):
    """Fails the first time that it is asked."""

    failed = False

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._fail_once()
        super().put(key, value, ttl_s)

    def mark(self, keys: object) -> None:
        self._fail_once()
        super().mark(keys)  # type: ignore[arg-type]

    def _fail_once(self) -> None:
        if not self.failed:
            self.failed = True
            raise redis.ConnectionError("gone")


def test_a_thread_of_its_own_finds_redis_again() -> None:
    paused, back = threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        paused.set()
        assert back.wait(10)

    remote = Flaky()
    own = FallbackStore(remote, LocalStore(), sleep=pause)
    own.put("a", b"own", 60)
    assert paused.wait(10)
    assert own.is_down
    [search] = [thread for thread in threading.enumerate() if thread.name == "redis-return"]
    assert search.daemon
    back.set()
    search.join(10)
    assert not own.is_down
    own.put("a", b"shared", 60)
    assert remote.get_many(["a"]) == [b"shared"]


def test_a_mark_that_failed_is_made_at_redis_if_that_is_back_already() -> None:
    remote = Flaky()
    own = FallbackStore(remote, LocalStore(), sleep=lambda seconds: None, in_background=lambda work: work())
    own.mark(["m"])
    assert not own.is_down
    assert remote.get_many(["m"]) != [None]
