"""What counts as a disagreement between services, and what is merely on its way."""

from typing import Any

import pytest

from operations.audit import balance, compare, is_unsettled

ITEMS = [{"product_id": "a", "quantity": 2}, {"product_id": "b", "quantity": 1}]


def order(status: str, wants: str = "", **fields: Any) -> dict[str, Any]:
    return {"status": status, "wants": wants, "parked": False, "last_error": "", "items": ITEMS, **fields}


def reservation(state: str, items: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"state": state, "items": (ITEMS if state == "held" else []) if items is None else items}


@pytest.mark.parametrize("status", ["confirmed", "paid", "shipped", "delivered"])
def test_an_order_that_goes_on_holds_its_stock(status: str) -> None:
    assert compare(order(status), reservation("held")) is None
    assert compare(order(status), reservation("held", ITEMS[::-1])) is None
    assert compare(order(status), reservation("released")) == f"{status}, but its reservation is released"
    assert compare(order(status), reservation("refused")) == f"{status}, but its reservation is refused"
    assert compare(order(status), None) == f"{status}, but its reservation is missing"
    assert compare(order(status), reservation("held", ITEMS[:1])) == "its reservation holds something else"


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_an_order_that_is_over_holds_nothing(status: str) -> None:
    assert compare(order(status), reservation("refused")) is None
    assert compare(order(status), reservation("released")) is None
    assert compare(order(status), reservation("held")) == f"{status}, but its reservation is held"
    assert compare(order(status), None) == f"{status}, but its reservation is missing"


@pytest.mark.parametrize("other", [None, reservation("held"), reservation("released")])
def test_what_is_on_its_way_is_no_disagreement(other: dict[str, Any] | None) -> None:
    for waiting in (order("pending", "held"), order("cancelled", "released")):
        assert is_unsettled(waiting)
        assert compare(waiting, other) is None


def test_a_parked_order_is_told_with_its_reason() -> None:
    parked = order("pending", "held", parked=True, last_error="products answered 400")
    assert not is_unsettled(parked)
    assert compare(parked, None) == "parked while wanting its stock held: products answered 400"


def test_a_reservation_without_an_order_is_a_disagreement() -> None:
    assert compare(None, reservation("held")) == "products has a held reservation for an unknown order"
    assert compare(None, None) is None


def test_stock_is_the_ledger_less_what_is_held() -> None:
    product = {"sku": "TEA-1", "stock": 7, "moved": 10, "held": 3}
    assert balance(product) is None
    assert balance(None) is None
    assert balance({**product, "stock": 8}) == "TEA-1: stock 8, but ledger 10 less held 3"
