"""A server on a real socket, whose time stands still and whose threads work when the test says so."""

import socket
from collections.abc import Callable
from typing import Any

from gunicorn.config import Config

from common.server.application import Application, Responder
from common.server.framing import RequestReader, Settings
from common.server.limits import Limits
from common.server.lines import Group, Work
from common.server.server import Server
from tests.support.clock import Clock

MAX_BODY_BYTES = 1000
TURNS = 6  # more than anything here needs
GET = b"GET /there?a=b HTTP/1.1\r\nHost: test\r\n\r\n"


class Workers:
    """Stands for `Threads`: does the work at once, or keeps it until `release`."""

    waiting = 0

    def __init__(self) -> None:
        self.is_holding = False
        self.held: list[Work] = []

    def widen(self) -> None:
        pass

    def submit(self, work: Work, group: Group) -> None:
        if self.is_holding:
            self.held.append(work)
        else:
            work()

    def release(self) -> None:
        held, self.held = self.held, []
        for work in held:
            work()


class Host:
    """`requests` are the WSGI environments that the application was given. It answers with their body."""

    def __init__(
        self,
        limits: Limits | None = None,
        application: Application | None = None,
        counted_as: Callable[[str], str | None] = lambda address: None,
    ) -> None:
        self.clock = Clock()
        self.workers = Workers()
        self.requests: list[dict[str, Any]] = []
        self.is_leaving = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        config = Settings(Config())
        self.server = Server(
            Responder(application or self.echo, config, lambda: self.is_leaving).answer,
            lambda peer: RequestReader(config, peer, MAX_BODY_BYTES),
            counted_as,
            self.workers,  # type: ignore[arg-type]
            limits or Limits(),
            clock=self.clock,
        )
        self.server.listen([self.listener])
        self._address = self.listener.getsockname()
        self._clients: list[socket.socket] = []

    def echo(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.requests.append(environ)
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def connect(self, data: bytes = b"") -> socket.socket:
        client = socket.create_connection(self._address, timeout=5)
        self._clients.append(client)
        self.say(client, data)
        return client

    def say(self, client: socket.socket, data: bytes) -> None:
        client.sendall(data)
        self.turn()

    def hear(self, client: socket.socket) -> bytes | None:
        """All that has come; None once the server has closed and nothing is left to read."""
        self.turn()
        client.setblocking(False)
        heard = b""
        try:
            while data := client.recv(1_000_000):
                heard += data
        except BlockingIOError:
            return heard
        except ConnectionError:
            return None
        finally:
            client.settimeout(5)
        return heard or None

    def turn(self) -> None:
        for _ in range(TURNS):
            self.server.turn(0.001)

    def close(self) -> None:
        self.server.close()
        self.listener.close()
        for client in self._clients:
            client.close()


def status_of(heard: bytes | None) -> int:
    assert heard, "nothing was said"
    assert heard.startswith(b"HTTP/1.1 ")
    return int(heard[9:12])
