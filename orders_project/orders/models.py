"""Orders. Each order row is also its own outbox: what it still needs from products is committed with it."""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from common.identifiers import new_id


class Status(models.TextChoices):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


FINISHED = (Status.DELIVERED, Status.REJECTED, Status.CANCELLED)


class Wants(models.TextChoices):
    """The state that an order wants its reservation at products to have."""

    NOTHING = "", "nothing"
    HELD = "held"
    RELEASED = "released"


class Order(models.Model):
    """`total`, `currency` and the lines' prices come from products; they are null until it has answered.

    `wanted` are pairs of product id and quantity, as the customer gave them. An order gets rows for its lines when it
    is confirmed, and then `wanted` is null. It has a row for each step of its history but the first, which is the order
    itself. `refusal` is products' reason for refusing a rejected order.

    The outbox: `wants` is what to ask products for, from `due_at` on. `attempts` counts the times that products was
    ready and gave no verdict, `last_error` says why. A process has claimed the order until `claimed_until`.
    """

    loaded_lines: list["OrderLine"]  # by `load`, or just written
    loaded_events: list["OrderEvent"]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user_id = models.UUIDField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    currency = models.CharField(max_length=3, null=True)
    total = models.DecimalField(max_digits=19, decimal_places=2, null=True)
    note = models.CharField(max_length=1000, blank=True)
    shipping_address = models.CharField(max_length=500, blank=True)
    reason = models.CharField(max_length=40, null=True)
    refusal = models.JSONField(null=True)
    wanted = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    hidden_at = models.DateTimeField(null=True)

    wants = models.CharField(max_length=8, choices=Wants, default=Wants.NOTHING, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)

    # The release before this one writes these two. When none of its processes is left, a migration may drop them.
    permanent_failures = models.PositiveIntegerField(default=0, db_column="hopeless")
    parked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(status__in=("pending", "rejected", "cancelled"))
                | Q(total__isnull=False, currency__isnull=False),
                name="orders_confirmed_have_a_total",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", wants="held") | (~Q(status="pending") & ~Q(wants="held")),
                name="orders_pending_iff_wants_held",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled") | ~Q(wants="released"), name="orders_released_only_cancelled"
            ),
        )
        indexes = (
            models.Index(fields=("user_id", "created_at", "id"), name="orders_of_user", condition=Q(hidden_at=None)),
            models.Index(
                fields=("user_id", "status", "created_at", "id"),
                name="orders_of_user_by_status",
                condition=Q(hidden_at=None),
            ),
            models.Index(fields=("created_at", "id"), name="orders_by_age", condition=Q(hidden_at=None)),
            models.Index(fields=("status", "created_at", "id"), name="orders_by_status", condition=Q(hidden_at=None)),
            models.Index(fields=("due_at",), name="orders_unsettled", condition=~Q(wants="")),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"

    def wanted_lines(self) -> list["OrderLine"]:
        return [
            OrderLine(order_id=self.pk, position=position, product_id=UUID(product_id), quantity=quantity)
            for position, (product_id, quantity) in enumerate(self.wanted or ())
        ]

    def placing(self) -> "OrderEvent":
        """The first step of the history."""
        return OrderEvent(order_id=self.pk, status=Status.PENDING, at=self.created_at, by=self.user_id)


class OrderLine(models.Model):
    """One product of an order. Its SKU, name and price are a snapshot that products took when it held the stock."""

    # Without an index of its own: that of the constraint below begins with it.
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    product_id = models.UUIDField()
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=64, null=True)
    name = models.CharField(max_length=200, null=True)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2, null=True)

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("order", "product_id"), name="order_lines_distinct"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_lines_want_something"),
        )


class OrderEvent(models.Model):
    """One step of an order's history. `by` is the user who did it, or null where products decided."""

    # Without an index of its own: that of the constraint below begins with it.
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events", db_index=False)
    status = models.CharField(max_length=10, choices=Status)
    at = models.DateTimeField(default=timezone.now)
    by = models.UUIDField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("order", "status"), name="order_events_once_a_status"),)


class IdempotencyKey(models.Model):
    """The order that a user's key created, and the fingerprint of the request."""

    user_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user_id", "key"), name="idempotency_keys_unique_per_user"),)
        indexes = (models.Index(fields=("created_at",), name="idempotency_keys_by_age"),)
