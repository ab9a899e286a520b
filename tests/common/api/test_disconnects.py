import socket
import struct
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from common.api.disconnects import DisconnectedCallerMiddleware


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The caller's end of a connection, and the service's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname())
        service, _ = server.accept()
    with caller, service:
        yield caller, service


def answer(service: socket.socket | None) -> int:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("begun")

    request = RequestFactory().get("/")
    if service is not None:
        request.META["gunicorn.socket"] = service
    return DisconnectedCallerMiddleware(view)(request).status_code


def test_the_work_of_a_caller_that_waits_is_done(ends: tuple[socket.socket, socket.socket]) -> None:
    assert answer(ends[1]) == 200


def test_bytes_that_are_still_to_be_read_are_left_there(ends: tuple[socket.socket, socket.socket]) -> None:
    caller, service = ends
    caller.sendall(b"the body")
    assert answer(service) == 200
    assert service.recv(100) == b"the body"


def test_the_work_of_a_caller_that_has_gone_is_not_begun(ends: tuple[socket.socket, socket.socket]) -> None:
    caller, service = ends
    caller.close()
    assert answer(service) == 499


def test_nor_is_that_of_one_whose_connection_was_reset(ends: tuple[socket.socket, socket.socket]) -> None:
    caller, service = ends
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    assert answer(service) == 499


def test_a_server_that_tells_no_connection_serves_all() -> None:
    assert answer(None) == 200
