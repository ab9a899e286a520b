"""What people do in the shop's pages, on a wide and a narrow screen, in both colours, with and without scripts."""

from itertools import count
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.http import Client, succeeded
from tests.support.plaza import ADMIN_PASSWORD, CUSTOMER_PASSWORD, Plaza
from tests.system.shop import make_category, make_product, place_order, stock_of
from tests.system.visits import WAYS, Visit

pytestmark = pytest.mark.browser

ways = pytest.mark.parametrize("visit", WAYS, indirect=True, ids=str)
_numbers = count(1)


@pytest.fixture(scope="module")
def customer(plaza: Plaza) -> Client:
    return plaza.customer()


@ways
def test_a_customer_searches_filters_pages_orders_three_lines_and_cancels(
    visit: Visit, staff: Client, customer: Client
) -> None:
    word = f"Quill{next(_numbers)}{visit.way.width}"
    slug = make_category(staff)
    goods = [make_product(staff, category=slug, name=f"{word} {letter}", price="2.50") for letter in "ABC"]

    visit.sign_in(customer.user["username"], CUSTOMER_PASSWORD, then="/api/products/")
    visit.is_at("Products")
    visit.fill("Search", word)
    visit.press("Show")
    visit.shows(f"{word} A", f"{word} B", f"{word} C")
    visit.select("Order by", "name, A to Z")
    visit.press("Show")
    visit.is_sound()
    visit.follow("Remove all")
    visit.go(f"/api/products/?category={slug}&ordering=name&page_size=2")
    visit.follow("Next ›")
    visit.shows(f"{word} C")
    expect(visit.page.get_by_role("link", name=f"{word} A")).to_have_count(0)
    visit.follow("‹ Previous")
    visit.follow(f"{word} A")
    visit.is_at(f"{word} A")
    visit.is_sound()
    visit.fill("Quantity", "2")
    visit.press("Order more with it")
    visit.is_at("Orders")
    for line in (1, 2):
        if line == 2:
            visit.press("Add a line")
        visit.choose_product(line, goods[line]["name"], "2.50 EUR")
    visit.fill("Note", "Ring twice")
    visit.is_sound()
    visit.press("Place the order")
    visit.is_told("is confirmed")
    visit.shows("confirmed", "Ring twice", "10.00", f"{word} B", f"{word} C")
    visit.is_sound()
    assert [stock_of(staff, product) for product in goods] == [8, 9, 9]
    expect(visit.page.get_by_role("button", name="Mark as paid")).to_have_count(0)
    visit.unfold("Edit")
    visit.fill("Shipping address", "1 Square Place")
    visit.press("Save")
    visit.is_told("was changed")
    visit.shows("1 Square Place")
    visit.unfold("Cancel this order")
    visit.press("Yes, cancel it")
    visit.is_told("is cancelled now")
    assert [stock_of(staff, product) for product in goods] == [10, 10, 10]
    visit.unfold("Delete")
    visit.press("Yes, delete it")
    visit.is_told("was deleted")
    visit.is_at("Orders")


@ways
def test_staff_make_change_move_and_delete_a_product(visit: Visit, staff: Client) -> None:
    visit.expected_statuses = {400, 409}
    word, slug = f"Inkwell{next(_numbers)}{visit.way.width}", make_category(staff, f"Desk {next(_numbers)}")
    category = succeeded(staff.get(f"/api/categories/{slug}/"))["name"]

    visit.sign_in("admin", ADMIN_PASSWORD, then="/api/products/")
    visit.unfold("New product")
    visit.is_sound()
    form = {"SKU": f"INK-{slug}", "Name": word, "Price": "9.90", "Description": "Of glass."}
    for label, value in form.items():
        visit.fill(label, value)
    visit.page.locator("#post-form-category").select_option(label=category)
    visit.page.locator("#post-form-stock").fill("4")
    visit.page.locator("#post-form-currency").fill("eur")
    visit.press("Save")
    refusal = visit.page.get_by_role("alert")
    expect(refusal).to_contain_text("Invalid input")
    field = visit.page.locator("#post-form-currency")
    expect(field).to_have_attribute("aria-invalid", "true")
    described_by = (field.get_attribute("aria-describedby") or "").split()
    assert all(visit.page.locator(f"#{name}").count() == 1 for name in described_by)
    assert visit.page.locator("#post-form-name").input_value() == word
    assert visit.page.locator("#post-form-category").input_value() == slug
    visit.is_sound()
    field.fill("EUR")
    visit.press("Save")
    visit.is_told(f"“{word}” is in the catalogue now.")
    visit.is_at(word)
    visit.unfold("Edit")
    visit.fill("Name", f"{word} better")
    visit.press("Save")
    visit.is_told("was changed")
    visit.is_at(f"{word} better")
    visit.follow("Move stock, and its ledger")
    visit.is_at(f"Stock of {word} better")
    visit.unfold("Move stock")
    visit.fill("Change", "-9")
    visit.press("Move it")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    assert visit.page.locator("#post-form-delta").input_value() == "-9"
    visit.fill("Change", "-3")
    visit.fill("Reason", "broken")
    visit.press("Move it")
    visit.is_told("The stock was moved.")
    visit.shows("−3", "broken")
    visit.is_sound()
    visit.page.locator(".crumbs").get_by_role("link", name=f"{word} better").click()
    visit.shows("Of glass.")
    visit.unfold("Delete")
    visit.shows("It leaves the catalogue for good.")
    visit.press("Yes, delete it")
    visit.is_told(f"“{word} better” was deleted.")
    visit.is_at("Products")


@ways
def test_staff_ship_with_buttons(visit: Visit, staff: Client, customer: Client) -> None:
    order = place_order(customer, make_product(staff))

    visit.sign_in("admin", ADMIN_PASSWORD, then=f"/api/orders/{order['id']}/")
    for button, status in (("paid", "paid"), ("shipped", "shipped"), ("delivered", "delivered")):
        visit.press(f"Mark as {button}")
        visit.is_told(f"is {status} now.")
    assert succeeded(staff.get(f"/api/orders/{order['id']}/"))["status"] == "delivered"
    visit.is_sound()


@ways
def test_a_password_is_changed_from_the_account(visit: Visit, plaza: Plaza) -> None:
    visit.expected_statuses = {400}
    user, another = plaza.customer().user, "amber-signal-in-march"

    visit.sign_in(user["username"], CUSTOMER_PASSWORD, then="/api/users/me/")
    visit.is_at(user["username"])
    for current, said in (("not-it", None), (CUSTOMER_PASSWORD, "Your password was changed.")):
        if said is not None and visit.path() != "/api/users/me/":
            visit.go("/api/users/me/")
        visit.unfold("Change your password")
        visit.page.locator("#password-form-current_password").fill(current)
        visit.page.locator("#password-form-new_password").fill(another)
        visit.press("Change your password")
        if said is None:
            expect(visit.page.locator("[name=current_password]")).to_have_attribute("aria-invalid", "true")
        else:
            visit.is_told(said)


SOUND = [
    "/api/",
    "/api/products/",
    "/api/products/?search=zzzzzz",
    "/api/categories/",
    "/api/orders/",
    "/api/users/",
    "/api/users/me/",
    "/api/auth/sessions/",
    "/api/status/",
    "/api/docs/",
    "/status/",
    "/",
    "/sessions/",
    "/problems/",
    "/logout/",
]


@pytest.mark.parametrize("visit", [way for way in WAYS if way.has_script], indirect=True, ids=str)
def test_axe_finds_nothing_serious_and_nothing_is_too_wide(visit: Visit, staff: Client) -> None:
    visit.sign_in("admin", ADMIN_PASSWORD)
    for path in SOUND:
        visit.go(path)
        if path == "/api/docs/":
            expect(visit.page.locator(".opblock").first).to_be_visible()
        for panel in visit.page.locator("main details.program > summary").all():
            panel.click()
        visit.is_sound()
    visit.expected_statuses = {404}
    visit.go("/api/products/01890a5d-ac96-774b-bcce-b302099a8060/")
    visit.is_at("Not found")
    visit.is_sound()


def test_an_order_is_placed_by_keyboard_alone(visit: Visit, staff: Client, customer: Client) -> None:
    word = f"Blotter{next(_numbers)}"
    product: dict[str, Any] = make_product(staff, name=f"{word} A")
    keyboard = visit.page.keyboard

    visit.sign_in(customer.user["username"], CUSTOMER_PASSWORD, then="/api/orders/")
    summary = visit.page.locator("main summary", has_text="New order")
    for _ in range(60):
        keyboard.press("Tab")
        if summary.evaluate("element => element === document.activeElement"):
            break
    keyboard.press("Enter")
    expect(visit.page.locator("#line-0-product_id")).to_be_focused()
    keyboard.type(word)
    expect(visit.page.get_by_role("option", name=f"{word} A")).to_be_visible()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    keyboard.press("Tab")
    keyboard.type("3")
    keyboard.press("Enter")
    visit.is_told("is confirmed")
    assert stock_of(staff, product) == 7
