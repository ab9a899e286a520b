"""A process's own memory, and one Redis server that several share; both keep the same promises."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from gateway_project.routing import stores
from gateway_project.routing.stores import LocalStore, RedisStore


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


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
    clock.now += 10
    assert local.get_many(["b", "a"]) == [b"2", None]
    local.put("b", b"3", 5)
    clock.now += 5
    assert local.get_many(["b"]) == [None]


def test_the_first_count_sets_the_lifetime(local: LocalStore, clock: Clock) -> None:
    assert [local.count("a", 60), local.count("a", 60)] == [1, 2]
    clock.now += 59
    assert local.count("a", 60) == 3
    assert local.get_many(["a"]) == [b"3"]
    clock.now += 1
    assert local.count("a", 60) == 1


def test_a_mark_is_a_value_that_its_key_never_had(local: LocalStore, clock: Clock) -> None:
    seen: set[bytes | None] = set()
    for _ in range(20):
        local.mark(["a", "b"])
        seen |= set(local.get_many(["a", "b"]))
    assert len(seen) == 40
    assert None not in seen
    clock.now += stores.MARK_TTL_S - 1
    assert None not in local.get_many(["a", "b"])
    clock.now += 1
    assert local.get_many(["a", "b"]) == [None, None]


def test_marks_outlive_whatever_may_be_served_stale() -> None:
    assert stores.MARK_TTL_S > 86_400


def test_what_was_not_used_for_longest_goes_first(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_ENTRIES", 2)
    local.put("a", b"1", 60)
    local.put("b", b"2", 60)
    local.get_many(["a"])
    local.put("c", b"3", 60)
    assert local.get_many(["a", "b", "c"]) == [b"1", None, b"3"]


def test_memory_is_bounded_in_bytes_too(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 100)
    for name in "abc":
        local.put(name, b"x" * 40, 60)
    assert local.get_many(["a", "b", "c"]) == [None, b"x" * 40, b"x" * 40]
    local.put("b", b"", 60)  # what a replaced value took is free again
    local.put("d", b"x" * 50, 60)
    assert local.get_many(["b", "c", "d"]) == [b"", b"x" * 40, b"x" * 50]
    local.put("e", b"x" * 200, 60)
    assert local.get_many(["b", "c", "d", "e"]) == [None, None, None, None]


def test_a_cleared_memory_is_empty_and_as_large_as_before(local: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "MAX_BYTES", 100)
    local.put("a", b"x" * 90, 60)
    local.clear()
    assert local.get_many(["a"]) == [None]
    local.put("b", b"x" * 45, 60)
    local.put("c", b"x" * 45, 60)
    assert local.get_many(["b", "c"]) == [b"x" * 45, b"x" * 45]


def test_there_is_nobody_to_publish_to(local: LocalStore) -> None:
    local.publish("a", b"1", 60)
    assert local.published() == []


def test_counting_is_safe_between_threads() -> None:
    local = LocalStore()
    numbers: list[int] = []

    def count() -> None:
        numbers.extend(local.count("a", 60) for _ in range(200))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 801))


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
    assert pytest.approx(0.05) == stores.CONNECT_TIMEOUT_S + stores.ANSWER_TIMEOUT_S


@pytest.fixture
def server() -> Iterator[Any]:
    url = os.environ.get("PLAZA_TEST_REDIS") or "redis://127.0.0.1:6379/15"
    client = redis.Redis.from_url(url)
    client.delete(stores.PUBLISHERS)
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
    assert [one.count(f"{key}:n", 60), other.count(f"{key}:n", 600)] == [1, 2]
    assert 0 < server.ttl(f"{key}:n") <= 60
    assert 0 < server.ttl(f"{key}:a") <= 60


@pytest.mark.redis
def test_processes_share_marks(pair: tuple[RedisStore, RedisStore], server: Any, key: str) -> None:
    one, other = pair
    one.mark([f"{key}:a", f"{key}:b"])
    before = other.get_many([f"{key}:a", f"{key}:b"])
    assert len({*before, None}) == 3
    other.mark([f"{key}:a"])
    assert one.get_many([f"{key}:a"]) != before[:1]
    assert 0 < server.ttl(f"{key}:a") <= stores.MARK_TTL_S


@pytest.mark.redis
def test_processes_see_what_each_publishes_until_it_falls_silent(
    pair: tuple[RedisStore, RedisStore], server: Any
) -> None:
    one, other = pair
    one.publish("shop:1", b"first", 60)
    other.publish("shop:2", b"second", 60)
    one.publish("shop:1", b"third", 60)
    assert other.published() == [b"third", b"second"]
    server.delete(f"{stores.PUBLISHERS}:shop:1")  # as it is when its time is over
    assert one.published() == [b"second"]
    assert server.smembers(stores.PUBLISHERS) == {b"shop:2"}
    assert 0 < server.ttl(stores.PUBLISHERS) <= stores.MARK_TTL_S


@pytest.mark.redis
def test_nobody_has_published_yet(pair: tuple[RedisStore, RedisStore]) -> None:
    assert pair[0].published() == []
