"""Plaza's own pages in a browser: registering, sign-ins, a forgotten password, problems, and coming back after one."""

import re
from itertools import count

import pytest
from playwright.sync_api import Browser, expect

from tests.support.http import Client, succeeded
from tests.support.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, Plaza
from tests.system.scene import NEW_PASSWORD
from tests.system.visits import WAYS, Visit, Way, visited

pytestmark = pytest.mark.browser

ways = pytest.mark.parametrize("visit", WAYS, indirect=True, ids=str)
_numbers = count(1)


@ways
def test_a_stranger_registers_once_wrongly_and_is_signed_in(visit: Visit, staff: Client) -> None:
    visit.expected_statuses = {400, 409}
    name = f"newcomer-{next(_numbers)}"

    visit.go("/")
    visit.is_sound()
    visit.follow("Register")
    visit.is_at("Register")
    visit.is_sound()
    for label, value in (("Username", "admin"), ("E-mail address", f"{name}@shop.example"), ("Password", "12345678")):
        visit.fill(label, value)
    visit.press("Register")
    expect(visit.page.get_by_role("alert")).to_contain_text("Correct what is marked.")
    expect(visit.page.locator("#password")).to_have_attribute("aria-invalid", "true")
    assert visit.page.input_value("#username") == "admin"
    assert visit.page.input_value("#email") == f"{name}@shop.example"
    assert visit.page.input_value("#password") == ""
    visit.is_sound()
    visit.fill("Password", CUSTOMER_PASSWORD)
    visit.press("Register")
    expect(visit.page.locator("#username-fault")).to_contain_text("Choose another one.")
    visit.fill("Username", name)
    visit.fill("Password", CUSTOMER_PASSWORD)
    visit.press("Register")
    visit.is_told(f"Welcome, {name}. You are signed in.")
    visit.shows(f"Hello, {name}", "Your sign-ins")
    visit.is_sound()
    [account] = succeeded(staff.get(f"/api/users/?search={name}"))["results"]
    assert (account["username"], account["is_staff"]) == (name, False)
    visit.go("/login/?next=/api/users/me/")
    assert visit.path() == "/api/users/me/"


@ways
def test_sign_ins_are_seen_and_ended(visit: Visit, plaza: Plaza) -> None:
    customer = plaza.customer()
    name = customer.user["username"]
    visit.sign_in(name, CUSTOMER_PASSWORD, then="/sessions/")
    visit.is_at("Your sign-ins")
    visit.shows("python-requests", "Chrome on Linux", "this one")
    visit.is_sound()
    visit.press("End")
    visit.is_told("That sign-in has ended.")
    assert customer.get("/api/users/me/").status_code == 401
    visit.unfold("Sign out everywhere")
    visit.is_sound()
    visit.press("Yes, sign out everywhere")
    visit.is_at("Sign in")
    assert not {"plaza_access", "plaza_refresh"} & set(visit.cookies())


@ways
def test_a_forgotten_password_is_set_anew_by_the_mails_link(visit: Visit, plaza: Plaza) -> None:
    visit.expected_statuses = {400, 404}
    customer = plaza.customer()
    name, address = customer.user["username"], customer.user["email"]

    visit.go("/login/")
    visit.follow("Forgotten your password?")
    visit.is_at("Forgotten password")
    visit.is_sound()
    visit.fill("Username or e-mail address", address)
    visit.press("Send me a link")
    visit.is_at("Look into your mail")
    visit.is_sound()
    link = plaza.reset_link(address)
    visit.go(link)
    visit.is_at("Choose a new password")
    visit.fill("New password", NEW_PASSWORD)
    visit.fill("The same again", "something else")
    visit.press("Set the new password")
    expect(visit.page.locator("#again-fault")).to_contain_text("The two are not the same.")
    visit.is_sound()
    visit.fill("New password", NEW_PASSWORD)
    visit.fill("The same again", NEW_PASSWORD)
    visit.press("Set the new password")
    visit.is_told("Your new password is set.")
    assert customer.get("/api/users/me/").status_code == 401
    visit.sign_in(name, NEW_PASSWORD, then="/")
    visit.shows(f"Hello, {name}")
    visit.go(link)
    visit.is_at("This link does not work any more")
    visit.is_sound()
    plaza.sensitive.add(NEW_PASSWORD)


@ways
def test_what_is_not_there_or_not_allowed_is_a_page_with_a_way_back(visit: Visit, plaza: Plaza) -> None:
    visit.expected_statuses = {401, 403, 404}
    name = plaza.customer().user["username"]

    visit.go("/nowhere/")
    visit.is_at("Not found")
    visit.shows("What you can do")
    visit.is_sound()
    visit.follow("Start page")
    assert visit.path() == "/"
    visit.go("/api/orders/")
    visit.is_at("Not authenticated")
    visit.follow("Sign in")
    visit.page.fill("#username", name)
    visit.page.fill("#password", CUSTOMER_PASSWORD)
    visit.press("Sign in")
    assert visit.path() == "/api/orders/"
    visit.go("/api/products/not-an-id/")
    visit.is_at("Not found")
    visit.follow("Products")
    visit.is_at("Products")
    visit.go("/status/")
    visit.is_at("Forbidden")
    visit.is_sound()
    visit.follow("Sign in as somebody else")
    visit.press("Sign out")
    visit.page.fill("#username", "admin")
    visit.page.fill("#password", ADMIN_PASSWORD)
    visit.press("Sign in")
    assert visit.path() == "/status/"


@ways
def test_the_problems_are_listed_and_explained(visit: Visit) -> None:
    visit.go("/problems/")
    visit.is_at("Problems")
    visit.is_sound()
    visit.follow("circuit-open")
    visit.is_at("Service unavailable")
    visit.shows("What it means", "What you can do")
    visit.is_sound()


@ways
def test_a_chosen_language_stays_until_another_is_chosen(visit: Visit) -> None:
    def choose(name: str) -> None:
        menu = visit.page.locator(".folded" if visit.way.width < 700 else ".wide-menu")
        if visit.way.width < 700:
            menu.locator("summary").click()
        menu.get_by_role("button", name=name, exact=True).click()

    visit.go("/problems/")
    choose("Español")
    assert visit.path() == "/problems/"
    visit.is_at("Problemas")
    visit.go("/register/")
    assert visit.page.get_attribute("html", "lang") == "es"
    visit.is_at("Registrarse")
    visit.is_sound()
    choose("English")
    visit.is_at("Register")


@ways
def test_paper_is_white_whatever_the_screen_is(visit: Visit) -> None:
    visit.go("/problems/circuit-open")
    visit.page.emulate_media(media="print")
    colour = "element => [getComputedStyle(element).color, getComputedStyle(document.body).backgroundColor]"
    ink, ground = visit.page.locator("h1").evaluate(colour)
    assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 100
    assert not visit.page.locator("header").first.is_visible()


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2]], ids=str)
def test_a_page_comes_back_when_its_service_does(browser: Browser, fragile: Plaza, way: Way) -> None:
    name = fragile.customer().user["username"]
    with visited(browser, fragile, way) as visit:
        visit.expected_statuses = {502, 503, 504}
        visit.sign_in(name, CUSTOMER_PASSWORD, then="/api/orders/")
        visit.is_at("Orders")
        with fragile.dead("orders"):
            visit.go("/api/orders/")
            visit.shows("This page looks by itself whether it is back")
            visit.is_sound()
        fragile.wait_until_healthy()
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Orders", timeout=60_000)
