"""The front of deploy/haproxy on loopback, unchanged. A name server of the test's own knows the gateways."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import requests

from operations.layout import OWNER_VARIABLE, ROOT
from tests.support.plaza import Plaza, eventually, free_ports
from tests.system.proxies import running

CONFIG = ROOT / "deploy/haproxy/haproxy.cfg"
TYPE_A = 1


class NameServer:
    """Answers every question for IPv4 addresses with `addresses`, which may change, and all others with none."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it has been closed
            while True:
                question, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(question), client)

    def _answer(self, query: bytes) -> bytes:
        """RFC 1035, 4.1: the header, the question as it came, and a record for each address."""
        end = query.index(b"\0", 12) + 5
        (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
        addresses = self.addresses if kind == TYPE_A else []
        records = [struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, 1, 4) + socket.inet_aton(each) for each in addresses]
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + query[12:end] + b"".join(records)


@dataclass
class Gateway:
    """A gateway beside that of `up`, in front of the same services, on an address of its own and the same port."""

    plaza: Plaza
    host: str
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        services = {f"{name.upper()}_URL": self.plaza.url(name) for name in ("users", "products", "orders")}
        own = {"PLAZA_DATA_DIR": str(self.plaza.data_dir), OWNER_VARIABLE: str(self.plaza.data_dir)}
        command = [self.plaza.python, str(self.plaza.root / "gateway_project/manage.py"), "serve"]
        self.process = subprocess.Popen(
            [*command, "--host", self.host, "--port", str(self.port)],
            env={**self.plaza.environment, **services, **own, **self.environment},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(self.is_ready, timeout_s=180)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://{self.host}:{self.port}/health/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def served(self, method: str = "GET") -> int:
        """How many of the shop's own requests it has answered."""
        metrics = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5) if self.host == "127.0.0.1" else None
        text = metrics.text if metrics else self._metrics()
        lines = [line for line in text.splitlines() if line.startswith(f'plaza_requests_total{{method="{method}"')]
        return int(sum(float(line.rpartition(" ")[2]) for line in lines if "health" not in line))

    def _metrics(self) -> str:
        """Metrics are for loopback's first address alone, so it is asked from there."""
        with socket.create_connection((self.host, self.port), 5, source_address=("127.0.0.1", 0)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: plaza\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def tell(self, number: signal.Signals) -> None:
        """The parent of its workers."""
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        """The workers too."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.tell(signal.SIGTERM)
            self.process.wait(30)

    def restart(self) -> None:
        self.end()
        self.start()


@contextlib.contextmanager
def front(gateways: list[Gateway], *, ready: int | None = None, **more: str) -> Iterator[tuple[str, str]]:
    """HAProxy before the gateways, of which all are `ready` if nothing else is said.

    Gives where it is, and where it says how it is.
    """
    names = NameServer(*(gateway.host for gateway in gateways))
    port = free_ports(2)
    url, monitor = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
    variables = {
        "FRONT_GATEWAYS": f"gateways.test:{gateways[0].port}",
        "FRONT_NAMESERVER": names.address,
        "FRONT_BIND": f"127.0.0.1:{port}",
        "FRONT_MONITOR": f"127.0.0.1:{port + 1}",
        **more,
    }
    try:
        with running(["haproxy", "-db", "-f", str(CONFIG)], port, **variables):
            eventually(lambda: up(monitor) == (len(gateways) if ready is None else ready))
            yield url, monitor
    finally:
        names.close()


def up(monitor: str) -> int:
    """How many gateways the front sends requests to."""
    lines = requests.get(f"{monitor}/metrics?scope=backend", timeout=5).text.splitlines()
    (line,) = [line for line in lines if line.startswith('haproxy_backend_active_servers{proxy="gateways"}')]
    return int(float(line.rpartition(" ")[2]))
