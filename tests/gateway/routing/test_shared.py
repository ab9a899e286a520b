"""What processes share, and how one goes on alone while Redis fails."""

import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
import redis
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway_project.routing import shared
from gateway_project.routing.shared import FallbackStore, LocalStore, RedisStore, store

SEVEN_DAYS_S = 7 * 24 * 3600


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class SwitchedRedis(LocalStore):
    """A Redis that can be switched off; `asked` counts the round trips that were tried."""

    is_off = False
    asked = 0

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._try()
        return super().get_many(keys)

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self._try()
        super().put(key, value, ttl_s)

    def count(self, key: str, ttl_s: int) -> int:
        self._try()
        return super().count(key, ttl_s)

    def _try(self) -> None:
        self.asked += 1
        if self.is_off:
            raise redis.ConnectionError("refused")


@pytest.fixture
def remote(clock: Clock) -> SwitchedRedis:
    return SwitchedRedis(clock)


@pytest.fixture
def fallback(remote: SwitchedRedis, clock: Clock) -> FallbackStore:
    return FallbackStore(remote, LocalStore(clock), clock)


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def test_values_live_as_long_as_told(clock: Clock) -> None:
    local = LocalStore(clock)
    local.put("a", b"1", 10)
    local.put("b", b"2", 20)
    assert local.get_many(["a", "b", "c"]) == [b"1", b"2", None]
    clock.now += 10
    assert local.get_many(["b", "a"]) == [b"2", None]
    local.put("b", b"3", 5)
    clock.now += 5
    assert local.get_many(["b"]) == [None]


def test_the_first_count_sets_the_lifetime(clock: Clock) -> None:
    local = LocalStore(clock)
    assert [local.count("a", 60), local.count("a", 60)] == [1, 2]
    clock.now += 59
    assert local.count("a", 60) == 3
    assert local.get_many(["a"]) == [b"3"]
    clock.now += 1
    assert local.count("a", 60) == 1


def test_what_was_not_used_for_longest_goes_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MAX_ENTRIES", 2)
    local = LocalStore(clock)
    local.put("a", b"1", 60)
    local.put("b", b"2", 60)
    local.get_many(["a"])
    local.put("c", b"3", 60)
    assert local.get_many(["a", "b", "c"]) == [b"1", None, b"3"]


def test_memory_is_bounded_in_bytes_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MAX_BYTES", 100)
    local = LocalStore(clock)
    for name in "abc":
        local.put(name, b"x" * 40, 60)
    assert local.get_many(["a", "b", "c"]) == [None, b"x" * 40, b"x" * 40]
    local.put("b", b"", 60)  # what a replaced value took is free again
    local.put("d", b"x" * 50, 60)
    assert local.get_many(["b", "c", "d"]) == [b"", b"x" * 40, b"x" * 50]
    local.put("e", b"x" * 200, 60)
    assert local.get_many(["b", "c", "d", "e"]) == [None, None, None, None]


def test_counting_is_safe_between_threads() -> None:
    local = LocalStore()
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.extend(local.count("a", 60) for _ in range(200))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 801))


def test_without_redis_a_process_has_its_own_memory(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert type(store()) is LocalStore
    assert store() is store()


def test_with_redis_a_process_shares(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert type(store()) is FallbackStore


def test_redis_is_asked_while_it_answers(fallback: FallbackStore, remote: SwitchedRedis) -> None:
    fallback.put("a", b"1", 60)
    assert fallback.count("n", 60) == 1
    assert fallback.get_many(["a", "n"]) == [b"1", b"1"]
    assert remote.asked == 3
    assert remote.get_many(["a", "n"]) == [b"1", b"1"]


def test_a_failing_redis_is_asked_once_a_second_only(
    fallback: FallbackStore, remote: SwitchedRedis, clock: Clock
) -> None:
    remote.is_off = True
    with capture_logs() as logs:
        for _ in range(10):
            fallback.count("n", 60)
            clock.now += 0.1
    assert remote.asked == 1
    assert fallback.count("n", 60) == 11  # asks Redis once more, in vain
    assert remote.asked == 2
    assert [entry["event"] for entry in logs] == ["Redis fails; this process goes on with its own memory"]
    assert logs[0]["error"] == "ConnectionError"


def test_a_failure_is_told_in_the_metrics(fallback: FallbackStore, remote: SwitchedRedis, clock: Clock) -> None:
    failures = metric("plaza_redis_failures_total")
    assert metric("plaza_redis_up") == 1
    remote.is_off = True
    fallback.get_many(["a"])
    assert (metric("plaza_redis_up"), metric("plaza_redis_failures_total")) == (0, failures + 1)
    remote.is_off = False
    clock.now += 1
    fallback.get_many(["a"])
    assert (metric("plaza_redis_up"), metric("plaza_redis_failures_total")) == (1, failures + 1)


def test_when_redis_answers_again_it_is_used_again(
    fallback: FallbackStore, remote: SwitchedRedis, clock: Clock
) -> None:
    fallback.put("a", b"shared", 60)
    remote.is_off = True
    assert fallback.get_many(["a"]) == [None]
    fallback.put("a", b"own", 60)
    assert fallback.get_many(["a"]) == [b"own"]
    remote.is_off = False
    assert fallback.get_many(["a"]) == [b"own"]  # not yet asked again
    clock.now += 1
    with capture_logs() as logs:
        assert fallback.get_many(["a"]) == [b"shared"]
    assert [entry["event"] for entry in logs] == ["Redis answers again"]


def test_nothing_of_one_outage_comes_back_in_the_next(
    fallback: FallbackStore, remote: SwitchedRedis, clock: Clock
) -> None:
    """Or an answer that was kept in the first would outlive a deletion that only Redis counted."""
    remote.is_off = True
    fallback.put("a", b"own", 3600)
    remote.is_off = False
    clock.now += 1
    fallback.get_many(["a"])
    remote.is_off = True
    assert fallback.get_many(["a"]) == [None]


def test_a_lasting_count_that_redis_missed_is_made_good_before_anything_else(
    fallback: FallbackStore, remote: SwitchedRedis, clock: Clock
) -> None:
    fallback.count("deletions", SEVEN_DAYS_S)
    remote.is_off = True
    fallback.count("deletions", SEVEN_DAYS_S)
    fallback.count("requests", 60)
    clock.now += 1
    fallback.get_many(["deletions"])
    remote.is_off = False
    clock.now += 1
    assert fallback.get_many(["deletions", "requests"]) == [b"2", None]
    assert fallback.get_many(["deletions"]) == [b"2"]


def test_while_one_request_asks_whether_redis_is_back_the_others_do_not_wait(
    fallback: FallbackStore, remote: SwitchedRedis, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.is_off = True
    fallback.put("a", b"own", 60)
    clock.now += 1
    others: list[list[bytes | None]] = []

    def slow(keys: Sequence[str]) -> list[bytes | None]:
        others.append(fallback.get_many(["a"]))  # another request, meanwhile
        raise redis.TimeoutError("no answer")

    monkeypatch.setattr(remote, "get_many", slow)
    assert fallback.get_many(["a"]) == [b"own"]
    assert others == [[b"own"]]


def test_an_error_that_is_not_redis_is_not_hidden(
    fallback: FallbackStore, remote: SwitchedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(keys: Sequence[str]) -> None:
        raise TypeError("a fault of ours")

    monkeypatch.setattr(remote, "get_many", broken)
    with pytest.raises(TypeError):
        fallback.get_many(["a"])


@pytest.mark.parametrize("kind", ["closed", "mute"])
def test_a_dead_redis_costs_a_request_no_more_than_its_time_outs(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if kind == "closed":
            server.close()
        dead = RedisStore(f"redis://127.0.0.1:{port}/0")
        started_at = time.monotonic()
        with pytest.raises(redis.RedisError):
            dead.get_many(["a"])
        assert time.monotonic() - started_at < 1  # 50 ms, on a machine that may be busy
    assert pytest.approx(0.05) == shared.CONNECT_TIMEOUT_S + shared.ANSWER_TIMEOUT_S


@pytest.mark.redis
def test_two_processes_share_values_and_counts_through_redis() -> None:
    url = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
    one, other = RedisStore(url), RedisStore(url)
    key = f"plaza:test:{uuid4()}"
    one.put(f"{key}:a", b"1", 60)
    assert other.get_many([f"{key}:a", f"{key}:b"]) == [b"1", None]
    assert [one.count(f"{key}:n", 60), other.count(f"{key}:n", 60)] == [1, 2]
    client: Any = redis.Redis.from_url(url)
    assert 0 < client.ttl(f"{key}:n") <= 60
    assert 0 < client.ttl(f"{key}:a") <= 60
    client.delete(f"{key}:a", f"{key}:n")
    client.close()
