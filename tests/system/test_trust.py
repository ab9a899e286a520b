"""Whom each process trusts, and what it keeps secret."""

import http.client
import os
import time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from operations import layout
from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, Plaza, eventually
from tests.system.shop import make_product, order_body, place_order, send_order, stock_of

ID = "01890000-0000-7000-8000-000000000000"
NEW_PASSWORD = "cobalt-orchard-in-may"
SERVICES = {"users": "/users/me/", "products": "/products/", "orders": "/orders/"}


def internal_token(plaza: Plaza, caller: str, callee: str, *, key: str = "", **claims: Any) -> dict[str, str]:
    """The header by which `caller` authenticates to `callee`. `key` names the secret of another pair."""
    now = int(time.time())
    made = {"iss": caller, "aud": callee, "iat": now, "exp": now + 60, "sub": ID, "is_staff": True, **claims}
    token = jwt.encode(made, plaza.secret(key or f"{caller}-{callee}"), "HS256")
    plaza.sensitive.add(token)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("service", "path"), SERVICES.items())
class TestAServicesOwnPort:
    def test_opens_to_the_gateways_token(self, plaza: Plaza, service: str, path: str) -> None:
        headers = internal_token(plaza, "gateway", service)

        assert plaza.client(service).get(path, headers=headers).status_code in (200, 404)

    def test_is_closed_without_a_token(self, plaza: Plaza, service: str, path: str) -> None:
        response = plaza.client(service).get(path)

        problem(response, 401, "not-authenticated")
        assert response.headers["WWW-Authenticate"] == f'Bearer realm="{service}"'

    def test_is_closed_to_a_clients_token(self, plaza: Plaza, service: str, path: str) -> None:
        headers = {"Authorization": f"Bearer {plaza.staff().access}"}

        problem(plaza.client(service).get(path, headers=headers), 401, "authentication-failed")

    @pytest.mark.parametrize(
        "forged",
        [
            {"callee": "another"},
            {"key": "gateway-another"},
            {"key": "operator-itself"},
            {"exp": 1_700_000_000},
            {"caller": "stranger", "key": "gateway-itself"},
            {"sub": "no-uuid"},
        ],
        ids=str,
    )
    def test_is_closed_to_a_forged_token(self, plaza: Plaza, service: str, path: str, forged: dict[str, Any]) -> None:
        another = "orders" if service == "users" else "users"
        names = {"caller": "gateway", "callee": service, "key": f"gateway-{service}", **forged}
        real = {"another": another, "gateway-another": f"gateway-{another}"}
        real |= {"operator-itself": f"operator-{service}", "gateway-itself": f"gateway-{service}"}
        headers = internal_token(plaza, **{name: real.get(value, value) for name, value in names.items()})

        problem(plaza.client(service).get(path, headers=headers), 401, "authentication-failed")

    def test_is_closed_to_an_unsigned_token(self, plaza: Plaza, service: str, path: str) -> None:
        now = int(time.time())
        claims = {"iss": "gateway", "aud": service, "iat": now, "exp": now + 60}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, None, 'none')}"}

        problem(plaza.client(service).get(path, headers=headers), 401, "authentication-failed")


@pytest.mark.parametrize(
    ("caller", "service", "method", "path"),
    [
        ("gateway", "products", "PUT", f"/reservations/{ID}/"),
        ("gateway", "products", "DELETE", f"/reservations/{ID}/"),
        ("operator", "products", "PUT", f"/reservations/{ID}/"),
        ("operator", "products", "GET", "/products/"),
        ("orders", "products", "GET", "/products/"),
        ("orders", "products", "POST", "/products/"),
        ("operator", "orders", "GET", "/orders/"),
        ("operator", "users", "POST", "/credentials/"),
    ],
)
def test_a_caller_that_the_route_does_not_name_is_403(
    plaza: Plaza, caller: str, service: str, method: str, path: str
) -> None:
    headers = internal_token(plaza, caller, service)

    problem(plaza.client(service).request(method, path, headers=headers), 403, "permission-denied")


def test_a_reservation_that_the_gateway_asked_for_took_nothing(plaza: Plaza, staff: Client) -> None:
    product = make_product(staff)

    headers = internal_token(plaza, "gateway", "products")
    refused = plaza.client("products").put(f"/reservations/{ID}/", order_body(product), headers=headers)
    problem(refused, 403, "permission-denied")
    assert stock_of(staff, product) == 10


@pytest.mark.parametrize(
    "headers",
    [
        {"X-User-Id": "{staff}", "X-User-Is-Staff": "true", "X-Is-Staff": "true"},
        {"X_User_Id": "{staff}"},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-User": "admin", "X-Real-Ip": "127.0.0.1"},
        {"X-Plaza-Deadline-Ms": "600000", "X-Original-Url": "/api/users/", "X-Http-Method-Override": "DELETE"},
        {"Connection": "close, X-Request-ID, Authorization"},
        {"Forwarded": "for=127.0.0.1;proto=https", "Proxy-Authorization": "Bearer {internal}"},
        {"Cookie": "plaza_access={access}"},
    ],
    ids=lambda headers: ",".join(headers),
)
def test_no_header_makes_a_client_another_user(
    plaza: Plaza, staff: Client, customer: Client, headers: dict[str, str]
) -> None:
    internal = internal_token(plaza, "gateway", "orders")["Authorization"].removeprefix("Bearer ")
    names = {"staff": staff.user["id"], "internal": internal, "access": staff.access}
    sent = {name: value.format(**names) for name, value in headers.items()}
    product = make_product(staff)
    for client in (staff, customer):
        place_order(client, product)

    assert succeeded(customer.get("/api/users/me/", headers=sent)) == customer.user
    problem(customer.get("/api/users/", headers=sent), 403, "permission-denied")
    orders = succeeded(customer.get("/api/orders/", headers=sent))["results"]
    assert {order["user_id"] for order in orders} == {customer.user["id"]}


@pytest.mark.parametrize("scheme", ["Bearer {internal}", "Basic YWRtaW46YWRtaW4=", "Bearer", "{access}", ""])
def test_the_gateway_accepts_its_own_tokens_alone(plaza: Plaza, customer: Client, scheme: str) -> None:
    internal = internal_token(plaza, "gateway", "users")["Authorization"].removeprefix("Bearer ")
    sent = scheme.format(internal=internal, access=customer.access)

    problem(customer.get("/api/users/me/", headers={"Authorization": sent}), 401, "invalid-token")


def test_two_authorization_headers_are_refused(plaza: Plaza, staff: Client, customer: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plaza.port, timeout=10)
    connection.putrequest("GET", "/api/users/")
    for client in (customer, staff):
        connection.putheader("Authorization", f"Bearer {client.access}")
    connection.endheaders()

    assert connection.getresponse().status in (400, 401)
    connection.close()


@pytest.mark.parametrize(
    "path", ["/api/products/..%2Freservations%2F{id}/", "/api/../users/", "/api//users/", "/users/"]
)
def test_paths_lead_only_where_the_table_says(plaza: Plaza, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", plaza.port, timeout=10)
    connection.request("GET", path.replace("{id}", ID), headers={"Authorization": f"Bearer {plaza.staff().access}"})

    assert connection.getresponse().status == 404
    connection.close()


def test_all_files_are_readable_by_their_owner_alone(plaza: Plaza, customer: Client) -> None:
    succeeded(customer.get("/api/products/"))

    files = [path for path in plaza.data_dir.rglob("*") if path.is_file()]
    databases = [path for path in files if path.name == "Data-base.db"]
    secrets = [path for path in files if path.parent.name == "secrets"]
    assert len(databases) == len(layout.SERVERS)
    assert {"jwt-signing", "django-gateway", "gateway-users", "orders-products"} <= {path.name for path in secrets}
    assert {(path.name, oct(path.stat().st_mode & 0o777)) for path in files} == {(path.name, "0o600") for path in files}
    folders = [plaza.data_dir, *(path for path in plaza.data_dir.rglob("*") if path.is_dir())]
    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}
    assert {path.stat().st_uid for path in files} == {os.getuid()}


def test_each_secret_is_different_and_strong(plaza: Plaza) -> None:
    secrets = [path.read_text() for path in (plaza.data_dir / "secrets").iterdir()]

    assert len(set(secrets)) == len(secrets)
    assert min(map(len, secrets)) >= 32


def test_one_id_finds_an_order_in_three_logs(plaza: Plaza, staff: Client, customer: Client) -> None:
    product, trace = make_product(staff), "0af7651916cd43dd8448eb211c80319c"
    headers = {"X-Request-ID": "the-order-in-question", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}

    succeeded(customer.post("/api/orders/", order_body(product), headers=headers), 201)

    def lines(service: str) -> list[dict[str, Any]]:
        requests = [line for line in plaza.logs(service) if line.get("event") == "request"]
        return [line for line in requests if line.get("request_id") == "the-order-in-question"]

    found = [eventually(partial(lines, service)) for service in ("gateway", "orders", "products")]
    assert [len(of_service) for of_service in found] == [1, 1, 1]
    (gateway,), (orders,), (products,) = found
    assert {line["trace_id"] for line in (gateway, orders, products)} == {trace}
    assert {gateway["user_id"], orders["user_id"]} == {customer.user["id"]}
    assert (gateway["upstream"], orders["caller"], products["caller"]) == ("orders", "gateway", "orders")
    assert products.get("user_id") is None  # orders calls products on its own behalf
    assert (gateway["status"], orders["status"], products["status"]) == (201, 201, 200)
    assert gateway["route"] == "api/orders/"
    assert gateway["duration_ms"] >= orders["duration_ms"] >= products["duration_ms"] > 0


@pytest.mark.parametrize("service", [service.name for service in layout.SERVICES])
def test_every_log_line_is_json_and_none_holds_a_traceback(plaza: Plaza, service: str) -> None:
    lines = plaza.logs(service)

    assert lines
    assert all({"event", "level", "timestamp", "service"} <= set(line) for line in lines)
    assert [line for line in lines if "exception" in line or line["level"] == "critical"] == []


def test_no_log_holds_a_password_a_token_or_a_secret(plaza: Plaza, nobody: Client) -> None:
    """The last test of the last module that shares this Plaza, so the logs are those of the whole run."""
    customer = plaza.customer()
    plaza.sensitive |= {NEW_PASSWORD, f"not-{CUSTOMER_PASSWORD}", quote(CUSTOMER_PASSWORD)}
    sign_in = {"username": customer.user["username"], "password": f"not-{CUSTOMER_PASSWORD}"}
    problem(nobody.post("/api/auth/token/", sign_in), 401, "invalid-credentials")
    problem(nobody.post("/api/auth/register/", {**sign_in, "email": "no"}), 400, "invalid")
    change = {"current_password": CUSTOMER_PASSWORD, "new_password": NEW_PASSWORD}
    assert_no_content(customer.post("/api/users/me/password/", change))
    problem(nobody.get(f"/api/products/?token={customer.access}"), 401, "not-authenticated")
    problem(nobody.get(f"/api/{customer.access}/"), 404, "not-found")
    problem(nobody.post("/api/auth/logout/", f'{{"refresh": "{customer.refresh}'), 400, "invalid")
    succeeded(customer.renew())
    send_order(customer, make_product(plaza.staff()), 99, key=f"key-{ID}")
    assert_no_content(customer.post("/api/auth/logout/", {"refresh": customer.refresh}))

    logs = plaza.log_text()
    secrets = {path.read_text() for path in (plaza.data_dir / "secrets").iterdir()}
    assert len(plaza.sensitive) > 10
    assert [word for word in plaza.sensitive | secrets if word in logs] == []


def test_the_password_of_admin_is_in_no_process(plaza: Plaza) -> None:
    processes = plaza.processes()
    assert len(processes) >= 6
    for pid in processes:
        assert ADMIN_PASSWORD.encode() not in Path(f"/proc/{pid}/environ").read_bytes(), pid
