"""From a whole request to a whole answer, by the WSGI application; runs in a thread, and touches no socket."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import structlog
from gunicorn.http import wsgi

from common.identifiers import new_id

from .connections import Connection
from .framing import Settings, WholeRequest
from .refusals import FAILED, Refusal

ARRIVED_AT = "plaza.arrived_at"  # in the WSGI environment: when the last byte had come, by `time.monotonic`

log = structlog.get_logger(__name__)
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """All bytes of an answer, and whether the connection `closes` after it."""

    data: bytes
    closes: bool


def refused(refusal: Refusal, request: WholeRequest) -> Answer:
    return Answer(refusal.encoded(str(new_id()), request.message.path or ""), closes=True)


class Collector:
    """Stands for the socket to which gunicorn's `Response` writes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self._parts.append(data)

    def collected(self) -> bytes:
        return b"".join(self._parts)


class Response(wsgi.Response):
    """Remembers what gunicorn made of a header: nine of ten are the same in every answer."""

    def process_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        for header in headers:
            made = _made_of(header)
            self.headers += made.headers
            self.upgrade = self.upgrade or made.upgrade
            if made.response_length is not None:
                self.response_length = made.response_length


@lru_cache(maxsize=256)
def _made_of(header: tuple[str, str]) -> Any:
    """Raises as gunicorn does."""
    made: Any = SimpleNamespace(headers=[], upgrade=False, response_length=None)
    wsgi.Response.process_headers(made, [header])
    return made


class Responder:
    """Asks `application`; `is_leaving` says that connections end with their answers."""

    def __init__(self, application: Application, config: Settings, is_leaving: Callable[[], bool]) -> None:
        self._application = application
        self._config = config
        self._is_leaving = is_leaving

    def answer(self, request: WholeRequest, connection: Connection) -> Answer:
        """An application that raises is answered for, and ends the connection."""
        try:
            return self._ask(request, connection)
        except (Exception, SystemExit):
            log.exception("a request failed outside the application's own handling of errors")
            return refused(FAILED, request)

    def _ask(self, request: WholeRequest, connection: Connection) -> Answer:
        collector = Collector()
        response, environ = wsgi.create(
            request.message, collector, connection.peer, connection.server, self._config, Response
        )
        complete_environ(environ, request)
        environ["gunicorn.socket"] = connection.sock  # only to see whether the client is still there
        parts = self._application(environ, response.start_response)
        try:
            if self._is_leaving():
                response.force_close()
            for part in parts:
                response.write(part)
            response.close()
        finally:
            if (close := getattr(parts, "close", None)) is not None:
                close()
        return Answer(collector.collected(), response.should_close())


def complete_environ(environ: dict[str, Any], request: WholeRequest) -> None:
    """What gunicorn can't know of a request that was read as a whole."""
    environ["wsgi.multithread"] = True
    environ["wsgi.input"] = io.BytesIO(request.body)
    environ[ARRIVED_AT] = request.arrived_at
    if request.chunked_length is not None:  # in chunks or not is between the client and this server
        environ["CONTENT_LENGTH"] = str(request.chunked_length)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
