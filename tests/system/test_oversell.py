"""Many buyers and few units: no more is sold than there was."""

from collections import Counter
from functools import partial

import pytest
import requests

from tests.support.http import Client, problem, succeeded
from tests.support.plaza import Plaza
from tests.support.threads import at_once
from tests.system.shop import held_quantity, ledger_sum, make_product, send_order, send_until_decided, stock_of


@pytest.fixture(scope="module")
def customers(plaza: Plaza) -> list[Client]:
    return at_once([plaza.customer] * 4)


def buy(client: Client, product: dict[str, str], key: str) -> requests.Response:
    return send_until_decided(lambda: send_order(client, product, key=key))


def test_200_buyers_of_50_units_get_exactly_50(customers: list[Client], staff: Client) -> None:
    product = make_product(staff, stock=50)
    buyers = [partial(buy, customers[n % len(customers)], product, f"buyer-{n}") for n in range(200)]

    responses = at_once(buyers)
    assert Counter(response.status_code for response in responses) == {201: 50, 409: 150}
    for response in responses:
        if response.status_code == 409:
            (item,) = problem(response, 409, "insufficient-stock")["items"]
            assert item == {"product_id": product["id"], "requested": 1, "available": 0}
    assert stock_of(staff, product) == 0
    assert ledger_sum(staff, product) == 50
    assert held_quantity(staff, product) == 50


def test_50_requests_with_one_key_make_one_order(customers: list[Client], staff: Client) -> None:
    product = make_product(staff, stock=50)

    responses = at_once([partial(buy, customers[0], product, "the-only-key")] * 50)
    orders = [succeeded(response, 201) for response in responses]
    assert all(order == orders[0] for order in orders)
    made = [response for response in responses if "Idempotent-Replayed" not in response.headers]
    assert len(made) <= 1  # none when the first answer was 202 or 503
    assert stock_of(staff, product) == 49
    assert held_quantity(staff, product) == 1


def test_orders_for_two_products_in_opposite_order_do_not_deadlock(customers: list[Client], staff: Client) -> None:
    products = [make_product(staff, stock=20), make_product(staff, stock=20)]

    def buy_both(number: int) -> int:
        pair = products if number % 2 else products[::-1]
        body = {"items": [{"product_id": product["id"], "quantity": 1} for product in pair]}
        key = {"Idempotency-Key": f"pair-{number}"}
        return send_until_decided(lambda: customers[0].post("/api/orders/", body, headers=key)).status_code

    statuses = at_once([partial(buy_both, number) for number in range(40)])
    assert Counter(statuses) == {201: 20, 409: 20}
    assert [stock_of(staff, product) for product in products] == [0, 0]
