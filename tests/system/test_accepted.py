"""What the gateway accepts can be answered: no legal value of any field or parameter ends in a 5xx, on either database.

What was answered to a write is what is read afterwards, and writing it again changes nothing: it is in its normal form.
The fields come from the gateway's OpenAPI document, so a new one is tried too. Each value is at the edge of its type.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
import requests

from experiments.databases import fresh_databases
from operations.test import postgres_url
from tests.support.http import Client
from tests.support.plaza import WITHOUT_THROTTLES, Plaza
from tests.system.shop import make_category, make_product, place_order

SERVER = postgres_url()
ODD_TEXTS = (
    "a",
    " a ",
    "a\u00a0b",
    "a\nb\tc",
    "\u200fa\u202eb",
    "e\u0301" * 20,
    "ﬃ İ ß ſ",
    "\ufeffa",
    "\x1fa\x7f",
    "\u2028a\u0085",
    "<b>&amp;</b>",
    "a\\\"'/%00%",
    "=1+1",
    "𝒳" * 20,
    "👩‍👩‍👧‍👦",
    "\U0010ffff",
)
ODD_DECIMALS: tuple[Any, ...] = (
    "0",
    "-0",
    "-0.00",
    "0.0",
    "1E+1",
    "1e1",
    "1e-2",
    "00001.50",
    "+1.5",
    " 1.5 ",
    "1.",
    ".5",
    "9999999999.99",
    "10000000000",
    0,
    -0.0,
    1,
    1.5,
    1e9,
    1e-7,
    "1_0",
    "١.٥",
    "NaN",
    "sNaN",
    "Infinity",
    "-1",
)
ODD_TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-29",
    "2026-11-26",
    "2026-11-26T00:00",
    "2026-11-26T00:00:60Z",
    "2026-11-26 00:00:00.1234567Z",
    "1e9",
)
ODD_IDS = (str(uuid4()), str(uuid4()).upper(), uuid4().hex, "0" * 32)
ODD_EMAILS = (
    "a@b.co",
    "A@B.CO",
    f"{'a' * 64}@b.co",
    "a@bücher.example",
    "a@xn--bcher-kva.example",
    "a@[127.0.0.1]",
    '"a b"@c.example',
    "a@localhost",
    f"a@{'b' * 63}.{'c' * 63}.example",
    "ä@b.example",
)


def odd_values(schema: dict[str, Any]) -> Iterator[Any]:
    """Values at the edge of what `schema` allows, and just beyond. The service may refuse them, if it says so."""
    kind = schema.get("type")
    if "enum" in schema:
        yield from schema["enum"]
    elif kind == "boolean":
        yield from (True, False)
    elif kind == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
        yield from (low, high, low - 1, high + 1, 0, 5.0, -0.0, 2**63, 2**64, 1e300)
    else:
        by_format = {"decimal": ODD_DECIMALS, "date-time": ODD_TIMES, "email": ODD_EMAILS, "uuid": ODD_IDS}
        longest = schema.get("maxLength", 100)
        yield from by_format.get(schema.get("format", ""), ())
        yield from (*ODD_TEXTS, "x" * longest, "é" * longest, "𝒳" * longest, "x" * (longest + 1))


class Scene:
    """Things to write to, and a valid body for each route that takes one."""

    def __init__(self, staff: Client) -> None:
        self.staff = staff
        self.category = make_category(staff)
        self.product = make_product(staff, category=self.category, stock=100_000)
        self.order = place_order(staff, self.product)
        self.user = staff.register(f"odd-{uuid4().hex[:12]}", "violet-lantern-in-june")

    def path(self, path: str) -> str:
        return path.format(
            user_id=self.user["id"], slug=self.category, product_id=self.product["id"], order_id=self.order["id"]
        )

    def body(self, path: str) -> dict[str, Any]:
        mark = uuid4().hex[:12]
        account = {"username": mark, "email": f"{mark}@shop.example", "password": "violet-lantern-in-june"}
        bodies: dict[str, dict[str, Any]] = {
            "/api/auth/register/": account,
            "/api/users/": account,
            "/api/categories/": {"name": f"Odd {mark}"},
            "/api/products/": {"sku": mark, "name": "Odd", "price": "1.00", "category": self.category},
            "/api/products/{product_id}/stock/": {"delta": 1},
            "/api/orders/": {"items": [{"product_id": self.product["id"], "quantity": 1}]},
        }
        return bodies.get(path, {})


@pytest.fixture(
    scope="module",
    params=[pytest.param("sqlite", marks=pytest.mark.long), pytest.param("postgres", marks=pytest.mark.postgres)],
)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plaza]:
    with ExitStack() as stack:
        urls = stack.enter_context(fresh_databases(SERVER)) if request.param == "postgres" else {}
        plaza = Plaza(tmp_path_factory.mktemp("accepted") / "data", **WITHOUT_THROTTLES, **urls)
        stack.callback(plaza.down)
        plaza.up()
        yield plaza


@pytest.fixture(scope="module")
def scene(shop: Plaza) -> Scene:
    return Scene(shop.staff())


@pytest.fixture(scope="module")
def document(shop: Plaza) -> dict[str, Any]:
    schema: dict[str, Any] = shop.client().get("/api/schema/?format=json").json()
    return schema


PATCHED = frozenset(
    {"name", "description", "price", "currency", "sku", "slug", "note", "shipping_address", "first_name", "last_name"}
    | {"username"}
)

# A change of one's own account, or signing out, would end the session of the test.
LEFT_OUT = ("/api/auth/", "/api/users/me/")


def operations(document: dict[str, Any], methods: frozenset[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path == "/api/auth/register/" or not path.startswith(LEFT_OUT):
            yield from ((path, method, item[method]) for method in methods & item.keys())


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or "allOf" in schema or "oneOf" in schema:
        schema = (schema.get("allOf") or schema.get("oneOf") or [schema])[0]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def expect_no_failure(tries: Iterator[tuple[str, requests.Response]]) -> None:
    failed = {what: answer.text for what, answer in tries if answer.status_code >= 500}
    assert failed == {}


def differences(scene: Scene, path: str, name: str, answer: requests.Response) -> dict[str, tuple[Any, Any]]:
    """What is read after a write that was accepted, and after writing the same again, where it isn't as answered."""
    written = answer.json()
    if name not in written:  # a password, or a key
        return {}
    own = path if answer.request.method == "PATCH" else answer.headers.get("Location", "")
    if own == path and name == "slug":  # which the address ends with
        own = f"/api/categories/{quote(written[name])}/"
    if not own:  # a row of a ledger has no address
        return {}
    read = scene.staff.get(own)
    found = {"read": read.json().get(name)} if read.status_code == 200 else {"read": read.status_code}
    again = scene.staff.patch(own, {name: written[name]}) if name in PATCHED else None
    if again is not None and again.status_code != 403:  # one's own role
        found["written again"] = again.json().get(name, again.text)
    if own != path and answer.request.method == "PATCH":
        scene.staff.patch(own, {name: scene.category})
    return {how: (written[name], value) for how, value in found.items() if value != written[name]}


def writes(scene: Scene, document: dict[str, Any]) -> Iterator[tuple[str, str, str, requests.Response]]:
    """What was done, the path, the field, and the answer."""
    for path, method, operation in operations(document, frozenset({"post", "patch"})):
        if content := operation.get("requestBody", {}).get("content"):
            fields = resolved(document, content["application/json"]["schema"])["properties"]
            for name in fields.keys() - {"password", "items"}:
                for value in odd_values(resolved(document, fields[name])):
                    body = (scene.body(path) if method == "post" else {}) | {name: value}
                    answer = scene.staff.request(method.upper(), scene.path(path), json=body)
                    yield f"{method} {path} {name}={value!r:.40}", scene.path(path), name, answer


def test_what_is_accepted_is_answered_and_read_back(scene: Scene, document: dict[str, Any]) -> None:
    failed, other, accepted = {}, {}, 0
    for what, path, name, answer in writes(scene, document):
        if answer.status_code >= 500:
            failed[what] = answer.text
        elif answer.status_code < 300:
            accepted += 1
            if found := differences(scene, path, name, answer):
                other[what] = found
    assert (failed, other) == ({}, {})
    assert accepted > 200


def test_no_legal_quantity_ends_in_a_failure(scene: Scene) -> None:
    quantities = odd_values({"type": "integer", "minimum": 1, "maximum": 10_000})
    bodies = [{"items": [{"product_id": scene.product["id"], "quantity": quantity}]} for quantity in quantities]
    expect_no_failure((str(body), scene.staff.post("/api/orders/", body)) for body in bodies)


def reads(scene: Scene, document: dict[str, Any]) -> Iterator[tuple[str, requests.Response]]:
    for path, _, operation in operations(document, frozenset({"get"})):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                for value in odd_values(resolved(document, parameter["schema"])):
                    query = urlencode({parameter["name"]: value})
                    yield f"{path}?{query:.60}", scene.staff.get(f"{scene.path(path)}?{query}")


def test_no_legal_value_of_a_parameter_ends_in_a_failure(scene: Scene, document: dict[str, Any]) -> None:
    expect_no_failure(reads(scene, document))


def test_what_was_written_can_be_read_by_everybody(scene: Scene) -> None:
    """After all of the above: no row that was accepted breaks the pages that it stands on."""
    for path in ("categories", "products", "users", "orders", f"products/{scene.product['id']}/stock"):
        for _ in scene.staff.pages(f"/api/{path}/?page_size=100"):
            pass
