"""The door: who is let in, who has to leave for that, and how it is closed without losing anyone."""

import errno
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

from .connections import Address, Connection, Connections
from .conversations import Answering, Conversations
from .framing import RequestReader
from .limits import Limits
from .lines import HANGS_S, Grouping, Together
from .loop import READ, Loop
from .metrics import WAITING
from .refusals import TOO_MANY
from .threads import Threads

SEND_BUFFER_BYTES = 128 * 1024  # the kernel would hold megabytes for a client that doesn't read
NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)


class Server:
    """One process's. `answer` runs in `threads`; everything else in the thread that calls `turn`.

    `accept_at_once` bounds how many new connections a turn takes; with several processes on one socket a small number
    gives each its share.
    """

    def __init__(
        self,
        answer: Answering,
        make_reader: Callable[[Address], RequestReader],
        counted_as: Callable[[str], str | None],
        threads: Threads,
        limits: Limits,
        *,
        grouping: Grouping | None = None,
        accept_at_once: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = Loop()
        self._threads = threads
        self._waiting = 0
        self._make_reader = make_reader
        self._accept_at_once = accept_at_once
        self._listeners: list[socket.socket] = []
        self._connections = Connections(limits, counted_as, clock)
        self._conversations = Conversations(
            self.loop, self._connections, threads, answer, grouping or Together(), limits, clock
        )

    @property
    def is_busy(self) -> bool:
        return len(self._connections) > 0

    def listen(self, listeners: Sequence[socket.socket]) -> None:
        for listener in listeners:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # of each that it accepts
            self._listeners.append(listener)
            self.loop.watch(listener, READ, partial(self._accept, listener))

    def turn(self, timeout_s: float) -> None:
        """Wait for something to happen, `timeout_s` at most, and deal with it."""
        self.loop.turn(min(timeout_s, HANGS_S) if self._waiting else timeout_s)
        if self._waiting or self._threads.waiting:
            self._waiting = self._threads.waiting
            WAITING.set(self._waiting)
            self._threads.widen()
        self._conversations.end_overdue()

    def stop_listening(self) -> None:
        """Let in who is at the door already, then close it. Other processes that listen there go on."""
        for listener in self._listeners:
            self.loop.unwatch(listener)
            while self._accept_one(listener):
                pass
            listener.close()
        self._listeners.clear()

    def close_idle(self) -> None:
        for connection in self._connections.idle():
            if not connection.has_unread():
                self._conversations.drop(connection)

    def close(self) -> None:
        for connection in self._connections:
            self._conversations.drop(connection)
        self.loop.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self._accept_at_once):
            if not self._accept_one(listener):
                return

    def _accept_one(self, listener: socket.socket) -> bool:
        """Whether there may be another one."""
        try:
            sock, peer = listener.accept()
        except BlockingIOError:
            return False
        except OSError as error:  # else the client left while it waited
            if error.errno in NO_MORE_FILES:
                self._close_longest_waiting()
            return error.errno not in NO_MORE_FILES
        sock.setblocking(False)
        connection = Connection(sock, peer, listener.getsockname(), self._make_reader(peer))
        self._connections.add(connection)
        if self._has_room_for(connection):
            self._conversations.begin(connection)
        else:
            self._conversations.refuse(connection, TOO_MANY)
        return True

    def _has_room_for(self, newcomer: Connection) -> bool:
        while self._connections.is_one_too_many(newcomer):
            if not self._close_longest_waiting(newcomer):
                return False
        return True

    def _close_longest_waiting(self, newcomer: Connection | None = None) -> bool:
        spare = self._connections.to_spare_for(newcomer)
        if spare is not None:
            self._conversations.drop(spare, "no-room")
        return spare is not None
