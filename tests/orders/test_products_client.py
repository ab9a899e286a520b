"""What orders sends to products, and which answers it accepts."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from common.identifiers import new_id
from common.upstream import Answer, BrokenContract, Call, ServerFailed
from orders_project.orders.products_client import CallRejected, HeldLine, ProductsClient, products_client
from tests.orders import faults
from tests.orders.fake_products import FakeProducts, Fault, answer

DEEP = b"[" * 100_000 + b"]" * 100_000


def line(product_id: UUID, **members: Any) -> dict[str, Any]:
    good = {"product_id": str(product_id), "sku": "SKU-1", "name": "Kettle", "unit_price": "19.90", "quantity": 2}
    return {**good, **members}


def test_reserve_asks_for_each_product_once_and_may_be_repeated(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    lamp, order_id = products.add(), new_id()
    client.reserve(order_id, [(kettle, 2), (lamp, 1)])
    (call,) = products.calls
    assert (call.method, call.path, call.replay_safe) == ("PUT", f"/reservations/{order_id}/", True)
    assert json.loads(call.body or b"") == {
        "items": [{"product_id": str(kettle), "quantity": 2}, {"product_id": str(lamp), "quantity": 1}]
    }


def test_release_sends_no_body_and_may_be_repeated(client: ProductsClient, products: FakeProducts) -> None:
    order_id = new_id()
    assert client.release(order_id).state == "released"
    (call,) = products.calls
    assert (call.method, call.path) == ("DELETE", f"/reservations/{order_id}/")
    assert (call.body, call.replay_safe) == (None, True)


def test_a_held_verdict_is_its_lines_and_their_currency(client: ProductsClient, products: FakeProducts) -> None:
    lamp = products.add(name="Lamp", price="7.05", currency="USD")
    verdict = client.reserve(new_id(), [(lamp, 3)])
    assert (verdict.state, verdict.currency, verdict.refusal) == ("held", "USD", None)
    (held,) = verdict.lines
    assert held == HeldLine(lamp, "SKU-1", "Lamp", held.unit_price, 3)
    assert str(held.unit_price) == "7.05"


def test_a_refusal_is_kept_as_products_gave_it(client: ProductsClient, products: FakeProducts, kettle: UUID) -> None:
    verdict = client.reserve(new_id(), [(kettle, 11)])
    assert (verdict.state, verdict.lines) == ("refused", ())
    assert verdict.refusal == {
        "reason": "insufficient-stock",
        "detail": "There is not enough in stock.",
        "items": [{"product_id": str(kettle), "requested": 11, "available": 10}],
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_a_4xx_is_not_understood_and_says_nothing_about_the_circuit(
    status: int, client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    products.fault = faults.status(status)
    for _ in range(20):
        with pytest.raises(CallRejected, match=f"products: answered {status}"):
            client.reserve(new_id(), [(kettle, 1)])
    assert client.upstream.circuit.state == "closed"


def test_a_5xx_has_failed_and_is_not_retried_inline(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    products.fault = faults.status(503)
    with pytest.raises(ServerFailed):
        client.reserve(new_id(), [(kettle, 1)])
    assert products.asked() == ["PUT"]


BROKEN: dict[str, Fault] = {
    "a page": faults.garbage,
    "nothing": faults.raw(b"", 204),
    "not UTF-8": faults.raw(b'"\xff"'),
    "too deep": faults.raw(DEEP),
    "null": faults.raw(b"null"),
    "a list": faults.raw(b"[]"),
    "no members": faults.raw(b"{}"),
    "held, but empty": faults.held_but_empty,
    "another order's": faults.wrong_order_id,
    "an unknown state": faults.altered(state="maybe"),
    "held and refused": faults.altered(refusal={"reason": "x", "detail": "x", "items": []}),
    "refused without a reason": faults.altered(state="refused"),
    "a refusal without items": faults.altered(state="refused", refusal={"reason": "x", "detail": "x"}),
    "no currency": faults.altered(currency=""),
    "a long currency": faults.altered(currency="EURO"),
    "no price": faults.altered(items=[line(UUID(int=1), unit_price=None)]),
    "NaN as a price": faults.altered(items=[line(UUID(int=1), unit_price="NaN")]),
    "three places": faults.altered(items=[line(UUID(int=1), unit_price="1.005")]),
    "another product": faults.altered(items=[line(UUID(int=2))]),
    "another quantity": faults.altered(items=[line(UUID(int=1), quantity=1)]),
    "one line too many": faults.altered(items=[line(UUID(int=1)), line(UUID(int=2))]),
    "the line twice": faults.altered(items=[line(UUID(int=1)), line(UUID(int=1))]),
}


def one_and_only(products: FakeProducts) -> UUID:
    products.catalogue[UUID(int=1)] = products.catalogue.pop(products.add())
    return UUID(int=1)


def test_the_unaltered_answer_is_believed(client: ProductsClient, products: FakeProducts) -> None:
    products.fault = faults.altered(items=[line(UUID(int=1))])
    assert client.reserve(new_id(), [(one_and_only(products), 2)]).state == "held"


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN.keys())
def test_an_answer_against_the_contract_settles_nothing(
    fault: Fault, client: ProductsClient, products: FakeProducts
) -> None:
    product_id = one_and_only(products)
    products.fault = fault
    with pytest.raises(BrokenContract):
        client.reserve(new_id(), [(product_id, 2)])


def test_a_redirect_settles_nothing_whatever_it_carries(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    def redirect(products: FakeProducts, call: Call) -> Answer:
        return Answer(302, {"Location": "/elsewhere"}, products.serve(call).body)

    products.fault = redirect
    with pytest.raises(BrokenContract):
        client.reserve(new_id(), [(kettle, 1)])


@pytest.mark.parametrize("state", ["held", "maybe"])
def test_a_release_that_is_answered_as_held_is_not_believed(
    state: str, client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    order_id = new_id()
    client.reserve(order_id, [(kettle, 2)])
    products.fault = faults.altered(state=state)
    with pytest.raises(BrokenContract):
        client.release(order_id)


def test_releasing_a_refused_order_is_done(client: ProductsClient, products: FakeProducts, kettle: UUID) -> None:
    order_id = new_id()
    client.reserve(order_id, [(kettle, 11)])
    assert client.release(order_id).state == "refused"


def test_several_orders_are_asked_for_by_one_call(client: ProductsClient, products: FakeProducts, kettle: UUID) -> None:
    lamp, first, second = products.add(stock=0), new_id(), new_id()
    verdicts = client.reserve_for_all({first: [(kettle, 2), (lamp, 1)], second: [(kettle, 3)]})
    assert [(order_id, verdict.state) for order_id, verdict in verdicts.items()] == [
        (first, "refused"),
        (second, "held"),
    ]
    (call,) = products.calls
    assert (call.method, call.path, call.replay_safe) == ("POST", "/reservations/", True)
    assert json.loads(call.body or b"")["orders"][1] == {
        "order_id": str(second),
        "items": [{"product_id": str(kettle), "quantity": 3}],
    }
    assert products.seconds_left == [pytest.approx(1.53)]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"results": {}}', b'{"results": []}', b"<html>"])
def test_an_answer_without_a_verdict_for_each_order_settles_none(
    body: bytes, client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    products.fault = faults.raw(body)
    with pytest.raises(BrokenContract):
        client.reserve_for_all({new_id(): [(kettle, 2)]})


def test_verdicts_in_another_order_are_not_believed(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    def reversed_results(products: FakeProducts, call: Call) -> Answer:
        return answer(200, {"results": json.loads(products.serve(call).body)["results"][::-1]})

    first, second, third = new_id(), new_id(), new_id()
    products.fault = reversed_results
    assert set(client.reserve_for_all({order_id: [(kettle, 1)] for order_id in (first, second, third)})) == {second}


def test_a_4xx_for_several_orders_is_no_verdict_either(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    products.fault = faults.status(404)
    with pytest.raises(CallRejected):
        client.reserve_for_all({new_id(): [(kettle, 1)]})


def test_broken_contracts_open_the_circuit(client: ProductsClient, products: FakeProducts, kettle: UUID) -> None:
    products.fault = faults.garbage
    products.is_ready = False
    for _ in range(5):
        with pytest.raises(BrokenContract):
            client.reserve(new_id(), [(kettle, 1)])
    assert client.upstream.circuit.state == "open"


def test_broken_contracts_open_nothing_while_products_is_ready(
    client: ProductsClient, products: FakeProducts, kettle: UUID
) -> None:
    products.fault, order_id = faults.garbage, new_id()
    for _ in range(20):
        with pytest.raises(BrokenContract):
            client.reserve(order_id, [(kettle, 1)])
    assert client.upstream.circuit.state == "closed"


def test_a_process_has_one_client_with_the_policy_of_the_settings() -> None:
    client = products_client()
    assert products_client() is client
    assert client.upstream.name == "products"
    assert client.upstream.policy is settings.PRODUCTS_POLICY
    assert (client.upstream.policy.read_timeout_s, client.upstream.policy.max_retries) == (1.0, 0)
