"""What can be done with an order. Each function owns its transaction. Each status change is one conditional update."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, DateTimeField, QuerySet, UUIDField
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.api.errors import Conflict
from common.api.idempotency import KeyReused
from common.batches import delete_in_batches
from common.listing import Listed, Listing
from common.prepared import Parameter, Prepared

from .loading import load
from .models import FINISHED, IdempotencyKey, Order, OrderEvent, OrderLine, Status, Wants

KEY_LIFETIME = timedelta(hours=24)
INLINE_CLAIM = timedelta(seconds=5)  # longer than the request that places an order takes to settle it

# The statuses that each status may follow.
MOVES: Mapping[Status, tuple[Status, ...]] = {
    Status.PAID: (Status.CONFIRMED,),
    Status.SHIPPED: (Status.PAID,),
    Status.DELIVERED: (Status.SHIPPED,),
    Status.CANCELLED: (Status.PENDING, Status.CONFIRMED, Status.PAID),
}
EDITABLE = (Status.PENDING, Status.CONFIRMED, Status.PAID)


class WrongStatus(Conflict):
    slug = "wrong-status"
    title = _("Wrong status")
    default_detail = _("The order's status does not allow this. Read it again: its status says what may come next.")


class KeyTaken(Exception):
    """The user has an idempotency key of this name already."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What a customer orders. `lines` are quantities by product id."""

    user_id: UUID
    lines: Mapping[UUID, int]
    note: str = ""
    shipping_address: str = ""
    key: str | None = None
    fingerprint: str = ""


def visible_orders(*, user_id: UUID | None) -> QuerySet[Order]:
    """The orders of one user, or with None of all users, without the hidden ones."""
    orders = Order.objects.filter(hidden_at=None)
    return orders if user_id is None else orders.filter(user_id=user_id)


def list_orders(query: Mapping[str, Any], *, user_id: UUID | None) -> Listed[Order]:
    """Those of `visible_orders` by `status`, `created_after`, `created_before` (exclusive) and `user_id`."""
    return _LISTING.of(query if user_id is None else {**query, "owner": user_id})


def _listed(query: Mapping[str, Any]) -> QuerySet[Order]:
    lookups = {
        "status": "status",
        "created_after": "created_at__gt",
        "created_before": "created_at__lt",
        "user_id": "user_id",
    }
    orders = visible_orders(user_id=query.get("owner"))
    return orders.filter(**{lookups[name]: query[name] for name in lookups if name in query})


_LISTING = Listing(
    _listed, owner=UUIDField(), user_id=UUIDField(), created_after=DateTimeField(), created_before=DateTimeField()
)
_visible_order = Prepared(lambda: visible_orders(user_id=None).filter(pk=Parameter("id", UUIDField())))


def find_order(order_id: UUID, *, user_id: UUID | None) -> Order:
    """A visible order, without its lines and history. Raises `Http404`, also if it is not this user's."""
    order = _visible_order.first(id=order_id)
    if order is None or user_id not in (None, order.user_id):
        raise Http404
    return order


def line_counts(orders: Iterable[Order]) -> dict[UUID, int]:
    """How many lines each order has."""
    counts = {order.pk: len(order.wanted or ()) for order in orders}
    lines = OrderLine.objects.filter(order__in=[pk for pk, count in counts.items() if not count]).order_by()
    return counts | dict(lines.values_list("order").annotate(Count("pk")))


def place_order(placement: Placement) -> tuple[Order, bool]:
    """A new pending order and False, or the order that the same key created before and True.

    Raises:
        KeyReused: the key came with another body.
        Http404: the key's order has been hidden.
    """
    try:
        return _write_order(placement), False
    except KeyTaken:
        earlier = IdempotencyKey.objects.filter(user_id=placement.user_id, key=placement.key)
        record = earlier.first()
    expired_at = timezone.now() - KEY_LIFETIME
    if record is None or record.created_at < expired_at:  # the key is free again
        earlier.filter(created_at__lt=expired_at).delete()
        return place_order(placement)
    if record.fingerprint != placement.fingerprint:
        raise KeyReused
    return load(find_order(record.order_id, user_id=placement.user_id)), True


@transaction.atomic
def _write_order(placement: Placement) -> Order:
    now = timezone.now()
    # Claimed from the start: first the request that places the order asks products, and only later `relay`.
    order = Order(
        user_id=placement.user_id,
        note=placement.note,
        shipping_address=placement.shipping_address,
        wanted=[(str(product_id), quantity) for product_id, quantity in placement.lines.items()],
        wants=Wants.HELD,
        due_at=now,
        claimed_until=now + INLINE_CLAIM,
    )
    _take_key(placement, order)
    order.save(force_insert=True)
    order.loaded_lines, order.loaded_events = order.wanted_lines(), [order.placing()]
    return order


def _take_key(placement: Placement, order: Order) -> None:
    """Raises `KeyTaken`. The order may follow its key, since foreign keys are checked at the commit."""
    if placement.key is None:
        return
    try:
        IdempotencyKey.objects.create(
            user_id=placement.user_id, key=placement.key, fingerprint=placement.fingerprint, order=order
        )
    except IntegrityError as error:
        raise KeyTaken from error


def update_order(*, order_id: UUID, by: UUID | None, changes: dict[str, Any]) -> None:
    """Change `note`, `shipping_address` and `status`, all of them or none.

    Raises:
        WrongStatus: the order's status doesn't allow these changes.
    """
    changes = dict(changes)
    status = changes.pop("status", None)
    with transaction.atomic():
        if changes and not Order.objects.filter(pk=order_id, hidden_at=None, status__in=EDITABLE).update(
            **changes, updated_at=timezone.now()
        ):
            raise WrongStatus(_("It can be changed until it is shipped."))
        if status is not None:
            if status == Status.CANCELLED:
                raise WrongStatus(_("An order is cancelled at its cancel/ path."))
            _change_status(order_id, Status(status), by)


def cancel_order(*, order_id: UUID, by: UUID | None) -> None:
    """Cancel the order and ask for its stock to be released, in one transaction. An order is cancelled only once.

    Raises:
        WrongStatus: it has been shipped, or was rejected.
    """
    now = timezone.now()
    wishes = {"wants": Wants.RELEASED, "due_at": now, "attempts": 0, "claimed_until": now + INLINE_CLAIM}
    try:
        with transaction.atomic():
            _change_status(order_id, Status.CANCELLED, by, **wishes)
    except WrongStatus:
        if not Order.objects.filter(pk=order_id, hidden_at=None, status=Status.CANCELLED).exists():
            raise


def hide_order(*, order_id: UUID) -> None:
    """Hide a finished order from everyone.

    Raises:
        WrongStatus: it is not finished.
    """
    if not Order.objects.filter(pk=order_id, hidden_at=None, status__in=FINISHED).update(hidden_at=timezone.now()):
        raise WrongStatus(_("Only a delivered, rejected or cancelled order can be deleted."))


def purge_idempotency_keys() -> int:
    """Delete expired keys, and return their number. No transaction is long, however many there are."""
    return delete_in_batches(IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEY_LIFETIME))


def _change_status(order_id: UUID, to: Status, by: UUID | None, **other_changes: Any) -> None:
    changed = Order.objects.filter(pk=order_id, hidden_at=None, status__in=MOVES.get(to, ())).update(
        status=to, updated_at=timezone.now(), **other_changes
    )
    if not changed:
        raise WrongStatus
    OrderEvent.objects.create(order_id=order_id, status=to, by=by)
