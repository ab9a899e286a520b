"""The open connections: what each is doing, until when it may, and which one goes when there are too many."""

import heapq
import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from operator import attrgetter

from common.settings import Network

from .framing import RequestReader
from .limits import Limits
from .metrics import OPEN

LINGER_S = 2.0
PIECE_BYTES = 64 * 1024  # of an answer, for which a client has `write_s`
LOOPBACK = ("127.0.0.1", "::1")

Address = tuple[str, int]


class Phase(Enum):
    """In all but ANSWERING and CLOSED the server waits for the client."""

    IDLE = auto()  # no byte of a request has come
    HEAD = auto()
    BODY = auto()
    ANSWERING = auto()  # a whole request waits for a thread or has one
    WRITING = auto()  # the socket's buffer is full
    LINGERING = auto()  # all is said, but the client is still sending: it would lose the answer if this closed now
    CLOSED = auto()


class Connection:
    """One client's socket, which doesn't block, and what was read from it and is still to be written to it."""

    __slots__ = (
        "_piece_bytes",
        "closes",
        "counted_as",
        "has_hung_up",
        "is_gone",
        "noted_bytes",
        "peer",
        "phase",
        "reader",
        "rest",
        "server",
        "since",
        "sock",
        "watched",
    )

    def __init__(self, sock: socket.socket, peer: Address, server: Address, reader: RequestReader) -> None:
        self.sock = sock
        self.peer = peer
        self.server = server
        self.reader = reader
        self.phase = Phase.IDLE
        self.since = 0.0
        self.watched = 0  # events of `selectors`
        self.counted_as: str | None = None
        self.closes = False  # after the answer at hand
        self.has_hung_up = False  # says nothing more, and may still be listening
        self.is_gone = False
        self.rest = memoryview(b"")
        self.noted_bytes = 0  # of `held_bytes`, by `Connections`
        self._piece_bytes = 0

    @property
    def held_bytes(self) -> int:
        return self.reader.held_bytes + len(self.rest)

    def send(self, data: bytes | memoryview) -> int:
        """How much of it went into the socket's buffer; all of it, in vain, when the client is gone."""
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_gone = True
            return len(data)

    def send_rest(self) -> bool:
        """Whether another piece of the answer has gone, so that its time begins anew."""
        sent = self.send(self.rest[:PIECE_BYTES])
        self.rest = self.rest[sent:]
        self._piece_bytes += sent
        is_piece = self._piece_bytes >= PIECE_BYTES
        self._piece_bytes %= PIECE_BYTES
        return is_piece

    def has_unread(self) -> bool:
        """Whether bytes have come that the server hasn't looked at yet."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class Connections:
    """All of one process. Not locked: only the loop's thread comes here.

    `counted_as` gives the name under which an address is counted, or None; `clock` is monotonic seconds.
    """

    def __init__(self, limits: Limits, counted_as: Callable[[str], str | None], clock: Callable[[], float]) -> None:
        self.held_bytes = 0
        self._limits = limits
        self._counted_as = counted_as
        self._clock = clock
        self._by_phase: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase}  # the longest there first
        self._of_address: Counter[str | None] = Counter()
        self._allowed_s = {
            Phase.IDLE: limits.idle_s,
            Phase.HEAD: limits.head_s,
            Phase.BODY: limits.body_s,
            Phase.WRITING: limits.write_s,
            Phase.LINGERING: LINGER_S,
        }

    def __len__(self) -> int:
        return sum(map(len, self._by_phase.values()))

    def __iter__(self) -> Iterator[Connection]:
        return iter([connection for there in self._by_phase.values() for connection in there])

    def add(self, connection: Connection) -> None:
        connection.counted_as = self._counted_as(connection.peer[0])
        self._of_address[connection.counted_as] += 1
        OPEN.inc()
        self.enter(connection, Phase.IDLE)

    def enter(self, connection: Connection, phase: Phase) -> None:
        """From now on, also when it was in that phase before."""
        self._by_phase[connection.phase].pop(connection, None)
        self._by_phase[phase][connection] = None
        connection.phase = phase
        connection.since = self._clock()

    def note_size(self, connection: Connection) -> None:
        """Of what it holds in memory, whenever that has changed."""
        if connection.phase is not Phase.CLOSED:
            self.held_bytes += connection.held_bytes - connection.noted_bytes
            connection.noted_bytes = connection.held_bytes

    def remove(self, connection: Connection) -> None:
        OPEN.dec()
        del self._by_phase[connection.phase][connection]
        connection.phase = Phase.CLOSED
        self.held_bytes -= connection.noted_bytes
        self._of_address[connection.counted_as] -= 1
        if not self._of_address[connection.counted_as]:
            del self._of_address[connection.counted_as]

    def idle(self) -> list[Connection]:
        return list(self._by_phase[Phase.IDLE])

    def overdue(self) -> list[Connection]:
        """Those whose time for what they are doing is over."""
        found = []
        for phase, allowed_s in self._allowed_s.items():
            begun_by = self._clock() - allowed_s
            for connection in self._by_phase[phase]:
                if connection.since > begun_by:
                    break
                found.append(connection)
        return found

    def is_one_too_many(self, newcomer: Connection) -> bool:
        return len(self) > self._limits.connections or self._is_address_full(newcomer)

    def to_spare_for(self, newcomer: Connection | None) -> Connection | None:
        """Who has kept the server waiting for longest. None when all are being answered."""
        others = (each for each in self._waited_for() if each is not newcomer)
        if newcomer is not None and self._is_address_full(newcomer):
            others = (each for each in others if each.counted_as == newcomer.counted_as)
        return next((each for each in others if not each.has_unread()), None)

    def largest(self) -> Connection | None:
        """Who holds most memory, of those that the server waits for."""
        return max(self._waited_for(), key=attrgetter("held_bytes"), default=None)

    def _is_address_full(self, newcomer: Connection) -> bool:
        limit, name = self._limits.connections_per_address, newcomer.counted_as
        return limit > 0 and name is not None and self._of_address[name] > limit

    def _waited_for(self) -> Iterator[Connection]:
        return heapq.merge(*(self._by_phase[phase] for phase in self._allowed_s), key=attrgetter("since"))


def counting(trusted: Iterable[Network]) -> Callable[[str], str | None]:
    """How addresses are counted: IPv6 by its /64, which is what one customer of a provider has.

    This machine's own and those in the networks `trusted` aren't: a proxy brings everybody's connections.
    """
    uncounted = [*map(ipaddress.ip_network, LOOPBACK), *trusted]

    def counted_as(address: str) -> str | None:
        ip = ipaddress.ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if any(ip in network for network in uncounted):
            return None
        return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))

    return counted_as
