"""Bad input: where exactly it is bad, and that it is never a 5xx and changes nothing.

A line of `INPUTS` is: method, path, status, problem, pointer of each error ("-": the problem has no errors), body.
Words in capitals are defined in `DEFINITIONS`. Names in braces are ids of a scene.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from tests.support.http import Client
from tests.support.plaza import Plaza
from tests.support.wire import Sender
from tests.system.scene import Scene, contents, make_scene

INPUTS = r"""
# Not JSON, or JSON that two parsers would read differently
POST  /api/orders/            400 parse-error -                    {
POST  /api/orders/            400 parse-error -                    {"items": [],}
POST  /api/orders/            400 parse-error -                    {'items': []}
POST  /api/orders/            400 parse-error -                    {"items": []} {}
POST  /api/orders/            400 parse-error -                    {"items": []} // two
POST  /api/orders/            400 parse-error -                    {"note": "a", "note": "b"}
POST  /api/orders/            400 parse-error -                    {"items": [{"quantity": 1, "quantity": 2}]}
POST  /api/orders/            400 parse-error -                    {"items": NaN}
POST  /api/orders/            400 parse-error -                    {"items": -Infinity}
POST  /api/orders/            400 parse-error -                    {"items": 1e400}
POST  /api/orders/            400 parse-error -                    {"items": 0777}
POST  /api/orders/            400 parse-error -                    {"items": 1_000}
POST  /api/orders/            400 parse-error -                    {"items": MANY_DIGITS}
POST  /api/orders/            400 parse-error -                    {"note": "TAB"}
POST  /api/orders/            400 parse-error -                    DEEP
POST  /api/orders/            400 parse-error -                    {"items": NESTED}

# Wrong shape
POST  /api/orders/            400 invalid     ""                   null
POST  /api/orders/            400 invalid     ""                   []
POST  /api/orders/            400 invalid     ""                   "items"
POST  /api/orders/            400 invalid     ""                   1
POST  /api/orders/            400 invalid     /items               {}
POST  /api/orders/            400 invalid     /items               {"items": null}
POST  /api/orders/            400 invalid     /items               {"items": {}}
POST  /api/orders/            400 invalid     /items               {"items": "all"}
POST  /api/orders/            400 invalid     /items               {"items": []}
POST  /api/orders/            400 invalid     /items/0             {"items": [null]}
POST  /api/orders/            400 invalid     /items/0             {"items": [[]]}
POST  /api/orders/            400 invalid     /items/0/product_id,/items/0/quantity {"items": [{}]}
POST  /api/orders/            400 invalid     /items               {"items": [HUNDRED_AND_ONE]}
POST  /api/orders/            400 invalid     /items               {"items": [ITEM, ITEM]}

# Wrong type, length or range
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": true, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": 1, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": "1", "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/product_id  {"items": [{"product_id": {}, "quantity": 1}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 0}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": -1}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 10001}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": 1.5}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": "1"}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": true}]}
POST  /api/orders/            400 invalid     /items/0/quantity    {"items": [{ID, "quantity": null}]}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": 5}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": null}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": ["a"]}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "LONG"}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "a\u0000b"}
POST  /api/orders/            400 invalid     /note                {"items": [ITEM], "note": "\ud800"}
POST  /api/orders/            400 invalid     ""                   {"items": [ITEM], "\u0000": 1}

# Fields that do not exist or are read-only
POST  /api/orders/            400 invalid     /gift                {"items": [ITEM], "gift": true}
POST  /api/orders/            400 invalid     /__proto__           {"items": [ITEM], "__proto__": {"is_staff": true}}
POST  /api/orders/            400 invalid     /a~1b~0c             {"items": [ITEM], "a/b~c": 1}
POST  /api/orders/            400 invalid     /total,/status       {"items": [ITEM], "total": "0.01", "status": "paid"}
POST  /api/orders/            400 invalid     /user_id             {"items": [ITEM], "user_id": "{user_id}"}
POST  /api/orders/            400 invalid     /items/0/unit_price  {"items": [{ID, "quantity": 1, "unit_price": "1"}]}
PATCH /api/orders/{order_id}/ 400 invalid     /items               {"items": [ITEM]}
PATCH /api/orders/{order_id}/ 400 invalid     /status              {"status": "free"}
PATCH /api/users/me/          400 invalid     /id                  {"id": "{user_id}"}
PATCH /api/users/me/          400 invalid     /password            {STRONG}
PATCH /api/products/{product_id}/ 400 invalid     /stock               {"stock": 1000}

# The other resources
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "-0.01"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "1.999"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "NaN"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "1e9999"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": "99999999999.00"}
POST  /api/products/          400 invalid     /price               {PRODUCT, "price": true}
POST  /api/products/          400 invalid     /currency            {PRODUCT, "price": "1", "currency": "eur"}
POST  /api/products/          400 invalid     /sku                 {"sku": "R\u0007", SOAP, CATEGORY}
POST  /api/products/          400 invalid     /name                {"name": "  ", "sku": "R-1", "price": "1", CATEGORY}
POST  /api/products/          400 invalid     /category            {"sku": "R-1", SOAP, "category": "no-such"}
POST  /api/products/          400 invalid     /stock               {PRODUCT, "price": "1", "stock": -1}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": 0}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": "1"}
POST  /api/products/{product_id}/stock/ 400 invalid     /delta               {"delta": 1000000001}
POST  /api/categories/        400 invalid     /slug                {"name": "R", "slug": "a b"}
POST  /api/categories/        400 invalid     /slug                {"name": "R", "slug": "é"}
POST  /api/categories/        400 invalid     /slug                {"name": "⁂"}
POST  /api/users/             400 invalid     /username            {"username": "a b", EMAIL, STRONG}
POST  /api/users/             400 invalid     /email               {"username": "rita", "email": "nowhere", STRONG}
POST  /api/users/             400 invalid     /is_staff            {RITA, STRONG, "is_staff": "yes"}
POST  /api/auth/register/     400 invalid     /password            {RITA, "password": "tulip-7"}
POST  /api/auth/register/     400 invalid     /is_staff            {RITA, STRONG, "is_staff": true}
POST  /api/users/me/password/ 400 invalid     /current_password    {"current_password": "guess", "new_password": "a"}
POST  /api/auth/token/        400 invalid     /password            {"username": "admin", "password": ["a"]}
POST  /api/auth/token/        400 invalid     /password            {"username": "admin", "password": "LONG"}
POST  /api/auth/token/refresh/ 400 invalid     /refresh             {"refresh": "LONG_TOKEN"}

# Queries
GET   /api/products/?colour=red 400 invalid     ?colour
GET   /api/products/?page_size=0 400 invalid     ?page_size
GET   /api/products/?page_size=101 400 invalid     ?page_size
GET   /api/products/?page_size=-1 400 invalid     ?page_size
GET   /api/products/?page_size=1e9 400 invalid     ?page_size
GET   /api/products/?page_size=THOUSAND_DIGITS 400 invalid     ?page_size
GET   /api/products/?cursor=forged 400 invalid     ?cursor
GET   /api/products/?cursor=FOREIGN 400 invalid     ?cursor
GET   /api/products/?cursor=LONG 400 invalid     ?cursor
GET   /api/products/?search=a&search=b 400 invalid     ?search
GET   /api/products/?search=%00 400 invalid     ?search
GET   /api/products/?in_stock=maybe 400 invalid     ?in_stock
GET   /api/products/?min_price=NaN 400 invalid     ?min_price
GET   /api/products/?max_price=-1 400 invalid     ?max_price
GET   /api/products/?category=a/b 400 invalid     ?category
GET   /api/products/?ordering=price;drop 400 invalid     ?ordering
GET   /api/orders/?created_after=yesterday 400 invalid     ?created_after
GET   /api/orders/?created_before=0001-01-01T00:00:00%2B14:00 400 invalid     ?created_before
GET   /api/orders/?user_id=1  400 invalid     ?user_id
GET   /api/orders/?status=free 400 invalid     ?status
GET   /api/users/?is_staff=2  400 invalid     ?is_staff
GET   /api/users/me/?id={user_id} 400 invalid     ?id
DELETE /api/products/{product_id}/?force=true 400 invalid     ?force
GET   /api/products/?format=xml 404 not-found   -

# Paths
GET   /users/me/              404 not-found   -
PATCH /api/users/me           404 not-found   -
GET   /api//users/me/         404 not-found   -
GET   /api/../api/users/me/   404 not-found   -
GET   /api/%2e%2e/users/      404 not-found   -
GET   /api/products/..%2Fusers/ 404 not-found   -
GET   /api/products/%2e%2e%2fusers/me/ 404 not-found   -
GET   /api/products/..%5Cusers/ 404 not-found   -
GET   /api/products/{product_id}/../ 404 not-found   -
GET   /api/products/{product_id};a=b/ 404 not-found   -
GET   /api/users/me/%00       404 not-found   -
GET   /api/categories/%ff/    404 not-found   -
GET   /api/categories/a%0d%0aSet-Cookie:%20a=b/ 404 not-found   -
GET   /api/reservations/{order_id}/ 404 not-found   -
GET   /api/credentials/       404 not-found   -
GET   /api/products/00000000-0000-0000-0000-000000000000/ 404 not-found   -
BREW  /api/orders/            405 method-not-allowed -
CONNECT /api/orders/            405 method-not-allowed -
TRACE /api/orders/            405 method-not-allowed -
"""
DEFINITIONS = {
    "MANY_DIGITS": "9" * 200_000,
    "THOUSAND_DIGITS": "9" * 1000,
    "TAB": "\t",
    "DEEP": "[" * 200_000,
    "NESTED": "[" * 21 + "]" * 21,
    "HUNDRED_AND_ONE": ", ".join(
        f'{{"product_id": "01890000-0000-7000-8000-{number:012}", "quantity": 1}}' for number in range(101)
    ),
    "PRODUCT": '"sku": "R-1", "name": "R", CATEGORY',
    "CATEGORY": '"category": "{slug}"',
    "RITA": '"username": "rita", EMAIL',
    "SOAP": '"name": "Soap", "price": "1.00"',
    "EMAIL": '"email": "rita@shop.example"',
    "STRONG": '"password": "copper-meadow-in-may"',
    "ID": '"product_id": "{product_id}"',
    "ITEM": '{"product_id": "{product_id}", "quantity": 1}',
    "LONG_TOKEN": "a" * 4097,
    "LONG": "a" * 1001,
    # Shaped like a cursor of ours, with a signature of no key of ours.
    "FOREIGN": "WyI4ZjQ3IiwiMjAyNi0wMS0wMSIsIjAxIixmYWxzZV0:1vAbCd:mZ8cXoQ0lqk6Jv1sX3b1oJ0QqfJ0Yp6mJkQxF2y7t4E",
}
LINE = re.compile(r"(\w+) +(\S+) +(\d+) ([\w-]+) +(\S+) *(.*)")


@dataclass(frozen=True)
class BadInput:
    method: str
    path: str
    status: int
    slug: str
    pointers: tuple[str, ...] | None
    body: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.body}"[:100]


def bad_inputs() -> list[BadInput]:
    lines = [line for line in INPUTS.splitlines() if line and not line.startswith("#")]
    return [bad_input(line) for line in lines]


def bad_input(line: str) -> BadInput:
    found = LINE.fullmatch(line)
    assert found, line
    method, path, status, slug, pointers, body = found.groups()
    named = None if pointers == "-" else tuple(sorted(pointers.replace('""', "").split(",")))
    return BadInput(method, path, int(status), slug, named, body)


def expanded(text: str, ids: Mapping[str, str]) -> str:
    for word, meaning in DEFINITIONS.items():
        text = text.replace(word, meaning)
    return re.sub(r"{(\w+_id|slug)}", lambda match: ids[match[1]], text)


@pytest.fixture(scope="module")
def scene(plaza: Plaza) -> Scene:
    return make_scene(plaza)


@pytest.fixture(autouse=True)
def nothing_changes(plaza: Plaza, staff: Client, scene: Scene) -> Iterator[None]:
    plaza.renew_clients()
    before = contents(plaza)
    yield
    assert contents(plaza) == before


@pytest.mark.parametrize("bad", bad_inputs(), ids=str)
def test_a_refusal_names_what_is_bad(send: Sender, scene: Scene, bad: BadInput) -> None:
    body = expanded(bad.body, scene.ids).encode() if bad.body else None
    answer = send(bad.method, expanded(bad.path, scene.ids), body=body)

    problem = answer.json()
    assert (answer.status, problem["type"]) == (bad.status, f"/problems/{bad.slug}"), problem
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
        (b"application/json", b" " * 262_145, 413),
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
def test_no_document_with_an_unknown_field_is_accepted(send: Sender, scene: Scene, write: str) -> None:
    method, path = write.split()
    target = path.format_map(scene.ids)

    @given(document=st.dictionaries(st.sampled_from(WRITES[write]), JSON), more=JSON)
    def check(document: dict[str, Any], more: Any) -> None:
        body = json.dumps({**document, "~": more}).encode("utf-8", "surrogatepass")
        answer = send(method, target, body=body)
        assert answer.status == 400, answer
        assert answer.json()["type"] in ("/problems/invalid", "/problems/parse-error")

    check()


def test_no_bytes_are_an_order(send: Sender) -> None:
    @given(body=st.binary(max_size=60) | st.text(alphabet='{}[]",:0eE-+.\\untrfals ', max_size=60).map(str.encode))
    def check(body: bytes) -> None:
        assert send("POST", "/api/orders/", body=body).status == 400

    check()


NAMES = ("search", "category", "min_price", "max_price", "in_stock", "ordering", "cursor", "page_size", "x", "")
VALUES = st.text(max_size=30) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["true", "-name", "%"])


def test_a_query_is_either_answered_or_400(send: Sender) -> None:
    statuses: Counter[int] = Counter()

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
def test_a_cursor_of_another_list_is_refused(send: Sender, elsewhere: str) -> None:
    link = send("GET", "/api/products/?page_size=1").json()["next"]
    assert send("GET", link).status == 200
    cursor = link.rpartition("cursor=")[2]

    for wrong in (elsewhere + cursor, link[:-1], link + "A", link.replace("cursor=", "cursor=A")):
        answer = send("GET", wrong)
        assert answer.status == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == ["?cursor"]
