"""The adapter under `requests`: sockets that are kept open, and httptools, which reads an answer in C.

urllib3 and http.client, which `requests` would use, take three times as much CPU for an exchange.
"""

import contextlib
import socket
import ssl
import weakref
from collections import defaultdict, deque
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import BaseAdapter

from .connection import AnswerTooLarge, Connection, Incoming, NoHTTP, Patience
from .replicas import Address, Replicas

PORTS = {"http": 80, "https": 443}


Idle = dict[Address, deque[Connection]]


class NoConnection(requests.ConnectionError):
    """Nothing was sent."""


class BodyTooLarge(requests.RequestException):
    """The answer's body is larger than allowed. It was not read to its end."""


class KeepAliveAdapter(BaseAdapter):
    """For the URLs that begin with `base_url`. Safe to share between threads.

    Cookies, .netrc, proxy variables and redirects are a `requests.Session`'s business, and nobody's here.
    """

    def __init__(self, base_url: str, *, max_idle: int, max_body_bytes: int, replicas: Replicas | None = None) -> None:
        super().__init__()
        self._parts = urlsplit(base_url)
        self._origin = base_url.removesuffix(self._parts.path)
        self._authority = self._parts.netloc.rpartition("@")[2]
        self._context = ssl.create_default_context() if self._parts.scheme == "https" else None
        self._max_idle = max_idle
        self._max_body_bytes = max_body_bytes
        self._replicas = replicas or Replicas(self._parts.hostname or "", _port(self._parts))
        self._idle: Idle = defaultdict(deque)  # for each replica; the one that was used last is taken first
        weakref.finalize(self, _close_all, self._idle)

    def send(  # type: ignore[override]  # `Transport` alone calls it, and also says until when
        self, request: requests.PreparedRequest, patience: Patience, **options: Any
    ) -> requests.Response:
        """The whole answer, whatever its status.

        Raises:
            requests.ConnectTimeout, NoConnection: nothing was sent.
            requests.ReadTimeout: the time is over.
            requests.ConnectionError: the connection ended early, or what came is no HTTP.
            BodyTooLarge
        """
        data = self._encoded(request)
        incoming = Incoming(has_body=request.method != "HEAD", max_body_bytes=self._max_body_bytes)
        connection = self._connection(patience)
        try:
            self._exchange(connection, data, incoming, patience)
        except BaseException as error:
            connection.close()
            if isinstance(error, requests.ConnectionError | requests.Timeout):
                self._replicas.note_failure(connection.address)
            raise
        self._replicas.note_success(connection.address)
        self._keep(connection, incoming)
        return _response(request, incoming)

    def _encoded(self, request: requests.PreparedRequest) -> bytes:
        lines = [
            f"{request.method} {str(request.url).removeprefix(self._origin)} HTTP/1.1",
            f"Host: {self._authority}",
            *(f"{name}: {value}" for name, value in request.headers.items()),
        ]
        head = "\r\n".join(lines)
        if head.count("\r") >= len(lines) or head.count("\n") >= len(lines):
            raise ValueError("a header has a line break in it")
        body: bytes = request.body or b""  # type: ignore[assignment]  # `Transport` gives no other kind
        return f"{head}\r\n\r\n".encode("latin-1") + body

    def _connection(self, patience: Patience) -> Connection:
        """To the replica whose turn it is or, if that can't be reached, to another one."""
        try:
            addresses = self._replicas.in_turn()
        except (OSError, ValueError) as error:  # ValueError: the name is none
            raise NoConnection from error
        if len(self._idle) > len(addresses):
            self._forget_all_but(addresses)
        *others, last = addresses
        for address in others:
            try:
                return self._kept(address) or self._connect(address, patience)
            except requests.ConnectionError:  # ConnectTimeout too
                continue
        return self._kept(last) or self._connect(last, patience)

    def _forget_all_but(self, addresses: list[Address]) -> None:
        """A replica that is gone has closed its end, and nobody would ever close ours."""
        for gone in set(self._idle) - set(addresses):
            _close_all({gone: self._idle.pop(gone, deque())})

    def _kept(self, address: Address) -> Connection | None:
        idle = self._idle[address]
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _connect(self, address: Address, patience: Patience) -> Connection:
        timeout_s = patience.deadline.bound_s(patience.connect_s)
        try:
            sock = socket.create_connection(address, timeout_s)
        except OSError as error:
            self._replicas.note_no_connection(address)
            raise (requests.ConnectTimeout if isinstance(error, TimeoutError) else NoConnection) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(sock, address)

    def _exchange(self, connection: Connection, data: bytes, incoming: Incoming, patience: Patience) -> None:
        try:
            if self._context is not None and not connection.is_secure:
                connection.secure(self._context, self._parts.hostname, patience)
            connection.exchange(data, incoming, patience)
        except AnswerTooLarge as error:
            raise BodyTooLarge from error
        except TimeoutError as error:
            raise requests.ReadTimeout from error
        except (OSError, NoHTTP) as error:
            raise requests.ConnectionError from error

    def _keep(self, connection: Connection, incoming: Incoming) -> None:
        idle = self._idle[connection.address]
        while idle and not idle[0].is_young():
            _close_oldest(idle)
        if incoming.may_follow and len(idle) < self._max_idle:
            idle.append(connection)
        else:
            connection.close()


def _port(parts: SplitResult) -> int:
    """0, where nobody listens, for what is no port."""
    try:
        return parts.port or PORTS[parts.scheme]
    except ValueError:
        return 0


def _response(request: requests.PreparedRequest, incoming: Incoming) -> requests.Response:
    response = requests.Response()
    response.request = request
    response.status_code = incoming.status
    response.headers = incoming.headers
    response._content = incoming.body
    return response


def _close_oldest(idle: deque[Connection]) -> None:
    with contextlib.suppress(IndexError):  # another thread was faster
        idle.popleft().close()


def _close_all(idle: Idle) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()
