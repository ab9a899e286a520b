"""HTTP without a client's good manners: bytes into a socket, and what comes back."""

import io
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

PATIENCE_S = 10
QUIET_S = 0.3  # a connection on which nothing comes for so long is one that stays open

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_problem(self) -> bool:
        return self.headers.get("content-type") == "application/problem+json"

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Exchange:
    """`answers` to one connection's bytes, and whether the server `closed` it."""

    answers: list[Answer]
    closed: bool


def request(
    method: str,
    target: str | bytes,
    *,
    headers: Iterable[Header] = (),
    token: str = "",
    body: bytes | None = None,
    host: bytes = b"127.0.0.1",
) -> bytes:
    """One request, the last of its connection; `headers` may be anything. A body is JSON unless they say otherwise."""
    path = target if isinstance(target, bytes) else target.encode()
    lines = [method.encode() + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    sent = {name.lower() for name, _ in headers}
    own = {b"Host": host, b"Authorization": b"Bearer " + token.encode() if token else b""}
    if body is not None:
        own |= {b"Content-Type": b"application/json", b"Content-Length": str(len(body)).encode()}
    lines += [name + b": " + value for name, value in own.items() if value and name.lower() not in sent]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + (body or b"")


def exchange(port: int, data: bytes) -> Exchange:
    """Everything that is answered to `data`, until the server closes or falls silent."""
    received, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            connection.sendall(data)
        except OSError:
            closed = True  # it had seen enough
        while chunk := _receive(connection, QUIET_S if b"\r\n\r\n" in received else PATIENCE_S):
            received += chunk
        closed = closed or chunk is not None
    return Exchange(list(_parsed(received)), closed)


def _receive(connection: socket.socket, timeout_s: float) -> bytes | None:
    """None when nothing came, empty when it was closed."""
    connection.settimeout(timeout_s)
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


class _Stream(io.BytesIO):
    """Stands for the socket of an `HTTPResponse`, which would close it after the first answer."""

    def makefile(self, *args: Any) -> "_Stream":
        return self

    def close(self) -> None:
        pass


def _parsed(received: bytes) -> Iterable[Answer]:
    stream = _Stream(received)
    while stream.tell() < len(received):
        response = HTTPResponse(stream)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        yield Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
