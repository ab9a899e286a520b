"""What no well-behaved client sends: always a 4xx problem (or a harmless 2xx), never a 5xx, and nothing changes.

What gunicorn itself cannot read as HTTP is in `test_raw_framing.py`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tests.system.access_contents import contents
from tests.system.access_inputs import BadInput, bad_inputs, spelled_out
from tests.system.access_raw import Answer, Header, exchange, request
from tests.system.access_scene import Scene, make_scene
from tests.system.client import Client
from tests.system.plaza import System

FUZZ = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
BINARY = st.binary(max_size=60)


@pytest.fixture(scope="module")
def scene(system: System) -> Scene:
    return make_scene(system)


@pytest.fixture(autouse=True)
def nothing_changes(system: System, scene: Scene) -> Iterator[None]:
    before = contents(system)
    yield
    assert contents(system) == before


class Sender:
    """Sends as staff, whom most is allowed."""

    def __init__(self, system: System, staff: Client) -> None:
        self.port, self._staff = system.port, staff

    def __call__(self, method: str, target: str | bytes, **parts: Any) -> Answer:
        (answer,) = exchange(self.port, request(method, target, **{"token": self._staff.access, **parts})).answers
        assert_proper(answer)
        return answer


@pytest.fixture(scope="module")
def send(system: System, staff: Client) -> Sender:
    return Sender(system, staff)


def assert_proper(answer: Answer) -> None:
    assert answer.status < 500, answer
    assert b"Traceback" not in answer.body
    if answer.status >= 400 and answer.status not in (414, 431):
        assert answer.is_problem, answer
        assert answer.json()["status"] == answer.status


@pytest.mark.parametrize("bad", bad_inputs(), ids=str)
def test_bad_input_is_told_where_it_is_bad(send: Sender, scene: Scene, bad: BadInput) -> None:
    body = spelled_out(bad.body, scene.ids).encode() if bad.body else None
    answer = send(bad.method, spelled_out(bad.path, scene.ids), body=body)

    problem = answer.json()
    assert (answer.status, problem["type"]) == (bad.status, f"/problems/{bad.problem}"), problem
    pointers = tuple(sorted(error["pointer"] for error in problem.get("errors", ()))) if "errors" in problem else None
    assert pointers == bad.pointers, problem


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (b"application/json", b"", 400),
        (b"application/json", b"\xff\xfe{\x00}\x00", 400),
        (b"application/json", b"\xef\xbb\xbf{}", 400),
        (b"application/json", b'{"note": "\xc0\xaf"}', 400),
        (b"application/json", b'{"note": "\xed\xa0\x80"}', 400),
        (b"application/json", b'{"note": "\x00"}', 400),
        (b"application/json", b"\x1f\x8b\x08\x00\x00\x00\x00\x00", 400),
        (b"application/json", b" " * 1_048_577, 413),
        (b"application/xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", 415),
        (b"text/plain", b"{}", 415),
        (b"\xff/;;=", b"{}", 415),
        (b"application/x-www-form-urlencoded", b"items[0]product_id=1&items[0]quantity=%00", 400),
        (b"multipart/form-data", b"--a", 400),
        (
            b"multipart/form-data; boundary=a",
            b"--a\r\nContent-Disposition: form-data; name=items\r\n\r\n1\r\n--a--",
            400,
        ),
    ],
)
def test_a_body_that_is_no_json_is_refused(send: Sender, kind: bytes, body: bytes, status: int) -> None:
    assert send("POST", "/api/orders/", headers=[(b"Content-Type", kind)], body=body).status == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WRITES = {
    "POST /api/orders/": ("items", "note", "shipping_address"),
    "PATCH /api/orders/{order_id}/": ("note", "status", "shipping_address"),
    "POST /api/products/": ("sku", "name", "price", "category", "stock"),
    "PUT /api/products/{product_id}/": ("sku", "name", "price", "category", "currency"),
    "POST /api/products/{product_id}/stock/": ("delta", "reason"),
    "PATCH /api/categories/{slug}/": ("slug", "name", "description"),
    "PATCH /api/users/me/": ("username", "email", "is_staff"),
    "POST /api/users/me/password/": ("current_password", "new_password"),
    "POST /api/auth/register/": ("username", "email", "password"),
    "POST /api/auth/token/refresh/": ("refresh",),
}


@pytest.mark.parametrize("write", WRITES)
def test_no_document_gets_through_with_a_member_that_is_unknown(send: Sender, scene: Scene, write: str) -> None:
    method, path = write.split()
    target = path.format_map(scene.ids)

    @FUZZ
    @given(document=st.dictionaries(st.sampled_from(WRITES[write]), JSON), more=JSON)
    def check(document: dict[str, Any], more: Any) -> None:
        body = json.dumps({**document, "~": more}).encode("utf-8", "surrogatepass")
        answer = send(method, target, body=body)
        assert answer.status == 400, answer
        assert answer.json()["type"] in ("/problems/invalid", "/problems/parse-error")

    check()


def test_no_bytes_are_an_order(send: Sender) -> None:
    @FUZZ
    @given(body=BINARY | st.text(alphabet='{}[]",:0eE-+.\\untrfals ', max_size=60).map(str.encode))
    def check(body: bytes) -> None:
        assert send("POST", "/api/orders/", body=body).status == 400

    check()


NAMES = ("search", "category", "min_price", "max_price", "in_stock", "ordering", "cursor", "page_size", "x", "")
VALUES = st.text(max_size=30) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["true", "-name", "%"])


def test_a_query_is_understood_or_400(send: Sender) -> None:
    statuses: Counter[int] = Counter()

    @FUZZ
    @given(query=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=3))
    def check(query: list[tuple[str, str]]) -> None:
        pairs = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query)
        statuses[send("GET", f"/api/products/?{pairs}").status] += 1

    check()
    assert set(statuses) == {200, 400}


@pytest.mark.parametrize(
    "elsewhere",
    ["/api/categories/?cursor=", "/api/products/?in_stock=true&cursor=", "/api/products/?ordering=name&cursor="],
)
def test_a_cursor_of_another_list_is_no_cursor(send: Sender, elsewhere: str) -> None:
    link = send("GET", "/api/products/?page_size=1").json()["next"]
    assert send("GET", link).status == 200
    cursor = link.rpartition("cursor=")[2]

    for wrong in (elsewhere + cursor, link[:-1], link + "A", link.replace("cursor=", "cursor=A")):
        answer = send("GET", wrong)
        assert answer.status == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == ["?cursor"]


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


def test_a_path_leads_where_it_says_or_nowhere(send: Sender) -> None:
    found: dict[str, int] = {}

    @FUZZ
    @given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), slash=st.booleans())
    def check(pieces: list[str], slash: bool) -> None:
        path = "/" + "/".join(pieces) + "/" * slash
        found[path] = send("GET", path).status

    check()
    assert {path: status for path, status in found.items() if status != 404 and set(path) & set(".;~*")} == {}
    assert len([path for path, status in found.items() if status != 404]) < 5


TRICKS: list[Header] = [
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


@pytest.mark.parametrize("trick", TRICKS, ids=lambda header: header[0].decode())
def test_a_header_makes_nobody_somebody_else(send: Sender, customer: Client, trick: Header) -> None:
    mine = send("GET", "/api/users/me/", headers=[trick], token=customer.access)
    assert (mine.status, mine.json()) == (200, customer.user)
    assert "evil" not in str(mine.headers)
    assert send("GET", "/api/users/", headers=[trick], token=customer.access).status == 403
    assert send("GET", "/api/users/me/", headers=[trick], token="").status == 401


def test_nor_do_any_of_them_together_or_headers_of_any_name(send: Sender, customer: Client) -> None:
    token = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(
        lambda name: b"X-" + name.encode()
    )
    value = st.binary(max_size=30).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F))

    @FUZZ
    @given(headers=st.lists(st.sampled_from(TRICKS) | st.tuples(token, value), max_size=8))
    def check(headers: list[Header]) -> None:
        answer = send("GET", "/api/users/me/", headers=headers, token=customer.access)
        assert answer.status in (200, 406), answer
        assert answer.status == 406 or answer.json() == customer.user

    check()
