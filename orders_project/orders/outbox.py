"""Making true what orders want of products: asked inline by the request that placed or cancelled one, and by `relay`.

Each answer is applied by a conditional update, so it matters not who asks, how often, or in which order answers come.
"""

import random
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from common.resilience import Deadline
from common.upstream import BrokenContract, NotCalled, UpstreamError

from .models import Order, OrderEvent, OrderLine, Status, Wants
from .products_client import NotUnderstood, ProductsClient, Verdict

log = structlog.get_logger(__name__)

CLAIM = timedelta(seconds=10)  # longer than a call to products can take
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0  # so that what an outage left undone is done seconds after it
PARK_AFTER = 20  # tries in a row, all of them answered with something that trying again won't mend


def deliver(order_id: UUID, products: ProductsClient, deadline: Deadline | None = None) -> None:
    """Ask products for what the order wants, and write down what came of it. Failures are kept, not raised."""
    order = Order.objects.prefetch_related("lines").get(pk=order_id)
    try:
        if order.wants == Wants.HELD:
            wanted = [(line.product_id, line.quantity) for line in order.lines.all()]
            settle(order_id, products.reserve(order_id, wanted, deadline))
        elif order.wants == Wants.RELEASED:
            products.release(order_id, deadline)
            Order.objects.filter(pk=order_id, wants=Wants.RELEASED).update(
                wants=Wants.NOTHING, claimed_until=None, parked_at=None, last_error=""
            )
    except (UpstreamError, NotUnderstood) as error:
        _postpone(order, error)


def settle(order_id: UUID, verdict: Verdict) -> None:
    """Apply products' verdict to a pending order; to any other it comes too late and changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        pending = Order.objects.filter(pk=order_id, status=Status.PENDING)
        settled = {
            "wants": Wants.NOTHING,
            "claimed_until": None,
            "parked_at": None,
            "last_error": "",
            "updated_at": now,
        }
        if verdict.state == "held":
            total = sum((line.unit_price * line.quantity for line in verdict.lines), Decimal(0))
            new_status = Status.CONFIRMED
            moved = pending.update(status=new_status, currency=verdict.currency, total=total, **settled)
        else:
            refusal = verdict.refusal or {"reason": "released", "detail": "It was released.", "items": []}
            new_status = Status.REJECTED
            moved = pending.update(status=new_status, reason=refusal["reason"], refusal=refusal, **settled)
        if not moved:
            return
        OrderEvent.objects.create(order_id=order_id, status=new_status, at=now)
        for line in verdict.lines:
            OrderLine.objects.filter(order_id=order_id, product_id=line.product_id).update(
                sku=line.sku, name=line.name, unit_price=line.unit_price
            )


def due_orders() -> QuerySet[Order]:
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return Order.objects.filter(free, parked_at=None, due_at__lte=now).exclude(wants=Wants.NOTHING)


def claim_due(limit: int) -> list[UUID]:
    """Up to `limit` due orders, oldest first, which are the caller's alone until the claim expires."""
    with transaction.atomic():
        due = due_orders().order_by("due_at").select_for_update(skip_locked=True)
        ids = list(due.values_list("pk", flat=True)[:limit])
        Order.objects.filter(pk__in=ids).update(claimed_until=timezone.now() + CLAIM)
        return ids


def retry_parked() -> int:
    """Make parked orders due again; how many."""
    return Order.objects.exclude(parked_at=None).update(parked_at=None, attempts=0, hopeless=0, due_at=timezone.now())


def _postpone(order: Order, error: Exception) -> None:
    now = timezone.now()
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(order.attempts, 10)) * random.uniform(0.5, 1)
    tried, hopeless = 1, 0
    if isinstance(error, NotCalled):  # so nothing was learnt about the order
        tried, hopeless = 0, order.hopeless
        pause_s = min(pause_s, error.retry_after_s)
    elif isinstance(error, NotUnderstood | BrokenContract):
        hopeless = order.hopeless + 1
    parked = hopeless >= PARK_AFTER
    Order.objects.filter(pk=order.pk, wants=order.wants).update(
        attempts=F("attempts") + tried,
        hopeless=hopeless,
        due_at=now + timedelta(seconds=pause_s),
        claimed_until=None,
        parked_at=now if parked else None,
        last_error=str(error)[:200],
    )
    log.warning("order postponed", order_id=str(order.pk), wants=order.wants, error=str(error), parked=parked)
