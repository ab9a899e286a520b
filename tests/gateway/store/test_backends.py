"""A process's own memory, and one Redis server that several share; both keep the same promises."""

import os
import socket
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest
import redis

from gateway_project.store import backends
from gateway_project.store.backends import LocalStore, RedisStore
from tests.support.clock import Clock
from tests.support.threads import in_threads


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def local(clock: Clock) -> LocalStore:
    return LocalStore(clock)


def test_values_live_as_long_as_told(local: LocalStore, clock: Clock) -> None:
    local.put("a", b"1", 10)
    local.put("b", b"2", 20)
    assert local.get_many(["a", "b", "c"]) == [b"1", b"2", None]
    clock.advance(10)
    assert local.get_many(["b", "a"]) == [b"2", None]
    local.put("b", b"3", 5)
    clock.advance(5)
    assert local.get_many(["b"]) == [None]


def test_counters_are_no_values(local: LocalStore, clock: Clock) -> None:
    local.put("a", b"value", 60)
    assert [local.count("a", 60), local.count("a", 60, by=-1), local.count("b", 60)] == [(1, 60), (0, 60), (1, 60)]
    clock.advance(20)
    assert local.count("b", 60) == (2, 40)
    assert local.get_many(["a", "b"]) == [b"value", None]
    local.forget(["a", "b"])
    assert (local.get_many(["a"]), local.count("b", 60)) == ([b"value"], (1, 60))


def test_values_push_no_counter_out(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MAX_ENTRIES", 2)
    monkeypatch.setattr(backends, "MAX_BYTES", 100)
    local.count("a", 60)
    for number in range(10):
        local.put(f"answer {number}", b"x" * 40, 60)
    assert local.count("a", 60).number == 2


def test_a_mark_is_a_value_that_its_key_never_had(local: LocalStore, clock: Clock) -> None:
    seen: set[bytes | None] = set()
    for _ in range(20):
        local.mark(["a", "b"])
        seen |= set(local.get_many(["a", "b"]))
    assert len(seen) == 40
    assert None not in seen
    clock.advance(backends.MARK_TTL_S - 1)
    assert None not in local.get_many(["a", "b"])
    clock.advance(1)
    assert local.get_many(["a", "b"]) == [None, None]


def test_marks_outlive_whatever_may_be_served_stale() -> None:
    assert backends.MARK_TTL_S > 86_400


def test_what_was_not_used_for_longest_goes_first(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MAX_ENTRIES", 2)
    local.put("a", b"1", 60)
    local.put("b", b"2", 60)
    local.get_many(["a"])
    local.put("c", b"3", 60)
    assert local.get_many(["a", "b", "c"]) == [b"1", None, b"3"]


def test_memory_is_bounded_in_bytes_too(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MAX_BYTES", 100)
    for name in "abc":
        local.put(name, b"x" * 40, 60)
    assert local.get_many(["a", "b", "c"]) == [None, b"x" * 40, b"x" * 40]
    local.put("b", b"", 60)  # what a replaced value took is free again
    local.put("d", b"x" * 50, 60)
    assert local.get_many(["b", "c", "d"]) == [b"", b"x" * 40, b"x" * 50]
    local.put("e", b"x" * 200, 60)
    assert local.get_many(["b", "c", "d", "e"]) == [None, None, None, None]


def test_a_cleared_memory_is_empty_and_as_large_as_before(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "MAX_BYTES", 100)
    local.put("a", b"x" * 90, 60)
    local.count("n", 60)
    local.clear()
    assert (local.get_many(["a"]), local.count("n", 60).number) == ([None], 1)
    local.put("b", b"x" * 45, 60)
    local.put("c", b"x" * 45, 60)
    assert local.get_many(["b", "c"]) == [b"x" * 45, b"x" * 45]


def test_there_is_nobody_to_publish_to(local: LocalStore) -> None:
    local.publish("a", b"1", 60)
    assert local.published() == []


def test_counting_is_safe_between_threads() -> None:
    local = LocalStore()
    numbers = in_threads(4, lambda: [local.count("a", 60).number for _ in range(200)])
    assert sorted(chain.from_iterable(numbers)) == list(range(1, 801))


@pytest.mark.parametrize("kind", ["closed", "mute"])
def test_a_dead_redis_costs_a_request_no_more_than_its_time_outs(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if kind == "closed":
            server.close()
        dead = RedisStore(f"redis://127.0.0.1:{port}/0")
        with pytest.raises(redis.RedisError):  # without time-outs it would wait for ever
            dead.get_many(["a"])
    assert pytest.approx(0.05) == backends.CONNECT_TIMEOUT_S + backends.ANSWER_TIMEOUT_S


@pytest.fixture
def server() -> Iterator[Any]:
    url = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
    client = redis.Redis.from_url(url)
    client.delete(backends.PUBLISHERS)
    yield client
    for key in client.scan_iter("plaza:*"):
        client.delete(key)
    client.close()


@pytest.fixture
def pair(server: Any) -> tuple[RedisStore, RedisStore]:
    """As two processes have them."""
    options = server.connection_pool.connection_kwargs
    url = f"redis://{options['host']}:{options['port']}/{options['db']}"
    return RedisStore(url), RedisStore(url)


@pytest.fixture
def key() -> str:
    return f"plaza:test:{uuid4()}"


@pytest.mark.redis
def test_processes_share_values_and_counts(pair: tuple[RedisStore, RedisStore], server: Any, key: str) -> None:
    one, other = pair
    one.put(f"{key}:a", b"1", 60)
    assert other.get_many([f"{key}:a", f"{key}:b"]) == [b"1", None]
    assert [one.count(f"{key}:n", 60).number, other.count(f"{key}:n", 600).number] == [1, 2]
    assert one.count(f"{key}:n", 60, by=-1).number == 1
    assert 59 < other.count(f"{key}:n", 60).left_s <= 60
    one.forget([f"{key}:n", f"{key}:never counted"])
    assert other.count(f"{key}:n", 60).number == 1
    assert 0 < server.ttl(f"{key}:a") <= 60


@pytest.mark.redis
def test_a_counter_in_redis_lives_as_long_as_its_first_count_says(
    pair: tuple[RedisStore, RedisStore], key: str
) -> None:
    one, _ = pair
    assert one.count(f"{key}:n", 3600).number == 1
    assert 3599 < one.count(f"{key}:n", 60).left_s <= 3600
    one.count(f"{key}:short", 1)
    time.sleep(1.01)  # Redis has its own clock
    assert one.count(f"{key}:short", 60) == (1, 60)
    assert one.count(f"{key}:n", 60).number == 3


@pytest.mark.redis
def test_counters_in_redis_take_no_memory_once_they_are_over(
    pair: tuple[RedisStore, RedisStore], server: Any, key: str
) -> None:
    one, _ = pair
    for number in range(150):
        one.count(f"{key}:{number}", 1)
    assert one.count(f"{key}:back at nothing", 60, by=2).number == 2
    assert one.count(f"{key}:back at nothing", 60, by=-2).number == 0
    time.sleep(1.01)
    assert one.count(f"{key}:a", 60).number == one.count(f"{key}:b", 60).number == 1
    assert (server.hkeys(key), server.zcard(f"{key}:expiries")) == ([b"a", b"b"], 2)
    one.forget([f"{key}:a", f"{key}:b"])
    assert not server.exists(key, f"{key}:expiries")


@pytest.mark.redis
def test_above_the_bound_redis_drops_the_counter_that_expires_next(
    pair: tuple[RedisStore, RedisStore], server: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "MAX_COUNTERS", 3)
    one, _ = pair
    for name, ttl_s in (("a", 600), ("b", 60), ("c", 3600), ("d", 300), ("a", 600)):
        one.count(f"{key}:{name}", ttl_s)
    assert server.hgetall(key) == {b"a": b"2", b"c": b"1", b"d": b"1"}


@pytest.mark.redis
def test_cached_answers_push_no_counter_out_of_a_full_redis(
    pair: tuple[RedisStore, RedisStore], server: Any, key: str
) -> None:
    one, other = pair
    before = server.config_get("maxmemory*")
    try:
        one.count(f"{key}:wrong passwords", 3600, by=7)
        server.config_set("maxmemory-policy", "volatile-lru")
        server.config_set("maxmemory", server.info("memory")["used_memory"] + 2_000_000)
        for number in range(400):
            one.put(f"plaza:answer:{key}:{number}", b"x" * 20_000, 86_400)
        assert one.get_many([f"plaza:answer:{key}:{number}" for number in range(400)]).count(None) > 200
        assert other.count(f"{key}:wrong passwords", 3600).number == 8
    finally:
        for name, value in before.items():
            server.config_set(name, value)


@pytest.mark.redis
def test_processes_share_marks(pair: tuple[RedisStore, RedisStore], server: Any, key: str) -> None:
    one, other = pair
    one.mark([f"{key}:a", f"{key}:b"])
    before = other.get_many([f"{key}:a", f"{key}:b"])
    assert len({*before, None}) == 3
    other.mark([f"{key}:a"])
    assert one.get_many([f"{key}:a"]) != before[:1]
    assert 0 < server.ttl(f"{key}:a") <= backends.MARK_TTL_S


@pytest.mark.redis
def test_processes_see_what_each_publishes_until_it_falls_silent(
    pair: tuple[RedisStore, RedisStore], server: Any
) -> None:
    one, other = pair
    one.publish("shop:1", b"first", 60)
    other.publish("shop:2", b"second", 60)
    one.publish("shop:1", b"third", 60)
    assert other.published() == [b"third", b"second"]
    server.delete(f"{backends.PUBLISHERS}:shop:1")  # as it is when its time is over
    assert one.published() == [b"second"]
    assert server.smembers(backends.PUBLISHERS) == {b"shop:2"}
    assert 0 < server.ttl(backends.PUBLISHERS) <= backends.MARK_TTL_S


@pytest.mark.redis
def test_nobody_has_published_yet(pair: tuple[RedisStore, RedisStore]) -> None:
    assert pair[0].published() == []
