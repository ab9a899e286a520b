"""One connection to a service, kept open from one exchange to the next. Every wait on it ends by a deadline.

A time-out of a socket bounds one receive, not the exchange: a peer that drips a byte a second outlasts any. So each
wait may take what the deadline leaves, which covers slow headers and slow bodies alike. The socket itself never blocks:
then a time-out costs no system call of its own, and what can be sent at once isn't waited for.
"""

import contextlib
import math
import select
import socket
import ssl
import time
from dataclasses import dataclass

import httptools
from requests.structures import CaseInsensitiveDict

from common.resilience import Deadline

RECEIVE_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
MAX_IDLE_S = 60.0  # less than the 75 s after which the services close an idle connection


class AnswerTooLarge(Exception):
    pass


class NoHTTP(Exception):
    """What came is no answer of HTTP/1.1, or one that we didn't ask for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a connection and for each sign of life (seconds), and until when at all."""

    connect_s: float
    read_s: float
    deadline: Deadline


class Incoming:
    """An answer as far as it has come. `httptools` calls what begins with `on_`."""

    def __init__(self, *, has_body: bool, max_body_bytes: int) -> None:
        self.status = 0
        self.is_whole = False
        self.may_follow = False  # whether the connection can serve another exchange
        self._has_body = has_body
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._begin()

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection says that the answer is whole (RFC 9112, 6.3)."""
        coding = self.headers.get("Transfer-Encoding", "")
        return not self._is_head and "Content-Length" not in self.headers and "chunked" not in coding.lower()

    def feed(self, data: bytes) -> None:
        """Raises `AnswerTooLarge`, `NoHTTP`."""
        in_head = self._is_head
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_whole:
                raise NoHTTP from error
            self.may_follow = False  # what comes after the answer is nobody's
        if in_head:
            self._head_bytes += len(data) - self._body_bytes
        if self._head_bytes > MAX_HEAD_BYTES:
            raise NoHTTP("the head is too large")
        if self._body_bytes > self._max_body_bytes:
            raise AnswerTooLarge

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise ValueError("an answer to no question")

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self._is_head = False
        self.status = self._parser.get_status_code()
        self.is_whole = not self._has_body and self.status >= 200

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)
        self._body_bytes += len(data)

    def on_message_complete(self) -> None:
        if self.status < 200:  # RFC 9110, 15.2: the answer is still to come
            self._begin()
        else:
            self.is_whole = True
            self.may_follow = self._parser.should_keep_alive()

    def _begin(self) -> None:
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self._is_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._parts: list[bytes] = []


class Connection:
    def __init__(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self.address = address
        self._sock = sock
        self._used_at = time.monotonic()
        self._readable = _polled(sock, select.POLLIN)
        sock.setblocking(False)

    def is_usable(self) -> bool:
        """Whether nothing has come since the last answer, not even the end, and it wasn't idle for too long."""
        return self.is_young() and not self._readable.poll(0)

    def is_young(self) -> bool:
        """Whether the service, too, may still keep it open."""
        return time.monotonic() < self._used_at + MAX_IDLE_S

    @property
    def is_secure(self) -> bool:
        return isinstance(self._sock, ssl.SSLSocket)

    def secure(self, context: ssl.SSLContext, host: str | None, patience: Patience) -> None:
        """Speak TLS from now on. Raises `OSError` if that can't be, or not in time."""
        self._sock.settimeout(patience.deadline.bound_s(patience.read_s))
        self._sock = context.wrap_socket(self._sock, server_hostname=host)
        self._sock.setblocking(False)

    def exchange(self, request: bytes, incoming: Incoming, patience: Patience) -> None:
        """Send `request`, and receive until `incoming` is whole.

        Raises:
            OSError: the connection has ended too early, or the time (`TimeoutError`).
            AnswerTooLarge, NoHTTP: see `Incoming.feed`.
        """
        with contextlib.suppress(BrokenPipeError):  # who reads no further may have answered
            self._send(request, patience)
        while not incoming.is_whole:
            if data := self._receive(patience):
                incoming.feed(data)
            elif incoming.ends_with_connection:
                break
            else:
                raise ConnectionResetError("the connection has ended before the answer")
        self._used_at = time.monotonic()

    def _send(self, data: bytes, patience: Patience) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except WOULD_BLOCK:
                _wait(_polled(self._sock, select.POLLOUT), patience)

    def _receive(self, patience: Patience) -> bytes:
        while True:
            _wait(self._readable, patience)  # of TLS nothing is left over: a record is shorter than what is received
            try:
                return self._sock.recv(RECEIVE_BYTES)
            except WOULD_BLOCK:  # what came was TLS's own
                continue

    def close(self) -> None:
        self._sock.close()


def _polled(sock: socket.socket, event: int) -> "select.poll":
    poll = select.poll()
    poll.register(sock, event)
    return poll


def _wait(poll: "select.poll", patience: Patience) -> None:
    if not poll.poll(math.ceil(1000 * patience.deadline.bound_s(patience.read_s))):
        raise TimeoutError
