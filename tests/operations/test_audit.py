"""Which orders and reservations count as different, and which ones are only unsettled."""

from collections.abc import Iterator
from typing import Any

import pytest

from operations.audit import Report, balance, compare, is_unsettled, paired, show

ITEMS = {"a": 2, "b": 1}


def order(status: str, wants: str = "", **fields: Any) -> dict[str, Any]:
    return {"status": status, "wants": wants, "attempts": 0, "last_error": "", "items": ITEMS, **fields}


def reservation(state: str, items: dict[str, int] | None = None) -> dict[str, Any]:
    return {"state": state, "ownerless": False, "items": (ITEMS if state == "held" else {}) if items is None else items}


@pytest.mark.parametrize("status", ["confirmed", "paid", "shipped", "delivered"])
def test_an_active_order_holds_its_stock(status: str) -> None:
    assert compare(order(status), reservation("held")) is None
    assert compare(order(status), reservation("held", {"b": 1, "a": 2})) is None
    assert compare(order(status), reservation("released")) == f"{status}, but its reservation is released"
    assert compare(order(status), reservation("refused")) == f"{status}, but its reservation is refused"
    assert compare(order(status), None) == f"{status}, but its reservation is missing"
    assert compare(order(status), reservation("held", {"a": 2})) == "its reservation holds something else"


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_a_rejected_or_cancelled_order_holds_nothing(status: str) -> None:
    assert compare(order(status), reservation("refused")) is None
    assert compare(order(status), reservation("released")) is None
    assert compare(order(status), reservation("held")) == f"{status}, but its reservation is held"
    assert compare(order(status), None) == f"{status}, but its reservation is missing"


@pytest.mark.parametrize("other", [None, reservation("held"), reservation("released")])
def test_an_unsettled_order_is_no_difference(other: dict[str, Any] | None) -> None:
    for waiting in (order("pending", "held"), order("cancelled", "released")):
        assert is_unsettled(waiting)
        assert compare(waiting, other) is None


def test_orders_without_a_verdict_are_told_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    show(Report(orders=2, unsettled=2, failing={"o-1": "products: answered 400"}))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "2 orders still wait for products; the relay settles them.",
        "  order o-1: no verdict: products: answered 400",
        "No difference: the services agree.",
    ]


def test_a_reservation_without_an_order_is_a_difference() -> None:
    assert compare(None, reservation("held")) == "products has a held reservation for an unknown order"
    assert compare(None, {**reservation("released"), "ownerless": True}) is None
    assert compare(None, None) is None


def test_stock_is_the_ledger_minus_what_is_held() -> None:
    product = {"sku": "TEA-1", "stock": 7, "moved": 10, "held": 3}
    assert balance(product) is None
    assert balance(None) is None
    assert balance({**product, "stock": 8}) == "TEA-1: stock 8, but ledger 10 less held 3"


def test_orders_and_reservations_are_paired_by_id_whichever_is_missing() -> None:
    def rows(ids: str) -> Iterator[dict[str, Any]]:
        return ({"order_id": each} for each in ids)

    def ids(orders: str, reservations: str) -> list[str]:
        pairs = paired(rows(orders), rows(reservations))
        return ["".join(row["order_id"] if row else "-" for row in pair) for pair in pairs]

    assert ids("bcdf", "acde") == ["-a", "b-", "cc", "dd", "-e", "f-"]
    assert ids("ab", "") == ["a-", "b-"]
    assert ids("", "ab") == ["-a", "-b"]
    assert ids("", "") == []
