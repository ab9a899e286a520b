"""What a refused form shows, whoever refused it, and where an accepted one leads."""

from typing import Any

import pytest
from django.test import Client

from gateway_project.routing.pages.labels import LABELS
from gateway_project.routing.routes import ROUTES
from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import read
from tests.gateway.routing.pages.scene import ORDER_PATH, PRODUCT_PATH, alert, message, stock, submit, visit
from tests.support.examples import CATEGORY, MOVEMENT, ORDER, OTHER_ID, PRODUCT, PRODUCT_ID, STAFF_ID, USER, USER_ID

TYPED = {"sku": "GO-20", "name": "Go board, 9 × 9", "price": "12.345", "category": "board-games", "description": "<b>"}


@pytest.fixture(autouse=True)
def _stocked(services: Services) -> None:
    stock(services)


@pytest.fixture
def customer(begin_session: BeginSession) -> Client:
    return browser(begin_session()[1])


@pytest.fixture
def clerk(begin_session: BeginSession) -> Client:
    return browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])


def test_every_field_that_a_page_may_show_has_a_label() -> None:
    bodies = [operation.body for route in ROUTES for operation in route.operations.values() if operation.body]
    queries = [operation.query for route in ROUTES for operation in route.operations.values()]
    names = {name for schema in (*bodies, *queries) for name in schema().fields}
    assert names - set(LABELS) == {"cursor"}


@pytest.mark.parametrize("refused_by", ["gateway", "service"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_refused_form_comes_back_as_typed_with_each_fault_at_its_field(
    refused_by: str, method: str, clerk: Client, services: Services
) -> None:
    path = "/api/products/" if method == "POST" else PRODUCT_PATH
    typed, detail = dict(TYPED), "Ensure that there are no more than 2 decimal places."
    if refused_by == "service":
        typed["price"], detail = "12.30", "The service wants another price."
        refusal = problem(400, "invalid", errors=[{"pointer": "/price", "detail": detail, "code": "invalid"}])
        services.products.on(method, path.removeprefix("/api"), refusal)
    response = submit(clerk, path, method, path, typed)
    assert response.status_code == 400
    shown = read(response).main
    [(its_method, its_path, fields)] = [form for form in shown.forms if "sku" in form[2]]
    assert (its_method, its_path) == (method, path)
    assert {name: fields[name] for name in typed} == typed
    assert shown.one("option", value="board-games").attributes.keys() == {"value", "selected"}
    price = shown.one("input", name="price").attributes
    assert price["aria-invalid"] == "true"
    described_by = price["aria-describedby"].split()[0]
    assert shown.one("p", id=described_by).text == detail
    assert [each.attributes["name"] for each in shown.elements if "aria-invalid" in each.attributes] == ["price"]
    assert any(alert(response))
    assert (len(services.products.calls) > 1) or refused_by == "gateway"


def test_a_conflict_without_a_field_is_said_on_top(clerk: Client, services: Services) -> None:
    services.products.on("POST", "/products/", problem(409, "sku-taken", title="Taken", detail="GO-20 is taken."))
    response = submit(clerk, "/api/products/", "POST", "/api/products/", TYPED | {"price": "1.00"})
    assert response.status_code == 409
    assert {"Taken", "GO-20 is taken."} <= set(alert(response))
    assert read(response).main.one("input", name="sku").attributes["value"] == "GO-20"


def test_a_password_is_never_shown_again(customer: Client, services: Services) -> None:
    services.users.on("POST", "/users/me/password/", problem(400, "invalid", errors=[]))
    path = "/api/users/me/password/"
    secrets = {"current_password": "old-harbour-8", "new_password": "violet-harbour-9"}
    response = submit(customer, "/api/users/me/", "POST", path, secrets)
    assert response.status_code == 400
    text = response.content.decode()
    assert not [secret for secret in secrets.values() if secret in text]


GAMES = "/api/categories/board-games/"
EVE = f"/api/users/{OTHER_ID}/"
LEDGER = f"{PRODUCT_PATH}stock/"
MADE = answer(201, PRODUCT, Location=f"/products/{PRODUCT_ID}/")
RENAMED = answer(200, CATEGORY | {"slug": "games"})
ACCEPTED = [
    ("POST", "/api/products/", TYPED | {"price": "1.00"}, MADE, PRODUCT_PATH, "is in the catalogue now"),
    ("PATCH", PRODUCT_PATH, {"name": "Better"}, answer(200, PRODUCT), PRODUCT_PATH, "was changed"),
    ("DELETE", PRODUCT_PATH, {}, answer(204), "/api/products/", "“Go board, 19 × 19” was deleted."),
    ("POST", LEDGER, {"delta": "-3"}, answer(201, MOVEMENT), LEDGER, "The stock was moved."),
    ("PATCH", GAMES, {"slug": "games"}, RENAMED, "/api/categories/games/", "was changed"),
    ("DELETE", GAMES, {}, answer(204), "/api/categories/", "was deleted"),
    ("DELETE", EVE, {}, answer(204), "/api/users/", "“eve” was deleted"),
]


@pytest.mark.parametrize(("method", "path", "typed", "reply", "target", "said"), ACCEPTED)
def test_an_accepted_form_leads_to_what_it_made_and_says_so(
    method: str,
    path: str,
    typed: dict[str, Any],
    reply: Any,
    target: str,
    said: str,
    clerk: Client,
    services: Services,
) -> None:
    services["users" if "users" in path else "products"].on(method, path.removeprefix("/api"), reply)
    services.products.on("GET", "/categories/games/", RENAMED)
    response = submit(clerk, path, method, path, typed)
    assert (response.status_code, response["Location"], response.content) == (303, target, b"")
    assert said in message(clerk, target)
    assert visit(clerk, target).all("p", role="status") == []  # it is said once


def test_a_role_that_nobody_may_give_themselves_is_not_in_the_form(
    customer: Client, clerk: Client, services: Services
) -> None:
    services.users.on("GET", f"/users/{STAFF_ID}/", answer(200, USER | {"id": STAFF_ID}))
    for client, path in ((customer, "/api/users/me/"), (clerk, f"/api/users/{STAFF_ID}/")):
        assert not [form for form in visit(client, path).forms if "is_staff" in form[2]]
    [fields] = [fields for method, _, fields in visit(clerk, EVE).forms if method == "PATCH" and "is_staff" in fields]
    assert fields["is_staff"] == "false"
    assert "current_password" not in fields


def test_an_unticked_box_is_sent_as_false(clerk: Client, services: Services) -> None:
    path = f"/api/users/{OTHER_ID}/"
    services.users.on("PATCH", path.removeprefix("/api"), answer(200, USER | {"id": OTHER_ID}))
    assert submit(clerk, path, "PATCH", path, holding="is_staff").status_code == 303
    assert services.users.last_body["is_staff"] is False


def test_a_form_sent_twice_is_one_order(customer: Client, services: Services) -> None:
    services.orders.on("POST", "/orders/", answer(201, ORDER, Location=ORDER_PATH.removeprefix("/api")))
    response = submit(customer, PRODUCT_PATH, "POST", "/api/orders/", holding="items[0]quantity")
    assert (response.status_code, response["Location"]) == (303, ORDER_PATH)
    assert services.orders.last_body["items"] == [{"product_id": PRODUCT_ID, "quantity": 1}]
    twice = (*visit(customer, PRODUCT_PATH).forms, *visit(customer, PRODUCT_PATH).forms)
    first, second = [fields["_key"] for _, _, fields in twice if "_key" in fields]
    assert first != second
    assert len((services.orders.calls[-1].headers or {})["Idempotency-Key"]) == 36


def test_an_order_whose_fate_is_unknown_can_be_sent_again_with_the_same_key(
    customer: Client, services: Services
) -> None:
    services.orders.on("POST", "/orders/", answer(500))
    response = submit(customer, "/api/orders/", "POST", "/api/orders/", {"items[0]product_id": PRODUCT_ID})
    assert response.status_code == 502
    [fields] = [form[2] for form in read(response).forms if "_key" in form[2]]
    assert fields["_key"] == (services.orders.last.headers or {})["Idempotency-Key"]
    services.orders.on("POST", "/orders/", problem(409, "insufficient-stock"))
    response = submit(customer, "/api/orders/", "POST", "/api/orders/", {"items[0]product_id": PRODUCT_ID})
    [fields] = [form[2] for form in read(response).forms if "_key" in form[2]]
    assert fields["_key"] != (services.orders.last.headers or {})["Idempotency-Key"]


@pytest.mark.parametrize("key", ["a\r\nX-User-Id: 1", "ключ", "x" * 256, " "])
def test_a_key_that_no_header_can_hold_is_left_out(key: str, customer: Client, services: Services) -> None:
    services.orders.on("POST", "/orders/", answer(201, ORDER, Location=ORDER_PATH.removeprefix("/api")))
    typed = {"items[0]product_id": PRODUCT_ID, "_key": key}
    assert submit(customer, "/api/orders/", "POST", "/api/orders/", typed).status_code == 303
    assert "Idempotency-Key" not in (services.orders.last.headers or {})


def test_lines_are_added_without_a_script_and_without_ordering(customer: Client, services: Services) -> None:
    typed = {"items[0]product_id": PRODUCT_ID, "items[0]quantity": "3", "note": "Ring twice", "_more": "1"}
    response = customer.post("/api/orders/", typed, headers=HTML)
    assert response.status_code == 200
    shown = read(response).main
    assert [each.attributes["name"] for each in shown.all("select") if "data-picker" in each.attributes] == [
        "items[0]product_id",
        "items[1]product_id",
    ]
    assert shown.one("input", name="items[0]quantity").attributes["value"] == "3"
    assert shown.one("textarea", name="note").text == "Ring twice"
    assert {call.method for call in services.orders.calls} == {"GET"}


def test_a_fault_of_a_line_is_at_that_line(customer: Client, services: Services) -> None:
    csrf = visit(customer, "/api/orders/").forms[0][2]["csrfmiddlewaretoken"]
    rows = {"items[0]product_id": PRODUCT_ID, "items[0]quantity": "1", "items[1]product_id": USER_ID}
    response = customer.post(
        "/api/orders/", rows | {"items[1]quantity": "0", "csrfmiddlewaretoken": csrf}, headers=HTML
    )
    assert response.status_code == 400
    assert read(response).one("input", name="items[1]quantity").attributes["aria-invalid"] == "true"
    assert "aria-invalid" not in read(response).one("input", name="items[0]quantity").attributes


def test_a_raw_body_is_sent_without_a_script(clerk: Client, services: Services) -> None:
    services.products.on("PUT", f"/products/{PRODUCT_ID}/", answer(200, PRODUCT))
    shown = visit(clerk, PRODUCT_PATH)
    raw = next(fields for method, _, fields in shown.forms if method == "PUT")
    raw["_content"] = shown.one("textarea", id="raw-PUT").text
    raw["_method"] = "PUT"
    assert clerk.post(PRODUCT_PATH, raw, headers=HTML).status_code == 303
    assert services.products.last_body["sku"] == "GO-19"


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "POST"])
def test_a_forms_method_needs_its_csrf_token(method: str, clerk: Client, services: Services) -> None:
    path = "/api/products/" if method == "POST" else PRODUCT_PATH
    response = clerk.post(path, {"_method": method, "name": "x"}, headers=HTML)
    assert response.status_code == 403
    assert {call.method for call in services.products.calls} <= {"GET"}


def test_a_program_cannot_say_its_method_in_a_form(clerk: Client, services: Services) -> None:
    response = clerk.post(PRODUCT_PATH, {"_method": "DELETE"}, headers={"Accept": "application/json"})
    assert response.status_code in (403, 405)
    assert services.products.calls == []
