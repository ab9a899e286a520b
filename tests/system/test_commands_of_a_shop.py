"""What the operator's command lines say of a shop that is in use."""

import json

from tests.support.http import Client
from tests.support.plaza import Plaza
from tests.system.shop import make_product, place_order, send_order


def test_all_that_is_held_about_a_customer_is_in_one_document(plaza: Plaza, staff: Client) -> None:
    customer = plaza.customer()
    order = place_order(customer, make_product(staff), 2)

    answer = plaza.run("export-user", customer.user["username"])
    assert (answer.returncode, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    assert found.keys() == {"users", "gateway", "products", "orders"}
    assert [row["email"] for row in found["users"]["accounts"]] == [customer.user["email"]]
    assert len(found["gateway"]["sessions"]) == 1
    assert [row["id"] for row in found["orders"]["orders"]] == [order["id"]]
    assert [row["quantity"] for row in found["orders"]["lines"]] == [2]
    assert "argon2" not in answer.stdout


def test_a_request_s_id_finds_its_lines_in_all_logs(plaza: Plaza, staff: Client, customer: Client) -> None:
    answer = send_order(customer, make_product(staff))
    lines = plaza.run("logs", "--request", answer.headers["X-Request-ID"]).stdout.splitlines()
    seen = [line.split()[1:5] for line in lines]
    assert sorted(seen) == [
        ["gateway", "info", "POST", "/api/orders/"],
        ["orders", "info", "POST", "/orders/"],
        ["products", "info", "PUT", "/reservations/<uuid:order_id>/"],
    ]


def test_doctor_finds_nothing_that_would_stop_a_shop_that_runs(plaza: Plaza) -> None:
    answer = plaza.run("doctor", "--port", str(plaza.port))
    assert answer.returncode == 0, answer.stdout
    assert f"this system runs, on port {plaza.port}" in answer.stdout
