"""The shop as people see it: signing in and out, cookies, foreign sites, the status page and Swagger."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.http import Client, succeeded
from tests.support.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, Plaza
from tests.system.shop import make_product
from tests.system.visits import Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shopper(plaza: Plaza) -> str:
    """The name of a registered customer."""
    return str(plaza.customer().user["username"])


def test_a_wrong_password_shows_an_error_and_signs_nobody_in(visit: Visit, shopper: str) -> None:
    visit.expected_statuses = {401}

    visit.sign_in(shopper, "not-the-password")
    expect(visit.page.get_by_role("alert")).to_have_text("No active account has this username and password.")
    assert "plaza_access" not in visit.cookies()
    assert visit.page.input_value("#username") == shopper
    visit.go("/api/orders/")
    visit.is_at("Not authenticated")


def test_signing_in_sets_cookies_that_no_script_can_read(visit: Visit, shopper: str) -> None:
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="/api/users/me/")

    assert visit.path() == "/api/users/me/"
    visit.is_at(shopper)
    for name in ("plaza_access", "plaza_refresh"):
        cookie = visit.cookies()[name]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert "plaza_access" not in visit.page.evaluate("document.cookie")
    assert "plaza_refresh" not in visit.page.evaluate("document.cookie")


def test_signing_in_does_not_lead_off_the_site(visit: Visit, shopper: str) -> None:
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="//evil.example/")

    assert visit.page.url == f"{visit.base_url}/"


def test_signing_out_ends_it(visit: Visit, shopper: str) -> None:
    visit.expected_statuses = {401}

    visit.sign_in(shopper, CUSTOMER_PASSWORD, then="/api/orders/")
    visit.is_at("Orders")
    visit.page.get_by_role("link", name="Sign out").click()
    visit.press("Sign out")
    assert visit.path() == "/login/"
    assert not {"plaza_access", "plaza_refresh"} & set(visit.cookies())
    visit.go("/api/orders/")
    visit.is_at("Not authenticated")


def test_a_form_still_works_after_its_access_token_expired(visit: Visit, staff: Client, shopper: str) -> None:
    product = make_product(staff)
    visit.sign_in(shopper, CUSTOMER_PASSWORD, then=f"/api/products/{product['id']}/")
    before = visit.cookies()

    visit.context.clear_cookies(name="plaza_access")  # as a browser does when it expires
    visit.press("Order this")
    visit.is_told("is confirmed")
    after = visit.cookies()
    for name in ("plaza_access", "plaza_refresh"):
        assert after[name]["value"] != before[name]["value"]
    visit.go("/api/orders/")
    visit.is_at("Orders")


def test_a_forged_request_from_another_site_is_refused(visit: Visit, staff: Client, shopper: str) -> None:
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


def test_the_status_page_is_for_staff(visit: Visit, shopper: str) -> None:
    visit.go("/status/")
    assert visit.path() == "/login/"
    visit.sign_in("admin", ADMIN_PASSWORD, then="/status/")
    expect(visit.page.get_by_role("heading", name="Services")).to_be_visible()
    for lane in ("users/accounts", "users/credentials", "products/catalogue", "products/search", "orders"):
        expect(visit.page.get_by_role("article", name=lane, exact=True)).to_contain_text("healthy")
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
