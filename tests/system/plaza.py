"""A whole Plaza under test: started by its own command line, spoken to over HTTP, and hurt as machines are hurt."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from operations.layout import OWNER_VARIABLE, ROOT
from operations.processes import identity, tagged
from operations.testing.plan import NOT_HANDED_ON
from tests.system.client import Client

ADMIN_PASSWORD = "quiet-harbour-at-dawn"
CUSTOMER_PASSWORD = "violet-lantern-in-june"
OFFSETS = {"gateway": 0, "users": 1, "products": 2, "orders": 3}
PROJECTS = ("gateway_project", "users_project", "products_project", "orders_project")
WITHOUT_THROTTLES = {f"THROTTLE_{scope}": "0" for scope in ("USER", "ADDRESS", "SIGN_IN_ADDRESS", "SIGN_IN_ACCOUNT")}

_given: set[int] = set()  # to systems of this run, which may not listen yet

T = TypeVar("T")


class System:
    """One Plaza on four ports of its own, with everything it writes in `data_dir`."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_ports()
        self.environment = clean_environment(PLAZA_ADMIN_PASSWORD=ADMIN_PASSWORD, **environment)
        self.sensitive: set[str] = {ADMIN_PASSWORD, CUSTOMER_PASSWORD}
        self._clients: list[Client] = []
        self._names = iter(range(1, 10_000))
        self._making = threading.Lock()
        self._staff: Client | None = None

    def url(self, service: str = "gateway") -> str:
        return f"http://127.0.0.1:{self.port + OFFSETS[service]}"

    # Its life, by the command line.

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage_all.py"), *arguments, "--data-dir", str(self.data_dir)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self, *arguments: str) -> None:
        done = self.command("up", "--detach", "--port", str(self.port), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    def down(self) -> None:
        """Also proves that nothing is left of it."""
        for client in self._clients:
            client.close()
        done = self.command("down")
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.processes() == []

    def processes(self) -> list[int]:
        """Every living process of this system, whoever started it."""
        return [pid for pid in tagged(OWNER_VARIABLE, str(self.data_dir)) if identity(pid)]

    def services(self) -> dict[str, dict[str, Any]]:
        answer = json.loads(self.command("status", "--json").stdout)
        return {service["name"]: service for service in answer["services"]}

    def pid(self, service: str) -> int:
        pid = self.services()[service]["pid"]
        assert isinstance(pid, int), f"{service} does not run"
        return pid

    # What befalls it.

    def kill(self, service: str) -> int:
        """`kill -9` to the service and its workers; which process it was."""
        pid = self.pid(service)
        os.killpg(pid, signal.SIGKILL)
        eventually(lambda: identity(pid) is None)
        return pid

    @contextlib.contextmanager
    def dead(self, service: str) -> Iterator[None]:
        """Killed, and not started again before the end of the block."""
        with self.supervisor_held():
            self.kill(service)
            yield

    @contextlib.contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """Neither answers nor closes a connection until the end of the block."""
        pid = self.pid(service)
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def supervisor_held(self) -> Iterator[None]:
        state = json.loads((self.data_dir / "run/supervisor.json").read_text())
        supervisor: int = state["supervisor"]["pid"]
        os.kill(supervisor, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def wait_until_healthy(self, timeout_s: float = 30) -> None:
        eventually(lambda: all(service["healthy"] for service in self.services().values()), timeout_s=timeout_s)

    # What it keeps.

    def secret(self, name: str) -> str:
        return (self.data_dir / "secrets" / name).read_text()

    def log_text(self) -> str:
        return "".join(path.read_text() for path in (self.data_dir / "logs").iterdir())

    def logs(self, service: str) -> list[dict[str, Any]]:
        lines = (self.data_dir / "logs" / f"{service}.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    # Who speaks to it.

    def client(self, service: str = "gateway") -> Client:
        """Nobody in particular."""
        client = Client(self.url(service), remember=self.sensitive.add)
        self._clients.append(client)
        return client

    def staff(self) -> Client:
        """The user `admin`."""
        with self._making:
            if self._staff is None:
                self._staff = self.client().signed_in("admin", ADMIN_PASSWORD)
            return self._staff

    def customer(self, password: str = CUSTOMER_PASSWORD) -> Client:
        """A new customer each time, registered and signed in."""
        client, name = self.client(), f"customer-{next(self._names)}"
        client.register(name, password)
        return client.signed_in(name, password)


def clean_environment(**more: str) -> dict[str, str]:
    """This process's own, without what a running Plaza or another suite put there."""
    own = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
    return {**own, **more}


def free_ports(count: int = 4) -> int:
    """The first of `count` free ones in a row, below those that the machine gives to outgoing connections."""
    while True:
        first = random.randrange(20_000, 32_000 - count)
        ports = {first + offset for offset in range(count)}
        if not ports & _given and all(map(is_free, ports)):
            _given.update(ports)
            return first


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def eventually(condition: Callable[[], T], *, timeout_s: float = 20) -> T:
    """What `condition` gives once it is true."""
    give_up_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < give_up_s, f"not within {timeout_s} s"
        time.sleep(0.05)
    return value
