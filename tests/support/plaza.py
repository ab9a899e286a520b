"""A running Plaza: started by its own command line, reached over HTTP, and broken the way machines break."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

from operations.layout import OWNER_VARIABLE, ROOT, SERVERS, service
from operations.processes import identity, tagged
from tests.support.http import Client

ADMIN_PASSWORD = "quiet-harbour-at-dawn"
CUSTOMER_PASSWORD = "violet-lantern-in-june"
PROJECTS = tuple(server.project for server in SERVERS)
WITHOUT_THROTTLES = {
    f"THROTTLE_{scope}": "0"
    for scope in ("USER", "ADDRESS", "GUESSES", "SIGN_IN_ACCOUNT", "SIGN_IN_ADDRESS", "RESET_ACCOUNT", "RESET_ADDRESS")
}
# What a shell may have set for a running Plaza. No test may depend on it.
PLAZA_VARIABLES = (
    *(f"{server.name.upper()}_DATABASE_URL" for server in SERVERS),
    *(server.url_variable for server in SERVERS),
    "REDIS_URL",
    "ALLOWED_HOSTS",
    "CORS_ALLOWED_ORIGINS",
    "TRUSTED_PROXIES",
    "DEBUG",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "DJANGO_SETTINGS_MODULE",
    "PLAZA_ADMIN_PASSWORD",
    "PLAZA_DATA_DIR",
    OWNER_VARIABLE,
)

T = TypeVar("T")

_reserved: set[int] = set()  # ports given to a Plaza of this test run, which may not listen on them yet


class Plaza:
    """One Plaza on four ports of its own. Everything that it writes is in `data_dir`."""

    root: Path = ROOT  # the repository that it runs from
    python: str = sys.executable

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_ports()
        self.environment = clean_environment(PLAZA_ADMIN_PASSWORD=ADMIN_PASSWORD, **environment)
        self.sensitive: set[str] = {ADMIN_PASSWORD, CUSTOMER_PASSWORD}
        self._clients: list[Client] = []
        self._customer_numbers = iter(range(1, 10_000))
        self._signing_in = threading.Lock()
        self._staff: Client | None = None

    def url(self, name: str = "gateway") -> str:
        return service(name).url(self.port)

    # Starting and stopping it.

    def command(self, *arguments: str) -> list[str]:
        return [self.python, str(self.root / "manage_all.py"), *arguments, "--data-dir", str(self.data_dir)]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def up(self, *arguments: str) -> None:
        finished = self.run("up", "--detach", "--port", str(self.port), *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr

    def down(self) -> None:
        """Stop it, and check that no process is left."""
        for client in self._clients:
            client.close()
        finished = self.run("down")
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert self.processes() == []

    def wait_until_healthy(self, timeout_s: float = 30) -> None:
        eventually(lambda: all(service["healthy"] for service in self.services().values()), timeout_s=timeout_s)

    # Its processes.

    def processes(self) -> list[int]:
        """Every living process of this Plaza, whichever process started it."""
        return [pid for pid in tagged(OWNER_VARIABLE, str(self.data_dir)) if identity(pid)]

    def services(self) -> dict[str, dict[str, Any]]:
        status = json.loads(self.run("status", "--json").stdout)
        return {service["name"]: service for service in status["services"]}

    def pid(self, service: str) -> int:
        pid = self.services()[service]["pid"]
        assert isinstance(pid, int), f"{service} is not running"
        return pid

    def supervisor(self) -> int:
        pid: int = json.loads((self.data_dir / "run/supervisor.json").read_text())["supervisor"]["pid"]
        return pid

    # Faults.

    def kill(self, service: str) -> int:
        """Send `kill -9` to the service and its workers. Returns the pid that the service had."""
        pid = self.pid(service)
        os.killpg(pid, signal.SIGKILL)
        eventually(lambda: identity(pid) is None)
        return pid

    @contextlib.contextmanager
    def dead(self, service: str) -> Iterator[None]:
        """The service is killed, and not restarted before the block ends."""
        with paused(os.kill, self.supervisor()):
            self.kill(service)
            yield

    @contextlib.contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Inside the block the service neither answers nor closes a connection."""
        with paused(os.killpg, self.pid(service)):
            yield

    # What it stores.

    def secret(self, name: str) -> str:
        return (self.data_dir / "secrets" / name).read_text()

    def log_text(self) -> str:
        return "".join(path.read_text() for path in (self.data_dir / "logs").iterdir())

    def logs(self, service: str) -> list[dict[str, Any]]:
        lines = (self.data_dir / "logs" / f"{service}.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def letters(self, address: str) -> list[Message]:
        """What was mailed to `address`, the oldest first."""
        files = sorted((self.data_dir / "mail").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        found = [message_from_bytes(path.read_bytes().partition(b"\n" + b"-" * 79)[0]) for path in files]
        return [letter for letter in found if letter["To"] == address]

    def reset_link(self, address: str) -> str:
        """The path of the link for a new password that was last mailed to `address`."""
        letter = eventually(lambda: self.letters(address))[-1]
        text = letter.get_payload(decode=True).decode()  # type: ignore[union-attr]  # a letter of one part
        [path] = re.findall(r"https?://[^/\s]+(/password-reset/\S+)", text)
        self.sensitive.add(path.strip("/").rpartition("/")[2])
        return str(path)

    # Its clients.

    def client(self, service: str = "gateway") -> Client:
        """A client that is not signed in."""
        client = Client(self.url(service), remember=self.sensitive.add)
        self._clients.append(client)
        return client

    def renew_clients(self) -> None:
        """So that none has to ask for new tokens in the next minute, while a test counts what changes."""
        for client in self._clients:
            client.renew_if_due(ahead_s=60)

    def staff(self) -> Client:
        """The user `admin`, signed in. Every call returns the same client."""
        with self._signing_in:
            if self._staff is None:
                self._staff = self.client().signed_in("admin", ADMIN_PASSWORD)
            return self._staff

    def customer(self, password: str = CUSTOMER_PASSWORD) -> Client:
        """A new customer, registered and signed in."""
        client, name = self.client(), f"customer-{next(self._customer_numbers)}"
        client.register(name, password)
        return client.signed_in(name, password)


@contextlib.contextmanager
def paused(send: Callable[[int, int], None], pid: int) -> Iterator[None]:
    """Inside the block the process, or with `os.killpg` its whole group, is stopped."""
    send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pid, signal.SIGCONT)


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of this process, without the variables that configure a Plaza, and with `more`."""
    own = {name: value for name, value in os.environ.items() if name not in PLAZA_VARIABLES}
    return {**own, **more}


def free_ports(count: int = 4) -> int:
    """The first of `count` free ports in a row. They lie below those that the kernel gives to outgoing connections."""
    while True:
        first = random.randrange(20_000, 32_000 - count)
        ports = {first + offset for offset in range(count)}
        if not ports & _reserved and all(map(is_free, ports)):
            _reserved.update(ports)
            return first


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def eventually(condition: Callable[[], T], *, timeout_s: float = 60) -> T:  # the machine may be busy
    """Wait until `condition` returns something true, and return that."""
    give_up_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < give_up_s, f"not within {timeout_s} s"
        time.sleep(0.05)
    return value


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
