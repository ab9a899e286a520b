"""Whether a service answers."""

import http.client
import socket

from .layout import LOOPBACK
from .state import Record

READY_PATH = "/health/ready"


def is_ready(port: int, *, timeout_s: float = 2.0) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", READY_PATH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def fetch(port: int, path: str, *, timeout_s: float = 2.0) -> str:
    """The body of a 200, or nothing."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode(errors="replace") if answer.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def is_healthy(record: Record, *, timeout_s: float = 2.0) -> bool:
    """A process that listens nowhere is healthy while it lives."""
    return record.is_alive() and (record.port is None or is_ready(record.port, timeout_s=timeout_s))


def is_reachable(host: str, port: int, *, timeout_s: float = 2.0) -> bool:
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True
