"""The ledger over HTTP, and its idempotency keys."""

from typing import Any
from uuid import uuid4

import pytest

from products_project.products.models import Product, StockMovement
from tests.products.shop import STAFF, Make, shelf, stock
from tests.support.service import ServiceClient, client_for, faults, pages, problem, race


@pytest.fixture
def product(make: Make) -> Product:
    return make(stock=5)


@pytest.fixture
def path(product: Product) -> str:
    return f"/products/{product.pk}/stock/"


def keyed(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


def test_a_movement_is_a_row_of_the_ledger(staff: ServiceClient, product: Product, path: str) -> None:
    response = staff.post(path, {"delta": -5, "reason": " broken "})
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response
    row = StockMovement.objects.get(delta=-5)
    shown = response.json()
    assert list(shown) == ["id", "delta", "reason", "by", "created_at"]
    assert shown.pop("created_at").endswith("Z")
    assert shown == {"id": str(row.pk), "delta": -5, "reason": "broken", "by": str(STAFF)}
    assert stock(product) == 0


def test_the_ledger_is_newest_first_in_pages(staff: ServiceClient, product: Product, path: str, make: Make) -> None:
    make(stock=9)
    for delta in (1, 2, -3):
        staff.post(path, {"delta": delta})
    walk = list(pages(staff, f"{path}?page_size=3"))
    assert [[row["delta"] for row in page["results"]] for page in walk] == [[-3, 2, 1], [5]]
    assert walk[0]["next"].startswith(f"{path}?")
    assert [row["delta"] for row in staff.get(walk[1]["previous"]).json()["results"]] == [-3, 2, 1]


def test_a_ledger_s_cursor_and_query_are_its_own(staff: ServiceClient, path: str) -> None:
    assert faults(staff.get(f"{path}?ordering=delta")) == [("?ordering", "unknown")]
    assert faults(staff.get(f"{path}?cursor=x")) == [("?cursor", "invalid")]


def test_more_than_there_is_is_409_and_changes_nothing(staff: ServiceClient, product: Product, path: str) -> None:
    before = shelf()
    body = problem(staff.post(path, {"delta": -6}), 409, "insufficient-stock")
    assert body["items"] == [{"product_id": str(product.pk), "requested": 6, "available": 5}]
    assert shelf() == before


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/delta", "required")]),
        ({"delta": 0}, [("/delta", "zero")]),
        ({"delta": 1.5}, [("/delta", "invalid")]),
        ({"delta": "many"}, [("/delta", "invalid")]),
        ({"delta": None}, [("/delta", "null")]),
        ({"delta": 1_000_000_001}, [("/delta", "max_value")]),
        ({"delta": -1_000_000_001}, [("/delta", "min_value")]),
        ({"delta": 999_999_996}, [("/delta", "invalid")]),
        ({"delta": 1, "reason": "x" * 201}, [("/reason", "max_length")]),
        ({"delta": 1, "by": str(uuid4()), "stock": 9}, [("/by", "unknown"), ("/stock", "unknown")]),
    ],
)
def test_bad_input_is_named_by_pointer_and_changes_nothing(
    staff: ServiceClient, path: str, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    before = shelf()
    assert faults(staff.post(path, body)) == expected
    assert shelf() == before


class TestKeys:
    @pytest.mark.parametrize("again", ["k-1", '"k-1"'])
    def test_a_key_again_is_the_first_answer_again(
        self, staff: ServiceClient, product: Product, path: str, again: str
    ) -> None:
        first = staff.post(path, {"delta": -2}, **keyed("k-1"))
        replay = staff.post(path, {"delta": -2, "reason": ""}, **keyed(again))
        assert (replay.status_code, replay["Idempotent-Replayed"]) == (201, "true")
        assert replay.json() == first.json()
        assert stock(product) == 3

    def test_a_replay_asks_neither_for_stock_nor_for_its_precondition(
        self, staff: ServiceClient, product: Product, path: str
    ) -> None:
        known = staff.get(f"/products/{product.pk}/")["ETag"]
        headers = {"Idempotency-Key": "k", "If-Match": known}
        assert staff.post(path, {"delta": -5}, headers=headers).status_code == 201
        replay = staff.post(path, {"delta": -5}, headers=headers)
        assert (replay.status_code, replay["Idempotent-Replayed"]) == (201, "true")
        assert stock(product) == 0

    @pytest.mark.parametrize("body", [{"delta": -3}, {"delta": -2, "reason": "loss"}])
    def test_a_key_with_another_body_is_422_and_changes_nothing(
        self, staff: ServiceClient, path: str, body: dict[str, Any]
    ) -> None:
        staff.post(path, {"delta": -2}, **keyed("k"))
        before = shelf()
        detail = problem(staff.post(path, body, **keyed("k")), 422, "idempotency-key-reused")["detail"]
        assert detail == "This Idempotency-Key came with another body before. Use a new key for another request."
        assert shelf() == before

    def test_a_key_used_for_another_product_is_422(self, staff: ServiceClient, path: str, make: Make) -> None:
        staff.post(path, {"delta": -2}, **keyed("k"))
        other = make(stock=5)
        before = shelf()
        response = staff.post(f"/products/{other.pk}/stock/", {"delta": -2}, **keyed("k"))
        problem(response, 422, "idempotency-key-reused")
        assert shelf() == before

    def test_another_user_s_key_is_another_key(self, staff: ServiceClient, product: Product, path: str) -> None:
        first = staff.post(path, {"delta": -2}, **keyed("k"))
        second = client_for(uuid4(), is_staff=True).post(path, {"delta": -2}, **keyed("k"))
        assert (second.status_code, "Idempotent-Replayed" in second) == (201, False)
        assert second.json()["id"] != first.json()["id"]
        assert stock(product) == 1

    @pytest.mark.parametrize("key", ["", " ", "two words", "k" * 256, "clé", '""'])
    def test_a_malformed_key_is_400_and_changes_nothing(self, staff: ServiceClient, path: str, key: str) -> None:
        before = shelf()
        assert faults(staff.post(path, {"delta": -2}, **keyed(key))) == [("", "invalid")]
        assert shelf() == before


@pytest.mark.django_db(transaction=True)
def test_two_requests_with_one_key_at_once_make_one_movement(product: Product, path: str) -> None:
    def post() -> tuple[str, bool]:
        response = client_for(STAFF, is_staff=True).post(path, {"delta": -5}, **keyed("k"))
        assert response.status_code == 201, response.content
        return response.json()["id"], "Idempotent-Replayed" in response

    outcomes = race(post, post, post)
    assert len({row for row, _ in outcomes}) == 1
    assert sorted(replayed for _, replayed in outcomes) == [False, True, True]
    assert stock(product) == 0
