"""Clients that take a server's connections and give nothing back."""

import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HEAD = b"GET /api/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
WHOLE = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = b"GET /static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BODY = (
    b"POST /api/auth/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
)
RECEIVE_BUFFER_BYTES = 4096  # so that a large answer doesn't fit


@dataclass(frozen=True)
class Manner:
    """How one kind of slow client behaves: what it sends at once, what every second, and whether it reads."""

    opening: bytes = b""
    drip: bytes = b""
    reads: bool = True


SILENT = Manner()
HALF_HEAD = Manner(HEAD)
DRIPPED_HEAD = Manner(HEAD, drip=b"a")
DRIPPED_BODY = Manner(BODY, drip=b" ")
DEAF = Manner(LARGE * 8, reads=False)
IDLE = Manner(WHOLE)
MANNERS = {
    "half heads": (HALF_HEAD, 300),
    "dripped heads": (DRIPPED_HEAD, 300),
    "dripped bodies": (DRIPPED_BODY, 300),
    "deaf readers": (DEAF, 100),
    "silent connections": (SILENT, 700),
    "idle connections": (IDLE, 1000),
}


class Crowd:
    """`count` connections of one manner, held from the beginning of the block to its end.

    Who is closed comes back at once, as an attacker would. `closed` counts that; `statuses` is what they were told.
    """

    drip_every_s = 1.0

    def __init__(self, port: int, manner: Manner, count: int, *, source: str = "127.0.0.1") -> None:
        self.closed = 0
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._source = source
        self._manner = manner
        self._count = count
        self._selector = selectors.DefaultSelector()
        self._members: set[socket.socket] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._join()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self._thread.join()
        for member in self._members:
            member.close()
        self._selector.close()

    def _join(self) -> None:
        member = socket.socket()
        if not self._manner.reads:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        member.bind((self._source, 0))
        member.setblocking(False)
        member.connect_ex(("127.0.0.1", self._port))
        self._members.add(member)
        self._selector.register(member, selectors.EVENT_WRITE)

    def _leave(self, member: socket.socket) -> None:
        if member in self._selector.get_map():
            self._selector.unregister(member)
        self._members.discard(member)
        member.close()
        self.closed += 1

    def _live(self) -> None:
        turn_at_s = time.monotonic() + self.drip_every_s
        while not self._is_over.is_set():
            for key, events in self._selector.select(timeout=0.05):
                self._attend(key.fileobj, events)  # type: ignore[arg-type]
            if time.monotonic() > turn_at_s:
                turn_at_s += self.drip_every_s
                self._take_turn()

    def _attend(self, member: socket.socket, events: int) -> None:
        if events & selectors.EVENT_WRITE:  # connected, or refused
            if not self._send(member, self._manner.opening):
                return
            self._selector.unregister(member)
            if self._manner.reads:
                self._selector.register(member, selectors.EVENT_READ)
            return
        said = self._receive(member)
        if said is None:
            self._leave(member)
        elif said.startswith(b"HTTP/1.1 "):
            self.statuses[int(said[9:12])] += 1

    def _take_turn(self) -> None:
        for member in list(self._members):
            if self._manner.drip:
                self._send(member, self._manner.drip)
            elif not self._manner.reads and member.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._leave(member)
        while len(self._members) < self._count:
            self._join()

    def _send(self, member: socket.socket, data: bytes) -> bool:
        try:
            member.send(data)
        except BlockingIOError:
            return True
        except OSError:
            self._leave(member)
            return False
        return True

    def _receive(self, member: socket.socket) -> bytes | None:
        """None once the server has closed."""
        try:
            return member.recv(65_536) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None


def churn(port: int, count: int, opening: bytes = HEAD) -> None:
    """`count` connections, one after the other, each left in the middle of a head."""
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(opening)
