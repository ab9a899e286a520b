"""One client at a time: what it sends, and how slowly, and what it is told."""

import json
import socket
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from common.server import conversations
from common.server.limits import Limits
from tests.common.server.host import GET, MAX_BODY_BYTES, Host, status_of

POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE_BYTES = 4_000_000  # more than the sockets' buffers take


def large(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(LARGE_BYTES))])
    return [b"a" * LARGE_BYTES]


def problem_of(heard: bytes | None) -> tuple[int, str]:
    """Status and type of one problem, after which the connection is closed."""
    status = status_of(heard)
    head, _, body = (heard or b"").partition(b"\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in head
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    problem = json.loads(body)
    assert problem["status"] == status
    assert b"\r\nX-Request-ID: " + problem["request_id"].encode() in head
    return status, problem["type"]


def closed(cause: str) -> float:
    return REGISTRY.get_sample_value("plaza_connections_closed_total", {"cause": cause}) or 0.0


def test_a_request_is_answered_and_the_connection_kept(host: Host) -> None:
    client = host.connect(GET)

    assert status_of(host.hear(client)) == 200
    host.say(client, GET)
    assert status_of(host.hear(client)) == 200
    assert [environ["PATH_INFO"] for environ in host.requests] == ["/there", "/there"]


def test_the_application_learns_when_the_request_had_arrived(host: Host) -> None:
    client = host.connect(POST + b"1234")
    host.clock.advance(2)
    arrived_at = host.clock()
    host.workers.is_holding = True
    host.say(client, b"5")
    host.clock.advance(1)
    host.workers.release()

    assert [environ["plaza.arrived_at"] for environ in host.requests] == [arrived_at]
    assert (host.hear(client) or b"").endswith(b"\r\n\r\n12345")


def test_requests_that_come_together_are_answered_one_after_the_other(host: Host) -> None:
    client = host.connect(GET + POST + b"12345" + GET)

    heard = host.hear(client) or b""
    assert heard.count(b"HTTP/1.1 200 OK") == 3
    assert [environ["REQUEST_METHOD"] for environ in host.requests] == ["GET", "POST", "GET"]


def test_what_comes_while_a_request_is_answered_is_read_only_so_far(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_AHEAD_BYTES", 2 * len(GET))
    host.workers.is_holding = True
    client = host.connect(GET)
    for _ in range(5):
        host.say(client, GET)
    (conversation,) = host.server._connections
    assert conversation.reader.held_bytes == 3 * len(GET)

    for _ in range(6):
        host.workers.release()
        host.turn()
    assert (host.hear(client) or b"").count(b"HTTP/1.1 200 OK") == 6


@pytest.mark.parametrize(
    ("opening", "limit_s"), [(b"GET / HTTP/1.1\r\nHost:", 10), (POST + b"1", 20), (CHUNKED + b"5\r\nab", 20)]
)
def test_who_takes_too_long_to_ask_is_told_so(host: Host, opening: bytes, limit_s: int) -> None:
    client = host.connect(opening)
    host.clock.advance(limit_s - 0.1)
    host.turn()
    client.send(b"1")
    assert host.hear(client) == b""

    host.clock.advance(0.1)
    assert problem_of(host.hear(client)) == (408, "/problems/request-timeout")
    assert host.requests == []
    host.clock.advance(2)
    assert host.hear(client) is None


@pytest.mark.parametrize("opening", [b"", GET])
def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(host: Host, opening: bytes) -> None:
    before = closed("idle")
    client = host.connect(opening)
    host.hear(client)
    host.clock.advance(14.9)
    assert host.hear(client) == b""

    host.clock.advance(0.1)
    assert host.hear(client) is None
    assert closed("idle") == before + 1


def test_who_reads_slowly_has_time_for_each_piece(make_host: Callable[..., Host]) -> None:
    host = make_host(application=large)
    client = host.connect(GET)

    heard = b""
    while len(heard) < LARGE_BYTES:
        host.clock.advance(19)
        heard += client.recv(200_000)
        host.turn()
    assert not host.server._connections._by_phase[conversations.Phase.WRITING]


def test_who_does_not_read_is_closed(make_host: Callable[..., Host]) -> None:
    host = make_host(application=large)
    before = closed("slow-reader")
    host.connect(GET)
    host.turn()
    assert host.server.is_busy

    host.clock.advance(20)
    host.turn()
    assert not host.server.is_busy
    assert closed("slow-reader") == before + 1


def test_answers_that_nobody_reads_take_only_so_much_memory(
    make_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_HELD_BYTES", 2 * LARGE_BYTES)
    host = make_host(application=large)
    before = closed("no-memory")

    for _ in range(4):
        host.connect(GET)
    assert len(host.server._connections) == 2
    assert host.server._connections.held_bytes < 2 * LARGE_BYTES
    assert closed("no-memory") == before + 2


def test_who_hangs_up_leaves_nothing_behind(host: Host) -> None:
    for opening in (b"", b"GET /", POST, GET):
        host.connect(opening).close()
    host.turn()

    assert not host.server.is_busy
    assert host.server._connections.held_bytes == 0


def test_who_hangs_up_early_may_still_listen(host: Host) -> None:
    host.workers.is_holding = True
    client = host.connect(GET)
    client.shutdown(socket.SHUT_WR)
    host.turn()
    host.workers.release()

    assert status_of(host.hear(client)) == 200
    assert host.hear(client) is None


def test_who_hung_up_after_a_while_is_not_served(host: Host) -> None:
    host.workers.is_holding = True
    client = host.connect(GET)
    client.close()
    host.clock.advance(1)
    host.turn()
    host.workers.release()
    host.turn()

    assert host.requests == []
    assert not host.server.is_busy


def test_an_answer_for_someone_who_has_gone_is_thrown_away(make_host: Callable[..., Host]) -> None:
    host = make_host(application=large)
    host.workers.is_holding = True
    client = host.connect(GET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    client.close()
    host.turn()
    host.workers.release()
    host.turn()

    assert not host.server.is_busy


def test_a_request_that_waited_too_long_for_a_thread_is_not_begun(make_host: Callable[..., Host]) -> None:
    host = make_host(limits=Limits(queue_s=3))
    host.workers.is_holding = True
    client = host.connect(GET)
    host.clock.advance(3.1)
    host.workers.release()

    heard = host.hear(client) or b""
    assert problem_of(heard) == (503, "/problems/overloaded")
    assert b"\r\nRetry-After: 1\r\n" in heard
    assert b'"instance": "/there"' in heard
    assert host.requests == []
    assert host.hear(client) is None


@pytest.mark.parametrize(
    ("data", "status", "problem"),
    [
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad-request"),
        (b"GET / HTTP/1.1\nHost: test\r\n", 400, "bad-request"),
        (b"GET /" + b"a" * 5000, 414, "uri-too-long"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\nHost: test\r\nExpect: a miracle\r\n\r\n", 417, "expectation-failed"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: brotli\r\n\r\n", 501, "unknown-coding"),
        (CHUNKED + b"5x\r\n", 400, "bad-request"),
        (CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", 400, "bad-request"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(
    host: Host, data: bytes, status: int, problem: str
) -> None:
    client = host.connect(data + GET)

    assert problem_of(host.hear(client)) == (status, f"/problems/{problem}")
    assert host.requests == []
    host.clock.advance(2)
    assert host.hear(client) is None


def test_a_refusal_is_logged_without_what_was_sent(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    heard = host.hear(host.connect(b"GET / HTTP/1.1\r\nAuthorization secret\r\n\r\n")) or b""

    assert json.loads(heard.partition(b"\r\n\r\n")[2])["request_id"] in caplog.text
    assert "secret" not in caplog.text
    assert b"secret" not in heard


@pytest.mark.parametrize(
    "data", [POST.replace(b"5", b"%d" % (MAX_BODY_BYTES + 1)), CHUNKED + b"11170\r\n" + b"a" * 70_000]
)
def test_a_body_that_is_too_large_is_left_to_the_application_unread(host: Host, data: bytes) -> None:
    client = host.connect(data)

    heard = host.hear(client)
    assert status_of(heard) == 200
    assert b"\r\nConnection: close\r\n" in (heard or b"")
    (environ,) = host.requests
    assert environ["CONTENT_LENGTH"] == str(MAX_BODY_BYTES + 1)
    assert environ["wsgi.input"].read() == b""
    host.say(client, b"a" * 100_000)  # it goes on sending, and still gets its answer
    client.close()
    host.turn()
    assert not host.server.is_busy


def test_chunks_reach_the_application_as_one_body(host: Host) -> None:
    client = host.connect(CHUNKED + b"3;name=value\r\nabc\r\n")
    host.say(client, b"2\r\nde\r\n0\r\nX-Sum: a\r\n\r\n")

    assert (host.hear(client) or b"").endswith(b"abcde")
    (environ,) = host.requests
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_who_asks_whether_to_send_the_body_is_told_to(host: Host) -> None:
    client = host.connect(POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert host.hear(client) == b"HTTP/1.1 100 Continue\r\n\r\n"

    host.say(client, b"12345")
    assert status_of(host.hear(client)) == 200


def test_an_error_in_the_server_costs_one_connection(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bystander, client = host.connect(), host.connect()
    with monkeypatch.context() as patched:
        patched.setattr(conversations.Conversations, "_proceed", None)
        host.say(client, GET)

    assert host.hear(client) is None
    assert "a connection was closed by an error in the server" in caplog.text
    host.say(bystander, GET)
    assert status_of(host.hear(bystander)) == 200
