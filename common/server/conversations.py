"""What happens on each connection: a request is read until it is whole, and answered in a thread."""

import contextlib
import socket
import struct
from collections.abc import Callable
from functools import partial

import structlog

from common.identifiers import new_id

from .application import Answer, refused
from .connections import Connection, Connections, Phase
from .framing import Stage, WholeRequest
from .limits import Limits
from .lines import Grouping
from .loop import READ, WRITE, Loop
from .metrics import CLOSED, REFUSED
from .refusals import CONTINUE, OVERLOADED, TOO_SLOW, Refusal, refusal_of
from .threads import Threads

RECEIVE_BYTES = 64 * 1024
MAX_AHEAD_BYTES = 64 * 1024  # of the next requests, while one is being answered
MAX_HELD_BYTES = 64 * 1024 * 1024  # of unfinished bodies and unread answers, together
RESET = struct.pack("ii", 1, 0)  # for SO_LINGER: on, and for no time at all
HUNG_UP_S = 0.5  # who hung up after so long has lost patience; sooner, it may only have said that this is all
PHASES = {Stage.NOTHING: Phase.IDLE, Stage.HEAD: Phase.HEAD, Stage.BODY: Phase.BODY}
TOO_LATE = {Phase.IDLE: "idle", Phase.WRITING: "slow-reader", Phase.LINGERING: "lingering"}

log = structlog.get_logger(__name__)
Answering = Callable[[WholeRequest, Connection], Answer]


class Conversations:
    """`answer` is called in `threads`, everything else in the loop's thread. `clock` is monotonic seconds.

    `grouping` says from a request's head in which line it waits for a thread.
    """

    def __init__(
        self,
        loop: Loop,
        connections: Connections,
        threads: Threads,
        answer: Answering,
        grouping: Grouping,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._threads = threads
        self._answer = answer
        self._grouping = grouping
        self._limits = limits
        self._clock = clock

    def begin(self, connection: Connection) -> None:
        """Often the first request has come with the connection."""
        self._guarded(connection, self._receive)

    def refuse(self, connection: Connection, refusal: Refusal) -> None:
        """Say so, as far as the client takes it, and close."""
        REFUSED.labels(refusal.slug).inc()
        request_id = str(new_id())
        log.info("refused", problem=refusal.slug, address=connection.peer[0], request_id=request_id)
        connection.send(refusal.encoded(request_id))
        connection.reader.is_spent = True
        self._end(connection)

    def end_overdue(self) -> None:
        for connection in self._connections.overdue():
            if connection.phase in TOO_LATE:
                self.drop(connection, TOO_LATE[connection.phase])
            else:
                self.refuse(connection, TOO_SLOW)

    def drop(self, connection: Connection, cause: str = "") -> None:
        """Close it at once; `cause` is a short name, for metrics, where that is not what the client wanted."""
        if connection.phase is Phase.CLOSED:
            return
        if cause:
            CLOSED.labels(cause).inc()
        if connection.phase is Phase.WRITING:  # with a reset, or the kernel would keep what nobody reads
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._watch(connection, 0)
        self._connections.remove(connection)
        connection.sock.close()

    def _guarded(self, connection: Connection, act: Callable[[Connection], None]) -> None:
        """An error of the server's own costs this connection, and not the loop, which is everybody's."""
        try:
            act(connection)
        except Exception:
            log.exception("a connection was closed by an error in the server")
            self.drop(connection)
        self._connections.note_size(connection)
        while self._connections.held_bytes > MAX_HELD_BYTES and (largest := self._connections.largest()):
            self.drop(largest, "no-memory")

    def _ready(self, connection: Connection) -> None:
        if connection.phase is not Phase.CLOSED:  # by what else has just happened
            self._guarded(connection, self._write_on if connection.phase is Phase.WRITING else self._receive)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return self._watch(connection, READ)
        except OSError:
            data = b""
        if not data:
            return self._hang_up(connection)
        if connection.phase is Phase.LINGERING:
            return None
        connection.reader.feed(data)
        if connection.phase is not Phase.ANSWERING:
            self._proceed(connection)
        elif connection.reader.held_bytes > MAX_AHEAD_BYTES:
            self._watch(connection, 0)
        return None

    def _hang_up(self, connection: Connection) -> None:
        if connection.phase is Phase.ANSWERING:  # its thread still has the socket
            connection.has_hung_up = True
            self._watch(connection, 0)
        else:
            self.drop(connection)

    def _proceed(self, connection: Connection) -> None:
        """To the next request, or to waiting for it."""
        try:
            request = connection.reader.take()
        except Exception as error:  # gunicorn's errors have no class in common
            return self.refuse(connection, refusal_of(error))
        if request is not None:
            return self._hand_over(connection, request)
        phase = PHASES[connection.reader.stage]
        if phase is not connection.phase:
            self._connections.enter(connection, phase)
        if connection.reader.wants_to_be_asked():
            connection.send(CONTINUE)
        return self._watch(connection, READ)

    def _hand_over(self, connection: Connection, request: WholeRequest) -> None:
        request.arrived_at = self._clock()
        self._connections.enter(connection, Phase.ANSWERING)
        self._watch(connection, READ)  # to see whether the client hangs up
        group = self._grouping.group_of(request.message, connection.peer[0])
        self._threads.submit(partial(self._work, connection, request), group)

    def _work(self, connection: Connection, request: WholeRequest) -> None:
        """In a thread. Most answers fit into the socket's buffer, and then the loop may sleep until it is asked again.

        It may have read more of this connection before it fell asleep, so that is looked at after `call`.
        """
        answer = self._answer_in_time(connection, request)
        sent = connection.send(answer.data)
        self._loop.call(partial(self._guarded, connection, partial(self._finish, answer=answer, sent=sent)))
        if answer.closes or connection.is_gone or sent < len(answer.data) or connection.reader.held_bytes:
            self._loop.wake()

    def _answer_in_time(self, connection: Connection, request: WholeRequest) -> Answer:
        waited_s = self._clock() - request.arrived_at
        if connection.has_hung_up and waited_s > HUNG_UP_S:
            return Answer(b"", closes=True)
        if waited_s > self._limits.queue_s:
            REFUSED.labels(OVERLOADED.slug).inc()
            return refused(OVERLOADED, request)
        return self._answer(request, connection)

    def _finish(self, connection: Connection, *, answer: Answer, sent: int) -> None:
        connection.closes = answer.closes
        connection.rest = memoryview(answer.data)[sent:]
        if connection.is_gone:
            self.drop(connection)
        elif connection.rest:
            self._connections.enter(connection, Phase.WRITING)
            self._watch(connection, WRITE)
        else:
            self._answered(connection)

    def _write_on(self, connection: Connection) -> None:
        if connection.send_rest():
            self._connections.enter(connection, Phase.WRITING)
        if connection.is_gone:
            self.drop(connection)
        elif not connection.rest:
            self._answered(connection)

    def _answered(self, connection: Connection) -> None:
        if connection.closes:
            self._end(connection)
        else:
            self._connections.enter(connection, Phase.IDLE)
            self._proceed(connection)

    def _end(self, connection: Connection) -> None:
        """Close it; but a client that is still sending would lose the answer by that (RFC 9112, 9.6)."""
        if connection.is_gone or not (connection.reader.is_spent or connection.reader.held_bytes):
            return self.drop(connection)
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        self._connections.enter(connection, Phase.LINGERING)
        return self._watch(connection, READ)

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.watched:
            return
        if connection.watched:
            self._loop.unwatch(connection.sock)
        if events:
            self._loop.watch(connection.sock, events, partial(self._ready, connection))
        connection.watched = events
