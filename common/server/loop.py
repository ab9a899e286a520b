"""Waiting for sockets, pipes and other threads, all at once."""

import contextlib
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable
from functools import partial

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Act = Callable[[], object]


class Loop:
    """Belongs to the thread that calls `turn`, again and again; only `call` and `wake` are for the others."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._called: deque[Act] = deque()
        self._is_asleep = False
        self._wakened, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self.watch_pipe(self._wakened)

    def watch(self, sock: socket.socket, events: int, act: Act) -> None:
        """Call `act` whenever one of `events` is possible. `unwatch` it first to change that."""
        self._selector.register(sock, events, act)

    def unwatch(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)

    def watch_pipe(self, descriptor: int) -> None:
        """Wake up when something comes out of it, whatever it is."""
        os.set_blocking(descriptor, False)
        self._selector.register(descriptor, READ, partial(_empty, descriptor))

    def call(self, act: Act) -> None:
        """From any thread: let the loop's thread call `act` before it deals with anything that happens from now on.

        If nothing happens, it does so after its time-out; `wake` it where that is too late.
        """
        self._called.append(act)

    def wake(self) -> None:
        """From any thread."""
        if self._is_asleep:
            with contextlib.suppress(BlockingIOError):  # a pipe so full wakes it anyway
                os.write(self._waker, b"\0")

    def turn(self, timeout_s: float) -> None:
        """Wait for something to happen, `timeout_s` at most, and deal with it."""
        self._is_asleep = True
        events = self._selector.select(0 if self._called else timeout_s)
        self._is_asleep = False
        while self._called:
            self._called.popleft()()
        for key, _ in events:
            key.data()

    def close(self) -> None:
        self._selector.close()
        os.close(self._wakened)
        os.close(self._waker)


def _empty(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(descriptor, 4096)
