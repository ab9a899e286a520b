"""What the operator's audit reads: every order, hidden ones too, and what it still wants from products."""

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from common.identifiers import new_id
from common.identity import TokenIssuer
from tests.orders.api import Api, Reply
from tests.orders.rows import make_order
from tests.support.clock import Clock
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


def audit(path: str) -> Reply:
    token = TokenIssuer("operator", "orders", settings.CALLER_KEYS["operator"]).issue()
    return Api().get(path, Authorization=f"Bearer {token}")


def test_an_order_is_shown_with_what_is_left_to_do(clock: Clock) -> None:
    order = make_order("cancelled", wants="released", hidden_at=clock.now(), attempts=3, last_error="products: x")
    line = order.lines.get()
    expected: dict[str, Any] = {
        "order_id": str(order.pk),
        "status": "cancelled",
        "wants": "released",
        "attempts": 3,
        "last_error": "products: x",
        "items": {str(line.product_id): 2},
    }
    assert audit(f"/audit/orders/{order.pk}/").body == expected
    assert audit("/audit/orders/").body == {"next": None, "results": [expected]}


def test_an_order_that_was_not_asked_for_yet_has_no_attempts() -> None:
    order = make_order("pending")
    body = audit(f"/audit/orders/{order.pk}/").body
    assert (body["wants"], body["attempts"], body["last_error"]) == ("held", 0, "")


def test_pages_lead_through_all_orders_by_id() -> None:
    made = [str(make_order("paid").pk) for _ in range(6)]
    seen, path = [], "/audit/orders/?page_size=2"
    while path:
        page = audit(path).body
        assert len(page["results"]) <= 2
        seen += [row["order_id"] for row in page["results"]]
        path = page["next"]
    assert seen == sorted(made)


def test_a_page_costs_two_statements_however_large_it_is() -> None:
    for _ in range(5):
        make_order("paid")
    with statements() as executed:
        assert len(audit("/audit/orders/").body["results"]) == 5
    assert len(executed) == 2


@pytest.mark.parametrize("query", ["after=7", "page_size=0", "page_size=1001", "cursor=x"])
def test_a_query_that_is_none_is_refused(query: str) -> None:
    assert audit(f"/audit/orders/?{query}").status == 400


def test_an_unknown_order_is_a_404() -> None:
    assert audit(f"/audit/orders/{new_id()}/").status == 404


@pytest.mark.parametrize("path", ["/audit/orders/", "/audit/orders/{}/"])
def test_the_gateway_never_reads_it(path: str, staff: Api) -> None:
    order_id: UUID = make_order("paid").pk
    assert staff.get(path.format(order_id)).status == 403
