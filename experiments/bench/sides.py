"""The servers that are compared: Plaza's, the peers', and the stub behind gateways. Each ends with its block."""

import base64
import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from string import Template
from uuid import UUID

import jwt

from experiments.chaos.shop import Shop, free_ports
from operations import processes
from operations.console import OperationError
from operations.layout import LOOPBACK, ROOT, SERVERS, SERVICES

from .packages import SOURCES, node_modules, python_environment

CUSTOMERS = 8  # sign-ins of one user, each with a token of its own
START_WITHIN_S = 30
KEY = secrets.token_urlsafe(48)  # signs the tokens of all peers
LAST_WORDS = 8


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


@contextmanager
def running(
    command: Sequence[str | Path], port: int, variables: Mapping[str, str], log: Path, directory: Path = SOURCES
) -> Iterator[Server]:
    """A server, from when its port accepts connections."""
    with log.open("ab") as output:
        process = processes.spawn(
            list(map(str, command)), directory=directory, environment={**environ, **variables}, stdout=output
        )
    try:
        _wait_for(process, port, log)
        yield Server(port, process.pid)
    finally:
        processes.send_group(process.pid, signal.SIGTERM)
        if not processes.wait_until(lambda: process.poll() is not None, timeout_s=5.0):
            processes.send_group(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    is_up = processes.wait_until(
        lambda: process.poll() is not None or accepts_connections(port), timeout_s=START_WITHIN_S
    )
    if not is_up or process.poll() is not None:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_WORDS:])
        raise OperationError(f"{log.stem} did not start:\n{said}")


def accepts_connections(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((LOOPBACK, port)) == 0


def urls(users: str, products: str, orders: str) -> dict[str, str]:
    return {"USERS_URL": users, "PRODUCTS_URL": products, "ORDERS_URL": orders}


def peer_tokens(user_id: str) -> list[str]:
    """As the peers' users sign them, and as SimpleJWT reads them."""
    now = int(time.time())
    claims = {"token_type": "access", "user_id": user_id, "iat": now, "exp": now + 300}
    return [jwt.encode({**claims, "jti": secrets.token_hex(16)}, KEY, "HS256") for _ in range(CUSTOMERS)]


@contextmanager
def stub(directory: Path) -> Iterator[Server]:
    port = free_ports(1)
    command = [sys.executable, "-m", "experiments.bench.stub", str(port)]
    with running(command, port, {}, directory / "stub.log", ROOT) as server:
        yield server


@contextmanager
def fastapi_gateway(upstreams: Mapping[str, str], directory: Path) -> Iterator[Server]:
    with _uvicorn("fastapi_gateway:app", {**upstreams, "JWT_KEY": KEY}, directory / "fastapi.log") as server:
        yield server


@contextmanager
def fastapi_service(name: str, variables: Mapping[str, str], directory: Path) -> Iterator[Server]:
    database = {"DATABASE_URL": f"sqlite:///{directory / f'{name}.db'}"}
    log = directory / f"fastapi-{name}.log"
    with _uvicorn(f"fastapi_services:{name}", {**variables, **database}, log) as server:
        yield server


@contextmanager
def _uvicorn(application: str, variables: Mapping[str, str], log: Path) -> Iterator[Server]:
    port = free_ports(1)
    command = (python_environment() / "bin" / "uvicorn", application, "--port", str(port))
    with running(command, port, {"PYTHONDONTWRITEBYTECODE": "1", **variables}, log) as server:
        yield server


@contextmanager
def express_gateway(upstreams: Mapping[str, str], directory: Path) -> Iterator[Server]:
    port = free_ports(1)
    variables = {**upstreams, "JWT_KEY": KEY, "PORT": str(port), "NODE_ENV": "production"}
    command = ["node", "express_gateway.js"]
    with running(command, port, variables, directory / "express.log", node_modules()) as server:
        yield server


@contextmanager
def envoy_gateway(upstream: Server, directory: Path) -> Iterator[Server]:
    port = free_ports(1)
    settings = directory / "envoy.yaml"
    values = {"PORT": port, "UPSTREAM_PORT": upstream.port, "JWKS": key_set(KEY)}
    settings.write_text(Template((SOURCES / "envoy.yaml").read_text()).substitute(values))
    command = (python_environment() / "bin" / "envoy", "--config-path", settings, "--concurrency", "1")
    quiet = ("--disable-hot-restart", "--log-level", "error")
    with running((*command, *quiet), port, {}, directory / "envoy.log") as server:
        yield server


def key_set(key: str) -> str:
    """As JWKS (RFC 7517), which holds symmetric keys in base64url."""
    encoded = base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()
    return json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": encoded}]})


@contextmanager
def django_monolith(rows: Mapping[str, object], directory: Path) -> Iterator[Server]:
    port, programs = free_ports(1), python_environment() / "bin"
    variables = {"DATABASE": str(directory / "monolith.db"), "JWT_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"}
    beginning = directory / "monolith.json"
    beginning.write_text(json.dumps(rows))
    subprocess.run(
        [programs / "python", "django_monolith.py", beginning], cwd=SOURCES, env={**environ, **variables}, check=True
    )
    command = (programs / "gunicorn", "django_monolith", "--bind", f"{LOOPBACK}:{port}", "--threads", "8")
    with running((*command, "--log-level", "error"), port, variables, directory / "monolith.log") as server:
        yield server


class Customer:
    """A user of Plaza, who signs in anew when tokens are asked for: they live for five minutes."""

    def __init__(self, shop: Shop, username: str, password: str, user_id: str = "") -> None:
        self.shop = shop
        self.username = username
        self.password = password
        self.user_id = user_id

    def tokens(self) -> list[str]:
        return [self.sign_in() for _ in range(CUSTOMERS)]

    def sign_in(self) -> str:
        session = self.shop.session()
        self.shop.sign_in(session, self.username, self.password)
        return str(session.headers["Authorization"]).removeprefix("Bearer ")


def internal_token(shop: Shop, service: str, user_id: UUID | None, *, is_staff: bool = False) -> str:
    """As the gateway signs it for a service."""
    now = int(time.time())
    claims = {"iss": "gateway", "aud": service, "iat": now, "exp": now + 60, "is_staff": is_staff}
    key = (shop.system.base / "secrets" / f"gateway-{service}").read_text().splitlines()[0]
    return jwt.encode({**claims, "sub": str(user_id)} if user_id else claims, key, "HS256")


def leaders(shop: Shop, *names: str) -> list[int]:
    """The process groups of these services; of all when none is named."""
    pids = {service.name: shop.pid(service.name) for service in SERVICES}
    return [pid for name, pid in pids.items() if pid and (name in names or not names)]


def ports(shop: Shop) -> dict[str, int]:
    return {server.name: shop.port + (server.offset or 0) for server in SERVERS}
