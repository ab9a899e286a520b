"""GET /orders/: whose orders, filters, pages."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from common.identifiers import new_id
from orders_project.orders.models import Order, OrderLine
from tests.orders.api import Api
from tests.orders.rows import at, make_order
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ids(api: Api, **query: object) -> list[UUID]:
    reply = api.get(f"/orders/?{urlencode(query)}")
    assert reply.status == 200, reply.body
    return [UUID(row["id"]) for row in reply.body["results"]]


def hourly(api: Api, count: int) -> list[Order]:
    """The user's orders, one an hour from noon on, newest first."""
    made = [at(make_order("paid", user_id=api.user_id), NOON + timedelta(hours=n)) for n in range(count)]
    return made[::-1]


def test_a_user_sees_their_own_orders_newest_first(user: Api, stranger: Api) -> None:
    mine = hourly(user, 3)
    hourly(stranger, 2)
    assert ids(user) == [order.pk for order in mine]


def test_staff_see_everyones_orders(user: Api, stranger: Api, staff: Api) -> None:
    everyones = {order.pk for order in (*hourly(user, 2), *hourly(stranger, 2))}
    assert set(ids(staff)) == everyones


def test_staff_filter_by_user(user: Api, stranger: Api, staff: Api) -> None:
    mine = hourly(user, 2)
    hourly(stranger, 2)
    assert ids(staff, user_id=user.user_id) == [order.pk for order in mine]


def test_a_users_filter_by_another_user_finds_nothing(user: Api, stranger: Api) -> None:
    hourly(user, 1)
    hourly(stranger, 1)
    assert ids(user, user_id=stranger.user_id) == []


def test_hidden_orders_are_in_no_list(user: Api, staff: Api, clock: Clock) -> None:
    shown = make_order("delivered", user_id=user.user_id)
    make_order("delivered", user_id=user.user_id, hidden_at=clock.now())
    assert ids(user) == ids(staff) == ids(staff, status="delivered") == [shown.pk]


def test_a_status_is_a_filter(user: Api) -> None:
    by_status = {status: make_order(status, user_id=user.user_id).pk for status in ("pending", "paid", "shipped")}
    assert {status: ids(user, status=status) for status in by_status} == {s: [pk] for s, pk in by_status.items()}
    assert ids(user, status="cancelled") == []


def test_times_are_bounds_that_are_not_themselves_included(user: Api) -> None:
    fourth, third, second, first = hourly(user, 4)
    assert ids(user, created_after="2026-03-01T13:00:00Z") == [fourth.pk, third.pk]
    assert ids(user, created_before="2026-03-01T13:00:00Z") == [first.pk]
    assert ids(user, created_after="2026-03-01T12:30:00Z", created_before="2026-03-01T14:30:00Z") == [
        third.pk,
        second.pk,
    ]
    assert ids(user, created_after="2026-03-01T14:00:00+01:00") == [fourth.pk, third.pk]


def test_an_empty_value_counts_as_absent(user: Api) -> None:
    mine = [order.pk for order in hourly(user, 2)]
    empty = {"status": "", "created_after": "", "created_before": "", "user_id": "", "cursor": "", "page_size": ""}
    assert ids(user, **empty) == mine


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("status=lost", "?status", "invalid_choice"),
        ("created_after=yesterday", "?created_after", "invalid"),
        ("created_before=12", "?created_before", "invalid"),
        ("user_id=me", "?user_id", "invalid"),
        ("page_size=0", "?page_size", "min_value"),
        ("page_size=101", "?page_size", "max_value"),
        ("page_size=ten", "?page_size", "invalid"),
        ("cursor=forged", "?cursor", "invalid"),
        ("search=kettle", "?search", "unknown"),
        ("status=paid&status=paid", "?status", "repeated"),
    ],
)
def test_a_wrong_query_parameter_is_a_400(query: str, pointer: str, code: str, user: Api) -> None:
    reply = user.get(f"/orders/?{query}")
    assert (reply.status, reply.body["type"]) == (400, "/problems/invalid")
    assert [(error["pointer"], error["code"]) for error in reply.body["errors"]] == [(pointer, code)]


def test_pages_lead_through_every_order_once_and_back(user: Api) -> None:
    mine = [order.pk for order in hourly(user, 5)]
    first = user.get("/orders/?page_size=2").body
    second = user.get(first["next"]).body
    third = user.get(second["next"]).body
    pages = [[UUID(row["id"]) for row in page["results"]] for page in (first, second, third)]
    assert pages == [mine[0:2], mine[2:4], mine[4:5]]
    assert (first["previous"], third["next"]) == (None, None)
    assert first["next"].startswith("/orders/?")
    assert user.get(second["previous"]).body["results"] == first["results"]


def test_pages_lead_through_orders_of_the_same_instant(user: Api) -> None:
    made = [at(make_order("paid", user_id=user.user_id), NOON).pk for _ in range(5)]
    seen, path = [], "/orders/?page_size=2"
    while path:
        page = user.get(path).body
        seen += [UUID(row["id"]) for row in page["results"]]
        path = page["next"]
    assert seen == made[::-1]


def test_a_page_has_twenty_orders_unless_told(user: Api) -> None:
    hourly(user, 21)
    assert len(ids(user)) == 20
    assert len(ids(user, page_size=100)) == 21


def test_a_cursor_belongs_to_its_filters(user: Api) -> None:
    hourly(user, 3)
    link = user.get("/orders/?page_size=2&status=paid").body["next"]
    assert "status=paid" in link
    reply = user.get(link.replace("status=paid", "status=pending"))
    assert (reply.status, reply.body["errors"][0]["pointer"]) == (400, "?cursor")


def test_another_users_cursor_shows_only_ones_own(user: Api, stranger: Api) -> None:
    hourly(user, 3)
    _, older, _ = hourly(stranger, 3)
    link = user.get("/orders/?page_size=1").body["next"]
    shown = [UUID(row["id"]) for row in stranger.get(link).body["results"]]
    assert shown == [older.pk]


def test_a_page_costs_the_same_number_of_queries_however_long(
    user: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for order in hourly(user, 20):
        OrderLine.objects.create(order=order, position=1, product_id=new_id(), quantity=1, unit_price=1)
    with django_assert_num_queries(3):  # orders, their lines, their histories
        user.get("/orders/")


def large(order: Order, lines: int = 100) -> Order:
    """With so many lines altogether."""
    OrderLine.objects.bulk_create(
        OrderLine(order=order, position=position, product_id=new_id(), quantity=1, unit_price=1)
        for position in range(1, lines)
    )
    return order


def test_a_page_of_large_orders_ends_early_and_leads_on(user: Api) -> None:
    mine = [large(order).pk for order in hourly(user, 23)]
    first = user.get("/orders/?page_size=100").body
    second = user.get(first["next"]).body
    shown = [[UUID(row["id"]) for row in page["results"]] for page in (first, second)]
    assert shown == [mine[:20], mine[20:]]
    assert all(len(row["items"]) == 100 for row in first["results"])
    assert (first["previous"], second["next"]) == (None, None)
    assert [UUID(row["id"]) for row in user.get(second["previous"]).body["results"]] == mine[:20]


def test_what_a_page_holds_is_counted_and_not_guessed(user: Api) -> None:
    orders = hourly(user, 23)
    for order in orders[:19]:
        large(order)
    large(orders[19], 98)  # leaves room for two small ones of the three behind it
    assert ids(user, page_size=100) == [order.pk for order in orders[:22]]


def test_a_page_of_large_orders_costs_one_query_more(
    user: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hourly(user, 23)
    with django_assert_num_queries(4):
        assert len(ids(user, page_size=100)) == 23
