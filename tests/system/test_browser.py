"""The shop as a person meets it: pages, forms and links in a real browser."""

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.system.client import Client, succeeded
from tests.system.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, System
from tests.system.shop import make_category, make_product, place_order

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium here, and CI must prove these")
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield launched
        launched.close()


class Visit:
    """One person's browser. At the end nothing in it may have gone wrong but what a test expected."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.context = context
        self.base_url = base_url
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        self.expected_statuses: set[int] = set()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._requested)
        self.page.on("response", self._responded)

    def _hear(self, message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in self.expected_statuses)
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the next page came first
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.base_url, "data:", "blob:")):
            self.faults.append(f"not local: {request.url}")

    def _responded(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.faults.append(f"{response.status}: {response.url}")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.base_url}{path}")

    def sign_in(self, username: str, password: str, then: str = "/api/") -> None:
        self.go(f"/login/?next={then}")
        self.page.fill("#username", username)
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def shows(self, *texts: str) -> None:
        """In the browsable API's answer: its status line, headers and JSON."""
        for text in texts:
            expect(self.page.locator(".response-info")).to_contain_text(text)

    def path(self) -> str:
        return urlsplit(self.page.url).path

    def cookies(self) -> dict[str, Any]:
        return {cookie["name"]: cookie for cookie in self.context.cookies()}


@pytest.fixture
def visit(browser: Browser, system: System) -> Iterator[Visit]:
    context = browser.new_context()
    context.set_default_timeout(15_000)
    made = Visit(context, system.url())
    yield made
    system.sensitive |= {cookie["value"] for name, cookie in made.cookies().items() if name != "plaza_csrf"}
    context.close()
    assert made.faults == []


@pytest.fixture(scope="module")
def shopper(system: System) -> str:
    """The name of a registered customer."""
    return str(system.customer().user["username"])


def test_a_wrong_password_is_said_and_signs_nobody_in(visit: Visit, shopper: str) -> None:
    visit.expected_statuses = {401}

    visit.sign_in(shopper, "not-the-password")
    expect(visit.page.get_by_role("alert")).to_have_text("No active account has this username and password.")
    assert "plaza_access" not in visit.cookies()
    assert visit.page.input_value("#username") == shopper
    visit.go("/api/orders/")
    visit.shows("HTTP 401 Unauthorized")


def test_signing_in_sets_cookies_that_no_script_can_read(visit: Visit, shopper: str) -> None:
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="/api/users/me/")

    assert visit.path() == "/api/users/me/"
    visit.shows(f'"username": "{shopper}"')
    for name in ("plaza_access", "plaza_refresh"):
        cookie = visit.cookies()[name]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert "plaza_access" not in visit.page.evaluate("document.cookie")
    assert "plaza_refresh" not in visit.page.evaluate("document.cookie")


def test_signing_in_does_not_lead_off_the_site(visit: Visit, shopper: str) -> None:
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="//evil.example/")

    assert visit.page.url == f"{visit.base_url}/api/"


def test_links_lead_through_the_catalogue(visit: Visit, staff: Client, shopper: str) -> None:
    slug = make_category(staff)
    products = [make_product(staff, category=slug, name=f"Chair {letter}") for letter in "ABC"]

    visit.sign_in(shopper, CUSTOMER_PASSWORD)
    visit.page.locator(".response-info a[href$='/api/products/']").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Products")
    visit.go(f"/api/products/?category={slug}&ordering=name&page_size=2")
    visit.shows("Chair B")
    visit.page.get_by_role("link", name=re.compile("cursor=")).click()
    visit.shows("Chair C")
    expect(visit.page.locator(".response-info")).not_to_contain_text("Chair B")
    visit.page.get_by_role("link", name=products[2]["id"]).click()
    assert visit.path() == f"/api/products/{products[2]['id']}/"
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Product")
    visit.shows('"name": "Chair C"')


def test_staff_make_and_change_a_product_by_forms(visit: Visit, staff: Client) -> None:
    slug = make_category(staff)

    visit.sign_in("admin", ADMIN_PASSWORD, then="/api/products/")
    form = {"sku": f"FORM-{slug}", "name": "Made by hand", "price": "9.90", "category": slug, "stock": "4"}
    for name, value in form.items():
        visit.page.fill(f"[name={name}]", value)
    visit.press("POST")
    visit.shows("HTTP 201 Created")
    (product,) = succeeded(staff.get(f"/api/products/?category={slug}"))["results"]
    assert (product["name"], product["price"], product["currency"], product["stock"]) == (
        "Made by hand",
        "9.90",
        "EUR",
        4,
    )
    visit.go(f"/api/products/{product['id']}/")
    visit.page.fill("[name=name]", "Made better")
    visit.press("PUT")
    visit.shows('"name": "Made better"')
    assert succeeded(staff.get(f"/api/products/{product['id']}/"))["stock"] == 4


def test_a_customer_registers_signs_in_orders_and_signs_out(visit: Visit, system: System, staff: Client) -> None:
    product, name = make_product(staff, price="3.00", stock=5), "browsing-bea"
    place_order(staff, product)
    visit.expected_statuses = {405, 401}  # registering has no page of its own to look at, only a form

    visit.go("/login/")
    visit.page.get_by_role("link", name="Register").click()
    for field, value in {"username": name, "email": "bea@shop.example", "password": CUSTOMER_PASSWORD}.items():
        visit.page.fill(f"[name={field}]", value)
    visit.press("POST")
    visit.shows("HTTP 201 Created")
    assert CUSTOMER_PASSWORD not in visit.page.content()
    visit.sign_in(name, CUSTOMER_PASSWORD, then="/api/orders/")
    visit.page.fill("[name='items[0]product_id']", product["id"])
    visit.page.fill("[name='items[0]quantity']", "2")
    visit.page.fill("[name=note]", "From the form")
    visit.press("POST")
    visit.shows("HTTP 201 Created")
    visit.shows('"status": "confirmed"')
    visit.shows('"total": "6.00"')
    assert succeeded(staff.get(f"/api/products/{product['id']}/"))["stock"] == 5 - 1 - 2
    visit.go("/api/orders/")
    visit.shows("HTTP 200 OK", "From the form")
    expect(visit.page.get_by_role("link", name=str(succeeded(staff.get("/api/users/me/"))["id"]))).to_have_count(0)
    visit.page.get_by_role("link", name="Sign out").click()
    visit.press("Sign out")
    assert visit.path() == "/login/"
    assert not {"plaza_access", "plaza_refresh"} & set(visit.cookies())
    visit.go("/api/orders/")
    visit.shows("HTTP 401 Unauthorized")


def test_a_form_left_open_past_the_access_tokens_life_still_works(visit: Visit, staff: Client, shopper: str) -> None:
    product = make_product(staff)
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="/api/orders/")
    visit.page.fill("[name='items[0]product_id']", product["id"])
    visit.page.fill("[name='items[0]quantity']", "1")
    before = visit.cookies()

    visit.context.clear_cookies(name="plaza_access")  # as a browser does when it is over
    visit.press("POST")
    visit.shows('"status": "confirmed"')
    after = visit.cookies()
    for name in ("plaza_access", "plaza_refresh"):
        assert after[name]["value"] != before[name]["value"]
    visit.go("/api/orders/")
    visit.shows("HTTP 200 OK")


def test_a_request_that_another_site_could_send_is_refused(visit: Visit, staff: Client, shopper: str) -> None:
    product = make_product(staff)
    visit.sign_in(shopper, CUSTOMER_PASSWORD)
    order = {"items": [{"product_id": product["id"], "quantity": 1}]}

    refused = visit.context.request.post(f"{visit.base_url}/api/orders/", data=order)
    assert (refused.status, refused.json()["type"]) == (403, "/problems/csrf-failed")
    signing_in: dict[str, str | float | bool] = {"username": shopper, "password": CUSTOMER_PASSWORD}
    without_token = visit.context.request.post(f"{visit.base_url}/login/", form=signing_in)
    assert (without_token.status, without_token.json()["type"]) == (403, "/problems/csrf-failed")
    token = visit.cookies()["plaza_csrf"]["value"]
    foreign = {"X-CSRFToken": token, "Origin": "http://evil.example"}
    refused = visit.context.request.post(f"{visit.base_url}/api/orders/", data=order, headers=foreign)
    assert refused.status == 403
    assert succeeded(staff.get(f"/api/products/{product['id']}/"))["stock"] == 10
    allowed = visit.context.request.post(
        f"{visit.base_url}/api/orders/", data=order, headers={"X-CSRFToken": token, "Accept": "application/json"}
    )
    assert allowed.status == 201


def test_staff_see_how_the_services_are_and_others_do_not(visit: Visit, shopper: str) -> None:
    visit.go("/status/")
    assert visit.path() == "/login/"
    visit.sign_in("admin", ADMIN_PASSWORD, then="/status/")
    expect(visit.page.get_by_role("heading", name="Services")).to_be_visible()
    for service in ("users", "products", "orders"):
        card = visit.page.get_by_role("article").filter(has=visit.page.get_by_role("heading", name=service))
        expect(card).to_contain_text("healthy")
    expect(visit.page.get_by_role("status")).to_have_text("All are healthy")
    visit.context.clear_cookies()
    visit.expected_statuses = {403, 404}  # a problem has no icon
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="/status/")
    assert "/problems/permission-denied" in visit.page.content()


def test_the_docs_render_from_local_files_alone(visit: Visit) -> None:
    visit.go("/api/docs/")

    expect(visit.page.get_by_role("heading", name=re.compile("^Plaza"))).to_be_visible()
    expect(visit.page.locator(".opblock").first).to_be_visible()
    schema = visit.context.request.get(f"{visit.base_url}/api/schema/?format=json").json()
    assert visit.page.locator(".opblock").count() == sum(map(len, schema["paths"].values()))
