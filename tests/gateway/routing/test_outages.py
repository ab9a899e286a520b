"""What a Redis that hangs costs, over real sockets; and that it is found again without a request's help."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from gateway_project.routing.shared import FallbackStore
from gateway_project.routing.stores import LocalStore, RedisStore

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


def fallback(url: str) -> FallbackStore:
    return FallbackStore(RedisStore(url), LocalStore(), in_background=lambda work: None)


def test_a_redis_that_hangs_costs_less_than_50_ms(mute: Mute) -> None:
    assert 0.01 < shortest_s(lambda: fallback(mute.url).count("n", 60)) < LIMIT_S


def test_a_redis_that_takes_no_connection_costs_less_than_50_ms(unreachable: str) -> None:
    assert 0.01 < shortest_s(lambda: fallback(unreachable).count("n", 60)) < LIMIT_S


def test_a_new_connection_asks_at_once(mute: Mute) -> None:
    """A greeting would be a round trip of its own, with a time-out of its own."""
    fallback(mute.url).count("n", 60)
    assert mute.received[0].startswith(b"*1\r\n$5\r\nMULTI\r\n")


def test_only_the_first_request_waits_for_a_redis_that_hangs(mute: Mute) -> None:
    own = fallback(mute.url)
    assert [own.count("n", 60) for _ in range(100)] == list(range(1, 101))
    own.put("a", b"1", 60)
    own.mark(["m"])
    own.publish("shop:1", b"state", 5)
    assert own.published() == []
    assert own.get_many(["a"]) == [b"1"]
    assert len(mute.received) == 1


def test_who_meets_the_failure_at_the_same_time_waits_once_and_one_thread_looks_for_redis(mute: Mute) -> None:
    searches: list[Callable[[], None]] = []
    own = FallbackStore(RedisStore(mute.url), LocalStore(), in_background=searches.append)
    ready = threading.Barrier(8)
    counted: list[int] = []

    def work() -> None:
        ready.wait(10)
        counted.extend(own.count("n", 60) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(counted) == list(range(1, 161))
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
