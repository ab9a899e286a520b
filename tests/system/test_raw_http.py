"""Bad HTTP: what is no request, or what two readers could understand in two ways, is refused and changes nothing."""

from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from tests.support.http import Client
from tests.support.plaza import Plaza
from tests.support.wire import Header, Sender, exchange, request
from tests.system.scene import contents

CHUNKED = b"Transfer-Encoding: chunked"
UNKNOWN_CODINGS = (b"xchunked", b"chunked, gzip")  # 501, which RFC 9112 (6.1) asks for


@pytest.fixture(autouse=True)
def nothing_changes(plaza: Plaza, staff: Client) -> Iterator[None]:
    plaza.renew_clients()
    before = contents(plaza)
    yield
    assert contents(plaza) == before


@pytest.fixture
def smuggled(staff: Client) -> bytes:
    """A complete request that would change something, hidden behind another one."""
    return request("POST", "/api/categories/", token=staff.access, body=b'{"name": "smuggled"}')


def head(*lines: bytes, target: bytes = b"POST /api/categories/ HTTP/1.1") -> bytes:
    return b"\r\n".join([target, *lines, b"", b""])


def assert_refused(port: int, data: bytes, *statuses: int) -> None:
    """The only answer is the server's own problem, and the connection is closed."""
    found = exchange(port, data)
    (answer,) = found.answers
    assert answer.status in (statuses or (400,)), answer
    assert found.closed
    assert answer.is_problem
    assert answer.json()["status"] == answer.status
    assert (answer.json()["request_id"], answer.headers["connection"]) == (answer.headers["x-request-id"], "close")
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
def test_a_request_with_two_possible_ends_is_refused(
    plaza: Plaza, staff: Client, smuggled: bytes, framing: tuple[bytes, ...]
) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), b"Content-Type: application/json")
    is_unknown = any(framing[0].endswith(coding) for coding in UNKNOWN_CODINGS)

    assert_refused(plaza.port, head(*own, *framing) + b"0\r\n\r\n" + smuggled, *([400, 501] if is_unknown else [400]))


def test_http_1_0_has_no_chunks(plaza: Plaza, smuggled: bytes) -> None:
    line = b"POST /api/categories/ HTTP/1.0"

    assert_refused(plaza.port, head(CHUNKED, target=line) + b"0\r\n\r\n" + smuggled)


@pytest.mark.parametrize("size", [b"ZZ", b"-1", b"0x5", b"+5", b"5 5", b"", b"5;a\nb"])
def test_a_broken_chunk_is_refused_and_ends_the_connection(
    plaza: Plaza, staff: Client, smuggled: bytes, size: bytes
) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), CHUNKED)

    assert_refused(plaza.port, head(*own) + size + b"\r\nabcde\r\n0\r\n\r\n" + smuggled)


def test_a_body_may_come_in_chunks(plaza: Plaza, staff: Client) -> None:
    kind = b"Content-Type: application/json"
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), kind, CHUNKED)

    data = head(*own) + b'2;a=b\r\n{"\r\n9\r\nname": ""\r\n1\r\n}\r\n0\r\n\r\n'
    found = exchange(plaza.port, data + head(*own[:2], b"Connection: close", target=b"GET /api/users/me/ HTTP/1.1"))
    assert [answer.status for answer in found.answers] == [400, 200]
    assert [error["pointer"] for error in found.answers[0].json()["errors"]] == ["/name"]


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
def test_a_malformed_request_line_is_refused(plaza: Plaza, line: bytes, status: int) -> None:
    assert_refused(plaza.port, head(b"Host: 127.0.0.1", target=line), status)


@pytest.mark.parametrize("method", ["get", "patch", "Delete", "!#$%&'*+-.^_`|~", "A" * 40])
def test_a_token_that_is_no_method_of_the_path_is_405(send: Sender, method: str) -> None:
    answer = send(method, "/api/users/me/")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}


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
        ([b"Content-Type: text/html"] * 2, 400),
        ([b"Idempotency-Key: a", b"Idempotency-Key: a"], 400),
        ([b"idempotency-key: a", b"Idempotency-Key: b"], 400),
        ([b"Authorization: Bearer a", b"Authorization: Bearer b"], 400),
        ([b"Expect: the-unexpected"], 417),
        ([b"X: " + b"a" * 9000], 431),
        ([b"X-%d: a" % number for number in range(101)], 431),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed_headers_are_refused(plaza: Plaza, lines: list[bytes], status: int) -> None:
    line = b"GET /api/users/me/ HTTP/1.1"

    assert_refused(plaza.port, head(b"Host: 127.0.0.1", *lines, target=line), status)


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"127.0.0.1@evil.example", b"a b", b"[::1", b"127.0.0.1:a"]
)
def test_a_foreign_host_is_400(plaza: Plaza, host: bytes) -> None:
    (answer,) = exchange(plaza.port, request("GET", "/api/", host=host)).answers

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
def test_an_unread_body_is_not_the_next_request(
    plaza: Plaza, staff: Client, smuggled: bytes, method: str, path: str, kind: bytes, token: bool, status: int
) -> None:
    authorization = b"Authorization: Bearer " + staff.access.encode() if token else b"X: y"
    own = (b"Host: 127.0.0.1", authorization, b"Content-Type: " + kind, b"Content-Length: %d" % len(smuggled))

    line = f"{method} {path} HTTP/1.1".encode()
    found = exchange(plaza.port, head(*own, target=line) + smuggled)
    assert [answer.status for answer in found.answers] == [status]


def test_nor_is_a_body_that_is_too_large(plaza: Plaza, staff: Client, smuggled: bytes) -> None:
    body = smuggled + b" " * 1_100_000
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode(), b"Content-Length: %d" % len(body))

    found = exchange(plaza.port, head(*own) + body)
    assert [answer.status for answer in found.answers] == [413]


def test_each_request_on_a_connection_needs_its_own_token(plaza: Plaza, staff: Client) -> None:
    own = (b"Host: 127.0.0.1", b"Authorization: Bearer " + staff.access.encode())
    first = head(*own, target=b"GET /api/users/me/ HTTP/1.1")

    found = exchange(plaza.port, first + request("GET", "/api/users/me/"))
    assert [answer.status for answer in found.answers] == [200, 401]


def test_a_refused_request_is_not_logged_in_full(plaza: Plaza, staff: Client) -> None:
    token = staff.access.encode()

    assert_refused(plaza.port, head(b"Authorization Bearer " + token, target=b"GET / HTTP/1.1"))
    assert_refused(plaza.port, head(target=b"GET /?token=" + token))
    (answer,) = exchange(plaza.port, request("GET", "/api/", host=token)).answers
    assert answer.status == 400
    assert staff.access not in plaza.log_text()


PIECES = (
    "api",
    "users",
    "me",
    "products",
    "orders",
    "..",
    ".",
    "",
    "%2e%2e",
    "%2F",
    "%5c",
    "%00",
    "%ff",
    "%25",
    ";",
    "~",
    "*",
)


def test_a_path_is_not_normalized_into_another(send: Sender) -> None:
    found: dict[str, int] = {}

    @given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), slash=st.booleans())
    def check(pieces: list[str], slash: bool) -> None:
        path = "/" + "/".join(pieces) + "/" * slash
        found[path] = send("GET", path).status

    check()
    assert {path: status for path, status in found.items() if status != 404 and set(path) & set(".;~*")} == {}
    assert len([path for path, status in found.items() if status != 404]) < 5


TRICK_HEADERS: list[Header] = [
    (b"SCRIPT_NAME", b"/api"),
    (b"Script-Name", b"/api/users"),
    (b"PATH_INFO", b"/api/users/"),
    (b"X-Original-URL", b"/api/users/"),
    (b"X-Rewrite-URL", b"/api/users/"),
    (b"X-HTTP-Method-Override", b"DELETE"),
    (b"X-HTTP-Method", b"DELETE"),
    (b"X-Method-Override", b"DELETE"),
    (b"X-Forwarded-For", b"127.0.0.1, 10.0.0.1"),
    (b"X-Forwarded-Host", b"evil.example"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Port", b"0"),
    (b"X-Forwarded-Prefix", b"/evil"),
    (b"Forwarded", b"for=127.0.0.1;host=evil.example;proto=https"),
    (b"X-Real-IP", b"127.0.0.1"),
    (b"Remote-User", b"admin"),
    (b"X-User-Id", b"01890000-0000-7000-8000-000000000000"),
    (b"X-User-Is-Staff", b"true"),
    (b"X-Plaza-Deadline-Ms", b"-1"),
    (b"X-Request-ID", b'"\xff{}'),
    (b"traceparent", b"00-zz-zz-zz"),
    (b"Proxy", b"http://evil.example"),
    (b"Connection", b"Authorization, X-Request-ID"),
    (b"Keep-Alive", b"timeout=-1"),
    (b"TE", b"trailers"),
    (b"Upgrade", b"h2c"),
    (b"HTTP2-Settings", b"AAMAAABkAAQAAP__"),
    (b"Range", b"bytes=0-1"),
    (b"If-None-Match", b'"\xff", W/'),
    (b"Accept", b"application/json;q=\xff, */*"),
    (b"Accept-Language", b"a-" * 500),
    (b"Accept-Encoding", b"gzip;q=nan"),
    (b"Content-Type", b"\xff"),
    (b"Cookie", b"plaza_refresh=\xff; ;=;=; plaza_access=a.b.c"),
    (b"Origin", b"null"),
    (b"Idempotency-Key", b"\xff" * 300),
]


@pytest.mark.parametrize("trick", TRICK_HEADERS, ids=lambda header: header[0].decode())
def test_no_header_changes_who_the_caller_is(send: Sender, customer: Client, trick: Header) -> None:
    mine = send("GET", "/api/users/me/", headers=[trick], token=customer.access)
    assert (mine.status, mine.json()) == (200, customer.user)
    assert "evil" not in str(mine.headers)
    assert send("GET", "/api/users/", headers=[trick], token=customer.access).status == 403
    assert send("GET", "/api/users/me/", headers=[trick], token="").status == 401


def name_of(header: Header) -> bytes:
    return header[0].lower()


def test_nor_do_several_headers_or_headers_of_any_name(send: Sender, customer: Client) -> None:
    token = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(
        lambda name: b"X-" + name.encode()
    )
    value = st.binary(max_size=30).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F))

    @given(headers=st.lists(st.sampled_from(TRICK_HEADERS) | st.tuples(token, value), max_size=8, unique_by=name_of))
    def check(headers: list[Header]) -> None:
        answer = send("GET", "/api/users/me/", headers=headers, token=customer.access)
        assert answer.status in (200, 406), answer
        assert answer.status == 406 or answer.json() == customer.user

    check()
