"""Work whose caller has gone is not begun."""

import socket
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

CLIENT_CLOSED_REQUEST = 499  # nginx's code for it. Nobody reads the answer, but the log and the metrics tell it apart


class DisconnectedCallerMiddleware:
    """For services: a caller whose deadline has passed closes its connection, perhaps while its request waits here.

    The server tells in `gunicorn.socket` which connection it is. Servers that don't tell serve every request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        connection = request.META.get("gunicorn.socket")
        if connection is not None and is_closed_by_peer(connection):
            return HttpResponse(status=CLIENT_CLOSED_REQUEST)
        return self.get_response(request)


def is_closed_by_peer(connection: socket.socket) -> bool:
    """Whether nothing more can come: an end of file, without waiting for it and without taking it away."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:  # reset
        return True
