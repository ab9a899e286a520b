"""HTTP as raw bytes: a test can send what no HTTP client would, and see all that comes back."""

import io
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from tests.support.http import Client

PATIENCE_S = 10
QUIET_S = 0.3  # after an answer, a connection that is silent for this long counts as kept open

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
    """The `answers` on one connection, and whether the server `closed` it."""

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
    """One request, the last on its connection. `headers` may be anything. A body is JSON unless they say otherwise."""
    path = target if isinstance(target, bytes) else target.encode()
    lines = [method.encode() + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    sent = {name.lower() for name, _ in headers}
    own = {b"Host": host, b"Authorization": b"Bearer " + token.encode() if token else b""}
    if body is not None:
        own |= {b"Content-Type": b"application/json", b"Content-Length": str(len(body)).encode()}
    lines += [name + b": " + value for name, value in own.items() if value and name.lower() not in sent]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + (body or b"")


class Sender:
    """Sends requests of `client`, one on each connection, and checks that no answer is a failure of the server."""

    def __init__(self, port: int, client: Client) -> None:
        self._port, self._client = port, client

    def __call__(self, method: str, target: str | bytes, **parts: Any) -> Answer:
        """`parts` are those of `request`."""
        data = request(method, target, **{"token": self._client.access, **parts})
        (answer,) = exchange(self._port, data).answers
        assert answer.status < 500, answer
        assert b"Traceback" not in answer.body
        if answer.status >= 400:
            assert answer.is_problem, answer
            assert answer.json()["status"] == answer.status
        return answer


def exchange(port: int, data: bytes) -> Exchange:
    """Send `data`, and read answers until the server closes the connection or is silent."""
    received, closed = b"", False
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            connection.sendall(data)
        except OSError:
            closed = True  # the server did not want the rest
        while chunk := _receive(connection, QUIET_S if b"\r\n\r\n" in received else PATIENCE_S):
            received += chunk
        closed = closed or chunk is not None
    return Exchange(list(_parsed(received)), closed)


def _receive(connection: socket.socket, timeout_s: float) -> bytes | None:
    """None when nothing came in time, empty when the connection was closed."""
    connection.settimeout(timeout_s)
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


class _Stream(io.BytesIO):
    """Takes the place of a socket for `HTTPResponse`, and stays open after the first answer."""

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
