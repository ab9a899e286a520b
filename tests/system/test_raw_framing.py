"""What is no HTTP, or could be read in two ways: refused with a 4xx, the connection over, and nothing of it done."""

from collections.abc import Iterator

import pytest

from tests.system.access_contents import contents
from tests.system.access_raw import exchange, request
from tests.system.client import Client
from tests.system.plaza import System

CHUNKED = b"Transfer-Encoding: chunked"
UNKNOWN_CODINGS = (b"xchunked", b"chunked, gzip")  # 501, which RFC 9112 (6.1) asks for


@pytest.fixture(autouse=True)
def nothing_changes(system: System, staff: Client) -> Iterator[None]:
    before = contents(system)
    yield
    assert contents(system) == before


@pytest.fixture
def smuggled(staff: Client) -> bytes:
    """A whole request that would change something."""
    return request("POST", "/api/categories/", token=staff.access, body=b'{"name": "smuggled"}')


def head(*lines: bytes, target: bytes = b"POST /api/categories/ HTTP/1.1") -> bytes:
    return b"\r\n".join([target, *lines, b"", b""])


def assert_refused(port: int, data: bytes, *statuses: int) -> None:
    """One answer of gunicorn's own, which says nothing of the gateway, and the end."""
    found = exchange(port, data)
    (answer,) = found.answers
    assert answer.status in (statuses or (400,)), answer
    assert found.closed
    assert (answer.headers["content-type"], answer.headers["connection"]) == ("text/html", "close")
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize(
    "framing",
    [
        (b"Content-Length: 0", CHUNKED),
        (CHUNKED, b"Content-Length: 0"),
        (b"Content-Length: 0", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: +5",),
        (b"Content-Length: -1",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: 5e0",),
        (b"Content-Length: 1_0",),
        (b"Content-Length: \xb2",),
        (b"Content-Length: 5 5",),
        (b"Content-Length:",),
        (b"Content-Length : 5",),
        (b"Content-Length\0: 5",),
        (b"Transfer-Encoding: chunked, chunked",),
        (CHUNKED, CHUNKED),
        (CHUNKED, b"Transfer-Encoding: identity"),
        (b"Transfer-Encoding: identity", b"Content-Length: 5"),
        (b"Transfer-Encoding: gzip",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: chunked, gzip",),
        (b"Transfer-Encoding: \x0bchunked",),
        (b"Transfer-Encoding: chunked\0",),
        (b"Transfer-Encoding : chunked",),
        (b"X: y", b" Transfer-Encoding: chunked"),
        (b"X: y\nTransfer-Encoding: chunked",),
        (b"X: y\rTransfer-Encoding: chunked",),
    ],
    ids=lambda framing: " + ".join(map(repr, framing)),
)
def test_a_request_whose_end_two_readers_could_see_elsewhere_is_refused(
    system: System, staff: Client, smuggled: bytes, framing: tuple[bytes, ...]
) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), b"Content-Type: application/json")
    is_unknown = any(framing[0].endswith(coding) for coding in UNKNOWN_CODINGS)

    assert_refused(system.port, head(*own, *framing) + b"0\r\n\r\n" + smuggled, *([400, 501] if is_unknown else [400]))


def test_chunks_do_not_reach_http_1_0(system: System, smuggled: bytes) -> None:
    line = b"POST /api/categories/ HTTP/1.0"

    assert_refused(system.port, head(CHUNKED, target=line) + b"0\r\n\r\n" + smuggled)


@pytest.mark.parametrize("size", [b"ZZ", b"-1", b"0x5", b"+5", b"5 5", b"", b"5;a\nb"])
def test_a_body_in_chunks_is_not_taken_and_a_broken_one_ends_the_connection(
    system: System, staff: Client, smuggled: bytes, size: bytes
) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), CHUNKED)

    found = exchange(system.port, head(*own) + size + b"\r\nabcde\r\n" + smuggled)
    assert found.answers[0].status == 411
    assert [answer.status for answer in found.answers[1:]] in ([], [400])
    assert found.closed


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /api/users/me/", 400),
        (b"GET /api/users/me/ HTTP/2.0", 400),
        (b"GET /api/users/me/ HTTP/9.9", 400),
        (b"GET /api/users/me/ HTTP/1.1 x", 400),
        (b"GET /api/users/me/ /x HTTP/1.1", 400),
        (b"GET\t/api/users/me/\tHTTP/1.1", 400),
        (b"GET  HTTP/1.1", 400),
        (b"get /api/users/me/ HTTP/1.1", 400),
        (b"G\0ET /api/users/me/ HTTP/1.1", 400),
        (b"GET /api/categories/\xc3\xa9/ HTTP/1.1", 400),
        (b"GET /api/users/me/\0 HTTP/1.1", 400),
        (b"GET /api/users/me/ HTTP/1.1\nX: y", 400),
        (b"GET /api/?" + b"a" * 5000 + b" HTTP/1.1", 414),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2", 400),
        (b"PRI * HTTP/2.0", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"\xff\xfe", 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_line_that_is_no_request_is_refused(system: System, line: bytes, status: int) -> None:
    assert_refused(system.port, head(b"Host: 127.0.0.1", target=line), status)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"no colon"], 400),
        ([b": no name"], 400),
        ([b"X Y: z"], 400),
        ([b"X(Y): z"], 400),
        ([b"X: a\0b"], 400),
        ([b"X: a", b" folded"], 400),
        ([b"Host: 127.0.0.1"], 400),
        ([b"Expect: the-unexpected"], 417),
        ([b"X: " + b"a" * 9000], 431),
        ([b"X-%d: a" % number for number in range(101)], 431),
    ],
    ids=lambda value: str(value)[:40],
)
def test_lines_that_are_no_headers_are_refused(system: System, lines: list[bytes], status: int) -> None:
    line = b"GET /api/users/me/ HTTP/1.1"

    assert_refused(system.port, head(b"Host: 127.0.0.1", *lines, target=line), status)


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"127.0.0.1@evil.example", b"a b", b"[::1", b"127.0.0.1:a"]
)
def test_a_host_that_is_not_ours_is_400(system: System, host: bytes) -> None:
    (answer,) = exchange(system.port, request("GET", "/api/", host=host)).answers

    assert (answer.status, answer.json()["type"]) == (400, "/problems/bad-request")
    assert b"evil" not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "kind", "token", "status"),
    [
        ("GET", "/api/users/me/", b"application/json", True, 200),
        ("DELETE", "/api/products/", b"application/json", True, 405),
        ("POST", "/api/orders/", b"application/json", False, 401),
        ("POST", "/api/orders/", b"text/plain", True, 415),
        ("POST", "/api/nowhere/", b"application/json", True, 404),
    ],
)
def test_a_body_that_nobody_read_is_not_the_next_request(
    system: System, staff: Client, smuggled: bytes, method: str, path: str, kind: bytes, token: bool, status: int
) -> None:
    authorization = b"Authorization: Bearer " + staff.access.encode() if token else b"X: y"
    own = (b"Host: 127.0.0.1", authorization, b"Content-Type: " + kind, b"Content-Length: %d" % len(smuggled))

    line = f"{method} {path} HTTP/1.1".encode()
    found = exchange(system.port, head(*own, target=line) + smuggled)
    assert [answer.status for answer in found.answers] == [status]


def test_nor_is_one_that_was_too_large_to_be_read(system: System, staff: Client, smuggled: bytes) -> None:
    body = smuggled + b" " * 1_100_000
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), b"Content-Length: %d" % len(body))

    found = exchange(system.port, head(*own) + body)
    assert [answer.status for answer in found.answers] == [413]


def test_of_two_requests_on_one_connection_each_proves_itself(system: System, staff: Client) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode())
    first = head(*own, target=b"GET /api/users/me/ HTTP/1.1")

    found = exchange(system.port, first + request("GET", "/api/users/me/"))
    assert [answer.status for answer in found.answers] == [200, 401]


def test_what_is_refused_is_not_logged_word_by_word(system: System, staff: Client) -> None:
    token = staff.access.encode()

    assert_refused(system.port, head(b"Authorization Bearer " + token, target=b"GET / HTTP/1.1"))
    assert_refused(system.port, head(target=b"GET /?token=" + token))
    (answer,) = exchange(system.port, request("GET", "/api/", host=token)).answers
    assert answer.status == 400
    assert staff.access not in system.log_text()
