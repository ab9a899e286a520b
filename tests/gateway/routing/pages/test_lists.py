"""Tables, filters, and the way on and back."""

import pytest
from django.test import Client

from gateway_project.routing.routes import ROUTES
from tests.gateway.clients import HTML
from tests.gateway.fakes import Services, answer
from tests.gateway.pages import read
from tests.gateway.routing.pages.scene import PRODUCT_PATH, stock, visit
from tests.support.examples import PRODUCT, page

LISTS = [route for route in ROUTES if "GET" in route.operations and "<" not in route.path and route.path != "users/me/"]


@pytest.fixture(autouse=True)
def _stocked(services: Services) -> None:
    stock(services)


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
def test_a_list_has_a_control_for_each_parameter_of_its_query(route: object, staff: Client) -> None:
    shown = visit(staff, f"/api/{route.path}").main  # type: ignore[attr-defined]
    names = {each.attributes["name"] for each in shown.elements if each.attributes.get("id", "").startswith("filter-")}
    assert names == set(route.operations["GET"].query().fields) - {"cursor"}  # type: ignore[attr-defined]
    labelled = {each.attributes["for"] for each in shown.all("label")}
    assert {f"filter-{name}" for name in names} <= labelled


def test_a_row_shows_what_matters_and_leads_to_the_thing(staff: Client) -> None:
    shown = visit(staff, "/api/products/").main
    assert [each.text for each in shown.all("th", scope="col")] == ["Name", "Category", "Price", "In stock"]
    assert shown.all("a", href=PRODUCT_PATH)[0].text == "Go board, 19 × 19"
    assert shown.all("a", href="/api/categories/board-games/")[0].text == "Board games"


def test_an_active_filter_is_shown_and_can_be_removed(staff: Client) -> None:
    shown = visit(staff, "/api/products/?search=go&category=board-games&min_price=").main
    assert shown.one("input", name="search").attributes["value"] == "go"
    chips = {each.text.split("  ")[0]: each.attributes["href"] for each in shown.all("a", **{"class": "chip"})}
    assert chips == {
        "Search: go": "/api/products/?category=board-games",
        "Category: Board games": "/api/products/?search=go",
    }


def test_the_next_and_the_previous_page_are_buttons(staff: Client, services: Services) -> None:
    links = {"next": "/products/?cursor=b", "previous": "/products/?cursor=a"}
    services.products.on("GET", "/products/", answer(200, page(PRODUCT, **links)))
    shown = visit(staff, "/api/products/")
    assert shown.one("a", rel="next").attributes["href"] == "/api/products/?cursor=b"
    assert shown.one("a", rel="prev").attributes["href"] == "/api/products/?cursor=a"


def test_an_empty_list_says_what_to_do(staff: Client, user: Client, services: Services) -> None:
    services.orders.on("GET", "/orders/", answer(200, page()))
    assert "Order this" in user.get("/api/orders/", headers=HTML).content.decode()


def test_a_refused_filter_is_marked_and_the_others_stay(staff: Client) -> None:
    response = staff.get("/api/products/?search=go&min_price=cheap", headers=HTML)
    assert response.status_code == 400
    shown = read(response).main
    assert shown.one("h1").text == "Products"
    assert shown.one("input", name="search").attributes["value"] == "go"
    field = shown.one("input", name="min_price").attributes
    assert (field["value"], field["type"], field["aria-invalid"]) == ("cheap", "text", "true")
    assert shown.one("p", id=field["aria-describedby"]).text == "A valid number is required."


def test_who_is_no_staff_has_no_filter_for_customers(user: Client) -> None:
    shown = visit(user, "/api/orders/").main
    assert shown.all("input", name="user_id") == []
    assert "Customer" not in [each.text for each in shown.all("th")]
