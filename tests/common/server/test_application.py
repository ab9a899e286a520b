from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest

from tests.common.server.host import GET, Host, status_of


class Parts(list[bytes]):
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_an_answer_in_parts_is_collected_and_then_closed(make_host: Callable[..., Host]) -> None:
    parts = Parts([b"a", b"", b"b"])

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return parts

    host = make_host(application=application)
    client = host.connect(GET)
    assert (host.hear(client) or b"").endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
    assert parts.is_closed


def test_each_answer_has_its_own_headers_and_none_that_are_for_the_server_to_say(
    make_host: Callable[..., Host],
) -> None:
    numbers = count(1)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        own = ("X-Number", str(next(numbers)))
        start_response("200 OK", [("X-Same", "a"), own, ("Connection", "close"), ("Content-Length", "2")])
        return [b"ok"]

    host = make_host(application=application)
    client = host.connect()
    for number in (1, 2, 3):
        client.sendall(GET)
        head, _, body = (host.hear(client) or b"").partition(b"\r\n\r\n")
        said = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        expected = {b"X-Same": b"a", b"X-Number": b"%d" % number, b"Connection": b"keep-alive", b"Content-Length": b"2"}
        assert said.items() >= expected.items()
        assert body == b"ok"


def test_a_header_that_would_be_two_is_refused_each_time(make_host: Callable[..., Host]) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("X-Name", "a\r\nSet-Cookie: b")])
        return [b"ok"]

    host = make_host(application=application)
    for _ in range(2):
        heard = host.hear(host.connect(GET)) or b""
        assert status_of(heard) == 500
        assert b"Set-Cookie" not in heard


@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize("has_begun", [False, True])
def test_an_application_that_raises_is_answered_for(
    make_host: Callable[..., Host], has_begun: bool, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if has_begun:
            start_response("200 OK", [("Content-Length", "100")])
            yield b"some"
        raise error("a secret")

    host = make_host(application=application)
    client = host.connect(GET)
    heard = host.hear(client) or b""
    assert status_of(heard) == 500
    assert b'"instance": "/there"' in heard
    assert b"secret" not in heard
    assert "a secret" in caplog.text
    assert host.hear(client) is None


def test_the_application_is_given_what_wsgi_says(host: Host) -> None:
    host.hear(host.connect(GET))

    (environ,) = host.requests
    expected = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/there",
        "QUERY_STRING": "a=b",
        "SCRIPT_NAME": "",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PORT": str(host.listener.getsockname()[1]),
        "wsgi.multithread": True,
        "wsgi.url_scheme": "http",
    }
    assert {name: environ[name] for name in expected} == expected
    assert environ["gunicorn.socket"].getpeername() == ("127.0.0.1", int(environ["REMOTE_PORT"]))
