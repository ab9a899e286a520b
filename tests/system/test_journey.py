"""The life of a shop over HTTP, from the first registration to the last order."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, Plaza, eventually
from tests.system.shop import ledger_sum, make_product, order_body, place_order, send_order, stock_of

NEW_PASSWORD = "amber-window-in-march"


def test_the_index_links_every_resource_and_no_link_is_broken(nobody: Client) -> None:
    index = succeeded(nobody.get("/api/"))

    statuses = {name: nobody.get(urlsplit(link).path).status_code for name, link in index.items()}
    assert {"products", "categories", "orders", "users", "users/me", "auth/token", "auth/register"} <= set(statuses)
    assert set(statuses.values()) <= {200, 401, 405}


def test_a_customer_registers_without_a_role(nobody: Client) -> None:
    body = {"username": "Ada", "email": "ada@shop.example", "password": CUSTOMER_PASSWORD, "first_name": "Ada"}
    user = succeeded(nobody.post("/api/auth/register/", body), 201)

    UUID(user["id"])
    assert user["date_joined"].endswith("Z")
    del user["id"], user["date_joined"]
    assert user == {
        "username": "Ada",
        "email": "ada@shop.example",
        "first_name": "Ada",
        "last_name": "",
        "is_staff": False,
        "is_active": True,
    }
    problem(nobody.post("/api/auth/register/", {**body, "username": "aDA"}), 409, "username-taken")


def test_a_customer_changes_and_deletes_their_own_account(plaza: Plaza) -> None:
    customer = plaza.customer()

    changed = succeeded(customer.patch("/api/users/me/", {"last_name": "Lovelace"}))
    assert changed == {**customer.user, "last_name": "Lovelace"}
    assert succeeded(customer.get(f"/api/users/{customer.user['id']}/")) == changed
    problem(customer.patch("/api/users/me/", {"email": "countess@shop.example"}), 400, "invalid")
    password = {"current_password": CUSTOMER_PASSWORD}
    moved = succeeded(customer.patch("/api/users/me/", {"email": "countess@shop.example", **password}))
    assert moved == {**changed, "email": "countess@shop.example"}
    problem(customer.delete("/api/users/me/"), 400, "invalid")
    assert_no_content(customer.delete("/api/users/me/", json=password))
    eventually(lambda: customer.get("/api/users/me/").status_code == 401)
    problem(plaza.staff().get(f"/api/users/{customer.user['id']}/"), 404, "not-found")


def test_staff_find_and_deactivate_a_customer_who_is_then_signed_out(plaza: Plaza, staff: Client) -> None:
    customer = plaza.customer()
    path = f"/api/users/{customer.user['id']}/"

    found = succeeded(staff.get(f"/api/users/?search={customer.user['username']}&is_staff=false&is_active=true"))
    assert customer.user in found["results"]
    assert succeeded(staff.patch(path, {"is_active": False}))["is_active"] is False
    problem(customer.get("/api/users/me/"), 401, "session-ended")
    credentials = {"username": customer.user["username"], "password": CUSTOMER_PASSWORD}
    problem(customer.post("/api/auth/token/", credentials), 401, "invalid-credentials")
    assert succeeded(staff.patch(path, {"is_active": True}))["is_active"] is True
    customer.signed_in(**credentials)


def test_an_order_takes_stock_and_cancelling_gives_it_back(staff: Client, customer: Client) -> None:
    product = make_product(staff, price="3.20", stock=10)

    order = place_order(customer, product, 4)
    assert (order["total"], order["currency"], order["user_id"]) == ("12.80", "EUR", customer.user["id"])
    assert order["items"] == [
        {
            "product_id": product["id"],
            "sku": product["sku"],
            "name": product["name"],
            "unit_price": "3.20",
            "quantity": 4,
            "line_total": "12.80",
        }
    ]
    assert stock_of(customer, product) == 6
    cancelled = succeeded(customer.post(f"/api/orders/{order['id']}/cancel/"))
    assert cancelled["status"] == "cancelled"
    assert stock_of(customer, product) == 10
    assert ledger_sum(staff, product) == 10


def test_an_order_is_paid_shipped_delivered_and_hidden(staff: Client, customer: Client) -> None:
    order = place_order(customer, make_product(staff))
    path = f"/api/orders/{order['id']}/"

    noted = succeeded(customer.patch(path, {"note": "Ring twice", "shipping_address": "1 Quay Street"}))
    assert (noted["note"], noted["shipping_address"]) == ("Ring twice", "1 Quay Street")
    for status in ("paid", "shipped", "delivered"):
        assert succeeded(staff.patch(path, {"status": status}))["status"] == status
    history = [(step["status"], step["by"]) for step in succeeded(customer.get(path))["history"]]
    buyer, seller = customer.user["id"], staff.user["id"]
    steps = {"pending": buyer, "confirmed": None, "paid": seller, "shipped": seller, "delivered": seller}
    assert history == list(steps.items())
    assert_no_content(customer.delete(path))
    for client in (customer, staff):
        problem(client.get(path), 404, "not-found")


def test_customers_list_their_own_orders_and_staff_everyones(plaza: Plaza, staff: Client) -> None:
    buyer, product = plaza.customer(), make_product(staff)
    orders = [place_order(buyer, product) for _ in range(3)]
    succeeded(buyer.post(f"/api/orders/{orders[0]['id']}/cancel/"))

    def ids(client: Client, query: str) -> list[str]:
        return [order["id"] for page in client.pages(f"/api/orders/?{query}") for order in page["results"]]

    newest_first = [order["id"] for order in reversed(orders)]
    assert ids(buyer, "page_size=2") == newest_first
    assert ids(staff, f"user_id={buyer.user['id']}") == newest_first
    assert ids(staff, f"user_id={buyer.user['id']}&status=cancelled") == [orders[0]["id"]]
    assert ids(buyer, f"created_after={orders[0]['created_at']}") == newest_first[:2]
    assert ids(plaza.customer(), "") == []


def test_the_ledger_explains_the_stock(staff: Client, customer: Client) -> None:
    product = make_product(staff, stock=5)
    path = f"/api/products/{product['id']}/stock/"

    for delta, reason in ((7, "delivery"), (-2, "broken")):
        movement = succeeded(staff.post(path, {"delta": delta, "reason": reason}), 201)
        assert (movement["delta"], movement["reason"], movement["by"]) == (delta, reason, staff.user["id"])
    place_order(customer, product, 3)
    rows = [(row["delta"], row["reason"]) for row in succeeded(staff.get(path))["results"]]
    assert rows == [(-2, "broken"), (7, "delivery"), (5, "initial stock")]
    assert stock_of(staff, product) == 5 + 7 - 2 - 3


def test_a_hidden_product_is_gone_except_for_its_orders(staff: Client, customer: Client) -> None:
    product = make_product(staff)
    order = place_order(customer, product)

    assert_no_content(staff.delete(f"/api/products/{product['id']}/"))
    problem(customer.get(f"/api/products/{product['id']}/"), 404, "not-found")
    refused = problem(send_order(customer, product), 409, "unknown-product")
    assert refused["items"] == [{"product_id": product["id"], "requested": 1, "available": 0}]
    taken = {"sku": product["sku"], "name": "Again", "price": "1.00", "category": product["category"]}
    problem(staff.post("/api/products/", taken), 409, "sku-taken")
    assert succeeded(customer.post(f"/api/orders/{order['id']}/cancel/"))["status"] == "cancelled"


def test_a_new_password_ends_all_other_sessions(plaza: Plaza) -> None:
    here = plaza.customer()
    name = here.user["username"]
    there = plaza.client().signed_in(name, CUSTOMER_PASSWORD)
    plaza.sensitive.add(NEW_PASSWORD)

    change = {"current_password": CUSTOMER_PASSWORD, "new_password": NEW_PASSWORD}
    assert_no_content(here.post("/api/users/me/password/", change))
    problem(there.get("/api/users/me/"), 401, "session-ended")
    problem(there.renew(), 401, "session-ended")
    succeeded(here.renew())
    sign_in: dict[str, Any] = {"username": name, "password": CUSTOMER_PASSWORD}
    problem(there.post("/api/auth/token/", sign_in), 401, "invalid-credentials")
    there.signed_in(name, NEW_PASSWORD)


def test_signing_out_ends_one_session(plaza: Plaza) -> None:
    here = plaza.customer()
    there = plaza.client().signed_in(here.user["username"], CUSTOMER_PASSWORD)

    assert {session["current"] for session in succeeded(here.get("/api/auth/sessions/"))["results"]} == {True, False}
    assert_no_content(here.post("/api/auth/logout/", {"refresh": here.refresh}))
    problem(here.get("/api/users/me/"), 401, "session-ended")
    problem(here.post("/api/auth/token/verify/", {"token": here.access}), 401, "session-ended")
    problem(here.renew(), 401, "session-ended")
    (left,) = succeeded(there.get("/api/auth/sessions/"))["results"]
    assert left["current"] is True
    assert_no_content(there.delete("/api/auth/sessions/"))
    problem(there.get("/api/users/me/"), 401, "session-ended")


def test_a_refresh_token_works_once(plaza: Plaza) -> None:
    customer = plaza.customer()
    first = customer.refresh

    succeeded(customer.renew())
    problem(customer.post("/api/auth/token/refresh/", {"refresh": first}), 401, "token-spent")
    succeeded(customer.get("/api/users/me/"))  # two tabs may do this, so it is not treated as a theft
    succeeded(customer.renew())


def test_mixed_currencies_are_refused_and_hold_no_stock(staff: Client, customer: Client) -> None:
    euros, dollars = make_product(staff), make_product(staff, currency="USD")

    body = {"items": order_body(euros)["items"] + order_body(dollars)["items"]}
    refused = problem(customer.post("/api/orders/", body), 409, "mixed-currency")
    rejected = succeeded(customer.get(f"/api/orders/{refused['order_id']}/"))
    assert (rejected["status"], rejected["reason"], rejected["total"]) == ("rejected", "mixed-currency", None)
    assert (stock_of(customer, euros), stock_of(customer, dollars)) == (10, 10)
