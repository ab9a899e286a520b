"""The system under chaos: a real `up --detach` in a directory of its own, with proxies before orders and products."""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import requests

from .. import processes
from ..audit import Report, audit
from ..errors import OperationError
from ..layout import LOOPBACK, ROOT, System
from ..operator import OperatorClient
from ..state import State
from .proxy import FaultProxy

SERVICES = ("gateway", "users", "products", "orders", "relay")


class Shop:
    def __init__(self, directory: Path) -> None:
        self.system = System(directory)
        self.port = _four_free_ports()
        self.password = secrets.token_urlsafe(16)
        self.products_proxy = FaultProxy(self.port + 2, random.Random(1))
        self.orders_proxy = FaultProxy(self.port + 3, random.Random(2))

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/api"

    def __enter__(self) -> Self:
        environment = {
            **os.environ,
            "PLAZA_ADMIN_PASSWORD": self.password,
            "PRODUCTS_URL": self.products_proxy.url,
            "ORDERS_URL": self.orders_proxy.url,
            **{f"THROTTLE_{scope}": "0" for scope in ("USER", "ADDRESS", "SIGN_IN_ADDRESS", "SIGN_IN_ACCOUNT")},
        }
        command = self._command("up", "--detach", "--no-demo", "--port", str(self.port))
        started = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if started.returncode:
            raise OperationError(f"the system under chaos did not start:\n{started.stdout}{started.stderr}")
        return self

    def __exit__(self, *exception: object) -> None:
        subprocess.run(self._command("down"), capture_output=True, check=False)
        self.products_proxy.close()
        self.orders_proxy.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(ROOT / "manage_all.py"), *arguments, "--data-dir", str(self.system.base)]

    def strike(self, service: str, number: signal.Signals) -> int | None:
        """To a service's whole group; its number, or None when it is between two lives."""
        state = State.read(self.system.state_file)
        pid = next((record.pid for record in state.services if record.name == service), None) if state else None
        if pid is not None:
            processes.send_group(pid, number)
        return pid

    def strike_supervisor(self, number: signal.Signals) -> None:
        """Frozen, it starts nothing again."""
        if state := State.read(self.system.state_file):
            processes.send(state.supervisor.pid or 0, number)

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def sign_in(self, session: requests.Session, username: str, password: str) -> None:
        answer = session.post(f"{self.url}/auth/token/", json={"username": username, "password": password}, timeout=10)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['access']}"

    def wait_for_rest(self, timeout_s: float) -> float | None:
        """Seconds until no order wants anything any more; None when that took too long."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            with suppress(OperationError):  # a service may still be on its way up
                if self.audit().unsettled == 0:
                    return time.monotonic() - started
            time.sleep(0.5)
        return None

    def audit(self) -> Report:
        return audit(self.system, self.port, pause_s=2.0)

    def rows(self, service: str, path: str) -> list[dict[str, Any]]:
        offset = {"products": 2, "orders": 3}[service]
        return list(OperatorClient(self.system, service, f"http://{LOOPBACK}:{self.port + offset}").rows(path))


def _four_free_ports() -> int:
    for _ in range(100):
        first = random.SystemRandom().randrange(20_000, 60_000)
        with suppress(OSError):
            listeners = [socket.create_server((LOOPBACK, first + offset)) for offset in range(4)]
            for listener in listeners:
                listener.close()
            return first
    raise OperationError("no four free ports in a row were found.")
