"""The system under test: a real `up --detach` in its own directory, with fault proxies before orders and products."""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import requests

from operations import processes
from operations.audit import Report, audit
from operations.console import OperationError
from operations.layout import LOOPBACK, ROOT, SERVERS, SERVICES, SUPERVISOR, System, service
from operations.operator import OperatorClient
from operations.status import State

from .beside import Beside
from .proxy import FaultProxy

START_WITHIN_S = 60.0


class Shop:
    """`proxied` puts the fault proxies in between; without them nothing can be cut off, and nothing costs extra.

    `variables` are its processes', beside the caller's own.
    """

    def __init__(self, directory: Path, *, proxied: bool = True, variables: Mapping[str, str] | None = None) -> None:
        self.proxied = proxied
        self.variables = variables or {}
        self.system = System(directory)
        self.port = free_ports(len(SERVERS))
        self.ports = [self.port]  # of the gateways
        self.beside: Beside | None = None
        self.password = secrets.token_urlsafe(16)
        self.products_proxy = self._proxy("products", random.Random(1))
        self.orders_proxy = self._proxy("orders", random.Random(2))

    def _proxy(self, name: str, rng: random.Random) -> FaultProxy:
        port = service(name).port(self.port)
        assert port is not None
        return FaultProxy(port, rng)

    @property
    def url(self) -> str:
        """Of one of the gateways, each time another one."""
        return f"http://{LOOPBACK}:{random.choice(self.ports)}/api"

    def __enter__(self) -> Self:
        try:
            self._start({**os.environ, "PLAZA_ADMIN_PASSWORD": self.password, **self._overrides})
        except BaseException:
            self.__exit__()
            raise
        return self

    @contextmanager
    def two_of_each(self) -> Iterator[None]:
        """A second gateway and a second relay, for as long as the block takes."""
        port = free_ports(1)
        with Beside(self.system.base, port, self.environment) as beside:
            self.beside, self.ports = beside, [self.port, port]
            if not processes.wait_until(lambda: _listens(port), timeout_s=START_WITHIN_S):
                raise OperationError(f"the second gateway did not start; see {self.system.base}/beside.log.")
            try:
                yield
            finally:
                self.beside, self.ports = None, [self.port]

    @property
    def is_on_postgres(self) -> bool:
        return any(name.endswith("_DATABASE_URL") for name in self.variables)

    @property
    def names(self) -> list[str]:
        """Of the processes that faults may hit."""
        return [each.name for each in SERVICES] + (self.beside.names if self.beside else [])

    @property
    def environment(self) -> dict[str, str]:
        """For further processes of this system, beside those of `up`."""
        return {**self.system.environment(self.port), **self._overrides}

    @property
    def _overrides(self) -> dict[str, str]:
        return {
            **({"PRODUCTS_URL": self.products_proxy.url, "ORDERS_URL": self.orders_proxy.url} if self.proxied else {}),
            **{
                f"THROTTLE_{scope}": "0"
                for scope in ("USER", "ADDRESS", "GUESSES", "SIGN_IN_ACCOUNT", "SIGN_IN_ADDRESS")
            },
            **self.variables,
        }

    def _start(self, environment: Mapping[str, str]) -> None:
        command = self._command("up", "--detach", "--no-demo", "--port", str(self.port))
        started = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if started.returncode:
            raise OperationError(f"the system did not start:\n{started.stdout}{started.stderr}")

    def __exit__(self, *exception: object) -> None:
        subprocess.run(self._command("down"), capture_output=True, check=False)
        self.products_proxy.close()
        self.orders_proxy.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage_all.py"), *arguments, "--data-dir", str(self.system.base)]

    def send_signal(self, name: str, number: signal.Signals) -> int | None:
        """To a service and its workers. Returns its process number, or None if it waits to be started again."""
        if pid := self.pid(name):
            processes.send_group(pid, number)
        return pid

    def pid(self, name: str) -> int | None:
        """None while it waits to be started again."""
        if self.beside and name in self.beside.names:
            return self.beside.pid(name)
        state = State.read(self.system.state_file)
        records = (state.supervisor, *state.services) if state else ()
        return next((record.pid for record in records if record.name == name), None)

    def send_signal_to_supervisor(self, number: signal.Signals) -> None:
        """For example to freeze it, so that it restarts nothing."""
        if pid := self.pid(SUPERVISOR):
            processes.send(pid, number)

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def sign_in(self, session: requests.Session, username: str, password: str) -> None:
        answer = session.post(f"{self.url}/auth/token/", json={"username": username, "password": password}, timeout=10)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access']}"

    def wait_for_rest(self, timeout_s: float) -> float | None:
        """Seconds until every order is settled; None if that took too long."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            with suppress(OperationError):  # a service may still be starting
                if self.audit().unsettled == 0:
                    return time.monotonic() - started
            time.sleep(0.5)
        return None

    def audit(self) -> Report:
        return audit(self.system, self.port, pause_s=2.0)

    def rows(self, name: str, path: str) -> list[dict[str, Any]]:
        return list(OperatorClient(self.system, service(name), self.port).rows(path))


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row, below those that the kernel gives to outgoing connections."""
    for _ in range(100):
        first = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError):
            listeners = [socket.create_server((LOOPBACK, first + offset)) for offset in range(count)]
            for listener in listeners:
                listener.close()
            return first
    raise OperationError("no free ports were found.")
