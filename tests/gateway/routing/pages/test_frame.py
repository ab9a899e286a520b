"""What is around every page."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.templatetags.static import static
from django.test import Client

from gateway_project.routing import pages
from tests.gateway.clients import HTML, BeginSession, browser
from tests.gateway.pages import Page, read
from tests.support.examples import STAFF_ID

STATIC = Path(pages.__file__).parents[1] / "static/plaza"
OWN = ["/", "/logout/", "/sessions/", "/status/", "/problems/", "/problems/not-found", "/nowhere/"]
PAGES = [*OWN, "/api/", "/api/docs/", "/api/auth/sessions/"]


@pytest.fixture
def staff_browser(begin_session: BeginSession) -> Client:
    return browser(begin_session(STAFF_ID, "grace", is_staff=True)[1])


def visit(client: Client, path: str, **headers: str) -> Page:
    return read(client.get(path, headers=HTML | headers))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_same_frame(path: str, staff_browser: Client) -> None:
    response = staff_browser.get(path, headers=HTML)
    shown = read(response)
    assert shown.one("html").attributes["lang"] == "en"
    assert shown.one("link", rel="stylesheet", href=static("plaza/plaza.css"))
    assert {"/api/products/", "/api/orders/", "/api/users/", "/status/", "/api/docs/", "/logout/"} <= set(shown.links)
    assert len(shown.all("main")) == 1
    assert f"Plaza {settings.VERSION}" in [element.text for element in shown.all("span")]
    assert shown.all("style") == []
    assert [each for each in shown.elements if "style" in each.attributes] == []
    assert [each for each in shown.elements if any(name.startswith("on") for name in each.attributes)] == []
    is_swagger = path == "/api/docs/"
    assert ("unsafe-inline" in response["Content-Security-Policy"]) is is_swagger


def test_the_menu_has_what_a_person_may_use(begin_session: BeginSession, anonymous: Client) -> None:
    customer = visit(browser(begin_session()[1]), "/api/")
    assert "/status/" not in customer.links
    assert "/api/orders/" in customer.links
    assert "/login/?next=/api/" in visit(anonymous, "/api/").links


@pytest.mark.parametrize(("name", "most"), [("plaza.css", 20_480), ("plaza.js", 15_360)])
def test_style_and_script_stay_small(name: str, most: int) -> None:
    assert (STATIC / name).stat().st_size <= most


def test_a_chosen_language_counts_before_the_browsers(begin_session: BeginSession) -> None:
    client = browser(begin_session()[1])
    shown = visit(client, "/api/", **{"Accept-Language": "en"})
    token = shown.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    form: dict[str, Any] = {"language": "es", "csrfmiddlewaretoken": token}
    response = client.post("/language/", form, headers={"Referer": "http://testserver/api/"})
    assert (response.status_code, response["Location"]) == (302, "http://testserver/api/")
    assert visit(client, "/api/", **{"Accept-Language": "en"}).one("html").attributes["lang"] == "es"
    assert client.post("/language/", {"language": "es"}).status_code == 403
