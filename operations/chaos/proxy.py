"""A TCP proxy that can be told to harm: delay what comes back, drip it, or cut the connection in the middle of it."""

import random
import socket
import threading
import time
from contextlib import suppress

from ..layout import LOOPBACK

CHUNK = 65_536


class FaultProxy:
    """Passes connections to `target_port`; `delay_s`, `drip_s` and `cut_chance` may change at any time."""

    def __init__(self, target_port: int, rng: random.Random) -> None:
        self.target_port = target_port
        self.delay_s = 0.0
        self.drip_s = 0.0
        self.cut_chance = 0.0
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
                for end in (client, server):  # or the second half of a request waits 40 ms for the first's receipt
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
                self._answer(server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
        _end(sink)

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
