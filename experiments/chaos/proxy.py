"""A TCP proxy that causes faults: it delays replies, drips or cuts them, or answers in the service's place."""

import random
import socket
import threading
import time
from contextlib import suppress

from operations.layout import LOOPBACK

CHUNK = 65_536
# What a load balancer says that has lost its way, and a service of another version.
MISROUTED = tuple(
    b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (head, len(body), body)
    for head, body in (
        (b"404 Not Found\r\nContent-Type: text/html", b"<h1>Not found</h1>"),
        (b"400 Bad Request\r\nContent-Type: text/plain", b"no"),
        (b"200 OK\r\nContent-Type: application/json", b"{}"),
    )
)


class FaultProxy:
    """Connects to `target_port`. `delay_s`, `drip_s`, `cut_chance` and `instead` may be changed at any time.

    `instead` is an answer that every request gets in the service's place.
    """

    def __init__(self, target_port: int, rng: random.Random) -> None:
        self.target_port = target_port
        self.delay_s = 0.0
        self.drip_s = 0.0
        self.cut_chance = 0.0
        self.instead = b""
        self.cuts = 0
        self.delays = 0
        self._rng = rng
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection((LOOPBACK, self.target_port), timeout=5)
            except OSError:
                return
            with server:
                server.settimeout(None)
                # Otherwise half a request would wait 40 ms for the acknowledgement of the other half.
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
                self._answer(server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self.instead:
                    source.sendall(self.instead)
                    break
                sink.sendall(data)
        _end(sink)
        if self.instead:
            _end(source)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if self.delay_s:
                    self.delays += 1
                    time.sleep(self.delay_s)
                if self._rng.random() < self.cut_chance:
                    self.cuts += 1
                    client.sendall(data[: self._rng.randrange(len(data))])
                    break
                self._pass_on(data, client)
        _end(client)
        _end(server)

    def _pass_on(self, data: bytes, client: socket.socket) -> None:
        sent = 0
        while self.drip_s and sent < len(data):
            client.sendall(data[sent : sent + 1])
            sent += 1
            time.sleep(self.drip_s)
        client.sendall(data[sent:])


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
