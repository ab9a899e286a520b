"""What can be done with an order. Each function owns its transaction; each move is one conditional update."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict
from common.idempotency import KeyReused

from .models import FINISHED, IdempotencyKey, Order, OrderEvent, OrderLine, Status, Wants

KEY_LIFETIME = timedelta(hours=24)
INLINE_CLAIM = timedelta(seconds=5)  # longer than the request that placed an order can take to settle it

# What an order may become, and from what.
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
    default_detail = _("The order's status does not allow this.")


@dataclass(frozen=True, slots=True)
class Placement:
    """What a customer asks for: `lines` are pairs of product id and quantity."""

    user_id: UUID
    lines: tuple[tuple[UUID, int], ...]
    note: str = ""
    shipping_address: str = ""
    key: str | None = None
    fingerprint: str = ""


def visible_orders(*, user_id: UUID | None) -> QuerySet[Order]:
    """Orders of one user, or of all with None; hidden ones never."""
    orders = Order.objects.filter(hidden_at=None).prefetch_related("lines", "events")
    return orders if user_id is None else orders.filter(user_id=user_id)


def place_order(placement: Placement) -> tuple[Order, bool]:
    """A new pending order, or the one that the same key made before (True).

    Raises:
        KeyReused: the key came with another body.
        Order.DoesNotExist: the key's order has been hidden.
    """
    try:
        return _write_order(placement), False
    except IntegrityError:
        if placement.key is None:
            raise
        record = IdempotencyKey.objects.get(user_id=placement.user_id, key=placement.key)
        if record.fingerprint != placement.fingerprint:
            raise KeyReused from None
        return Order.objects.get(pk=record.order_id, hidden_at=None), True


def _write_order(placement: Placement) -> Order:
    with transaction.atomic():
        now = timezone.now()
        # Claimed from the start: the request that placed it asks products itself, `relay` only after it.
        order = Order.objects.create(
            user_id=placement.user_id,
            note=placement.note,
            shipping_address=placement.shipping_address,
            wants=Wants.HELD,
            due_at=now,
            claimed_until=now + INLINE_CLAIM,
        )
        if placement.key is not None:
            keys = IdempotencyKey.objects.filter(user_id=placement.user_id, key=placement.key)
            keys.filter(created_at__lt=now - KEY_LIFETIME).delete()
            keys.create(user_id=placement.user_id, key=placement.key, fingerprint=placement.fingerprint, order=order)
        OrderLine.objects.bulk_create(
            OrderLine(order=order, position=position, product_id=product_id, quantity=quantity)
            for position, (product_id, quantity) in enumerate(placement.lines)
        )
        OrderEvent.objects.create(order=order, status=Status.PENDING, by=placement.user_id)
        return order


def update_order(*, order_id: UUID, by: UUID | None, changes: dict[str, Any]) -> None:
    """Change `note`, `shipping_address` and, for staff, `status`: all of it or nothing.

    Raises:
        WrongStatus: the order is not where these changes are possible.
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
            _move(order_id, Status(status), by)


def cancel_order(*, order_id: UUID, by: UUID | None) -> None:
    """Cancel, and want the stock released, in one commit.

    Raises:
        WrongStatus: it has been shipped, or is finished already.
    """
    with transaction.atomic():
        now = timezone.now()
        _move(
            order_id,
            Status.CANCELLED,
            by,
            wants=Wants.RELEASED,
            due_at=now,
            attempts=0,
            hopeless=0,
            parked_at=None,
            claimed_until=now + INLINE_CLAIM,
        )


def hide_order(*, order_id: UUID) -> None:
    """Take a finished order out of everyone's sight.

    Raises:
        WrongStatus: it is not finished.
    """
    if not Order.objects.filter(pk=order_id, hidden_at=None, status__in=FINISHED).update(hidden_at=timezone.now()):
        raise WrongStatus(_("Only a delivered, rejected or cancelled order can be deleted."))


def purge_idempotency_keys() -> int:
    """Forget expired keys; how many."""
    deleted, _by_model = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEY_LIFETIME).delete()
    return deleted


def _move(order_id: UUID, to: Status, by: UUID | None, **also: Any) -> None:
    moved = Order.objects.filter(pk=order_id, hidden_at=None, status__in=MOVES.get(to, ())).update(
        status=to, updated_at=timezone.now(), **also
    )
    if not moved:
        raise WrongStatus
    OrderEvent.objects.create(order_id=order_id, status=to, by=by)
