import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from common.server.loop import READ, Loop

LONG_S = 10


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_it_calls_when_something_can_be_read(loop: Loop) -> None:
    here, there = socket.socketpair()
    heard: list[bytes] = []
    loop.watch(here, READ, lambda: heard.append(here.recv(10)))
    there.send(b"a")
    loop.turn(LONG_S)
    loop.unwatch(here)
    there.send(b"b")
    loop.turn(0)

    assert heard == [b"a"]
    here.close()
    there.close()


def test_another_thread_wakes_it(loop: Loop) -> None:
    called: list[int] = []

    def call() -> None:
        loop.call(lambda: called.append(threading.get_ident()))
        loop.wake()

    thread = threading.Timer(0.05, call)
    thread.start()
    while not called:
        loop.turn(LONG_S)
    thread.join()

    assert called == [threading.get_ident()]


def test_what_was_called_comes_before_what_happened(loop: Loop) -> None:
    here, there = socket.socketpair()
    order: list[object] = []
    loop.watch(here, READ, lambda: order.append(here.recv(10)))
    there.send(b"happened")
    loop.call(lambda: order.append("called"))
    loop.turn(LONG_S)
    loop.unwatch(here)

    assert order == ["called", b"happened"]
    here.close()
    there.close()


def test_what_was_called_before_it_waits_is_not_waited_for(loop: Loop) -> None:
    called: list[str] = []
    loop.call(lambda: called.append("first"))
    loop.call(lambda: called.append("second"))
    loop.turn(LONG_S)

    assert called == ["first", "second"]


def test_a_pipe_wakes_it_once_for_all_that_is_in_it(loop: Loop) -> None:
    end, other = os.pipe()
    loop.watch_pipe(end)
    os.write(other, b"abc")
    loop.turn(LONG_S)

    with pytest.raises(BlockingIOError):
        os.read(end, 1)
    os.close(end)
    os.close(other)
    loop._selector.unregister(end)


def test_a_full_pipe_is_no_trouble(loop: Loop) -> None:
    with suppress(BlockingIOError):
        while True:
            os.write(loop._waker, b"\0" * 4096)
    loop._is_asleep = True
    called: list[str] = []
    loop.wake()
    loop.call(lambda: called.append("called"))
    loop.turn(LONG_S)

    assert called == ["called"]
