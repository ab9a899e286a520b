"""HTTP as its standards say: problems, validators, languages, idempotency, limits."""

from collections import Counter
from typing import Any

import pytest

from operations.layout import SERVERS
from tests.support.http import Client, problem, succeeded
from tests.support.plaza import Plaza
from tests.system.shop import make_product, order_body, send_order, stock_of

JSON = {"Content-Type": "application/json"}
LAST = {"Connection": "close"}  # gunicorn closes a connection that has so much unread, without saying so


@pytest.fixture(scope="module")
def newcomer(plaza: Plaza) -> Client:
    """A customer whose orders are all refused."""
    return plaza.customer()


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "slug"),
    [
        ("GET", "/nowhere", {}, 404, "not-found"),
        ("GET", "/api/nowhere/", {}, 404, "not-found"),
        ("POST", "/api/products", {}, 404, "not-found"),
        ("DELETE", "/api/orders/", {}, 405, "method-not-allowed"),
        ("PUT", "/api/auth/register/", {}, 405, "method-not-allowed"),
        ("GET", "/api/products/", {"headers": {"Accept": "image/png"}}, 406, "not-acceptable"),
        (
            "POST",
            "/api/orders/",
            {"data": "<order/>", "headers": {"Content-Type": "text/xml"}},
            415,
            "unsupported-media-type",
        ),
        ("POST", "/api/orders/", {"data": b" " * 1_153_434, "headers": {**JSON, **LAST}}, 413, "body-too-large"),
        ("POST", "/api/orders/", {"data": "{nope", "headers": JSON}, 400, "parse-error"),
        ("POST", "/api/orders/", {"data": b"\xff\xfe", "headers": JSON}, 400, "parse-error"),
        ("POST", "/api/orders/", {"data": '{"note": "", "note": ""}', "headers": JSON}, 400, "parse-error"),
        ("POST", "/api/orders/", {"data": "[" * 100_000, "headers": JSON}, 400, "parse-error"),
        ("POST", "/api/orders/", {"data": iter([b"{", b"}"]), "headers": JSON}, 400, "invalid"),
        ("POST", "/api/orders/", {"data": iter([b" " * 100_000] * 3), "headers": JSON}, 413, "body-too-large"),
    ],
)
def test_every_error_is_a_problem(
    customer: Client, method: str, path: str, options: dict[str, Any], status: int, slug: str
) -> None:
    problem(customer.request(method, path, **options), status, slug)


@pytest.mark.parametrize("service", ["users", "products", "orders"])
def test_every_error_of_a_service_is_a_problem(plaza: Plaza, service: str) -> None:
    client = plaza.client(service)

    problem(client.get("/nowhere"), 404, "not-found")
    problem(client.get("/orders/" if service == "orders" else f"/{service}/"), 401, "not-authenticated")


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/items", "required")}),
        ({"items": []}, {("/items", "min_length")}),
        (
            {"items": [{"product_id": "x", "quantity": 0}]},
            {("/items/0/product_id", "invalid"), ("/items/0/quantity", "min_value")},
        ),
        ({"items": [{"product_id": "{id}", "quantity": 10_001}]}, {("/items/0/quantity", "max_value")}),
        ({"items": [{"product_id": "{id}", "quantity": 1}] * 2}, {("/items", "repeated")}),
        (
            {"items": [{"product_id": "{id}", "quantity": 1, "unit_price": "0.01"}]},
            {("/items/0/unit_price", "read-only")},
        ),
        (
            {"items": [{"product_id": "{id}", "quantity": 1}], "total": "0.01", "gift": True},
            {("/total", "read-only"), ("/gift", "unknown")},
        ),
        ({"items": [{"product_id": "{id}", "quantity": 1}], "note": "a\0b"}, {("/note", "invalid")}),
    ],
)
def test_bad_input_is_named_by_its_pointer_and_makes_no_order(
    newcomer: Client, body: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    for item in body.get("items", ()):
        item["product_id"] = item["product_id"].replace("{id}", "01890000-0000-7000-8000-000000000000")

    errors = problem(newcomer.post("/api/orders/", body), 400, "invalid")["errors"]
    assert {(error["pointer"], error["code"]) for error in errors} == faults
    assert succeeded(newcomer.get("/api/orders/"))["results"] == []


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("colour=red", "?colour", "unknown"),
        ("page_size=101", "?page_size", "max_value"),
        ("page_size=0", "?page_size", "min_value"),
        ("ordering=stock", "?ordering", "invalid_choice"),
        ("min_price=cheap", "?min_price", "invalid"),
        ("search=a&search=b", "?search", "repeated"),
    ],
)
def test_a_query_is_read_strictly(customer: Client, query: str, pointer: str, code: str) -> None:
    (error,) = problem(customer.get(f"/api/products/?{query}"), 400, "invalid")["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_messages_follow_accept_language(nobody: Client) -> None:
    spanish = {"Accept-Language": "es"}
    english = problem(nobody.post("/api/auth/register/", {}), 400, "invalid")
    refused = nobody.post("/api/auth/register/", {}, headers=spanish)

    assert {error["detail"] for error in english["errors"]} == {"This field is required."}
    assert {error["detail"] for error in problem(refused, 400, "invalid")["errors"]} == {"Este campo es requerido."}
    assert refused.headers["Content-Language"] == "es"
    weak = {"username": "weak", "email": "weak@shop.example", "password": "12345"}
    from_users = problem(nobody.post("/api/auth/register/", weak, headers=spanish), 400, "invalid")["errors"]
    assert any("contraseña" in error["detail"] for error in from_users)


def test_an_unchanged_product_is_304_and_a_sale_changes_it(staff: Client, customer: Client) -> None:
    product = make_product(staff)
    path = f"/api/products/{product['id']}/"
    etag = customer.get(path).headers["ETag"]

    same = customer.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    succeeded(send_order(customer, product), 201)
    sold = customer.get(path, headers={"If-None-Match": etag})
    assert succeeded(sold)["stock"] == product["stock"] - 1
    assert sold.headers["ETag"] != etag


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_form_cannot_overwrite(staff: Client, method: str) -> None:
    product = make_product(staff)
    path = f"/api/products/{product['id']}/"
    stale = staff.get(path).headers["ETag"]
    fields = {name: product[name] for name in ("sku", "name", "price", "category")}

    changed = staff.patch(path, {"name": "Renamed"}, headers={"If-Match": stale})
    assert succeeded(changed)["name"] == "Renamed"
    body = None if method == "DELETE" else {**fields, "name": "Stale"}
    refused = staff.request(method, path, json=body, headers={"If-Match": stale})
    problem(refused, 412, "precondition-failed")
    assert succeeded(staff.get(path))["name"] == "Renamed"
    current = staff.request(method, path, json=body, headers={"If-Match": changed.headers["ETag"]})
    assert current.status_code == (204 if method == "DELETE" else 200)


def test_what_is_made_says_where_it_is(staff: Client, customer: Client, nobody: Client) -> None:
    product = make_product(staff)
    fields = {name: product[name] for name in ("name", "price", "category")}
    account = {"username": "whereabouts", "email": "w@shop.example", "password": "violet-lantern-in-june"}
    made = [
        staff.post("/api/categories/", {"name": "Where it is"}),
        staff.post("/api/products/", {**fields, "sku": "WHERE-IT-IS"}),
        staff.post("/api/users/", account),
        nobody.post("/api/auth/register/", {**account, "username": "whereabouts-2", "email": "w2@shop.example"}),
        customer.post("/api/orders/", order_body(product)),
    ]
    for response in made:
        body = succeeded(response, 201)
        assert succeeded(staff.get(response.headers["Location"])) == body


def test_the_same_key_is_the_same_order(staff: Client, customer: Client) -> None:
    product = make_product(staff)

    first = send_order(customer, product, 2, key="first-order")
    again = send_order(customer, product, 2, key="first-order")
    assert succeeded(again, 201) == succeeded(first, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    location = f"/api/orders/{first.json()['id']}/"
    assert (first.headers["Location"], again.headers["Location"]) == (location, location)
    problem(send_order(customer, product, 3, key="first-order"), 422, "idempotency-key-reused")
    assert stock_of(customer, product) == 8


def test_a_key_is_its_users_own(staff: Client, customer: Client, stranger: Client) -> None:
    product = make_product(staff)

    orders = [succeeded(send_order(client, product, key="k"), 201) for client in (customer, stranger)]
    assert orders[0]["id"] != orders[1]["id"]
    assert stock_of(staff, product) == 8


def test_a_replayed_refusal_is_the_same_refusal(staff: Client, customer: Client) -> None:
    product = make_product(staff, stock=1)

    first = problem(send_order(customer, product, 2, key="too-many"), 409, "insufficient-stock")
    succeeded(staff.post(f"/api/products/{product['id']}/stock/", {"delta": 5}), 201)
    again = send_order(customer, product, 2, key="too-many")
    assert problem(again, 409, "insufficient-stock") == {**first, "request_id": again.headers["X-Request-ID"]}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stock_of(staff, product) == 6


def test_a_hidden_orders_key_is_404(staff: Client, customer: Client) -> None:
    product = make_product(staff)
    order = succeeded(send_order(customer, product, key="hidden"), 201)
    succeeded(customer.post(f"/api/orders/{order['id']}/cancel/"))
    assert customer.delete(f"/api/orders/{order['id']}/").status_code == 204

    problem(send_order(customer, product, key="hidden"), 404, "not-found")
    assert stock_of(staff, product) == 10


def test_a_stock_movement_takes_a_key_too(staff: Client) -> None:
    product = make_product(staff)
    path, key = f"/api/products/{product['id']}/stock/", {"Idempotency-Key": f"delivery-{product['id']}"}

    first = staff.post(path, {"delta": 3}, headers=key)
    again = staff.post(path, {"delta": 3}, headers=key)
    assert succeeded(again, 201) == succeeded(first, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(staff.post(path, {"delta": 4}, headers=key), 422, "idempotency-key-reused")
    assert stock_of(staff, product) == 13


def test_a_request_id_is_taken_or_made(nobody: Client) -> None:
    assert nobody.get("/api/", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    made = {nobody.get("/api/", headers={"X-Request-ID": bad}).headers["X-Request-ID"] for bad in ("a b", "x" * 65)}
    assert len(made) == 2
    assert not made & {"a b", "x" * 65}


def test_answers_are_not_for_caches_and_head_has_no_body(staff: Client, customer: Client) -> None:
    product = make_product(staff)

    assert customer.get("/api/users/me/").headers["Cache-Control"] == "no-store"
    head = customer.request("HEAD", f"/api/products/{product['id']}/")
    assert (head.status_code, head.content, head.headers["Cache-Control"]) == (200, b"", "private, no-cache")
    assert head.headers["ETag"] == customer.get(f"/api/products/{product['id']}/").headers["ETag"]


@pytest.mark.parametrize("service", ["gateway", "users", "products", "orders"])
def test_health_and_metrics_are_open_on_all_four(plaza: Plaza, service: str) -> None:
    client = plaza.client(service)

    assert succeeded(client.get("/health/live")) == {"status": "ok"}
    assert succeeded(client.get("/health/ready"))["status"] == "ok"
    assert "plaza_requests_total{" in client.get("/metrics").text
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 403


def test_staff_see_every_service_and_its_circuit(staff: Client, customer: Client) -> None:
    succeeded(customer.post("/api/orders/", order_body(make_product(staff))), 201)

    (process,) = succeeded(staff.get("/api/status/"))["processes"]
    upstreams = {upstream["name"]: upstream for upstream in process["upstreams"]}
    lanes = Counter(name.partition("/")[0] for name in upstreams)
    assert list(lanes) == [server.name for server in SERVERS if server.name != "gateway"]
    assert lanes >= Counter(users=3, products=3, orders=1)
    assert {upstream["circuit"] for upstream in upstreams.values()} == {"closed"}
    assert {upstream["in_flight"] for upstream in upstreams.values()} == {0}
    assert upstreams["orders"]["calls"] > 0
    assert 0 < upstreams["orders"]["p50_ms"] <= upstreams["orders"]["p99_ms"]
