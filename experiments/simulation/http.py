"""The services' real WSGI applications, called without sockets: bytes in, bytes out."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from common.identity import TokenIssuer

from .scheduler import SCHEDULER, Task
from .settings import OF_PROJECT

GATEWAY_S = "2800"  # milliseconds that the gateway leaves


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def environ(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        return {
            **headers,
            "REQUEST_METHOD": self.method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.url_scheme": "http",
            "plaza.arrived_at": SCHEDULER.now,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None


class Applications:
    """Both projects' applications, each with its own middleware. Whoever's turn it is has its project's settings."""

    def __init__(self) -> None:
        self._project = ""
        self._handlers = {}
        for project in OF_PROJECT:
            self.enter(project)
            self._handlers[project] = WSGIHandler()
        SCHEDULER.on_turn = self.turn

    def enter(self, project: str) -> None:
        if project != self._project:
            self._project = project
            settings.__dict__.update(OF_PROJECT[project])  # what `settings` has looked up already

    def turn(self, task: Task) -> None:
        self.enter(task.process.project)

    def answer(self, project: str, request: Request) -> Answer:
        """Runs in a task of a process of this project."""
        started: list[Any] = []
        handler: Any = self._handlers[project]
        parts = handler(request.environ(), lambda status, headers: started.append((status, headers)))
        try:
            body = b"".join(parts)
        finally:
            parts.close()
        ((status, headers),) = started
        SCHEDULER.step(f"answers {status[:3]}")
        return Answer(int(status[:3]), dict(headers), body)


class Callers:
    """Requests as the gateway and the operator make them, with their internal tokens."""

    def __init__(self) -> None:
        self._issuers: dict[tuple[str, str], TokenIssuer] = {}

    def request(
        self,
        project: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str = "gateway",
        user: Any = None,
        is_staff: bool = False,
        key: str | None = None,
    ) -> Request:
        if (caller, project) not in self._issuers:
            ring = OF_PROJECT[project]["CALLER_KEYS"][caller]
            self._issuers[caller, project] = TokenIssuer(caller, project, ring)
        token = self._issuers[caller, project].issue(user, is_staff=is_staff)
        headers = {"Authorization": f"Bearer {token}", "X-Plaza-Deadline-Ms": GATEWAY_S, "Accept": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return Request(method, path, headers, b"" if body is None else msgspec.json.encode(body))
