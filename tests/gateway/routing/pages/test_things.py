"""The page of one thing: its facts, its links, and what may be done next."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from gateway_project.routing.pages.page import Page
from gateway_project.schemas import orders
from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.fakes import Services, answer, problem
from tests.gateway.pages import read
from tests.gateway.routing.pages.scene import ORDER_PATH, PRODUCT_PATH, alert, message, stock, submit, visit
from tests.support.examples import ORDER, ORDER_ID, PRODUCT, PRODUCT_ID, STAFF_ID, USER_ID

ROOT = Path(__file__).resolve().parents[4]
ASK = (
    "import json; from orders_project.orders import models, services as s; "
    "print(json.dumps([{to: list(after) for to, after in s.MOVES.items()}, list(s.EDITABLE), list(models.FINISHED)]))"
)


@pytest.fixture(autouse=True)
def _stocked(services: Services) -> None:
    stock(services)


@pytest.fixture
def customer(begin_session: BeginSession) -> Client:
    return browser(begin_session()[1])


@pytest.fixture
def clerk(begin_session: BeginSession) -> Client:
    return browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])


def test_what_pages_offer_is_what_orders_allows(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment["PLAZA_DATA_DIR"] = str(tmp_path)
    command = [sys.executable, str(ROOT / "orders_project/manage.py"), "shell", "-v", "0", "-c", ASK]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    moves, editable, finished = json.loads(told.splitlines()[-1])
    assert {to: tuple(after) for to, after in moves.items()} == orders.MOVES
    assert (tuple(editable), tuple(finished)) == (orders.EDITABLE, orders.FINISHED)


@pytest.mark.parametrize(
    ("status", "of_customer", "of_staff"),
    [
        ("pending", {"cancel", "edit"}, {"cancel", "edit"}),
        ("confirmed", {"cancel", "edit"}, {"cancel", "edit", "paid"}),
        ("paid", {"cancel", "edit"}, {"cancel", "edit", "shipped"}),
        ("shipped", set(), {"delivered"}),
        ("delivered", {"delete"}, {"delete"}),
        ("rejected", {"delete"}, {"delete"}),
        ("cancelled", {"delete"}, {"delete"}),
    ],
)
def test_an_order_has_a_button_for_what_this_person_may_do_next_and_no_other(
    status: str, of_customer: set[str], of_staff: set[str], customer: Client, clerk: Client, services: Services
) -> None:
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, ORDER | {"status": status}))
    for client, expected in ((customer, of_customer), (clerk, of_staff)):
        found = set()
        for method, path, fields in visit(client, ORDER_PATH).forms:
            if "_content" not in fields:
                name = "cancel" if path.endswith("/cancel/") else "delete" if method == "DELETE" else "edit"
                found.add(fields.get("status", name))
        assert found == expected


def test_staff_ship_with_one_button(clerk: Client, services: Services) -> None:
    services.orders.on("GET", f"/orders/{ORDER_ID}/", answer(200, ORDER | {"status": "paid"}))
    services.orders.on("PATCH", f"/orders/{ORDER_ID}/", answer(200, ORDER | {"status": "shipped"}))
    response = submit(clerk, ORDER_PATH, "PATCH", ORDER_PATH, holding="status")
    assert (response.status_code, response["Location"]) == (303, ORDER_PATH)
    assert services.orders.last_body == {"status": "shipped"}
    assert message(clerk, ORDER_PATH) == f"Order {ORDER_ID[-8:]} is shipped now."


def test_a_cancelled_order_says_so(customer: Client, services: Services) -> None:
    services.orders.on("POST", f"/orders/{ORDER_ID}/cancel/", answer(200, ORDER | {"status": "cancelled"}))
    response = submit(customer, ORDER_PATH, "POST", f"{ORDER_PATH}cancel/")
    assert (response.status_code, response["Location"]) == (303, ORDER_PATH)
    assert message(customer, ORDER_PATH) == f"Order {ORDER_ID[-8:]} is cancelled now."


def test_a_refused_button_says_why_and_leads_back(customer: Client, services: Services) -> None:
    services.orders.on("POST", f"/orders/{ORDER_ID}/cancel/", problem(409, "wrong-status", detail="It is on its way."))
    response = submit(customer, ORDER_PATH, "POST", f"{ORDER_PATH}cancel/")
    assert response.status_code == 409
    assert "It is on its way." in alert(response)
    assert ORDER_PATH in read(response).main.links


def test_every_id_is_a_link_and_every_thing_leads_to_what_belongs_to_it(customer: Client, clerk: Client) -> None:
    order = visit(clerk, ORDER_PATH).main.links
    assert {PRODUCT_PATH, f"/api/users/{USER_ID}/"} <= set(order)
    assert "/api/users/me/" in visit(customer, ORDER_PATH).main.links
    product = visit(clerk, PRODUCT_PATH).main.links
    assert {f"{PRODUCT_PATH}stock/", "/api/categories/board-games/"} <= set(product)
    assert f"{PRODUCT_PATH}stock/" not in visit(customer, PRODUCT_PATH).main.links
    account = visit(customer, "/api/users/me/")
    assert "/api/orders/" in account.main.links
    assert [path for method, path, fields in account.forms if "new_password" in fields] == ["/api/users/me/password/"]
    assert "/api/products/?category=board-games" in visit(customer, "/api/categories/board-games/").main.links


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (PRODUCT_PATH, "Go board, 19 × 19"),
        (f"{PRODUCT_PATH}stock/", "Stock of Go board, 19 × 19"),
        ("/api/categories/board-games/", "Board games"),
        (ORDER_PATH, f"Order {ORDER_ID[-8:]}"),
        ("/api/users/me/", "ada"),
        ("/api/products/", "Products"),
    ],
)
def test_the_heading_and_the_title_name_the_thing(path: str, name: str, clerk: Client) -> None:
    shown = visit(clerk, path)
    assert shown.one("h1").text == name
    assert shown.one("title").text == f"{name} – Plaza"


def test_what_is_sold_out_cannot_be_ordered_from_its_page(customer: Client, services: Services) -> None:
    services.products.on("GET", f"/products/{PRODUCT_ID}/", answer(200, PRODUCT | {"stock": 0}))
    assert [path for _, path, _ in visit(customer, PRODUCT_PATH).forms if path == "/api/orders/"] == []


def test_a_page_whose_other_parts_fail_is_shown_without_them(customer: Client, services: Services) -> None:
    services.products.on("GET", "/categories/", answer(500))
    assert visit(customer, PRODUCT_PATH).one("h1").text == "Go board, 19 × 19"
    services.products.otherwise = answer(500)
    services.products.replies.clear()
    assert visit(customer, "/api/orders/").one("h1").text == "Orders"


def test_the_panel_for_programs_has_the_line_of_curl_and_the_json(customer: Client) -> None:
    text = customer.get(f"{PRODUCT_PATH}?format=api", headers=HTML).content.decode()
    assert (
        f"curl &#x27;http://127.0.0.1:8000{PRODUCT_PATH}?format=api&#x27; -H &quot;Authorization: Bearer $TOKEN" in text
    )
    assert "HTTP 200 OK" in text
    assert f'<a href="{PRODUCT_PATH}"' not in text.partition("response-info")[0]


def test_a_program_is_answered_without_any_page(customer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("a page was made")

    monkeypatch.setattr(Page, "__init__", never)
    assert customer.get(PRODUCT_PATH).json() == PRODUCT
