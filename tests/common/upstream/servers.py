"""Real sockets that answer well, badly, slowly or not at all."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from types import TracebackType

Reply = Callable[["Connection"], None]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in; `headers` regardless of case."""

    method: str
    target: str
    headers: Message
    body: bytes


class Connection:
    """The server's end of one connection. `pause` sleeps, but not beyond the end of the test."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self.sock = sock
        self._closing = closing
        self._reader = sock.makefile("rb")

    def read(self) -> Received | None:
        start = self._reader.readline()
        if not start:
            return None
        lines = iter(self._reader.readline, b"\r\n")
        method, target, _ = start.decode().split(" ")
        headers = Parser().parsestr("".join(line.decode() for line in lines))
        return Received(method, target, headers, self._reader.read(int(headers.get("Content-Length", "0"))))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ConnectionAbortedError("the test is over")

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def hang_up(self) -> None:
        """Wake whoever reads here."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._reader.close()
        self.sock.close()


class Server:
    """Gives the n-th request the n-th of `replies`, the last one to all that follow.

    With `reads=False` a reply begins as soon as a connection is made, whatever comes in.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._replies = list(replies)
        self._tls = tls
        self._reads = reads
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "Server":
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._open:
            connection.hang_up()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(lambda sock=sock: self._serve(sock))

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(5.0)
        try:
            connection = Connection(self._tls.wrap_socket(sock, server_side=True) if self._tls else sock, self._closing)
        except OSError:
            sock.close()
            return
        self._open.append(connection)
        try:
            while not self._closing.is_set() and self._serve_one(connection):
                pass
        except (OSError, ValueError):  # the client left, or a reply closed the connection
            pass
        finally:
            connection.close()

    def _serve_one(self, connection: Connection) -> bool:
        if not self._reads:
            self._replies[0](connection)
            return False
        request = connection.read()
        if request is None:
            return False
        self.received.append(request)
        self._replies[min(len(self.received), len(self._replies)) - 1](connection)
        return True


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode()


def answers(status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> Reply:
    whole = head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body
    return lambda connection: connection.send(whole)


def answers_chunked(*chunks: bytes) -> Reply:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return lambda connection: connection.send(head(200, {"Transfer-Encoding": "chunked"}) + framed)


def says(data: bytes) -> Reply:
    """Sends `data` and ends the connection."""

    def reply(connection: Connection) -> None:
        connection.send(data)
        connection.close()

    return reply


def resets(after: bytes = b"") -> Reply:
    """Sends `after` and breaks the connection off."""

    def reply(connection: Connection) -> None:
        connection.send(after)
        connection.pause(0.05 if after else 0.0)  # so that what was sent arrives before the reset drops it
        connection.reset()

    return reply


def hangs(after: bytes = b"") -> Reply:
    def reply(connection: Connection) -> None:
        connection.send(after)
        connection.pause(3.0)

    return reply


def drips(data: bytes, *, after: bytes = b"", every_s: float = 0.1) -> Reply:
    """Sends `after` at once and `data` byte by byte."""

    def reply(connection: Connection) -> None:
        connection.send(after)
        for position in range(len(data)):
            connection.pause(every_s)
            connection.send(data[position : position + 1])

    return reply


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a port that is taken, but where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def overrun() -> Iterator[str]:
    """The URL of a listener whose queue is full: connecting to it hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            waiting.append(client)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()
