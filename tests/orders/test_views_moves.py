"""The state machine over HTTP: every pair of states, cancelling, changing, hiding."""

from datetime import timedelta
from uuid import UUID

import pytest

from common.identifiers import new_id
from orders_project.orders.models import Order, Status, Wants
from tests.orders import faults
from tests.orders.api import Api
from tests.orders.fake_products import FakeProducts, Fault
from tests.orders.rows import everything, history, make_order
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

ALL = [status.value for status in Status]
BY_STAFF = {("confirmed", "paid"), ("paid", "shipped"), ("shipped", "delivered")}
FORBIDDEN = [(old, new) for old in ALL for new in ALL if (old, new) not in BY_STAFF]
CANCELLABLE = ["pending", "confirmed", "paid"]
OPEN_TO_CHANGES = ["pending", "confirmed", "paid"]
FINISHED = ["rejected", "delivered", "cancelled"]


def others(statuses: list[str]) -> list[str]:
    return [status for status in ALL if status not in statuses]


@pytest.mark.parametrize(("old", "new"), sorted(BY_STAFF))
def test_staff_move_an_order_on(old: str, new: str, staff: Api, clock: Clock, products: FakeProducts) -> None:
    order = make_order(old)
    clock.advance(5)
    reply = staff.patch(f"/orders/{order.pk}/", {"status": new})
    assert (reply.status, reply.body["status"]) == (200, new)
    step = reply.body["history"][-1]
    assert (step["status"], step["by"]) == (new, str(staff.user_id))
    order.refresh_from_db()
    assert (order.status, order.wants, order.updated_at) == (new, Wants.NOTHING, clock.now())
    assert products.calls == []


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_any_other_move_is_a_409_and_changes_nothing(old: str, new: str, staff: Api, products: FakeProducts) -> None:
    order = make_order(old)
    before = everything(order.pk)
    reply = staff.patch(f"/orders/{order.pk}/", {"status": new})
    assert (reply.status, reply.body["type"]) == (409, "/problems/wrong-status")
    assert everything(order.pk) == before
    assert products.calls == []


def test_a_whole_life_is_a_history_of_who_did_what(user: Api, staff: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 1)).body["id"]
    for status in ("paid", "shipped", "delivered"):
        assert staff.patch(f"/orders/{order_id}/", {"status": status}).status == 200
    steps = user.get(f"/orders/{order_id}/").body["history"]
    assert [(step["status"], step["by"]) for step in steps] == [
        ("pending", str(user.user_id)),
        ("confirmed", None),
        ("paid", str(staff.user_id)),
        ("shipped", str(staff.user_id)),
        ("delivered", str(staff.user_id)),
    ]


@pytest.mark.parametrize("status", ["paid", "cancelled", "pending"])
def test_only_staff_move_an_order(status: str, user: Api) -> None:
    order = make_order("confirmed", user_id=user.user_id)
    before = everything(order.pk)
    reply = user.patch(f"/orders/{order.pk}/", {"status": status, "note": "mine"})
    assert (reply.status, reply.body["type"]) == (403, "/problems/permission-denied")
    assert everything(order.pk) == before


@pytest.mark.parametrize("status", OPEN_TO_CHANGES)
def test_note_and_address_change_until_it_is_shipped(status: str, user: Api, clock: Clock) -> None:
    order = make_order(status, user_id=user.user_id, note="old", shipping_address="old")
    clock.advance(5)
    reply = user.patch(f"/orders/{order.pk}/", {"note": "new"})
    assert (reply.status, reply.body["note"], reply.body["shipping_address"]) == (200, "new", "old")
    reply = user.patch(f"/orders/{order.pk}/", {"shipping_address": "1 Quay", "note": ""})
    assert (reply.status, reply.body["note"], reply.body["shipping_address"]) == (200, "", "1 Quay")
    order.refresh_from_db()
    assert (order.status, order.updated_at) == (status, clock.now())


@pytest.mark.parametrize("status", others(OPEN_TO_CHANGES))
def test_from_then_on_they_are_a_409(status: str, staff: Api) -> None:
    order = make_order(status, note="old")
    before = everything(order.pk)
    for change in ({"note": "new"}, {"shipping_address": "new"}):
        reply = staff.patch(f"/orders/{order.pk}/", change)
        assert (reply.status, reply.body["type"]) == (409, "/problems/wrong-status")
        assert reply.body["detail"] == "It can be changed until it is shipped."
    assert everything(order.pk) == before


def test_an_empty_change_changes_nothing(user: Api) -> None:
    order = make_order("delivered", user_id=user.user_id)
    before = everything(order.pk)
    assert user.patch(f"/orders/{order.pk}/", {}).status == 200
    assert everything(order.pk) == before


def test_note_and_status_in_one_change_are_both_done(staff: Api) -> None:
    order = make_order("paid")
    reply = staff.patch(f"/orders/{order.pk}/", {"note": "by ship", "status": "shipped"})
    assert (reply.status, reply.body["note"], reply.body["status"]) == (200, "by ship", "shipped")


@pytest.mark.parametrize(("old", "new"), [("paid", "delivered"), ("confirmed", "cancelled"), ("shipped", "delivered")])
def test_note_and_status_in_one_change_are_neither_done(old: str, new: str, staff: Api) -> None:
    order = make_order(old, note="old")
    before = everything(order.pk)
    reply = staff.patch(f"/orders/{order.pk}/", {"note": "new", "status": new})
    assert reply.status == 409
    assert everything(order.pk) == before


def test_a_status_of_cancelled_names_the_way_there(staff: Api) -> None:
    order = make_order("paid")
    reply = staff.patch(f"/orders/{order.pk}/", {"status": "cancelled"})
    assert (reply.status, reply.body["detail"]) == (409, "An order is cancelled at its cancel/ path.")


@pytest.mark.parametrize("status", CANCELLABLE)
def test_cancelling_gives_the_stock_back(
    status: str, user: Api, staff: Api, products: FakeProducts, kettle: UUID
) -> None:
    products.script = [faults.reply_lost] if status == "pending" else []
    order_id = user.order((kettle, 3)).body["id"]
    if status == "paid":
        staff.patch(f"/orders/{order_id}/", {"status": "paid"})
    reply = user.post(f"/orders/{order_id}/cancel/")
    assert (reply.status, reply.body["status"]) == (200, "cancelled")
    assert history(order_id)[-1] == ("cancelled", user.user_id)
    assert (products.state(order_id), products.stock(kettle)) == ("released", 10)
    order = Order.objects.get()
    assert (order.wants, order.claimed_until, order.last_error) == (Wants.NOTHING, None, "")


def test_the_callers_deadline_shortens_a_cancellation_too(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    assert user.post(f"/orders/{order_id}/cancel/", **{"X-Plaza-Deadline-Ms": "900"}).status == 200
    assert products.seconds_left == [pytest.approx(1.51), pytest.approx(0.9)]


def test_staff_cancel_in_their_own_name(user: Api, staff: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    assert staff.post(f"/orders/{order_id}/cancel/").status == 200
    assert history(order_id)[-1] == ("cancelled", staff.user_id)


def test_cancelling_again_changes_nothing(user: Api, products: FakeProducts, kettle: UUID) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    first = user.post(f"/orders/{order_id}/cancel/")
    before, asked = everything(UUID(order_id)), len(products.calls)
    again = user.post(f"/orders/{order_id}/cancel/")
    assert (again.status, again.body) == (200, first.body)
    assert everything(UUID(order_id)) == before
    assert len(products.calls) == asked


@pytest.mark.parametrize("status", others([*CANCELLABLE, "cancelled"]))
def test_what_is_sent_or_finished_is_not_cancelled(status: str, user: Api, products: FakeProducts) -> None:
    order = make_order(status, user_id=user.user_id)
    before = everything(order.pk)
    reply = user.post(f"/orders/{order.pk}/cancel/")
    assert (reply.status, reply.body["type"]) == (409, "/problems/wrong-status")
    assert everything(order.pk) == before
    assert products.calls == []


@pytest.mark.parametrize(
    "fault", [faults.down, faults.timeout, faults.reply_lost, faults.status(500), faults.status(404), faults.garbage]
)
def test_cancelling_is_done_whatever_products_says(
    fault: Fault, user: Api, products: FakeProducts, kettle: UUID
) -> None:
    order_id = user.order((kettle, 3)).body["id"]
    products.fault = fault
    reply = user.post(f"/orders/{order_id}/cancel/")
    assert (reply.status, reply.body["status"]) == (200, "cancelled")
    order = Order.objects.get()
    assert (order.wants, order.claimed_until) == (Wants.RELEASED, None)


def test_a_pending_order_that_is_cancelled_forgets_its_failed_tries(
    user: Api, products: FakeProducts, kettle: UUID, clock: Clock
) -> None:
    products.script = [faults.down, faults.crash_before]
    order_id = user.order((kettle, 3)).body["id"]
    Order.objects.update(attempts=9, due_at=clock.now() + timedelta(minutes=9))
    with pytest.raises(faults.Crash):
        user.post(f"/orders/{order_id}/cancel/")
    order = Order.objects.get()
    assert (order.wants, order.due_at) == (Wants.RELEASED, clock.now())
    assert order.attempts == 0


@pytest.mark.parametrize("status", FINISHED)
def test_a_finished_order_is_hidden_and_kept(status: str, user: Api) -> None:
    order = make_order(status, user_id=user.user_id)
    assert user.delete(f"/orders/{order.pk}/").status == 204
    assert user.get(f"/orders/{order.pk}/").status == 404
    order.refresh_from_db()
    assert order.hidden_at is not None
    assert (order.status, order.lines.count()) == (status, 1)


@pytest.mark.parametrize("status", others(FINISHED))
def test_an_unfinished_order_is_not_hidden(status: str, staff: Api) -> None:
    order = make_order(status)
    before = everything(order.pk)
    reply = staff.delete(f"/orders/{order.pk}/")
    assert (reply.status, reply.body["type"]) == (409, "/problems/wrong-status")
    assert everything(order.pk) == before


@pytest.mark.parametrize("order_id", [str(new_id()), "1", "not-an-id"])
def test_what_never_was_is_a_404(order_id: str, staff: Api) -> None:
    assert staff.get(f"/orders/{order_id}/").status == 404
