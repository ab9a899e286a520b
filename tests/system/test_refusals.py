"""Every refusal of the public API: who is not allowed what, and what conflicts.

A line is: caller, method, path, status, problem, and the body if the refusal depends on it.
"""

import json
import re
from typing import Any

import pytest

from tests.support.http import Client, problem, succeeded
from tests.support.plaza import ADMIN_PASSWORD, Plaza
from tests.system.shop import make_product, place_order

NOBODY = """
GET POST                /api/users/
GET PUT PATCH DELETE    /api/users/me/
POST                    /api/users/me/password/
GET PUT PATCH DELETE    /api/users/{customer}/
GET DELETE              /api/auth/sessions/
DELETE                  /api/auth/sessions/{session}/
GET POST                /api/categories/
GET PUT PATCH DELETE    /api/categories/{category}/
GET POST                /api/products/
GET PUT PATCH DELETE    /api/products/{product}/
GET POST                /api/products/{product}/stock/
GET POST                /api/orders/
GET PATCH DELETE        /api/orders/{order}/
POST                    /api/orders/{order}/cancel/
GET                     /api/status/
"""

REFUSALS = """
# For staff only
customer  GET     /api/users/                       403 permission-denied
customer  POST    /api/users/                       403 permission-denied
customer  POST    /api/categories/                  403 permission-denied
customer  PUT     /api/categories/{category}/       403 permission-denied
customer  PATCH   /api/categories/{category}/       403 permission-denied
customer  DELETE  /api/categories/{category}/       403 permission-denied
customer  POST    /api/products/                    403 permission-denied
customer  PUT     /api/products/{product}/          403 permission-denied
customer  PATCH   /api/products/{product}/          403 permission-denied
customer  DELETE  /api/products/{product}/          403 permission-denied
customer  GET     /api/products/{product}/stock/    403 permission-denied
customer  POST    /api/products/{product}/stock/    403 permission-denied
customer  GET     /api/status/                      403 permission-denied
customer  PATCH   /api/orders/{order}/              403 permission-denied    {"status": "paid"}
customer  PATCH   /api/users/me/                    403 role-not-yours       {"is_staff": true}
customer  PATCH   /api/users/me/                    403 role-not-yours       {"is_active": false}
staff     PATCH   /api/users/me/                    403 role-not-yours       {"is_staff": false}
staff     PATCH   /api/users/{staff}/               403 role-not-yours       {"is_active": false}

# Another user's: it does not exist for the caller
stranger  GET     /api/users/{customer}/            404 not-found
stranger  PUT     /api/users/{customer}/            404 not-found            {"username": "x", "email": "x@x.example"}
stranger  PATCH   /api/users/{customer}/            404 not-found            {"first_name": "Mine"}
stranger  DELETE  /api/users/{customer}/            404 not-found
stranger  GET     /api/orders/{order}/              404 not-found
stranger  PATCH   /api/orders/{order}/              404 not-found            {"note": "Mine"}
stranger  DELETE  /api/orders/{order}/              404 not-found
stranger  POST    /api/orders/{order}/cancel/       404 not-found
stranger  DELETE  /api/auth/sessions/{session}/     404 not-found
staff     DELETE  /api/auth/sessions/{session}/     404 not-found

# Missing
staff     GET     /api/users/{missing}/             404 not-found
staff     PATCH   /api/users/{missing}/             404 not-found            {"first_name": "None"}
staff     DELETE  /api/users/{missing}/             404 not-found
staff     GET     /api/categories/missing/          404 not-found
staff     PATCH   /api/categories/missing/          404 not-found            {"name": "None"}
staff     DELETE  /api/categories/missing/          404 not-found
staff     GET     /api/products/{missing}/          404 not-found
staff     PATCH   /api/products/{missing}/          404 not-found            {"name": "None"}
staff     DELETE  /api/products/{missing}/          404 not-found
staff     GET     /api/products/{missing}/stock/    404 not-found
staff     POST    /api/products/{missing}/stock/    404 not-found            {"delta": 1}
staff     GET     /api/orders/{missing}/            404 not-found
staff     PATCH   /api/orders/{missing}/            404 not-found            {"note": "None"}
staff     DELETE  /api/orders/{missing}/            404 not-found
staff     POST    /api/orders/{missing}/cancel/     404 not-found
customer  DELETE  /api/auth/sessions/{missing}/     404 not-found
nobody    GET     /api/reservations/{order}/        404 not-found
nobody    GET     /api/products/not-a-uuid/         404 not-found

# Conflicts
nobody    POST    /api/auth/register/               409 username-taken       {"username": "ADMIN", **ACCOUNT}
staff     POST    /api/users/                       409 username-taken       {"username": "Admin", **ACCOUNT}
customer  PATCH   /api/users/me/                    409 username-taken       {"username": "admin"}
staff     POST    /api/categories/                  409 slug-taken           {"name": "Other", "slug": "{category}"}
staff     DELETE  /api/categories/{category}/       409 category-in-use
staff     POST    /api/products/                    409 sku-taken            {"sku": "{sku}", **PRODUCT}
staff     PATCH   /api/products/{product}/          409 sku-taken            {"sku": "{other_sku}"}
staff     POST    /api/products/{product}/stock/    409 insufficient-stock   {"delta": -10}
customer  POST    /api/orders/                      409 insufficient-stock   {"items": [TOO_MANY]}
customer  POST    /api/orders/                      409 unknown-product      {"items": [NO_PRODUCT]}
staff     PATCH   /api/orders/{order}/              409 wrong-status         {"status": "shipped"}
staff     PATCH   /api/orders/{order}/              409 wrong-status         {"status": "delivered"}
staff     PATCH   /api/orders/{order}/              409 wrong-status         {"status": "confirmed"}
staff     PATCH   /api/orders/{order}/              409 wrong-status         {"status": "cancelled"}
customer  DELETE  /api/orders/{order}/              409 wrong-status
customer  PATCH   /api/orders/{shipped}/            409 wrong-status         {"note": "Too late"}
customer  POST    /api/orders/{shipped}/cancel/     409 wrong-status
staff     POST    /api/orders/{shipped}/cancel/     409 wrong-status
staff     PATCH   /api/orders/{shipped}/            409 wrong-status         {"status": "paid"}
staff     PATCH   /api/orders/{cancelled}/          409 wrong-status         {"status": "paid"}
"""

SHORTHANDS = {
    "TOO_MANY": '{"product_id": "{product}", "quantity": 10}',
    "NO_PRODUCT": '{"product_id": "{missing}", "quantity": 1}',
    "**ACCOUNT": '"email": "a@shop.example", "password": "copper-meadow-in-may"',
    "**PRODUCT": '"name": "Second", "price": "1.00", "category": "{category}"',
}
PATTERN = re.compile(r"(\w+) +(\w+) +(\S+) +(\d+) ([\w-]+) *(.*)")


def lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line and not line.startswith("#")]


def each_method(table: str) -> list[tuple[str, str]]:
    return [(method, line.split()[-1]) for line in lines(table) for method in line.split()[:-1]]


@pytest.fixture(scope="module")
def things(staff: Client, customer: Client) -> dict[str, str]:
    """The values of the names in the tables."""
    product, other = make_product(staff, stock=9), make_product(staff)
    orders = {name: place_order(customer, other)["id"] for name in ("order", "shipped", "cancelled")}
    for status in ("paid", "shipped"):
        succeeded(staff.patch(f"/api/orders/{orders['shipped']}/", {"status": status}))
    succeeded(customer.post(f"/api/orders/{orders['cancelled']}/cancel/"))
    return {
        **orders,
        "product": product["id"],
        "sku": product["sku"],
        "other_sku": other["sku"],
        "category": product["category"],
        "customer": customer.user["id"],
        "staff": staff.user["id"],
        "session": succeeded(customer.get("/api/auth/sessions/"))["results"][0]["id"],
        "missing": "01890000-0000-7000-8000-000000000000",
    }


def filled(template: str, things: dict[str, str]) -> str:
    for name, text in SHORTHANDS.items():
        template = template.replace(name, text)
    return re.sub(r"{(\w+)}", lambda match: things[match[1]], template)


def everything(staff: Client) -> list[Any]:
    """Everything that a refused request could have changed."""
    paths = ("users", "categories", "products", "orders")
    return [row for path in paths for page in staff.pages(f"/api/{path}/?page_size=100") for row in page["results"]]


@pytest.mark.parametrize(("method", "path"), each_method(NOBODY))
def test_nobody_gets_in_without_a_token(nobody: Client, things: dict[str, str], method: str, path: str) -> None:
    response = nobody.request(method, filled(path, things))

    problem(response, 401, "not-authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="plaza"'


@pytest.mark.parametrize("line", lines(REFUSALS), ids=lambda line: re.sub(" +", " ", line.partition('{"')[0]))
def test_a_request_is_refused(request: pytest.FixtureRequest, things: dict[str, str], line: str) -> None:
    who, method, path, status, slug, sent = PATTERN.fullmatch(line).groups()  # type: ignore[union-attr]
    client: Client = request.getfixturevalue(who)

    body = {"json": json.loads(filled(sent, things))} if sent else {}
    problem(client.request(method, filled(path, things), **body), int(status), slug)


def test_none_of_these_refusals_changed_anything(
    staff: Client, customer: Client, stranger: Client, nobody: Client, things: dict[str, str]
) -> None:
    clients = {"staff": staff, "customer": customer, "stranger": stranger, "nobody": nobody}
    before = everything(staff)

    for line in lines(REFUSALS):
        who, method, path, _, slug, sent = PATTERN.fullmatch(line).groups()  # type: ignore[union-attr]
        if slug in {"insufficient-stock", "unknown-product"} and path == "/api/orders/":
            continue  # leaves a rejected order; test_a_refused_order_names_what_is_short_and_itself looks at it
        clients[who].request(method, filled(path, things), json=json.loads(filled(sent, things)) if sent else None)
    assert everything(staff) == before


@pytest.mark.parametrize(
    ("path", "body", "slug"),
    [
        ("token/", {"username": "admin", "password": "not-the-password"}, "invalid-credentials"),
        ("token/", {"username": "no-such-user", "password": "not-the-password"}, "invalid-credentials"),
        ("token/refresh/", {"refresh": "not.a.token"}, "session-ended"),
        ("token/verify/", {"token": "not.a.token"}, "invalid-token"),
        ("logout/", {"refresh": "not.a.token"}, "invalid-token"),
    ],
)
def test_wrong_credentials_are_401(nobody: Client, path: str, body: dict[str, str], slug: str) -> None:
    problem(nobody.post(f"/api/auth/{path}", body), 401, slug)


def test_a_refresh_token_is_no_access_token_and_the_other_way_round(plaza: Plaza) -> None:
    customer = plaza.customer()

    as_access = customer.get("/api/users/me/", headers={"Authorization": f"Bearer {customer.refresh}"})
    problem(as_access, 401, "invalid-token")
    problem(customer.post("/api/auth/token/refresh/", {"refresh": customer.access}), 401, "session-ended")
    succeeded(customer.get("/api/users/me/"))


def test_the_last_staff_account_stays(fragile: Plaza) -> None:
    """On the one Plaza where no other test makes a second."""
    staff = fragile.staff()

    assert succeeded(staff.get("/api/users/?is_staff=true"))["results"] == [staff.user]
    password = {"current_password": ADMIN_PASSWORD}
    problem(staff.delete("/api/users/me/", json=password), 409, "last-staff-account")
    assert succeeded(staff.get("/api/users/me/")) == staff.user


def test_a_refused_order_names_what_is_short_and_itself(staff: Client, customer: Client) -> None:
    product = make_product(staff, stock=3)

    body = {"items": [{"product_id": product["id"], "quantity": 4}]}
    refused = problem(customer.post("/api/orders/", body), 409, "insufficient-stock")
    assert refused["items"] == [{"product_id": product["id"], "requested": 4, "available": 3}]
    order = succeeded(customer.get(f"/api/orders/{refused['order_id']}/"))
    assert (order["status"], order["reason"], order["total"]) == ("rejected", "insufficient-stock", None)
    assert succeeded(customer.get(f"/api/products/{product['id']}/"))["stock"] == 3
