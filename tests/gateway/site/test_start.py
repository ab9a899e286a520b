"""The start page."""

from django.test import Client

from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.pages import Page, read
from tests.support.examples import STAFF_ID

OPEN = {"/api/", "/api/docs/", "/problems/"}
SIGNED_IN = {"/api/products/", "/api/categories/", "/api/orders/", "/api/users/me/", "/sessions/"}
STAFF = {"/api/users/", "/status/"}


def start(client: Client) -> Page:
    response = client.get("/", headers=HTML)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return read(response).main


def test_a_stranger_is_told_what_it_is_and_where_to_begin(anonymous: Client) -> None:
    page = start(anonymous)
    assert page.one("h1").text == "Plaza, a shop backend"
    assert set(page.links) == OPEN | {"/login/", "/register/"}


def test_a_customer_is_led_to_what_customers_use(begin_session: BeginSession) -> None:
    page = start(browser(begin_session()[1]))
    assert page.one("h1").text == "Hello, ada"
    assert set(page.links) == OPEN | SIGNED_IN


def test_staff_are_led_to_everything(begin_session: BeginSession) -> None:
    page = start(browser(begin_session(STAFF_ID, "grace", is_staff=True)[1]))
    assert set(page.links) == OPEN | SIGNED_IN | STAFF
