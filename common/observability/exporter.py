"""`/metrics` of a process that serves nothing else, such as the relay: for loopback, or with METRICS_TOKEN."""

import hmac
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST

from . import metrics

LOOPBACK = ("127.0.0.1", "::1")


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class SilentHandler(WSGIRequestHandler):
    timeout = 5  # seconds that a caller who says nothing holds a thread

    def log_message(self, format: str, *args: Any) -> None:
        pass


def expose(host: str, port: int, token: str) -> WSGIServer:
    """Answer scrapes in a thread from now on. Raises `OSError` if the port is taken."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET":
            start_response("404 Not Found", [])
            return [b""]
        if not may_read(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_AUTHORIZATION", ""), token):
            start_response("403 Forbidden", [])
            return [b""]
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
        return [metrics.exposition()]

    server = make_server(host, port, application, ThreadingServer, SilentHandler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def may_read(address: str, authorization: str, token: str) -> bool:
    offered = authorization.removeprefix("Bearer ")
    return address in LOOPBACK or (bool(token) and hmac.compare_digest(offered.encode(), token.encode()))
