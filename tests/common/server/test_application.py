from collections.abc import Callable, Iterable
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
